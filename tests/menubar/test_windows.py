"""The windows by themselves, without a screen: what the daemon answers is given, what they asked is seen."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from mooring.control_api.client import StreamEvent
from mooring.control_api.models_bundles import Bundle, Bundles, Probation, Staleness
from mooring.control_api.models_evidence import Operation
from mooring.errors import Denied, Unreachable
from mooring.menubar.settings_window import Number, SettingsWindow
from mooring.menubar.update_window import UpdateWindow
from mooring.menubar.wizard import CHECK_SECONDS, Wizard
from tests.menubar.asks import Asks, setting, settings
from tests.menubar.bundles_made import bundle, found, offered
from tests.menubar.onboarding_made import onboarding

KEY = "a" * 56
SECRET = base64.b64encode(b"s" * 64).decode()
Keep = Callable[[object], None]
RISK = "risk.risk_per_trade_bps"


@pytest.fixture
def asks() -> Asks:
    return Asks()


@pytest.fixture
def window(app: QApplication, asks: Asks, keep: Keep) -> SettingsWindow:
    opened: list[str] = []
    made = SettingsWindow(asks, lambda: opened.append("dashboard"))
    keep(made)
    made.opened = opened  # type: ignore[attr-defined]
    made.begin()
    made.show()
    asks.answer(settings(setting(RISK, 50, "1 to 200"), setting("trading.kill_positions", "hold", "one of hold, sell")))
    return made


def number(window: SettingsWindow) -> Number:
    part = window.part(RISK)
    assert isinstance(part, Number)
    return part


def test_scrolling_past_a_limit_does_not_change_it(window: SettingsWindow) -> None:
    for key in (RISK, "trading.kill_positions"):
        part = window.part(key)
        part.setFocus()
        turn = QWheelEvent(
            QPointF(5, 5), QPointF(5, 5), QPoint(0, -120), QPoint(0, -120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(part, turn)
        assert not turn.isAccepted()
    assert number(window).value() == 50
    assert window.part("trading.kill_positions").currentText() == "hold"  # type: ignore[attr-defined]


def test_return_in_a_field_saves_and_opens_no_dashboard(window: SettingsWindow, asks: Asks) -> None:
    number(window).setValue(25)
    QTest.keyClick(number(window), Qt.Key.Key_Return)
    name, args, more = asks.answer(settings(setting(RISK, 50, "1 to 200"), version=4, pending=True))
    assert (name, args, more["version"]) == ("change_settings", ({RISK: 25},), 3)
    assert window.opened == []  # type: ignore[attr-defined]
    assert window.said == "Saved. Some of it counts from the next hour on."


def test_a_refusal_is_said_in_words_and_what_was_typed_stays(window: SettingsWindow, asks: Asks) -> None:
    number(window).setValue(100)
    window.save.click()
    assert not window.save.isEnabled()
    asks.answer(Denied("armed", f"{RISK} is too much.", money="No limit was changed.", todo="Disarm first."))
    assert window.said == '"Risk per trade" is too much. No limit was changed. Disarm first. (armed)'
    assert number(window).value() == 100
    assert window.save.isEnabled()


def test_a_number_beyond_what_is_allowed_here_is_left_to_the_dashboard(
    app: QApplication, asks: Asks, keep: Keep
) -> None:
    window = SettingsWindow(asks, lambda: None)
    keep(window)
    window.begin()
    odd = [setting(RISK, 500, "1 to 200"), setting("trading.kill_positions", "other", "one of hold, sell")]
    asks.answer(settings(*odd, setting("risk.daily_loss_bps", 300, "1 to 1,000")))
    window.part("risk.daily_loss_bps").setValue(200)  # type: ignore[attr-defined]
    window.save.click()
    _, args, _ = asks.answer(settings())
    assert args == ({"risk.daily_loss_bps": 200},), "only what was changed is sent"


def test_too_much_at_once_is_said(window: SettingsWindow, asks: Asks) -> None:
    asks.full = True
    window.again.click()
    assert "Too much is being asked" in window.said
    assert window.save.isEnabled()


@pytest.fixture
def wizard(app: QApplication, asks: Asks, keep: Keep) -> Wizard:
    made = Wizard(asks, lambda _: None)
    keep(made)
    made.show()
    made.begin()
    asks.answer(onboarding())
    made.next.click()
    asks.answer(onboarding(step="explained"))
    made.next.click()
    assert made.shown_screen == "paste"
    return made


def recovered(field: QLineEdit) -> str:
    """What can be read of a field's former content, as it is or by undoing."""
    field.setEchoMode(QLineEdit.EchoMode.Normal)
    seen = [field.text()]
    for _ in range(10):
        field.undo()
        seen.append(field.text())
    return max(seen, key=len)


@pytest.mark.parametrize("way", ["sent", "closed", "escape", "back"])
def test_what_was_pasted_cannot_be_brought_back(wizard: Wizard, asks: Asks, way: str) -> None:
    for field, text in ((wizard.key, KEY), (wizard.secret, SECRET)):
        field.setFocus()
        QTest.keyClicks(field, text)
    assert wizard.next.isEnabled()
    if way == "sent":
        wizard.next.click()
    elif way == "closed":
        wizard.close()
    elif way == "escape":
        QTest.keyClick(wizard, Qt.Key.Key_Escape)
    else:
        wizard.back.click()
    assert [recovered(field) for field in (wizard.key, wizard.secret)] == ["", ""]


def test_a_beginning_that_is_refused_leaves_the_screen_where_it_is(app: QApplication, asks: Asks, keep: Keep) -> None:
    made = Wizard(asks, lambda _: None)
    keep(made)
    made.begin()
    asks.answer(onboarding())
    for _ in range(2):
        made.next.click()
        asks.answer(Unreachable("daemon_not_reachable", "The daemon does not answer."))
        assert made.shown_screen == "needs"
    made.next.click()
    asks.answer(onboarding(step="explained"))
    assert made.shown_screen == "make"


def test_the_check_may_take_as_long_as_kraken_does(wizard: Wizard, asks: Asks) -> None:
    wizard.key.setText(KEY)
    wizard.secret.setText(SECRET)
    wizard.next.click()
    assert asks.waiting[-1][2] == CHECK_SECONDS > 60
    asks.answer(Unreachable("daemon_not_reachable", "The daemon does not answer.", todo="Start it."))
    assert wizard.said == "The daemon does not answer. Start it. (daemon_not_reachable)"
    assert wizard.back.isEnabled()


def test_swapped_fields_are_said_and_cannot_be_sent(wizard: Wizard) -> None:
    wizard.key.setText(SECRET)
    wizard.secret.setText(KEY)
    assert "private key stands in the place" in wizard.seen_text
    assert not wizard.next.isEnabled()


@pytest.fixture
def update(app: QApplication, asks: Asks, keep: Keep) -> UpdateWindow:
    made = UpdateWindow(asks)
    keep(made)
    made.show()
    made.begin()
    asks.answer(known())
    return made


def known(**changes: Any) -> Bundles:
    repository = {"name": "own", "url": "http://127.0.0.1:1", "root_sha256": "0" * 64, "channel": "stable"}
    made = {"active": Bundle(**bundle(1)), "offered": [offered(2)], "repository": repository}
    return found(**(made | {"staleness": Staleness(checked_at="2026-01-01T00:00:00Z")} | changes))


def operation(state: str = "running", done: int = 0, total: int = 0) -> Operation:
    return Operation(
        id="op-1", kind="bundle_update", state=state, done=done, total=total, created_at="2026-01-01T00:00:00Z"
    )  # type: ignore[arg-type]


def tick(window: UpdateWindow) -> None:
    """The time has come to look how far it is."""
    timer = window.findChild(QTimer)
    assert timer.isActive()
    timer.timeout.emit()


def test_progress_is_asked_once_at_a_time_and_shown_until_it_ends(update: UpdateWindow, asks: Asks) -> None:
    assert update.update_.isEnabled()
    update.update_.click()
    assert not update.update_.isEnabled()
    name, args, _ = asks.answer(operation())
    assert (name, args) == ("update_bundle", (offered(2).id,))
    for _ in range(3):
        tick(update)
    assert len(asks.waiting) == 1
    asks.answer(operation(done=50, total=100))
    assert (update.progress.value(), update.progress.maximum()) == (50, 100)
    tick(update)
    asks.answer(operation("done"))
    asks.answer(known(phase="armed", candidate=Bundle(**bundle(2))))
    assert "passed its examination" in update.texts["standing"]
    assert update.progress.isHidden()


def test_a_trial_has_a_bar_and_its_end_is_told(update: UpdateWindow, asks: Asks) -> None:
    trial = Probation(
        bars_done=3, min_bars=24, minutes_done=1, min_minutes=2, errors=0, max_errors=2, slow=0, worst_us=1, p99_us=9,
        psi_max="1", tries_left=2, line="On trial: 3 of 24 bars, all well.",
    )  # fmt: skip
    update.begin()
    asks.answer(known(phase="trying", candidate=Bundle(**bundle(2)), probation=trial, offered=[]))
    assert update.texts["decides"] == "Trying model 2026-02."
    assert update.texts["standing"] == "On trial: 3 of 24 bars, all well."
    assert (update.progress.value(), update.progress.maximum(), update.progress.isVisible()) == (3, 24, True)
    assert update.back.isEnabled()
    assert not update.update_.isEnabled()


def test_a_daemon_that_goes_under_an_update_leaves_no_bar_that_never_ends(update: UpdateWindow, asks: Asks) -> None:
    update.update_.click()
    asks.answer(operation())
    assert update.progress.isVisible()
    tick(update)
    asks.answer(Unreachable("daemon_not_reachable", "The daemon does not answer.", todo="Start it."))
    assert update.progress.isHidden()
    assert update.said == "The daemon does not answer. Start it. (daemon_not_reachable)"
    update.begin()
    asks.answer(known())
    assert update.update_.isEnabled()


def test_a_second_click_on_go_back_does_not_go_back_twice(update: UpdateWindow, asks: Asks) -> None:
    update.begin()
    asks.answer(known(last_known_good=Bundle(**bundle(0)), offered=[]))
    for _ in range(2):
        update.back.click()
    assert len(asks.waiting) == 1
    update.heard(StreamEvent(id=1, type="bundle", data={}))
    name, _, _ = asks.answer(Unreachable("daemon_not_reachable", "The daemon does not answer."))
    assert name == "rollback_bundle"
    asks.answer(known(last_known_good=Bundle(**bundle(0)), offered=[]))
    update.back.click()
    asks.answer(known(offered=[]))
    assert not asks.waiting
    assert not update.back.isEnabled(), "there is nothing to go back to"
    assert update.check.isEnabled()
