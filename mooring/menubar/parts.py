"""What the windows share: how they ask, how they look, and small parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QApplication, QBoxLayout, QDialog, QLabel, QPushButton, QWidget

from mooring.control_api.client import Client
from mooring.errors import MooringError

ANSWER_SECONDS: Final = 10.0
# One accent, as the dashboard's.
ACCENT: Final = QColor("#0f5f59")
ACCENT_DARK: Final = QColor("#5fc4b8")
ON_ACCENT: Final = QColor("#ffffff")
ON_ACCENT_DARK: Final = QColor("#0c1a18")
SOFT: Final = 0.72  # of the text's own ink
HAIR: Final = 0.18


class Ask(Protocol):
    """As `DaemonLink.ask_for_window`."""

    def __call__(
        self, do: Callable[[Client], None], failed: Callable[[MooringError], None], *, seconds: float = ANSWER_SECONDS
    ) -> bool: ...


class AskingWindow(QDialog):
    """A window that asks the daemon and never waits for it.

    Args:
        ask: as `DaemonLink.ask_for_window`.
    """

    _answered = Signal(object, object)
    _failed = Signal(object)

    def __init__(self, ask: Ask, title: str) -> None:
        super().__init__()
        self.setWindowTitle(title)
        self._ask = ask
        self._said = text_label("")
        self._stale = text_label("")
        self._stale.hide()
        self._answered.connect(self._take_answer)
        self._failed.connect(self.refused)

    @property
    def said(self) -> str:
        """What is said under the window's content."""
        return self._said.text()

    def begin(self) -> None:
        """Load what is shown; called whenever the window opens. The default has nothing to load."""

    @property
    def stale(self) -> str:
        """Why what is shown may be so no longer; empty where it is."""
        return self._stale.text()

    def show_stale(self, why: str) -> None:
        """Say above everything why what is shown may be so no longer, or no more where it is empty."""
        if why == self._stale.text():
            return
        column = self.layout()
        if isinstance(column, QBoxLayout) and column.indexOf(self._stale) < 0:
            column.insertWidget(0, self._stale)
        self._stale.setText(why)
        self._stale.setVisible(bool(why))

    def send(
        self,
        words: str,
        do: Callable[[Client], Any],
        take: Callable[[Any], None],
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> bool:
        """Have something asked; `take` is called with the answer on Qt's thread, `refused` where there is none.

        Args:
            words: said meanwhile, as "Loading"; empty where what is said stays.
            seconds: how long an answer may take.
        """
        if words:
            self._said.setText(f"{words} …")
        if self._ask(lambda client: self._answered.emit(take, do(client)), self._failed.emit, seconds=seconds):
            return True
        self._said.setText("Too much is being asked already. Try again in a moment.")
        return False

    def refused(self, error: MooringError) -> None:
        """What was asked was refused, or went wrong."""
        self._said.setText(sentences(error))

    def _take_answer(self, take: Callable[[Any], None], answer: Any) -> None:
        take(answer)


def sentences(error: MooringError) -> str:
    """An error in the order of the house: what happened, what it means for the money, what to do; the code last."""
    fields = [f"{one.field}: expected {one.expected}." for one in getattr(error, "errors", ()) if one.expected]
    texts = (error.what, *fields, error.money, error.todo, f"({error.code})")
    return " ".join(text for text in texts if text)


def heading(text: str) -> QLabel:
    """A window's title within it."""
    label = QLabel(text)
    font = label.font()
    font.setPointSizeF(font.pointSizeF() * 1.4)
    font.setBold(True)
    label.setFont(font)
    return label


def text_label(text: str, *, soft: bool = False) -> QLabel:
    """Sentences, which can be marked and copied; never taken for markup, as some of them came from elsewhere.

    Args:
        soft: smaller and less dark, for what explains something else.
    """
    label = SoftLabel(text) if soft else QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


class SoftLabel(QLabel):
    """Text that stands back; it follows the palette from light to dark."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 0.92)
        self.setFont(font)
        self._soften()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 -- Qt's name
        """As Qt's."""
        if event.type() is QEvent.Type.PaletteChange:
            self._soften()
        super().changeEvent(event)

    def _soften(self) -> None:
        all_of_it, own = QApplication.palette(), self.palette()
        ink, ground = all_of_it.color(QPalette.ColorRole.WindowText), all_of_it.color(QPalette.ColorRole.Window)
        soft = mixed(ink, ground, SOFT)
        if own.color(QPalette.ColorRole.WindowText) != soft:  # setting it is a change of the palette, too
            own.setColor(QPalette.ColorRole.WindowText, soft)
            self.setPalette(own)


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """So much of the one, and the rest of the other."""
    return QColor.fromRgbF(
        one.redF() * share + other.redF() * (1 - share),
        one.greenF() * share + other.greenF() * (1 - share),
        one.blueF() * share + other.blueF() * (1 - share),
    )


class Hairline(QWidget):
    """A line between parts, in light and dark."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 -- Qt's name
        """As Qt's."""
        palette = self.palette()
        ink, ground = palette.color(QPalette.ColorRole.WindowText), palette.color(QPalette.ColorRole.Window)
        QPainter(self).fillRect(event.rect(), mixed(ink, ground, HAIR))


def plain_button(text: str) -> QPushButton:
    """A button that the return key does not press: only the window's own next step is pressed so."""
    button = QPushButton(text)
    button.setAutoDefault(False)
    return button


def dress(app: QApplication) -> None:
    """One accent in light and dark; also when the person changes between them."""
    app.styleHints().colorSchemeChanged.connect(lambda _: paint(app))
    paint(app)


def paint(app: QApplication) -> None:
    """Put the accent into the palette that there is."""
    palette = app.palette()
    ground, text = palette.color(QPalette.ColorRole.Window), palette.color(QPalette.ColorRole.WindowText)
    dark = ground.lightness() < text.lightness()  # not every desktop says which scheme it has
    accent, ink = (ACCENT_DARK, ON_ACCENT_DARK) if dark else (ACCENT, ON_ACCENT)
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
        palette.setColor(group, QPalette.ColorRole.Accent, accent)
        palette.setColor(group, QPalette.ColorRole.Highlight, accent)
        palette.setColor(group, QPalette.ColorRole.HighlightedText, ink)
    app.setPalette(palette)
