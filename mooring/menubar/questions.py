"""What is asked before something is done, and what must be read: in windows of their own, in front of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from mooring.control_api.models import Status
from mooring.errors import MooringError
from mooring.menubar.troubles import Grave

# Qt makes a question as narrow as it can, and only on macOS as bold as its title is elsewhere.
STYLE: Final = "QLabel#qt_msgbox_label { font-weight: bold; } QLabel#qt_msgbox_informativelabel { min-width: 360px; }"


def ask(title: str, question: str, word: str, *, bring: Callable[[QWidget], None]) -> bool:
    """A question with two buttons; the harmless one is the default.

    Args:
        bring: as `Front.bring`.
    """
    box = _box(title, question)
    yes = box.addButton(word, QMessageBox.ButtonRole.DestructiveRole)
    no = box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(no)
    bring(box)
    box.exec()
    return box.clickedButton() is yes


class GraveNews:
    """What a person must not miss, as a kill switch that was not heard; one window, which waits for nobody.

    Args:
        bring: as `Front.bring`.
    """

    def __init__(self, bring: Callable[[QWidget], None]) -> None:
        self._bring = bring
        self._wanted: Grave = ""
        self._done = False
        self.box: QMessageBox | None = None

    def tell(self, error: MooringError, wanted: Grave) -> None:
        """Show it.

        Args:
            wanted: what had been asked.
        """
        self._wanted, self._done = wanted, False
        if self.box is None:
            self.box = _news()
            self.box.setModal(False)
        _say(self.box, error)
        self._bring(self.box)

    def know(self, status: Status | None) -> None:
        """What the daemon says now: who came too late is told so, and nobody is told what is so no longer."""
        if self.box is None or status is None or not self.box.isVisible():
            return
        killed = self._wanted == "kill"
        done = status.kill_switch.active if killed else status.state == "stopped"
        if self._done and not done:
            self.box.close()
        elif done:
            self._done = True
            self.box.setText("The kill switch is on now." if killed else "Mooring has stopped now.")
            self.box.setInformativeText(status.first_line)

    def close(self) -> None:
        """It is over."""
        if self.box is not None:
            self.box.close()


def tell_alone(error: MooringError) -> None:
    """Why there is no menu, in a window of its own, as who opened it by a click sees nothing of any terminal."""
    app = QApplication.instance() or QApplication(["Mooring"])  # kept for as long as the window is there
    box = _news()
    _say(box, error)
    box.exec()
    del app


def _news() -> QMessageBox:
    box = _box("", "")
    box.setIcon(QMessageBox.Icon.Warning)
    box.addButton("OK", QMessageBox.ButtonRole.AcceptRole)
    return box


def _say(box: QMessageBox, error: MooringError) -> None:
    box.setText(error.what)
    box.setInformativeText("\n\n".join(text for text in (error.money, error.todo, error.code) if text))


def _box(title: str, text: str) -> QMessageBox:
    box = QMessageBox()
    box.setWindowTitle("Mooring")
    # macOS lets no program without a Dock icon come forward by itself: else it would ask behind what is in front.
    box.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)
    box.setStyleSheet(STYLE)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(title)
    box.setInformativeText(text)
    return box
