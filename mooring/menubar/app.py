"""The process of the menu bar: one event loop, a link to the daemon, a status item and its windows."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QDialog, QSystemTrayIcon

from mooring.control_api.client import Client, StreamEvent
from mooring.daemon.supervision import keeping
from mooring.daemon.supervision.choosing import Machine, chosen, installed
from mooring.errors import Invalid, MooringError
from mooring.home import Home
from mooring.menubar.link import DaemonLink, Listener
from mooring.menubar.login import LoginItem, login_item
from mooring.menubar.look import Known, look_of
from mooring.menubar.settings_window import SettingsWindow
from mooring.menubar.tray import Tray
from mooring.menubar.update_window import UpdateWindow
from mooring.menubar.wizard import Wizard

REASON: Final = "asked in the menu bar"
SERIOUS: Final = frozenset({"critical", "error"})
SIGNAL_MS: Final = 200  # Python sees a signal only while it runs, and Qt's loop seldom lets it
TRAY_WAIT_MS: Final = 500
TRAY_TRIES: Final = 60  # a session's panel may come later than its programs


class Bridge(QObject, Listener):
    """From the link's threads to the one that draws."""

    knew = Signal(object)
    happened = Signal(object)
    went_wrong = Signal(object)

    def known(self, known: Known) -> None:
        """As `Listener`."""
        self.knew.emit(known)

    def heard(self, event: StreamEvent) -> None:
        """As `Listener`."""
        self.happened.emit(event)

    def failed(self, error: MooringError) -> None:
        """As `Listener`."""
        self.went_wrong.emit(error)


class MenuBar:
    """The whole of it; everything here happens on Qt's thread.

    Args:
        machine: where the daemon is started.
        browse: opens a page.
    """

    def __init__(
        self,
        home: Home,
        machine: Machine,
        login: LoginItem,
        *,
        browse: Callable[[str], object] | None = None,
        confirm: Callable[[str, str, str], bool] | None = None,
        dark: bool = False,
    ) -> None:
        self._home, self._machine, self._login = home, machine, login
        self._browse = browse or (lambda page: QDesktopServices.openUrl(QUrl(page)))
        self._bridge = Bridge()
        self.link = DaemonLink(home, self._bridge)
        self.tray = Tray(self, at_login=login.is_on(), confirm=confirm, dark=dark)
        self._windows: dict[str, QDialog] = {}
        self._bridge.knew.connect(self._show)
        self._bridge.happened.connect(self._happened)
        self._bridge.went_wrong.connect(self._failed)
        self._show(self.link.known)

    def begin(self) -> None:
        """Show the item, and look for the daemon."""
        self.tray.item.show()
        self.link.start()

    def end(self) -> None:
        """Close the windows and look no more."""
        self.link.close()
        for window in self._windows.values():
            window.close()
        self.tray.item.hide()

    def window(self, name: str) -> QDialog:
        """An open window by its name."""
        return self._windows[name]

    def start(self) -> None:
        self.link.ask("Starting …", lambda client: client.start(REASON))

    def stop(self) -> None:
        self.link.ask("Stopping …", lambda client: client.stop(REASON))

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
        window = self._open("wizard", lambda: Wizard(self.link.ask, self._browse))
        assert isinstance(window, Wizard), "it was made so"
        window.begin()

    def update_model(self) -> None:
        window = self._open("update", lambda: UpdateWindow(self.link.ask))
        assert isinstance(window, UpdateWindow), "it was made so"
        window.begin()

    def open_settings(self) -> None:
        window = self._open("settings", lambda: SettingsWindow(self.link.ask, self.open_dashboard))
        assert isinstance(window, SettingsWindow), "it was made so"
        window.begin()

    def open_dashboard(self) -> None:
        self.link.ask("Opening the dashboard …", lambda client: client.session_link(), self._to_browser)

    def start_at_login(self, *, wanted: bool) -> None:
        try:
            self._login.turn(on=wanted)
        except Invalid as error:
            self._failed(error)
        self.tray.set_at_login(wanted=self._login.is_on())

    def quit(self) -> None:
        QApplication.quit()

    def _to_browser(self, link: Any) -> None:
        self._browse(link.url)

    def _show(self, known: Known) -> None:
        self.tray.show(look_of(known))

    def _happened(self, event: StreamEvent) -> None:
        if event.type == "alert":
            severity = str(event.data.get("severity", ""))
            self.tray.tell("Mooring", str(event.data.get("text", "")), serious=severity in SERIOUS)
        window = self._windows.get("update")
        if isinstance(window, UpdateWindow) and window.isVisible():
            window.heard(event)

    def _failed(self, error: MooringError) -> None:
        texts = (error.what, error.money, error.todo)
        self.tray.tell("Mooring", " ".join(text for text in texts if text), serious=False)

    def _open(self, name: str, make: Callable[[], QDialog]) -> QDialog:
        """One window of each kind; a second wish brings it to the front."""
        window = self._windows.get(name)
        if window is None or not window.isVisible():
            window = make()
            window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
            self._windows[name] = window
        window.show()
        window.raise_()
        window.activateWindow()
        return window

    def _healthy(self) -> bool:
        try:
            with Client.connect(self._home.run_dir, actor="menubar") as client:
                return bool(client.healthz())
        except MooringError:
            return False


def main(home: Home, environ: Mapping[str, str] = os.environ) -> int:
    """Show the item until the person quits it, or SIGTERM.

    Raises:
        Invalid: there is no place for it on this machine.
    """
    app = QApplication([sys.argv[0]])
    app.setApplicationName("Mooring")
    app.setQuitOnLastWindowClosed(False)
    machine = Machine.this(environ)
    dark = sys.platform != "darwin"
    item = login_item(machine.platform, machine.person, machine.config, str(home.root))
    _await_tray(app)
    menu = MenuBar(home, machine, item, dark=dark)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: app.quit())
    ticking = QTimer()
    ticking.timeout.connect(lambda: None)
    ticking.start(SIGNAL_MS)
    menu.begin()
    status = app.exec()
    menu.end()
    return status


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
