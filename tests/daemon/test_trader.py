"""The trader: a run that is the same is carried on, one that is not begins its own, and what it did can be recomputed."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import orjson
import pytest

from mooring.daemon.demo import DemoRequest, demonstration, summary
from mooring.errors import Denied, Invalid
from mooring.home import Home
from mooring.runtime.store.reader import Reader
from mooring.secrets.vault import MemoryVault
from mooring.settings import Settings
from tests.daemon.daemons import START, running


def test_same_settings_carry_the_run_on_and_other_risk_limits_begin_another_on_the_same_account(home: Home) -> None:
    with running(home, hours=30) as it:
        it.finish()
        first = it.client.status()
    with running(home, hours=30) as it:
        assert it.client.status().run_id == first.run_id
    with running(home, hours=40, risk__max_open_positions=1) as it:
        other = it.client.status()
        assert other.run_id != first.run_id
        assert (other.equity, other.cash) == (first.equity, first.cash)
        it.finish()
        assert it.client.status().last_cycle is not None
        assert it.daemon.trader.recompute().agrees


def test_setting_that_decides_nothing_keeps_the_run(home: Home) -> None:
    with running(home, hours=5) as it:
        first = it.client.status().run_id
    with running(home, hours=5, logs__level="debug") as it:
        assert it.client.status().run_id == first


def test_recomputation_of_an_undisturbed_run_agrees_in_every_hour(home: Home) -> None:
    with running(home, hours=30) as it:
        it.finish()
        good = it.daemon.trader.recompute()
    assert good.agrees
    assert good.hours == 30


HOURS_THAT_END_WITH_A_POSITION = 50


def test_a_kill_pressed_in_one_mode_and_released_there_leaves_no_order_of_the_other_working(home: Home) -> None:
    with running(home, hours=HOURS_THAT_END_WITH_A_POSITION) as it:
        it.finish()
        trader = it.daemon.trader
        paper = trader.run
        reader = trader.store.reader()
        assert trader.status.positions
        left = {row["client_order_id"] for row in reader.unresolved_intents(paper.run_id)}
        trader.set_mode("shadow")
        it.client.kill_switch(active=True, reason="enough")
        it.client.kill_switch(active=True, reason="twice is once")
        it.client.kill_switch(active=False)
        assert reader.unresolved_intents(paper.run_id) == []
        trader.set_mode("paper")
        assert trader.run.run_id == paper.run_id
        assert trader.status.working_orders == 0
        cancelled = reader.page("order_events", limit=50, filters={"run_id": paper.run_id, "status": "CANCELLED"}).items
        assert sorted(row["client_order_id"] for row in cancelled) == sorted(left)
    # The market goes on: what was cancelled stays so, and the hours come out again when they are recomputed.
    with running(home, hours=HOURS_THAT_END_WITH_A_POSITION + 10) as it:
        it.finish()
        again = it.daemon.trader.recompute()
        assert (again.agrees, again.hours) == (True, HOURS_THAT_END_WITH_A_POSITION + 10)


def test_a_kill_works_while_a_change_of_mode_waits_for_the_venue(home: Home) -> None:
    with running(home, hours=5) as it:
        it.finish()
        trader = it.daemon.trader
        with trader._lock:  # as `set_mode` holds it
            pressing = threading.Thread(target=trader.kill, args=("now",))
            pressing.start()
            ends = time.monotonic() + 30
            while not trader.status.kill_active and time.monotonic() < ends:
                time.sleep(0.01)
            assert trader.status.kill_active
        pressing.join(30)
        assert not pressing.is_alive()


def test_a_mode_that_is_left_ends_its_run_and_one_that_is_taken_up_again_starts_it(home: Home) -> None:
    with running(home, hours=5) as it:
        it.finish()
        trader, runs = it.daemon.trader, []
        for mode in ("shadow", "paper"):
            runs.append(trader.run.run_id)
            trader.set_mode(mode)
        found = {run_id: kinds(trader.store.reader(), run_id) for run_id in runs}
    paper, shadow = runs
    assert found == {paper: ["started", "ended", "started"], shadow: ["started", "ended"]}
    with running(home, hours=5) as it:
        assert kinds(it.daemon.trader.store.reader(), paper) == ["started", "ended"] * 2 + ["started"]


def kinds(reader: Reader, run_id: str) -> list[str]:
    return [row["kind"] for row in reader.scan("run_events", run_id)]


def test_limits_are_recorded_with_the_bounds_that_no_setting_may_exceed(home: Home) -> None:
    with running(home, hours=1, risk__daily_loss_bps=250) as it:
        it.finish()
        row = it.daemon.trader.store.reader().find("risk_profiles")
        assert row is not None
        assert orjson.loads(row["limits"])["daily_loss_bps"] == 250
        bounds = orjson.loads(row["bounds"])
    assert bounds["risk.daily_loss_bps"] == "1 to 2000"
    assert sorted(bounds) == sorted(f"risk.{name}" for name in Settings().risk.model_dump())


def test_settings_of_the_treasury_reach_its_rows_and_keep_the_run(home: Home) -> None:
    with running(home, hours=2) as it:
        it.finish()
        run_id = it.client.status().run_id
    with running(home, hours=3, treasury__monthly_costs=7, treasury__principal_protection=False) as it:
        it.finish()
        assert it.client.status().run_id == run_id
        rows = list(it.daemon.trader.store.reader().scan("treasury", run_id))
    said = [(row["monthly_costs"], row["protect"], row["minimum_transfer"]) for row in rows]
    assert said == [(0, 1, 10 * 10**8)] * 2 + [(7 * 10**8, 0, 10 * 10**8)]


@pytest.mark.parametrize("mode", ["live", "yolo"])
def test_mode_that_is_not_there_is_denied(home: Home, mode: str) -> None:
    with running(home) as it, pytest.raises((Denied, Invalid)):
        it.daemon.trader.set_mode(mode)


def test_same_mode_changes_nothing_even_while_it_runs(home: Home) -> None:
    with running(home, speed=1.0, hours=None, autostart=True) as it:
        before = it.daemon.trader.run
        it.daemon.trader.set_mode("paper")
        assert it.daemon.trader.run is before
        assert it.client.status().state == "running"


def request(home: Home, **over: object) -> DemoRequest:
    values = {"bars": None, "symbols": None, "start": None, "hours": 10, "speed": 0.0, "seed": None}
    return DemoRequest(home=home, **(values | over))  # type: ignore[arg-type]


@pytest.mark.parametrize("hours", [0, -1, 1_000_001])
def test_demo_of_impossible_length_is_refused_before_its_home_is_made(home: Home, hours: int) -> None:
    missing = Home(root=home.root / "d")
    with pytest.raises(Invalid), demonstration(request(missing, hours=hours), {}):
        pass
    assert not missing.root.exists()


def test_demo_is_on_paper_with_its_token_in_memory_whatever_the_settings_say(home: Home) -> None:
    with demonstration(request(home, seed=7, symbols=("ETH-EUR",)), {"MOORING_TRADING__MODE": "shadow"}) as demo:
        daemon = demo.daemon
        made = daemon._options
        assert daemon.trader.engine.mode == "paper"
    assert made.settings.trading.mode == "paper"
    assert made.settings.market.seed == 7
    assert made.settings.market.symbols == ("ETH-EUR",)
    vault: Any = made.vault
    while not isinstance(vault, MemoryVault):  # within what watches it
        vault = vars(vault)["_vault"]
    assert made.autostart


def test_summary_tells_what_was_done_and_that_it_holds(home: Home) -> None:
    with demonstration(request(home, hours=48), {}) as demo:
        daemon = demo.daemon
        assert daemon.trader.engine.wait_finished(60)
        daemon.trader.engine.stop()
        figures = summary(demo)
        reader = daemon.trader.store.reader()
        assert figures["verified"]
        assert figures["breaks"] == []
        assert figures["fills"] == reader.count("fills", run_id=figures["run_id"]) > 0
        assert figures["ledger_rows"] == reader.heads()["ledger"].count


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state_hash": "0" * 64}, "recomputation differs: the last recorded hour is not the one in memory"),
        (
            {"differs_at": START + 3600, "what": "equity"},
            "recomputation differs: equity at 2024-01-01T01:00:00Z",
        ),
    ],
)
def test_summary_says_where_a_recomputation_differs(
    home: Home, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], said: str
) -> None:
    with demonstration(request(home, hours=3), {}) as demo:
        daemon = demo.daemon
        assert daemon.trader.engine.wait_finished(60)
        again = replace(daemon.trader.recompute(), **changed)
        monkeypatch.setattr(daemon.trader, "recompute", lambda: again)
        figures = summary(demo)
    assert figures["verified"] is False
    assert figures["breaks"] == [said]


def test_summary_of_a_demo_whose_ledger_was_changed_is_not_verified(home: Home) -> None:
    with demonstration(request(home, hours=48), {}) as demo:
        daemon = demo.daemon
        assert daemon.trader.engine.wait_finished(60)
        daemon.trader.engine.stop()
        path = daemon.trader.store.path
        import sqlite3  # noqa: PLC0415

        connection = sqlite3.connect(path)
        connection.execute("DROP TRIGGER tg_ledger_update")
        connection.execute("UPDATE ledger SET amount = amount + 1 WHERE seq = 5")
        connection.commit()
        connection.close()
        figures = summary(demo)
    assert figures["verified"] is False
    assert any("ledger row 5" in found for found in figures["breaks"])
