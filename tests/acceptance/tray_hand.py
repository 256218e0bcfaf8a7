"""A person's hand and eyes on a screen: every click goes through the X server, to the place where the thing is drawn.

Where things are is asked of Qt; that the pointer is on them, of what the X server told Qt. Nothing here waits for a time
to pass: every step waits until what it did has come about.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QAction, QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QMessageBox, QPushButton, QWidget

from mooring.menubar.app import MenuBar
from mooring.menubar.parts import paint

WAIT_SECONDS = 30.0
AGAIN_SECONDS = 1.0
COLOURS = 128
LIGHT, DARK = "#9fb1b5", "#3a4648"


class Hand:
    """Clicks, types, and takes pictures.

    Args:
        pictures: a folder; None where nobody looks.
    """

    def __init__(self, app: QApplication, pictures: Path | None = None) -> None:
        self.app, self.pictures = app, pictures
        self._ground: QWidget | None = None
        self._light = app.palette()

    def until(self, holds: Callable[[], object], what: str) -> float:
        """Let Qt work until it holds; seconds that it took."""
        begin = time.monotonic()
        while not holds():
            assert time.monotonic() - begin < WAIT_SECONDS, what
            self.app.processEvents()
            time.sleep(0.003)
        seconds = time.monotonic() - begin
        self.app.processEvents()
        return seconds

    def click_on(self, place: Callable[[], QPoint], there: Callable[[], object], what: str, button: int = 1) -> None:
        """Move to a place, and click once the pointer is there.

        Args:
            place: where it is now; asked again where the pointer did not come to be on it, as windows may still move.
        """
        begin = time.monotonic()
        while not there():
            assert time.monotonic() - begin < WAIT_SECONDS, f"the pointer is on {what}"
            self._move(place() + QPoint(2, 1))  # a pointer that is there already would tell nobody that it came
            self._move(place())
            tried = time.monotonic()
            while not there() and time.monotonic() - tried < AGAIN_SECONDS:
                self.app.processEvents()
                time.sleep(0.003)
        subprocess.run(["xdotool", "click", str(button)], check=True, timeout=20)
        self.app.processEvents()

    def press(self, widget: QWidget) -> None:
        """Click a widget that is shown."""
        window = widget.window().windowHandle()
        self.until(lambda: window is not None and window.isExposed(), "its window is on the screen")
        self.until(widget.isEnabled, f"{widget} can be used")
        self.click_on(lambda: widget.mapToGlobal(widget.rect().center()), widget.underMouse, str(widget))

    def type(self, field: QLineEdit, text: str) -> None:
        """Fill a field."""
        self.press(field)
        self.until(field.hasFocus, "it takes what is typed")
        self.keys(text)
        self.until(lambda: len(field.text()) == len(text), "all of it arrived")

    def keys(self, text: str) -> None:
        subprocess.run(["xdotool", "type", "--delay", "1", text], check=True, timeout=60)

    def key(self, name: str) -> None:
        subprocess.run(["xdotool", "key", name], check=True, timeout=20)

    def ground(self, *, dark: bool) -> None:
        """Light or dark, with something behind the windows; for pictures."""
        if self.pictures is None:
            return
        self.app.setPalette(dark_palette() if dark else self._light)
        paint(self.app)
        ground = self._ground = self._ground or QWidget()
        ground.setAttribute(Qt.WidgetAttribute.WA_X11NetWmWindowTypeDesktop)
        palette = ground.palette()
        palette.setColor(ground.backgroundRole(), QColor(DARK if dark else LIGHT))
        ground.setPalette(palette)
        ground.setGeometry(QGuiApplication.primaryScreen().geometry())
        ground.show()
        self._drawn()

    def picture(self, name: str, *around: Callable[[], QRect]) -> None:
        """What the screen shows there, with few colours, as a file that is small."""
        if self.pictures is None:
            return
        self._drawn()
        file = self.pictures / f"{name}.png"
        box = QRect()
        for one in around:
            box = box.united(one())
        box = box.adjusted(-12, -12, 12, 12).intersected(QGuiApplication.primaryScreen().geometry())
        crop = f"{box.width()}x{box.height()}+{box.x()}+{box.y()}"
        small = ["+dither", "-colors", str(COLOURS), "-strip", "-define", "png:compression-level=9"]
        grab = ["import", "-window", "root", "-crop", crop, "+repage", *small, f"png8:{file}"]
        subprocess.run(grab, check=True, timeout=60)

    def _move(self, place: QPoint) -> None:
        subprocess.run(["xdotool", "mousemove", str(place.x()), str(place.y())], check=True, timeout=20)
        self.app.processEvents()

    def _drawn(self) -> None:
        """Give panel and window manager, which are other programs, the time to draw; only where a picture is taken."""
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.01)


class Person:
    """What a person does with the menu."""

    def __init__(self, menu: MenuBar, hand: Hand) -> None:
        self.menu, self.hand = menu, hand

    @property
    def word(self) -> str:
        status = self.menu.link.known.status
        return str(self.menu.link.known.link) if status is None else status.word

    def items(self) -> list[str]:
        """What the menu offers, once it shows all that is known."""
        menu, link = self.menu, self.menu.link
        self.hand.until(lambda: menu._shown == link.known and not menu.tray.menu.isVisible(), "it shows what is known")
        return list(menu.tray.actions())

    def can(self, text: str) -> bool:
        """Whether the menu, when it is opened, offers this."""
        action = self.menu.tray.actions().get(text)
        return action is not None and action.isEnabled()

    def open_menu(self) -> None:
        """Click the status item."""
        tray, screen = self.menu.tray, QGuiApplication.primaryScreen().geometry()
        self.hand.until(
            lambda: screen.contains(tray.item.geometry()) and tray.item.geometry().width() > 1, "it is there"
        )

        def low() -> QPoint:  # so that the menu, which opens at the pointer, leaves the icon to be seen
            box = tray.item.geometry()
            return QPoint(box.center().x(), box.bottom() - 2)

        icon = status_item()
        for _ in range(3):  # a panel that has just begun may not pass the first one on
            self.hand.click_on(low, icon.underMouse, "the status item", button=3)
            tried = time.monotonic()
            while not tray.menu.isVisible() and time.monotonic() - tried < 5:
                self.hand.app.processEvents()
                time.sleep(0.003)
            if tray.menu.isVisible():
                break
        assert tray.menu.isVisible(), "the menu opens"
        self.hand.until(lambda: tray.menu.windowHandle().isExposed(), "it is drawn")

    def choose(self, text: str, picture: str = "") -> None:
        """Open the menu and click one of its items."""
        self.hand.until(lambda: self.can(text), f"{text} is offered")
        self.open_menu()
        if picture:
            self.hand.picture(picture, self.menu.tray.menu.geometry, self.menu.tray.item.geometry)
        menu, action = self.menu.tray.menu, self.menu.tray.actions()[text]
        self._hover_and_click(action)
        self.hand.until(lambda: not menu.isVisible(), "the menu closes")

    def look(self, picture: str) -> None:
        """Open the menu, take a picture, and close it."""
        self.open_menu()
        self.hand.picture(picture, self.menu.tray.menu.geometry, self.menu.tray.item.geometry)
        self.hand.key("Escape")
        self.hand.until(lambda: not self.menu.tray.menu.isVisible(), "the menu closes")

    def answering(self, word: str, picture: str = "") -> list[str]:
        """The question that comes next is answered with this button; what it asks is in the list then."""
        asked: list[str] = []
        waits = QTimer(self.hand.app)

        def look() -> None:
            box = QApplication.activeModalWidget()
            if not isinstance(box, QMessageBox) or not box.isVisible():
                return
            waits.stop()
            asked.extend([box.text(), box.informativeText()])
            if picture:
                self.picture(picture, box)
            self.hand.press(button(box, word))

        waits.timeout.connect(look)
        waits.start(10)
        return asked

    def until(self, word: str) -> float:
        seconds = self.hand.until(lambda: self.word == word, f"{word}, and not {self.word}")
        self.hand.until(lambda: not self.menu.link.known.busy, "nothing is being asked any more")
        return seconds

    def picture(self, name: str, window: QDialog | QWidget) -> None:
        if self.hand.pictures is not None:
            self.hand.until(lambda: window.frameGeometry() != window.geometry(), "the window manager has framed it")
            self.hand.picture(name, window.frameGeometry)

    def _hover_and_click(self, action: QAction) -> None:
        menu = self.menu.tray.menu
        self.hand.click_on(
            lambda: menu.mapToGlobal(menu.actionGeometry(action).center()),
            lambda: menu.activeAction() is action,
            action.text(),
        )


def dark_palette() -> QPalette:
    """As a dark desktop gives it."""
    made = QPalette(QColor("#2a302f"), QColor("#1e2322"))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        made.setColor(QPalette.ColorGroup.Active, role, QColor("#e8ebea"))
        made.setColor(QPalette.ColorGroup.Inactive, role, QColor("#e8ebea"))
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor("#7d8785"))
    made.setColor(QPalette.ColorRole.Base, QColor("#141716"))
    return made


def button(box: QWidget, word: str) -> QPushButton:
    """A window's button by its word."""
    return next(one for one in box.findChildren(QPushButton) if one.text().replace("&", "") == word)


def balloon() -> QWidget | None:
    """The notification that is shown, as the panel's own protocol has it."""
    return _of_the_panel("QBalloonTip")


def status_item() -> QWidget:
    """The picture in the panel."""
    found = _of_the_panel("QSystemTrayIconSys")
    assert found is not None, "it is in the panel"
    return found


def _of_the_panel(kind: str) -> QWidget | None:
    tops = QApplication.topLevelWidgets()
    return next((one for one in tops if one.metaObject().className() == kind and one.isVisible()), None)


def balloon_texts() -> list[str]:
    """What it says."""
    shown = balloon()
    return [] if shown is None else [label.text() for label in shown.findChildren(QLabel) if label.text()]
