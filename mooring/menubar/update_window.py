"""Updating a model: what is offered and what it was worth, one button, how far it is, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from mooring.control_api.client import Client, StreamEvent
from mooring.control_api.models_bundles import Bundles
from mooring.control_api.models_evidence import Operation
from mooring.errors import MooringError
from mooring.menubar.model_text import can_go_back, decides_text, newest, offer_text, standing_text
from mooring.menubar.parts import Ask, AskingWindow, Hairline, heading, plain_button, text_label

REASON: Final = "asked in the menu bar"
LOOK_MS: Final = 250
ENDED: Final = frozenset({"done", "failed", "cancelled"})


class UpdateWindow(AskingWindow):
    """The window.

    Args:
        ask: as `DaemonLink.ask_for_window`.
    """

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, "Update model")
        self.setMinimumSize(560, 400)
        self._found: Bundles | None = None
        self._operation = ""
        self._asked = False  # about the operation, and not answered yet
        self._decides, self._standing = heading(""), text_label("")
        self._offer, self._notes = text_label(""), text_label("", soft=True)
        self._decides.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(8)
        self.progress.setAccessibleName("How far it is")
        self.progress.hide()
        self.area = _area()
        self.check, self.update_, self.back = (
            plain_button("Look for a newer one"),
            QPushButton("Update"),
            plain_button("Go back"),
        )
        self.check.clicked.connect(self._check)
        self.update_.clicked.connect(self._update)
        self.back.clicked.connect(self._go_back)
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self._look)
        self._lay_out()
        self._show_buttons()

    def begin(self) -> None:
        """Show what is known; the repository is asked where a person wants it."""
        self._load("Loading")

    def show_stale(self, why: str) -> None:
        """As every window; a bar that nobody moves is pale."""
        super().show_stale(why)
        self.progress.setEnabled(not why)

    def heard(self, event: StreamEvent) -> None:
        """Something happened to a bundle: look again."""
        if event.type == "bundle":
            self._load("")

    @property
    def texts(self) -> dict[str, str]:
        """What is said, by place."""
        labels = {"decides": self._decides, "standing": self._standing, "offer": self._offer, "said": self._said}
        return {name: label.text() for name, label in labels.items()}

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        for part in (self._decides, self._standing, self.progress):
            column.addWidget(part)
        inner = QWidget()
        offer = QVBoxLayout(inner)
        offer.setContentsMargins(0, 0, 0, 0)
        offer.setSpacing(12)
        for part in (self._offer, self._notes):
            offer.addWidget(part)
        offer.addStretch(1)
        self.area.setWidget(inner)
        column.addWidget(self.area, 1)
        column.addWidget(self._said)
        column.addWidget(Hairline())
        buttons = QHBoxLayout()
        buttons.addWidget(self.back)
        buttons.addStretch(1)
        buttons.addWidget(self.check)
        buttons.addWidget(self.update_)
        column.addLayout(buttons)

    def _load(self, words: str) -> None:
        self.send(words, lambda client: client.bundles(), self._take)

    def _begin(self, words: str, do: Callable[[Client], Any]) -> None:
        """Long work: how far it is is asked until it ends."""
        self._operation = "?"
        if not self.send(words, do, self._take_operation):
            self._operation = ""
        self._show_buttons()

    def _check(self) -> None:
        self._begin("Asking the repository", lambda client: client.check_bundles())

    def _update(self) -> None:
        offered = None if self._found is None else newest(self._found)
        if offered is not None:
            name = offered.id
            self._begin("Updating", lambda client: client.update_bundle(name))

    def _go_back(self) -> None:
        # A second click would end not only a trial, but what decides after it.
        self._operation = "?"
        if not self.send("Going back", lambda client: client.rollback_bundle(REASON), self._went_back):
            self._operation = ""
        self._show_buttons()

    def _went_back(self, found: Bundles) -> None:
        self._operation = ""
        self._take(found)

    def _look(self) -> None:
        name = self._operation
        if name and not self._asked:
            self._asked = self.send("", lambda client: client.operation(name), self._take_operation)

    def _take(self, found: Bundles) -> None:
        self._found = found
        offered = newest(found)
        self._decides.setText(decides_text(found))
        self._standing.setText(standing_text(found))
        self._offer.setText("" if offered is None else offer_text(offered, found))
        self._notes.setText("" if offered is None else offered.notes)
        for label in (self._standing, self._offer, self._notes):
            label.setVisible(bool(label.text()))
        if not self._operation:
            self._said.setText(self._answer(found) if offered is None else "")
        self._show_trial(found)
        self._show_buttons()

    def _show_trial(self, found: Bundles) -> None:
        """The bar shows work under way, and else how far a trial is."""
        if self._operation:
            return
        trial = found.probation if found.phase == "trying" else None
        self.progress.setVisible(trial is not None)
        if trial is not None:
            self.progress.setRange(0, max(trial.min_bars, 1))
            self.progress.setValue(min(trial.bars_done, trial.min_bars))

    def _answer(self, found: Bundles) -> str:
        if found.repository is None:
            return "No repository of models is set up. `mooring bundle trust` adds one."
        if found.phase in {"armed", "trying"}:
            return found.staleness.problem
        return found.staleness.problem or ("" if found.staleness.checked_at is None else "There is nothing newer.")

    def _take_operation(self, operation: Operation) -> None:
        self._asked = False
        ended = operation.state in ENDED
        self._operation = "" if ended else operation.id
        if not ended:
            self.progress.setVisible(True)
            self.progress.setRange(0, operation.total)
            self.progress.setValue(operation.done)
            self._looking.start()
            self._show_buttons()
            return
        self._looking.stop()
        self.progress.hide()
        problem = operation.problem
        if problem is None:
            self._load("")
            return
        texts = (problem.detail, problem.money, problem.todo, f"({problem.code})")
        self._said.setText(" ".join(text for text in texts if text))
        self._show_buttons()

    def refused(self, error: MooringError) -> None:
        """What was asked was refused, or went wrong; what is under way in the daemon is found again when it is over."""
        super().refused(error)
        self._operation, self._asked = "", False
        self._looking.stop()
        self.progress.hide()
        self._show_buttons()

    def _show_buttons(self) -> None:
        found, idle = self._found, not self._operation
        self.check.setEnabled(idle and found is not None and found.repository is not None)
        waits = found is not None and found.phase in {"armed", "trying"}
        self.update_.setEnabled(idle and found is not None and newest(found) is not None and not waits)
        self.back.setEnabled(idle and found is not None and can_go_back(found))
        self.update_.setDefault(self.update_.isEnabled())


def _area() -> QScrollArea:
    """For what a publisher wrote, which may be longer than a screen is high; the buttons below stay in sight."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setAccessibleName("What is offered")
    return area
