"""The status item: its picture, its menu, and the questions before what cannot be taken back."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from mooring.menubar.icons import icon
from mooring.menubar.look import Look

if TYPE_CHECKING:
    from mooring.menubar.showing import Showing

LINE_MOST: Final = 60  # characters of a menu's line
STATE_LINES: Final = 6  # a halt says why, and at its end what to do; that must not be what is cut
NOTE_LINES: Final = 3
OPEN_MOST_MS: Final = 60_000  # some panels never say that a menu was closed


class Deeds(Protocol):
    """What the menu's items do; each returns at once."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def kill(self) -> None: ...
    def release(self) -> None: ...
    def daemon_start(self) -> None: ...
    def daemon_restart(self) -> None: ...
    def connect_kraken(self) -> None: ...
    def update_model(self) -> None: ...
    def open_settings(self) -> None: ...
    def open_dashboard(self) -> None: ...
    def start_at_login(self, *, wanted: bool) -> None: ...
    def quit(self) -> None: ...


class Tray(QObject):
    """The item in the menu bar.

    Args:
        tinted: the menu bar colours a template by itself, as on macOS.
        confirm: asks a person (title, question, word of the button); False where they would rather not.
    """

    def __init__(
        self,
        deeds: Deeds,
        *,
        at_login: bool,
        tinted: bool = True,
        confirm: Callable[[str, str, str], bool],
    ) -> None:
        super().__init__()
        self._deeds = deeds
        self._tinted = tinted
        self.confirm = confirm
        self._showing = None if tinted else _showing()
        self.item = QSystemTrayIcon()
        self.menu = QMenu()
        self._state = [self._line(strong=True) for _ in range(STATE_LINES)]
        self._money = self._line()
        self._note = [self._line() for _ in range(NOTE_LINES)]
        self.menu.addSeparator()
        self._items = {
            "start": self._action("Start", deeds.start),
            "stop": self._action("Stop", deeds.stop),
            "pause": self._action("Pause", deeds.pause),
            "resume": self._action("Resume", deeds.resume),
            "kill": self._action("Kill switch…", self._kill),
            "release": self._action("Release kill switch…", self._release),
            "daemon_start": self._action("Start Mooring", deeds.daemon_start),
            "daemon_restart": self._action("Restart Mooring", deeds.daemon_restart),
        }
        self.menu.addSeparator()
        self._windows = [
            self._action("Update model…", deeds.update_model),
            self._action("Connect Kraken…", deeds.connect_kraken),
            self._action("Settings…", deeds.open_settings),
            self._action("Open dashboard", deeds.open_dashboard),
        ]
        self.menu.addSeparator()
        self._login = self._action("Start at login", lambda: deeds.start_at_login(wanted=self._login.isChecked()))
        self._login.setCheckable(True)
        self._login.setChecked(at_login)
        self._action("Quit this menu", deeds.quit)
        self.item.setContextMenu(self.menu)
        self._shown: Look | None = None
        self.item.messageClicked.connect(self._to_dashboard)
        # A menu that the system draws, as on macOS, is never a visible widget: these two are all that is told of it.
        self._open = QTimer(self)
        self._open.setSingleShot(True)
        self._open.setInterval(OPEN_MOST_MS)
        self._open.timeout.connect(self._fill)
        self.menu.aboutToShow.connect(self._opens)
        # Once it is closed, and what was chosen is done.
        self.menu.aboutToHide.connect(self._closed, Qt.ConnectionType.QueuedConnection)

    def show(self, look: Look) -> None:
        """Show this; nothing moves where it is shown already.

        While the menu is open its items stay where they are, so that none slips under a pointer that was on another.
        """
        before, self._shown = self._shown, look
        if before == look:
            return
        if before is None or before.icon is not look.icon:
            self.item.setIcon(icon(look.icon, tinted=self._tinted))
        self.item.setToolTip(_plain(look.tip))
        self._fill()

    def _opens(self) -> None:
        self._closed()
        self._open.start()

    def _closed(self) -> None:
        self._open.stop()
        self._fill()

    def _fill(self) -> None:
        look = self._shown
        if look is None or self.menu.isVisible() or self._open.isActive():
            return
        texts = [*_lines(look.line, STATE_LINES), _cut(look.money), *_lines(look.note, NOTE_LINES)]
        for action, text in zip((*self._state, self._money, *self._note), texts, strict=True):
            action.setText(text.replace("&", "&&"))  # a lone & would underline the next letter as a shortcut
            action.setVisible(bool(text))
        for name, action in self._items.items():
            action.setVisible(getattr(look, name))
        for action in self._windows:
            action.setEnabled(look.windows)

    def tell(self, title: str, text: str, *, serious: bool) -> None:
        """A notification; where whoever draws them hangs, none."""
        kind = QSystemTrayIcon.MessageIcon.Critical if serious else QSystemTrayIcon.MessageIcon.Information
        plain = _plain(text)
        if self._showing is None:
            self.item.showMessage(title, plain, kind)
        else:
            self._showing.once_alive(lambda: self.item.showMessage(title, plain, kind))

    def set_at_login(self, *, wanted: bool) -> None:
        """What the item of that name shows."""
        self._login.setChecked(wanted)

    def actions(self) -> dict[str, QAction]:
        """The menu's visible items by their text."""
        return {action.text(): action for action in self.menu.actions() if action.isVisible() and action.text()}

    def _line(self, *, strong: bool = False) -> QAction:
        """What can be read as well as chosen: an item that is off would be too pale for what matters most."""
        action = self._action("", self._to_dashboard)
        if strong:
            font = action.font()
            font.setBold(True)
            action.setFont(font)
        action.setVisible(False)
        return action

    def _to_dashboard(self) -> None:
        if self._shown is not None and self._shown.windows:
            self._deeds.open_dashboard()

    def _action(self, text: str, do: Callable[[], None]) -> QAction:
        action = self.menu.addAction(text)
        action.triggered.connect(lambda _=False: do())
        return action

    def _kill(self) -> None:
        question = (
            "Open orders are cancelled, and nothing is bought until you release the switch. "
            "What is held stays, unless your settings say that it is sold."
        )
        if self.confirm("Press the kill switch?", question, "Kill"):
            self._deeds.kill()

    def _release(self) -> None:
        question = "Mooring may buy again from the next hour on."
        if self.confirm("Release the kill switch?", question, "Release"):
            self._deeds.release()


def _showing() -> Showing:
    from mooring.menubar.showing import Showing  # noqa: PLC0415 -- macOS has no session bus, and may have no QtDBus

    return Showing()


def _plain(text: str) -> str:
    """A panel or a desktop may take for markup what looks like it, and texts come from others, as a reason does."""
    return text.replace("<", "\u2039")


def _lines(text: str, most: int) -> list[str]:
    lines = textwrap.wrap(text, LINE_MOST, max_lines=most, placeholder="…")
    return [*lines, *[""] * (most - len(lines))]


def _cut(text: str) -> str:
    return text if len(text) <= LINE_MOST else f"{text[: LINE_MOST - 1].rstrip()}…"
