"""The process of the menu bar: one event loop, a link to the daemon, a status item and its windows."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog
from PySide6.QtCore import QLockFile, QObject, QSocketNotifier, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from mooring.app_activity import AppActivity, ProcessInfo
from mooring.control_api.client import Client, StreamEvent
from mooring.daemon.supervision import keeping
from mooring.daemon.supervision.choosing import Machine, chosen, installed
from mooring.errors import Conflict, Invalid, MooringError
from mooring.home import Home
from mooring.menubar.front import AppKit, Front
from mooring.menubar.link import DaemonLink, Listener
from mooring.menubar.login import LoginItem, login_item
from mooring.menubar.look import Known, Link, look_of, stale
from mooring.menubar.notices import Notices
from mooring.menubar.parts import AskingWindow, dress
from mooring.menubar.questions import GraveNews, ask
from mooring.menubar.settings_window import SettingsWindow
from mooring.menubar.tray import Tray
from mooring.menubar.troubles import Grave
from mooring.menubar.update_window import UpdateWindow
from mooring.menubar.wizard import Wizard

REASON: Final = "asked in the menu bar"
AWAKE: Final = "Mooring shows how it stands"
LOCK: Final = "menubar.lock"
MENDED: Final = "Mooring was moved. Start at login was set to where it is now."
DAY_LOOK_MS: Final = 30_000
TRAY_WAIT_MS: Final = 500
TRAY_TRIES: Final = 60  # a session's panel may come later than its programs

log = structlog.get_logger(__name__)


class Bridge(QObject, Listener):
    """From the link's threads to the one that draws."""

    knew = Signal(object)
    happened = Signal(object)
    went_wrong = Signal(object, str)
    page = Signal(str)

    def known(self, known: Known) -> None:
        """As `Listener`."""
        self.knew.emit(known)

    def heard(self, event: StreamEvent) -> None:
        """As `Listener`."""
        self.happened.emit(event)

    def failed(self, error: MooringError, *, grave: Grave) -> None:
        """As `Listener`."""
        self.went_wrong.emit(error, grave)


class MenuBar(QObject):
    """The whole of it; everything here happens on Qt's thread, as it is an object of Qt that lives there.

    Args:
        machine: where the daemon is started.
        browse: opens a page.
        confirm: as `Tray`'s.
        clock: seconds that only rise. now: what time it is, with a zone.
        front: brings windows forward.
    """

    def __init__(
        self,
        home: Home,
        machine: Machine,
        login: LoginItem,
        *,
        browse: Callable[[str], object] | None = None,
        confirm: Callable[[str, str, str], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        front: Front | None = None,
    ) -> None:
        super().__init__()
        self._home, self._machine, self._login = home, machine, login
        self._browse = browse or (lambda page: QDesktopServices.openUrl(QUrl(page)))
        self._clock, self._now = clock, now
        self._bridge = Bridge()
        self.link = DaemonLink(home, self._bridge)
        self.front = front or Front()
        confirm = confirm or partial(ask, bring=self.front.bring)
        self.tray = Tray(self, at_login=login.is_on(), confirm=confirm, tinted=machine.platform == "darwin")
        # Kept for good: a window that Python's collector frees may be freed on a thread that must not touch windows.
        self._windows: dict[str, AskingWindow] = {}
        self._shown: Known | None = None
        self._notices = Notices()
        self.grave = GraveNews(self.front.bring)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._tell_alerts)
        self._days = QTimer(self)
        self._days.setInterval(DAY_LOOK_MS)
        self._days.timeout.connect(self._look_at_day)
        self._bridge.knew.connect(self._show)
        self._bridge.happened.connect(self._happened)
        self._bridge.went_wrong.connect(self._failed)
        self._bridge.page.connect(self._open_page)
        self._show(self.link.known)

    def begin(self) -> None:
        """Show the item, and look for the daemon."""
        self.front.begin()
        self._mend_login()
        self.tray.item.show()
        self.link.start()
        self._days.start()

    def end(self) -> None:
        """Close the windows and look no more. What was asked to stop is still asked, before the process ends."""
        self.link.close()
        self._later.stop()
        self._days.stop()
        self.grave.close()
        for window in self._windows.values():
            window.close()
        self.tray.item.hide()

    def window(self, name: str) -> AskingWindow:
        """A window that was opened, by its name."""
        return self._windows[name]

    def start(self) -> None:
        self.link.ask("Starting …", lambda client: client.start(REASON))

    def stop(self) -> None:
        self.link.stop(REASON)

    def pause(self) -> None:
        self.link.ask("Pausing …", lambda client: client.pause(REASON))

    def resume(self) -> None:
        self.link.ask("Resuming …", lambda client: client.resume(REASON))

    def kill(self) -> None:
        self.link.kill(REASON)

    def release(self) -> None:
        self.link.ask("Releasing the kill switch …", lambda client: client.kill_switch(active=False, reason=REASON))

    def daemon_start(self) -> None:
        def start() -> None:
            keeper = installed(self._home, self._machine) or chosen(self._home, "auto", self._machine)
            keeping.up(self._home, keeper, self._healthy, self._machine.clock, at_login=True)

        self.link.work("Starting Mooring …", start)

    def daemon_restart(self) -> None:
        def restart() -> None:
            keeper = installed(self._home, self._machine)
            keeping.restart(self._home, keeper, self._healthy, self._machine.clock, at_login=True)

        self.link.work("Restarting Mooring …", restart)

    def connect_kraken(self) -> None:
        self._open("wizard", lambda: Wizard(self.link.ask_for_window, self._browse))

    def update_model(self) -> None:
        self._open("update", lambda: UpdateWindow(self.link.ask_for_window))

    def open_settings(self) -> None:
        self._open("settings", lambda: SettingsWindow(self.link.ask_for_window, self.open_dashboard))

    def open_dashboard(self) -> None:
        def came(link: Any) -> None:
            self._bridge.page.emit(link.url)

        self.link.ask("Opening the dashboard …", lambda client: client.session_link(), came)

    def start_at_login(self, *, wanted: bool) -> None:
        try:
            self._login.turn(on=wanted)
        except Invalid as error:
            self._failed(error, "")
        self.tray.set_at_login(wanted=self._login.is_on())

    def _mend_login(self) -> None:
        try:
            mended = self._login.mend()
        except Invalid as error:
            self._failed(error, "")
            return
        if mended:
            self.tray.tell("Mooring", MENDED, serious=False)

    def quit(self) -> None:
        QApplication.quit()

    @Slot(str)
    def _open_page(self, page: str) -> None:
        self._browse(page)

    @Slot(object)
    def _show(self, known: Known) -> None:
        before, self._shown = self._shown, known
        self.tray.show(look_of(known, self._now()))
        self.grave.know(known.status)
        for window in self._windows.values():
            window.show_stale(stale(known))
        if before is not None and known.link is Link.THERE and before.link is not Link.THERE:
            self._look_again()

    @Slot()
    def _look_at_day(self) -> None:
        """What was today's is yesterday's once it is midnight, whether or not anything happens."""
        if self._shown is not None:
            self.tray.show(look_of(self._shown, self._now()))

    def _look_again(self) -> None:
        """The daemon came back: open windows show what it says now, but what is being typed stays."""
        for window in self._windows.values():
            if window.isVisible() and isinstance(window, UpdateWindow):
                window.begin()
            elif window.isVisible() and isinstance(window, Wizard):
                window.look_again()

    @Slot(object)
    def _happened(self, event: StreamEvent) -> None:
        if event.type == "alert":
            self._notices.add(str(event.data.get("text", "")), str(event.data.get("severity", "")))
            self._tell_alerts()
        window = self._windows.get("update")
        if isinstance(window, UpdateWindow) and window.isVisible():
            window.heard(event)

    @Slot()
    def _tell_alerts(self) -> None:
        now = self._clock()
        notice = self._notices.due(now)
        if notice is not None:
            self.tray.tell("Mooring", notice.text, serious=notice.serious)
        elif wait := self._notices.wait_seconds(now):
            self._later.start(round(wait * 1000) + 1)

    @Slot(object, str)
    def _failed(self, error: MooringError, grave: Grave) -> None:
        texts = (error.what, error.money, error.todo)
        self.tray.tell("Mooring", " ".join(text for text in texts if text), serious=bool(grave))
        if grave:  # notifications may be off, or macOS may give none to what nobody signed
            self.grave.tell(error, grave)

    def _open(self, name: str, make: Callable[[], AskingWindow]) -> None:
        """One window of each kind; a second wish brings it to the front as it is."""
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = make()
        if not window.isVisible():
            window.begin()
        if self._shown is not None:
            window.show_stale(stale(self._shown))
        self.front.bring(window)

    def _healthy(self) -> bool:
        try:
            with Client.connect(self._home.run_dir, actor="menubar") as client:
                return bool(client.healthz())
        except MooringError:
            return False


def main(home: Home, environ: Mapping[str, str] = os.environ) -> int:
    """Show the item until the person quits it, or SIGTERM.

    Raises:
        Invalid: there is no place for it on this machine, or the home cannot be used.
        Conflict: this home has a menu already.
    """
    home.prepare()
    with _alone(home):
        app = QApplication([sys.argv[0]])
        app.setApplicationName("Mooring")
        app.setQuitOnLastWindowClosed(False)
        dress(app)
        machine = Machine.this(environ)
        item = login_item(machine.platform, machine.person, machine.config, str(home.root))
        _await_tray(app)
        on_mac = machine.platform == "darwin"
        menu = MenuBar(home, machine, item, front=Front(AppKit if on_mac else None))
        with _ended_by_signals(app), _awake(AppActivity(AWAKE, ProcessInfo) if on_mac else None):
            menu.begin()
            status = app.exec()
            menu.end()
    return status


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Within it no other menu of this home is shown; the lock of one that was killed counts no more."""
    lock = QLockFile(str(home.run_dir / LOCK))
    lock.setStaleLockTime(0)
    taken = lock.tryLock(0)
    if not taken and lock.error() is not QLockFile.LockError.LockFailedError:
        raise Invalid(
            "menu_not_locked",
            f"{home.run_dir / LOCK} cannot be made, by which a second menu would be kept out.",
            money="The daemon goes on as it is.",
            todo="See that the disk has room and that its folder is yours to write, then open the menu again.",
        )
    if not taken:
        raise Conflict(
            "menu_already_shown",
            "The menu bar shows Mooring already.",
            money="That menu and the daemon go on as they are.",
            todo="Use that one, or choose Quit this menu in it first.",
        )
    try:
        yield
    finally:
        lock.unlock()


@contextmanager
def _awake(activity: AppActivity | None) -> Iterator[None]:
    """Within it the system does not nap this process, which has no window for most of the time."""
    if activity is not None:
        try:
            activity.begin()
        except OSError as error:
            log.warning("may_be_napped", why=str(error))
    try:
        yield
    finally:
        if activity is not None:
            activity.end()


@contextmanager
def _ended_by_signals(app: QApplication) -> Iterator[None]:
    """SIGTERM and SIGINT end it. Python sees a signal only while it runs, which Qt's loop lets it when this wakes."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    wakes = QSocketNotifier(reader.fileno(), QSocketNotifier.Type.Read)
    wakes.activated.connect(lambda *_: reader.recv(64))
    former_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    former = {number: signal.signal(number, lambda *_: app.quit()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former_fd)
        wakes.setEnabled(False)
        reader.close()
        writer.close()


def _await_tray(app: QApplication) -> None:
    waited = QTimer()
    waited.setInterval(TRAY_WAIT_MS)
    tries = 0

    def look() -> None:
        nonlocal tries
        tries += 1
        if QSystemTrayIcon.isSystemTrayAvailable() or tries >= TRAY_TRIES:
            app.quit()

    if not QSystemTrayIcon.isSystemTrayAvailable():
        waited.timeout.connect(look)
        waited.start()
        app.exec()
    if not QSystemTrayIcon.isSystemTrayAvailable():
        raise Invalid(
            "no_tray",
            "There is no place for a status item: no menu bar or tray answers.",
            money="The daemon is not touched.",
            todo="Log in at a screen with a tray, or use `mooring dashboard`.",
        )
