"""The settings that people change most, as the daemon gives them: value, bounds, words, and from when on it counts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from mooring.control_api.client import Client
from mooring.control_api.models_settings import Setting, SettingsNow
from mooring.errors import MooringError
from mooring.menubar.parts import Ask, AskingWindow, Hairline, heading, plain_button, text_label
from mooring.menubar.settings_fields import COMMON, Field, changed, decimal, field_of, whole

NOTE: Final = "changed in the menu bar's window"
FROM: Final = {"now": "at once", "next_cycle": "from the next hour on", "next_start": "at the next start"}
PART_WIDTH: Final = 144


class SettingsWindow(AskingWindow):
    """The window.

    Args:
        ask: as `DaemonLink.ask_for_window`.
        dashboard: opens the dashboard, where all settings are.
    """

    def __init__(self, ask: Ask, dashboard: Callable[[], None]) -> None:
        super().__init__(ask, "Settings")
        self.setMinimumSize(600, 560)
        self._now: SettingsNow | None = None
        self._parts: dict[str, QWidget] = {}
        self.area = QScrollArea()
        self.area.setAccessibleName("Settings")
        self.save, self.again = QPushButton("Save"), plain_button("Load again")
        self.save.setDefault(True)
        self.save.setEnabled(False)
        self.more = plain_button("All settings…")
        self.more.clicked.connect(dashboard)
        self.save.clicked.connect(self._save)
        self.again.clicked.connect(self.begin)
        self._lay_out()

    def begin(self) -> None:
        """Load what is set."""
        self._load("Loading", lambda client: client.settings(), self._take)

    def part(self, key: str) -> QWidget:
        """What changes this setting."""
        return self._parts[key]

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.addWidget(heading("Settings"))
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        column.addWidget(self.area, 1)
        column.addWidget(Hairline())
        column.addWidget(self._said)
        buttons = QHBoxLayout()
        buttons.addWidget(self.more)
        buttons.addStretch(1)
        buttons.addWidget(self.again)
        buttons.addWidget(self.save)
        column.addLayout(buttons)

    def _load(self, words: str, do: Callable[[Client], SettingsNow], take: Callable[[SettingsNow], None]) -> None:
        self.save.setEnabled(not self.send(words, do, take) and self._now is not None)

    def _take(self, now: SettingsNow) -> None:
        if self._now is None:
            self.area.setFocus()  # no limit is what is typed into before a person turns to it
        self._now = now
        former = next((key for key, part in self._parts.items() if part.hasFocus()), "")
        self._parts.clear()
        known = {setting.key: setting for setting in now.items}
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 16, 0)
        column.setSpacing(4)
        for key in COMMON:
            if key in known:
                self._add(column, known[key])
        column.addStretch(1)
        at = self.area.verticalScrollBar().value()
        self.area.setWidget(inner)  # which deletes the former one
        # Parts that came later would else be reached after the buttons that stand below them.
        for one, following in pairwise([self.area, *self._parts.values(), self.more, self.again, self.save]):
            self.setTabOrder(one, following)
        if former in self._parts:
            self._parts[former].setFocus()
        self.area.verticalScrollBar().setValue(at)
        self._said.setText("")
        self.save.setEnabled(True)

    def _take_saved(self, now: SettingsNow) -> None:
        self._take(now)
        self._said.setText(_state(now))

    def _add(self, column: QVBoxLayout, setting: Setting) -> None:
        try:
            field = field_of(setting)
        except ValueError:
            return  # the dashboard shows it
        part = _part(field)
        part.setEnabled(setting.changeable)
        part.setAccessibleName(field.label)
        part.setToolTip(f"{setting.bounds}. Counts {FROM[setting.effective]}.")
        if field.kind != "switch":
            part.setFixedWidth(PART_WIDTH)
        self._parts[setting.key] = part
        words = setting.description
        if setting.pending is not None:
            words += f" {_text(setting.pending.value, field)} is saved and counts {FROM[setting.pending.effective]}."
        label = QLabel(field.label)
        label.setBuddy(part)
        beside = QHBoxLayout()
        beside.addWidget(label, 1)
        beside.addWidget(part, 0, Qt.AlignmentFlag.AlignRight)
        if column.count():
            column.addSpacing(8)
            column.addWidget(Hairline())
            column.addSpacing(8)
        column.addLayout(beside)
        column.addWidget(text_label(words, soft=True))

    def _save(self) -> None:
        now = self._now
        if now is None:
            return
        values = {key: _value(part) for key, part in self._parts.items()}
        changes = changed(now.items, values)
        if not changes:
            self._said.setText("Nothing was changed.")
            return

        def change(client: Client) -> SettingsNow:
            return client.change_settings(changes, version=now.version, note=NOTE)

        self._load("Saving", change, self._take_saved)

    def refused(self, error: MooringError) -> None:
        """What was asked was refused; what was typed stays, so that it can be changed."""
        super().refused(error)
        text = self.said
        for key, part in self._parts.items():
            text = text.replace(key, f'"{part.accessibleName()}"')  # as it stands above, where a person looks for it
        self._said.setText(text)
        self.save.setEnabled(self._now is not None)


def _state(now: SettingsNow) -> str:
    if now.pending_restart:
        return "Saved. Some of it counts at the next start of the daemon."
    return "Saved. Some of it counts from the next hour on." if now.pending_cycle else "Saved."


class Number(QSpinBox):
    """A whole number that is shown with so many decimals, as a percentage is of its hundredths."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self._places = places

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 -- Qt's name
        """Scrolling past a limit must not change it."""
        event.ignore()

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


class Choice(QComboBox):
    """One of some words."""

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 -- Qt's name
        """As a number's."""
        event.ignore()


def _part(field: Field) -> QWidget:
    if field.kind == "switch":
        box = QCheckBox()
        box.setChecked(bool(field.value))
        return box
    if field.kind == "choice":
        choice = Choice()
        choice.addItems(field.choices)
        choice.setCurrentText(str(field.value))
        return choice
    number = Number(field.places)
    number.setRange(field.least, field.most)
    number.setSuffix(field.unit)
    number.setSingleStep(5 if field.places else 1)
    number.setValue(int(field.value))
    number.setAlignment(Qt.AlignmentFlag.AlignRight)
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
