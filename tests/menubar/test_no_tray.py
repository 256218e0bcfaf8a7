"""A session without a place for a status item: it is waited for a while, and then said."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6")

from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from mooring.errors import Invalid
from mooring.menubar import app as menu


def test_no_place_for_a_status_item_is_said_and_not_shown_nowhere(
    app: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(menu, "TRAY_WAIT_MS", 1)
    monkeypatch.setattr(menu, "TRAY_TRIES", 3)
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: bool(asked.append(False)))
    with pytest.raises(Invalid) as caught:
        menu._await_tray(app)
    assert caught.value.code == "no_tray"
    assert len(asked) > 3, "a panel may come later than the menu"


def test_a_panel_that_comes_later_is_waited_for(app: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    there = iter([False, False, False, True, True, True, True])
    monkeypatch.setattr(menu, "TRAY_WAIT_MS", 1)
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: next(there))
    menu._await_tray(app)
