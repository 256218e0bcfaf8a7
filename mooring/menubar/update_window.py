"""Updating a model: what is offered and what it was worth, one button, how far it is, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout

from mooring.control_api.client import Client, StreamEvent
from mooring.control_api.models_bundles import Bundles
from mooring.control_api.models_evidence import Operation
from mooring.errors import MooringError
from mooring.menubar.model_text import can_go_back, decides_text, newest, offer_text, refused_text
from mooring.menubar.parts import heading, text_label

Ask = Callable[[str, Callable[[Client], Any], Callable[[Any], None]], bool]

REASON: Final = "asked in the menu bar"
LOOK_MS: Final = 400
ENDED: Final = frozenset({"done", "failed", "cancelled"})


class UpdateWindow(QDialog):
    """The window.

    Args:
        ask: as `DaemonLink.ask`.
    """

    came = Signal(object)
    moved = Signal(object)
    failed = Signal(object)

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self.setWindowTitle("Update model")
        self.setMinimumSize(560, 420)
        self._ask = ask
        self._found: Bundles | None = None
        self._operation = ""
        self._decides, self._offer, self._refused = text_label(""), text_label(""), text_label("")
        self._said = text_label("")
        self._progress = QProgressBar()
        self._progress.hide()
        self.check, self.update_, self.back = (
            QPushButton("Look for a newer one"),
            QPushButton("Update"),
            QPushButton("Go back"),
        )
        self.check.clicked.connect(self._check)
        self.update_.clicked.connect(self._update)
        self.back.clicked.connect(self._go_back)
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self._look)
        self._lay_out()
        self._show_buttons()
        self.came.connect(self._take)
        self.moved.connect(self._take_operation)
        self.failed.connect(self._take_failure)

    def begin(self) -> None:
        """Show what is known, and ask the repository what there is."""
        self._send("Loading", lambda client: client.bundles(), self.came)

    def heard(self, event: StreamEvent) -> None:
        """Something happened to a bundle: look again."""
        if event.type == "bundle" and not self._operation:
            self._send("", lambda client: client.bundles(), self.came)

    @property
    def texts(self) -> dict[str, str]:
        """What is said, by place."""
        labels = {"decides": self._decides, "offer": self._offer, "refused": self._refused, "said": self._said}
        return {name: label.text() for name, label in labels.items()}

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        for part in (heading("Model"), self._decides, self._offer, self._refused):
            column.addWidget(part)
        column.addStretch(1)
        column.addWidget(self._progress)
        column.addWidget(self._said)
        buttons = QHBoxLayout()
        buttons.addWidget(self.back)
        buttons.addStretch(1)
        buttons.addWidget(self.check)
        buttons.addWidget(self.update_)
        column.addLayout(buttons)

    def _send(self, words: str, do: Callable[[Client], Any], came: Any) -> None:
        def asked(client: Client) -> None:
            try:
                came.emit(do(client))
            except MooringError as error:
                self.failed.emit(error)

        if words:
            self._said.setText(f"{words} …")
        if not self._ask(words, asked, lambda _: None):
            self._said.setText("Something else is still being asked. Try again in a moment.")

    def _check(self) -> None:
        self._send("Asking the repository", lambda client: client.check_bundles(), self.moved)

    def _update(self) -> None:
        offered = None if self._found is None else newest(self._found)
        if offered is not None:
            name = offered.id
            self._send("Updating", lambda client: client.update_bundle(name), self.moved)

    def _go_back(self) -> None:
        self._send("Going back", lambda client: client.rollback_bundle(REASON), self.came)

    def _look(self) -> None:
        name = self._operation
        if name:
            self._ask("", lambda client: self.moved.emit(client.operation(name)), lambda _: None)

    def _take(self, found: Bundles) -> None:
        self._found = found
        offered = newest(found)
        self._decides.setText(decides_text(found))
        self._offer.setText("" if offered is None else offer_text(offered, found))
        self._refused.setText(refused_text(found))
        for label in (self._offer, self._refused):
            label.setVisible(bool(label.text()))
        if not self._operation:
            self._said.setText(self._standing(found) if offered is None else "")
        self._show_buttons()

    def _standing(self, found: Bundles) -> str:
        if found.repository is None:
            return "No repository of models is set up. `mooring bundle trust` adds one."
        problem = found.staleness.problem
        return problem or ("" if found.staleness.checked_at is None else "There is nothing newer.")

    def _take_operation(self, operation: Operation) -> None:
        ended = operation.state in ENDED
        self._operation = "" if ended else operation.id
        self._progress.setVisible(not ended)
        self._progress.setRange(0, operation.total)
        self._progress.setValue(operation.done)
        if not ended:
            self._looking.start()
            self._show_buttons()
            return
        self._looking.stop()
        problem = operation.problem
        self._send("", lambda client: client.bundles(), self.came)
        self._said.setText("" if problem is None else f"{problem.detail} ({problem.code})")
        self._show_buttons()

    def _take_failure(self, error: MooringError) -> None:
        self._operation = ""
        self._looking.stop()
        self._progress.hide()
        self._said.setText(" ".join(part for part in (error.what, error.money, error.todo, f"({error.code})") if part))
        self._show_buttons()

    def _show_buttons(self) -> None:
        found, idle = self._found, not self._operation
        self.check.setEnabled(idle and found is not None and found.repository is not None)
        waits = found is not None and found.phase in {"armed", "trying"}
        self.update_.setEnabled(idle and found is not None and newest(found) is not None and not waits)
        self.back.setEnabled(found is not None and can_go_back(found))
