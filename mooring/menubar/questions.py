"""What is asked before something is done, and what must be read: in windows of their own, in front of others."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from mooring.errors import MooringError


def ask(title: str, question: str, word: str) -> bool:
    """A question with two buttons; the harmless one is the default."""
    box = _box(title, question)
    yes = box.addButton(word, QMessageBox.ButtonRole.DestructiveRole)
    no = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(no)
    _to_front(box)
    box.exec()
    return box.clickedButton() is yes


class GraveNews:
    """What a person must not miss, as a kill switch that was not heard; one window, which waits for nobody."""

    def __init__(self) -> None:
        self.box: QMessageBox | None = None

    def tell(self, error: MooringError) -> None:
        """Show it."""
        if self.box is None:
            self.box = _box("", "")
            self.box.setIcon(QMessageBox.Icon.Warning)
            self.box.addButton(QMessageBox.StandardButton.Ok)
            self.box.setModal(False)
        self.box.setText(error.what)
        self.box.setInformativeText("\n\n".join(text for text in (error.money, error.todo, error.code) if text))
        _to_front(self.box)

    def close(self) -> None:
        """It is over."""
        if self.box is not None:
            self.box.close()


def _box(title: str, text: str) -> QMessageBox:
    box = QMessageBox()
    box.setWindowTitle("Mooring")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(title)
    box.setInformativeText(text)
    return box


def _to_front(box: QMessageBox) -> None:
    """A program without a window of its own would ask behind those of others."""
    box.show()
    box.raise_()
    box.activateWindow()
