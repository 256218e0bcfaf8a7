from __future__ import annotations

import pytest

from mooring.errors import Invalid

pytest.importorskip("PySide6")
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

from mooring.menubar.questions import tell_alone


def test_why_there_is_no_menu_is_told_in_a_window_where_no_terminal_is(app: QApplication) -> None:
    seen: list[tuple[str, str]] = []

    def read_and_close() -> None:
        boxes = [one for one in app.topLevelWidgets() if isinstance(one, QMessageBox) and one.isVisible()]
        seen.extend((box.text(), box.informativeText()) for box in boxes)
        for box in boxes:
            box.buttons()[0].click()

    QTimer.singleShot(0, read_and_close)
    tell_alone(Invalid("home_unusable", "The home cannot be used.", money="Nothing was started.", todo="Mend it."))
    assert seen == [("The home cannot be used.", "Nothing was started.\n\nMend it.\n\nhome_unusable")]
