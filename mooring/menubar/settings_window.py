"""The settings that people change most, as the daemon gives them: value, bounds, words, and from when on it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from mooring.control_api.client import Client
from mooring.control_api.models_settings import Setting, SettingsNow
from mooring.errors import MooringError
from mooring.menubar.parts import heading, text_label
from mooring.menubar.settings_fields import COMMON, Field, changed, decimal, field_of, whole

Ask = Callable[[str, Callable[[Client], Any], Callable[[Any], None]], bool]

NOTE: Final = "changed in the menu bar's window"
FROM: Final = {"now": "at once", "next_cycle": "from the next hour on", "next_start": "at the next start"}


class SettingsWindow(QDialog):
    """The window.

    Args:
        ask: as `DaemonLink.ask`.
        dashboard: opens the dashboard, where all settings are.
    """

    came = Signal(object)
    failed = Signal(object)

    def __init__(self, ask: Ask, dashboard: Callable[[], None]) -> None:
        super().__init__()
        self.setWindowTitle("Settings")
        self.setMinimumSize(560, 520)
        self._ask = ask
        self._now: SettingsNow | None = None
        self._parts: dict[str, QWidget] = {}
        self._said = text_label("")
        self._form = QFormLayout()
        self._form.setVerticalSpacing(12)
        self.save, self.again = QPushButton("Save"), QPushButton("Load again")
        more = QPushButton("All settings…")
        more.clicked.connect(dashboard)
        self.save.clicked.connect(self._save)
        self.again.clicked.connect(self.begin)
        self._lay_out(more)
        self.came.connect(self._take)
        self.failed.connect(self._refused)

    def begin(self) -> None:
        """Load what is set."""
        self._send("Loading", lambda client: client.settings())

    @property
    def said(self) -> str:
        """What is said under the form."""
        return self._said.text()

    def part(self, key: str) -> QWidget:
        """What changes this setting."""
        return self._parts[key]

    def _lay_out(self, more: QPushButton) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.addWidget(heading("Settings"))
        inner = QWidget()
        inner.setLayout(self._form)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inner)
        column.addWidget(area, 1)
        column.addWidget(self._said)
        buttons = QHBoxLayout()
        buttons.addWidget(more)
        buttons.addStretch(1)
        buttons.addWidget(self.again)
        buttons.addWidget(self.save)
        column.addLayout(buttons)

    def _send(self, words: str, do: Callable[[Client], SettingsNow]) -> None:
        def asked(client: Client) -> None:
            try:
                self.came.emit(do(client))
            except MooringError as error:
                self.failed.emit(error)

        self.save.setEnabled(False)
        self._said.setText(f"{words} …")
        if not self._ask(words, asked, lambda _: None):
            self._said.setText("Something else is still being asked. Try again in a moment.")

    def _take(self, now: SettingsNow) -> None:
        again = self._now is not None and self._said.text().startswith("Saving")
        self._now = now
        while self._form.rowCount():
            self._form.removeRow(0)
        self._parts.clear()
        known = {setting.key: setting for setting in now.items}
        for key in COMMON:
            if key in known:
                self._add(known[key])
        self._said.setText(self._state(now) if again else "")
        self.save.setEnabled(True)

    def _add(self, setting: Setting) -> None:
        try:
            field = field_of(setting)
        except ValueError:
            return  # the dashboard shows it
        part = _part(field)
        part.setEnabled(setting.changeable)
        part.setAccessibleName(field.label)
        part.setToolTip(f"{setting.description} {setting.bounds}. Counts {FROM[setting.effective]}.")
        self._parts[setting.key] = part
        words = setting.description
        if setting.pending is not None:
            words += f" {_text(setting.pending.value, field)} is saved and counts {FROM[setting.pending.effective]}."
        self._form.addRow(field.label, part)
        self._form.addRow("", text_label(words))

    def _state(self, now: SettingsNow) -> str:
        if now.pending_restart:
            return "Saved. Some of it counts at the next start of the daemon."
        return "Saved. Some of it counts from the next hour on." if now.pending_cycle else "Saved."

    def _save(self) -> None:
        now = self._now
        if now is None:
            return
        values = {key: _value(part) for key, part in self._parts.items()}
        changes = changed(now.items, values)
        if not changes:
            self._said.setText("Nothing was changed.")
            return
        version = now.version
        self._send("Saving", lambda client: client.change_settings(changes, version=version, note=NOTE))

    def _refused(self, error: MooringError) -> None:
        fields = [f"{one.field}: expected {one.expected}." for one in getattr(error, "errors", ()) if one.expected]
        texts = (error.what, *fields, error.money, error.todo, f"({error.code})")
        self._said.setText(" ".join(text for text in texts if text))
        self.save.setEnabled(self._now is not None)


class Number(QSpinBox):
    """A whole number that is shown with so many decimals, as a percentage is of its hundredths."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self._places = places

    def textFromValue(self, value: int) -> str:  # noqa: N802 -- Qt's name
        """As Qt's."""
        return decimal(value, self._places)

    def valueFromText(self, text: str) -> int:  # noqa: N802 -- Qt's name
        """As Qt's."""
        found = whole(text.removesuffix(self.suffix()), self._places)
        return self.value() if found is None else found

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        """As Qt's: what can become a number may be typed, and only what is one in bounds counts."""
        bare = text.removesuffix(self.suffix())
        found = whole(bare, self._places)
        if found is not None and self.minimum() <= found <= self.maximum():
            return QValidator.State.Acceptable, text, at
        typed = all(sign in "0123456789.,- " for sign in bare)
        return (QValidator.State.Intermediate if typed else QValidator.State.Invalid), text, at


def _part(field: Field) -> QWidget:
    if field.kind == "switch":
        box = QCheckBox()
        box.setChecked(bool(field.value))
        return box
    if field.kind == "choice":
        choice = QComboBox()
        choice.addItems(field.choices)
        choice.setCurrentText(str(field.value))
        return choice
    number = Number(field.places)
    number.setRange(field.least, field.most)
    number.setSuffix(field.unit)
    number.setSingleStep(5 if field.places else 1)
    number.setValue(int(field.value))
    return number


def _value(part: QWidget) -> Any:
    if isinstance(part, QCheckBox):
        return part.isChecked()
    if isinstance(part, QComboBox):
        return part.currentText()
    assert isinstance(part, QSpinBox), "there are no other parts"
    return part.value()


def _text(value: Any, field: Field) -> str:
    if isinstance(value, bool):
        return "On" if value else "Off"
    return f"{decimal(value, field.places)}{field.unit}" if isinstance(value, int) else str(value)
