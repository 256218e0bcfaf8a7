"""Windows without a pointer: where the keyboard is when one opens, where Tab leads, and what never leaves the screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from mooring.menubar.settings_window import SettingsWindow
from mooring.menubar.update_window import UpdateWindow
from mooring.menubar.wizard import Wizard
from tests.menubar.asks import Asks, setting, settings
from tests.menubar.bundles_made import bundle, found, offered
from tests.menubar.onboarding_made import onboarding

Keep = Callable[[object], None]
RISK, KILL = "risk.risk_per_trade_bps", "trading.kill_positions"
SMALL = (1280, 720)


@pytest.fixture
def asks() -> Asks:
    return Asks()


@pytest.fixture
def opened(app: QApplication, keep: Keep) -> Callable[[QWidget], None]:
    def show(window: QWidget) -> None:
        keep(window)
        window.show()
        window.activateWindow()
        QApplication.processEvents()

    return show


def tabs(window: QWidget, most: int) -> list[QWidget]:
    """What has the keyboard, and then has it by so many presses of Tab."""
    seen = []
    for _ in range(most):
        now = window.focusWidget()
        assert now is not None
        seen.append(now)
        QTest.keyClick(now, Qt.Key.Key_Tab)
    return seen


def common(**more: object) -> object:
    return settings(setting(RISK, 50, "1 to 200"), setting(KILL, "hold", "one of hold, sell"), **more)


def test_settings_are_reached_in_the_order_in_which_they_stand_and_then_the_buttons(asks, opened):
    window = SettingsWindow(asks, lambda: None)
    window.begin()
    opened(window)
    asks.answer(common())
    window.begin()
    asks.answer(common(version=4))
    parts = [window.part(RISK), window.part(KILL)]
    assert tabs(window, 7) == [window.area, *parts, window.more, window.again, window.save, window.area]


def test_what_had_the_keyboard_has_it_after_it_was_saved(asks, opened):
    window = SettingsWindow(asks, lambda: None)
    window.begin()
    opened(window)
    asks.answer(common())
    window.part(KILL).setFocus()
    window.begin()
    asks.answer(common(version=4))
    assert window.focusWidget() is window.part(KILL)


def test_what_is_pasted_goes_into_the_first_field_without_a_click(asks, opened):
    window = Wizard(asks, lambda _: None)
    window.begin()
    opened(window)
    asks.answer(onboarding())
    QTest.keyClick(window.next, Qt.Key.Key_Return)
    asks.answer(onboarding(step="explained"))
    assert window.focusWidget() is window.next
    QTest.keyClick(window.next, Qt.Key.Key_Return)
    assert window.shown_screen == "paste"
    assert tabs(window, 3) == [window.key, window.secret, window.back]


def test_the_findings_of_a_check_can_be_reached_and_left(asks, opened):
    window = Wizard(asks, lambda _: None)
    window.begin()
    opened(window)
    rights = [{"name": f"r{n}", "label": "Funds", "state": "granted", "why": "", "todo": ""} for n in range(3)]
    asks.answer(onboarding(step="pasted", rights=rights))
    assert window.table.rowCount() == 3
    assert tabs(window, 5) == [window.next, window.table, window.page, window.back, window.next]
    assert window.table.accessibleName()


def test_a_publishers_longest_words_do_not_push_the_buttons_off_a_small_screen(asks, opened):
    window = UpdateWindow(asks)
    window.begin()
    opened(window)
    asks.answer(found(active=bundle(1), offered=[offered(2, notes="Words of somebody. " * 215)], no_model=False))
    assert window.minimumSizeHint().height() < SMALL[1] - 80
    window.resize(560, 400)
    QApplication.processEvents()
    assert window.height() == 400
    assert window.rect().contains(window.update_.geometry())
    scrolls = window.area.verticalScrollBar()
    assert scrolls.maximum() > 0
    assert window.area.focusPolicy() is not Qt.FocusPolicy.NoFocus, "the arrow keys scroll it"


@pytest.mark.parametrize("kind", [Wizard, UpdateWindow, SettingsWindow])
def test_each_window_fits_on_a_small_screen(kind, asks, opened):
    window = kind(asks) if kind is UpdateWindow else kind(asks, lambda *_: None)
    opened(window)
    assert window.width() <= SMALL[0]
    assert window.height() <= SMALL[1] - 80
    window.close()
