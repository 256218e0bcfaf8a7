"""Connecting Kraken in four screens: the daemon's own steps and words, with two fields that show nothing.

What is pasted goes over the socket to the daemon and stays in no widget once it was sent. Closing the window at any
point stores nothing and loses nothing: the next one goes on where this one was left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from mooring.control_api.client import Client
from mooring.control_api.models_onboarding import Onboarding
from mooring.errors import Invalid, MooringError
from mooring.menubar.parts import ANSWER_SECONDS, Ask, AskingWindow, Hairline, heading, plain_button, text_label
from mooring.onboarding import shapes

SCREENS: Final = ("needs", "make", "paste", "check", "done")
FIELD_MOST: Final = 4096
STATES: Final = {
    "granted": "✓ granted",
    "missing": "○ missing",
    "too much": "! too much",
    "refused": "✕ refused",
    "ok": "✓ well",
    "warn": "! look at it",
    "fail": "✕ not as needed",
}

CHECK_SECONDS: Final = 90.0  # it asks Kraken, which may be slow
ROW_PAD: Final = 8


class Wizard(AskingWindow):
    """The window.

    Args:
        ask: as `DaemonLink.ask_for_window`.
        browse: opens a page.
    """

    def __init__(self, ask: Ask, browse: Callable[[str], object]) -> None:
        super().__init__(ask, "Connect Kraken")
        self.setMinimumSize(720, 560)
        self._browse = browse
        self._view: Onboarding | None = None
        self._screen = "needs"
        self._busy = False
        self._title = heading("")
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setMaximumHeight(4)
        self.key, self.secret = _hidden_field("API key"), _hidden_field("Private key")
        self._seen = text_label("")
        self.table = _table()
        self._pages = QStackedWidget()
        self._lines = {name: text_label("") for name in SCREENS}
        for name in SCREENS:
            self._pages.addWidget(self._page(name))
        self.back, self.next = plain_button("Back"), QPushButton("Next")
        self.page = plain_button("Open Kraken's page")
        self.page.clicked.connect(self._open_page)
        self.back.clicked.connect(self._go_back)
        self.next.clicked.connect(self._go_on)
        self.next.setDefault(True)
        self._lay_out()
        self.key.textChanged.connect(self._look_at_fields)
        self.secret.textChanged.connect(self._look_at_fields)
        self._show_buttons()

    def begin(self) -> None:
        """Show how far it is, and go on from there."""
        self._view = None
        self._send("Looking", lambda client: client.onboarding())

    def look_again(self) -> None:
        """The daemon came back: what it knows of the connecting may be another."""
        if not self._busy:
            self._send("Looking", lambda client: client.onboarding())

    @property
    def shown_screen(self) -> str:
        """The screen that is shown."""
        return self._screen

    @property
    def seen_text(self) -> str:
        """What is said of the two fields while they are filled in."""
        return self._seen.text()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 -- Qt's name
        """Nothing of what was pasted stays here, however the window went: closed, by Escape, or with the menu."""
        self._forget()
        super().hideEvent(event)

    def _page(self, name: str) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._lines[name])
        if name == "paste":
            form = QFormLayout()
            form.setVerticalSpacing(8)
            form.setHorizontalSpacing(12)
            form.addRow("API key", self.key)
            form.addRow("Private key", self.secret)
            column.addLayout(form)
            column.addWidget(self._seen)
        if name == "check":
            column.addWidget(self.table, 1)
        column.addStretch(0 if name == "check" else 1)
        return page

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        for part in (self._progress, self._title):
            column.addWidget(part)
        column.addWidget(self._pages, 1)
        column.addWidget(self._said)
        column.addWidget(Hairline())
        buttons = QHBoxLayout()
        buttons.addWidget(self.page)
        buttons.addStretch(1)
        buttons.addWidget(self.back)
        buttons.addWidget(self.next)
        column.addLayout(buttons)

    def _send(self, words: str, do: Callable[[Client], Onboarding], *, seconds: float = ANSWER_SECONDS) -> None:
        self._busy = self.send(words, do, self._take, seconds=seconds)
        self._show_buttons()

    def _take(self, view: Onboarding) -> None:
        first = self._view is None
        self._view, self._busy = view, False
        self._said.setText("")
        self._screen = self._following(view, first=first)
        self._show()

    def _following(self, view: Onboarding, *, first: bool) -> str:
        if view.step in {"verified", "refused"}:
            return "check"
        if view.step == "complete" and not first:
            return "done"
        if view.step == "pasted":
            return "check"
        if first:
            return "needs"
        return self._screen if self._screen in {"needs", "make", "paste"} else "paste"

    def refused(self, error: MooringError) -> None:
        """What was asked was refused, or went wrong."""
        self._busy = False
        self._screen = SCREENS[self._pages.currentIndex()]  # the one that is seen, not the one that would have followed
        super().refused(error)
        self._show_buttons()

    def _show(self) -> None:
        view = self._view
        assert view is not None, "nothing is shown before it was asked"
        names = [screen.name for screen in view.screens]
        shown = next((one for one in view.screens if one.name == self._screen), None)
        number = names.index(shown.name) + 1 if shown is not None else len(names)
        self._progress.setRange(0, len(names))
        self._progress.setValue(number)
        self._progress.setAccessibleName(f"Step {number} of {len(names)}")
        self._title.setText(shown.title if shown is not None else "Connected")
        self._lines[self._screen].setText(self._text(view, shown.lines if shown is not None else []))
        came = self._pages.currentIndex() != SCREENS.index(self._screen)
        self._pages.setCurrentIndex(SCREENS.index(self._screen))
        if self._screen == "check":
            self._show_findings(view)
        if view.problem is not None and self._screen == "check":
            problem = view.problem
            self._said.setText(" ".join(part for part in (problem.what, problem.money, problem.todo) if part))
        self._show_buttons()
        self._look_at_fields()
        if came:
            (self.key if self._screen == "paste" else self.next).setFocus()

    def _text(self, view: Onboarding, lines: list[str]) -> str:
        if self._screen == "make":
            tick = [f"   ☑  {right.label} ({right.why})" for right in view.tick]
            leave = [f"   ☐  {right.label} ({right.why})" for right in view.leave]
            parts = [*lines, "Tick:\n" + "\n".join(tick)]
            return "\n\n".join([*parts, "Leave unticked; with one of these the key is refused:\n" + "\n".join(leave)])
        if self._screen == "done":
            where = f"the look-alike at {view.venue}" if view.look_alike else "Kraken"
            lines = [
                f"The API key that ends in {view.key_ends} works at {where}, and is in {view.where}.",
                "Nothing else changed: trading on paper stays on paper until you go live yourself.",
                *([view.next] if view.restart_needed or view.old_key is not None else []),
            ]
        return "\n\n".join(lines)

    def _show_findings(self, view: Onboarding) -> None:
        rows: list[tuple[str, str, str]] = [
            (right.state, right.label, "" if right.state == "granted" else _sentences(right.why, right.todo))
            for right in view.rights
        ]
        rows += [(check.state, check.text, check.todo) for check in view.checks]
        self.table.setRowCount(len(rows))
        for at, (state, what, more) in enumerate(rows):
            for column, text in enumerate((STATES.get(state, state), what, more)):
                self.table.setItem(at, column, QTableWidgetItem(text))
        self.table.resizeRowsToContents()
        for at in range(len(rows)):
            self.table.setRowHeight(at, self.table.rowHeight(at) + ROW_PAD)

    def _show_buttons(self) -> None:
        refused = self._view is not None and self._view.problem is not None
        words = {"needs": "Next", "make": "Next", "paste": "Check", "check": "Check again", "done": "Close"}
        passed = self._screen == "check" and self._view is not None and self._view.step == "verified"
        self.next.setText("Keep this key" if passed else words[self._screen])
        self.back.setText("Another key" if self._screen == "check" and refused else "Back")
        self.back.setEnabled(not self._busy and self._screen in {"make", "paste", "check"})
        self.page.setVisible(self._screen in {"make", "check"})
        ready = self._screen != "paste" or not self._problem_of_fields()
        self.next.setEnabled(not self._busy and self._view is not None and ready)

    def _go_back(self) -> None:
        self._forget()
        self._screen = {"make": "needs", "paste": "make", "check": "paste"}[self._screen]
        self._said.setText("")
        self._show()

    def _go_on(self) -> None:
        view = self._view
        assert view is not None, "the button is off before"
        if self._screen == "needs":
            self._screen = "make"
            self._send("Beginning", lambda client: client.onboarding_begin())
        elif self._screen == "make":
            self._screen = "paste"
            self._show()
        elif self._screen == "paste":
            key, secret = self.key.text(), self.secret.text()
            self._forget()
            self._send("Asking Kraken about the key", lambda it: _check(it, key, secret), seconds=CHECK_SECONDS)
        elif self._screen == "check" and view.step == "verified":
            self._send("Keeping the key", lambda client: client.onboarding_complete(), seconds=CHECK_SECONDS)
        elif self._screen == "check":
            self._send("Asking Kraken about the key", lambda it: it.onboarding_verify(), seconds=CHECK_SECONDS)
        else:
            self.close()

    def _look_at_fields(self) -> None:
        self._seen.setText(self._problem_of_fields() if self.key.text() or self.secret.text() else "")
        self._show_buttons()

    def _problem_of_fields(self) -> str:
        """What is wrong with what was pasted so far, while it is typed; empty where it can be a key."""
        try:
            shapes.read_pasted(self.key.text(), self.secret.text())
        except Invalid as error:
            return f"{error.what} {error.todo}"
        return ""

    def _forget(self) -> None:
        for field in (self.key, self.secret):
            field.setText("")  # clear() would keep the text for undoing it

    def _open_page(self) -> None:
        if self._view is not None:
            self._browse(self._view.key_page)


def _sentences(why: str, todo: str) -> str:
    return f"{why[:1].upper()}{why[1:]}. {todo}".strip()


def _check(client: Client, key: str, secret: str) -> Onboarding:
    client.onboarding_paste(key, secret)
    return client.onboarding_verify()


def _hidden_field(name: str) -> QLineEdit:
    field = QLineEdit()
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setMaxLength(FIELD_MOST)
    field.setAccessibleName(name)
    # Neither undo nor the input method's memory keeps what was in it.
    field.setInputMethodHints(
        Qt.InputMethodHint.ImhHiddenText | Qt.InputMethodHint.ImhSensitiveData | Qt.InputMethodHint.ImhNoPredictiveText
    )
    return field


def _table() -> QTableWidget:
    table = QTableWidget(0, 3)
    table.setHorizontalHeaderLabels(["Result", "What", "What to do"])
    table.verticalHeader().setVisible(False)
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setHighlightSections(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header.setStretchLastSection(True)
    table.setColumnWidth(0, 112)
    table.setColumnWidth(1, 320)
    table.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # so that a long one can be scrolled without a pointer
    table.setTabKeyNavigation(False)
    table.setAccessibleName("What the key may do, and what was checked")
    table.setWordWrap(True)
    table.setShowGrid(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
    return table
