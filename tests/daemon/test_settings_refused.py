"""Changes of settings that are refused, or that cannot be taken up: nothing is changed but what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from mooring.daemon import settings_start
from mooring.daemon import trader as trader_module
from mooring.errors import Denied, MooringError
from mooring.home import Home
from mooring.settings import Settings
from tests.daemon.changing import WARM, ahead, assert_one_thing, busy, value


def test_what_cannot_be_taken_up_is_rolled_back_with_an_alert_and_trading_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with busy(home) as it:
        ahead(it, WARM)
        before = it.client.status()
        it.client.change_settings({"strategy.cooldown_bars": 5, "logs.level": "warning"}, version=1)
        made = trader_module.machine_for
        calls = iter([ImportError("a secret of somebody's module")])

        def broken(settings: Settings, instruments: Any) -> Any:
            for error in calls:
                raise error
            return made(settings, instruments)

        monkeypatch.setattr(trader_module, "machine_for", broken)
        ahead(it, 2)
        after, now = it.client.status(), it.client.settings()
        assert (after.run_id, after.cycles) == (before.run_id, before.cycles + 2)
        assert (now.version, now.pending_cycle, value(now, "logs.level")) == (3, False, "warning")
        assert value(now, "strategy.cooldown_bars") == 1
        newest = it.client.settings_history().items[0]
        assert (newest.kind, newest.actor, newest.values) == ("rollback", "daemon", {"logs.level": "warning"})
        alert = next(iter(it.client.rows("alerts")))
        assert (alert["code"], alert["severity"]) == ("settings_rolled_back", "critical")
        assert "secret" not in str(alert)
        assert_one_thing(it)
    with busy(home) as it:
        assert it.client.status().run_id == before.run_id
        assert it.client.settings().version == 3


def test_a_start_that_cannot_use_what_was_changed_begins_with_what_was_in_force(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with busy(home) as it:
        ahead(it, 3)
        run_id = it.client.status().run_id
        it.client.change_settings({"strategy.cooldown_bars": 5}, version=1)
    made = settings_start.machine_for

    def broken(settings: Settings, instruments: Any) -> Any:
        if settings.strategy.cooldown_bars == 5:
            raise ImportError("gone")
        return made(settings, instruments)

    monkeypatch.setattr(settings_start, "machine_for", broken)
    with busy(home) as it:
        assert it.client.status().run_id == run_id
        now = it.client.settings()
        assert (now.version, value(now, "strategy.cooldown_bars")) == (3, 1)
        assert [row["code"] for row in it.client.rows("alerts")] == ["settings_rolled_back"]
        assert_one_thing(it)


def test_after_a_change_that_makes_the_hour_itself_fail_a_revert_lets_it_go_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with busy(home) as it:
        ahead(it, WARM)
        it.client.change_settings({"strategy.cooldown_bars": 5}, version=1)
        engine = it.daemon.trader.engine
        made = type(engine._cycle).advance

        def fails(cycle: Any, *args: Any) -> Any:
            if cycle.run.machine.decider.params.strategy.cooldown_bars == 5:
                cycle.torn = True
                raise ZeroDivisionError
            return made(cycle, *args)

        monkeypatch.setattr(type(engine._cycle), "advance", fails)
        with pytest.raises(ZeroDivisionError):
            ahead(it)
        assert it.client.status().state == "halted"
        it.client.revert_settings(1, version=2)
        it.client.start()
        it.client.stop()
        done = it.client.status().cycles
        assert (it.client.status().state, done > 0) == ("stopped", True)
        assert_one_thing(it)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"trading.mode": "live"}, "setting_not_by_api"),
        ({"trading.dry_run": False}, "setting_not_by_api"),
        ({"store.url": "postgresql://canary:secret@host/x"}, "setting_not_by_api"),
    ],
)
def test_gates_and_secrets_are_never_changed(home: Home, change: dict[str, Any], code: str) -> None:
    with busy(home) as it:
        with pytest.raises(Denied) as refused:
            it.client.change_settings(change, version=1)
        assert refused.value.code == code
        assert "canary" not in str(refused.value)
        assert it.client.settings().version == 1
        assert [item.value for item in it.client.settings().items if item.secret] == [None]
        newest = next(iter(it.client.rows("audit")))
        assert (newest["action"], newest["result"], newest["reason"]) == ("settings.change", code, next(iter(change)))


def test_everything_wrong_is_told_at_once_and_nothing_that_was_sent(home: Home) -> None:
    bad = {
        "risk.daily_loss_bps": 9_999_123,
        "logs.level": "canary-level",
        "canary-key": "canary-value",
        "signals.producers": ["rsi", "rsi", "canary-name"],
    }
    with busy(home) as it:
        with pytest.raises(MooringError) as refused:
            it.client.change_settings(bad, version=1)
        fields = {one.field: one.expected for one in refused.value.errors}  # type: ignore[attr-defined]
        assert fields.keys() == {
            "changes",
            "changes.risk.daily_loss_bps",
            "changes.logs.level",
            "changes.signals.producers",
        }
        assert fields["changes.risk.daily_loss_bps"] == "1 to 2000"
        told = f"{refused.value} {fields} {next(iter(it.client.rows('audit')))}"
        assert "canary" not in told
        assert "9999123" not in told
        assert it.client.settings().version == 1
        with pytest.raises(MooringError) as missing:
            it.client.change_settings({"signals.strategy": "canary_strategy"}, version=1)
        assert [one.rule for one in missing.value.errors] == ["unknown_extension"]  # type: ignore[attr-defined]
        with pytest.raises(MooringError) as together:
            it.client.change_settings({"signals.ema_fast": 400}, version=1)
        assert [one.expected for one in together.value.errors] == [  # type: ignore[attr-defined]
            "signals.ema_fast must be below signals.ema_slow"
        ]
