"""Which run it is, and what a new one carries on."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from mooring.errors import Unverified
from mooring.runtime.decision.producers import momentum, rsi
from mooring.runtime.engine.run import open_run
from mooring.runtime.replay.recompute import recompute
from mooring.runtime.store.store import Store
from tests.support import core, runs

BARS = core.random_bars(11, 120, 3)
FIRST, REST = core.part_of(BARS, 0, 60), core.part_of(BARS, 60, 120)
FAR_STOPS = {"stop_atr_percent": 400, "target_atr_percent": 900, "exit_score": -30}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


def account_of(made):
    return made._cycle.world.account


def same_account(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_same_plan_is_the_same_run_whenever_it_is_opened(store):
    first = open_run(runs.plan(), store, now=5)
    again = open_run(runs.plan(), store, now=9)
    assert first.run_id == again.run_id
    assert again.manifest["created_at"] == 5
    assert store.reader().count("runs") == 1
    assert first.is_new_account
    assert first.resumes_after is None


def test_ids_are_the_same_in_every_store(tmp_path):
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with Store.open(tmp_path / name / "m.db") as store:
            made = runs.run_out(runs.make_engine(store, BARS))
            ids = [row["client_order_id"] for row in runs.rows(store, "order_intents", made)]
            ids += [row["fill_id"] for row in runs.rows(store, "fills", made)]
            ids += [row["trade_id"] for row in runs.rows(store, "trades", made)]
            found.append([made.status.run_id, *ids])
    assert found[0] == found[1]
    assert len(found[0]) > 60
    assert len(set(found[0])) == len(found[0])


@pytest.mark.parametrize("change", ["code_version", "settings_hash", "market", "market_hash", "mode"])
def test_whatever_else_can_change_a_decision_makes_another_run(store, change):
    value = "shadow" if change == "mode" else "other"
    first = open_run(runs.plan(), store, now=1)
    other = open_run(dataclasses.replace(runs.plan(), **{change: value}), store, now=2)
    assert other.run_id != first.run_id
    assert other.manifest["parent_run_id"] == (None if change == "mode" else first.run_id)


def test_changed_settings_carry_the_account_on_and_cancel_what_the_run_before_had_working(store):
    before = runs.run_out(runs.make_engine(store, FIRST, runs.plan(**FAR_STOPS)))
    held = account_of(before)
    assert int(held.quantity.sum()) > 0
    working = store.reader().unresolved_intents(before.status.run_id)
    assert working
    after = runs.make_engine(store, BARS, runs.plan(**FAR_STOPS, cooldown_bars=3))
    assert same_account(account_of(after), held)
    assert after._run.manifest["parent_run_id"] == before.status.run_id
    assert after._run.account_id == before._run.account_id
    assert store.reader().unresolved_intents(before.status.run_id) == []
    ended = store.reader().page("order_events", filters={"reason": "run_ended"}).items
    assert {row["client_order_id"] for row in ended} == {row["client_order_id"] for row in working}
    assert after.status.working_orders == 0
    assert (after.status.equity, after.status.cash) == (before.status.equity, before.status.cash)


def test_a_run_that_carries_on_goes_on_after_the_last_hour_of_the_account(store, tmp_path):
    before = runs.run_out(runs.make_engine(store, FIRST))
    after = runs.make_engine(store, BARS, runs.plan(cooldown_bars=3))
    assert after.status.last_cycle == before.status.last_cycle
    assert after.status.next_cycle == before.status.last_cycle + 3600
    runs.run_out(after)
    assert after.status.hours == 60
    assert recompute(after._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)
    balances = [store.reader().balances(made.status.run_id) for made in (before, after)]
    account = account_of(after)
    assert sum(part.get(("cash", "USD"), 0) for part in balances) == int(account.cash[0])
    for symbol in range(3):
        key = ("position", f"S{symbol}")
        assert sum(part.get(key, 0) for part in balances) == int(account.quantity[symbol])
    openings = [row for made in (before, after) for row in runs.rows(store, "ledger", made) if row["kind"] == "opening"]
    assert len(openings) == 2  # cash and principal, once


def test_a_held_symbol_gets_its_stop_back_in_the_new_run(store):
    before = runs.run_out(runs.make_engine(store, FIRST, runs.plan(**FAR_STOPS)))
    held = np.flatnonzero(account_of(before).quantity)
    stops = before._cycle.world.decision.strategy.stop.copy()
    after = runs.make_engine(store, BARS, runs.plan(**FAR_STOPS, cooldown_bars=3))
    runs.ahead(after, 1)
    placed = {
        row["symbol"]: row["stop_price"]
        for row in runs.rows(store, "order_intents", after)
        if row["order_type"] == "stop-loss"
    }
    still = [i for i in held if account_of(after).quantity[i] > 0 and after._cycle.world.paper.exit_quantity[i] == 0]
    assert still
    assert {f"S{i}-USD": int(stops[i]) for i in still}.items() <= placed.items()


@pytest.mark.parametrize(
    "change", [{"producers": (rsi, momentum)}, {"momentum_bars": 9}], ids=["other producers", "other layout"]
)
def test_another_layout_of_what_decides_carries_account_stops_and_limits_on(store, change, tmp_path):
    before = runs.run_out(runs.make_engine(store, FIRST, runs.plan(**FAR_STOPS)))
    was = before._cycle.world
    after = runs.make_engine(store, BARS, runs.plan(**FAR_STOPS, **change))
    now = after._cycle.world
    assert same_account(account_of(after), was.account)
    assert same_account(now.decision.risk, was.decision.risk)
    assert same_account(now.decision.strategy, was.decision.strategy)
    assert int(now.decision.features.bars.max()) == 0
    runs.run_out(after)
    assert recompute(after._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)


def test_another_strategy_carries_account_and_limits_on(store):
    before = runs.run_out(runs.make_engine(store, FIRST))
    silent = core.told_strategy([[0, 0, 0, 0, 0, 0, 0, 0]] * 3)
    after = runs.make_engine(store, BARS, runs.plan(strategy=silent))
    assert same_account(account_of(after), account_of(before))
    assert same_account(after._cycle.world.decision.risk, before._cycle.world.decision.risk)


def test_a_halt_by_drawdown_is_not_ended_by_changing_a_setting(store):
    tight = {"risk": {"drawdown_caution_bps": 1, "drawdown_defensive_bps": 2, "drawdown_halt_bps": 5}}
    before = runs.run_out(runs.make_engine(store, FIRST, runs.plan(**tight)))
    assert before.status.tier == "halt"
    after = runs.make_engine(store, BARS, runs.plan(**tight, producers=(rsi, momentum)))
    assert after.status.tier == "halt"
    assert after.status.peak == before.status.peak
    runs.run_out(after)
    assert not [row for row in runs.rows(store, "decisions", after) if row["action"] == "enter"]


def test_settings_changed_twice_before_an_hour_is_done_do_not_lose_the_account(store):
    before = runs.run_out(runs.make_engine(store, FIRST))
    for bars in (3, 4):
        between = open_run(runs.plan(cooldown_bars=bars), store, now=1)
        assert between.account_id == before._run.account_id
    after = runs.make_engine(store, BARS, runs.plan(cooldown_bars=5))
    assert same_account(account_of(after), account_of(before))
    assert not after._run.is_new_account
    assert after._run.resumes_after == before.status.last_cycle
    assert after.status.equity == before.status.equity


def test_settings_changed_before_the_first_hour_open_the_account_once(store):
    open_run(runs.plan(), store, now=1)
    made = runs.run_out(runs.make_engine(store, FIRST, runs.plan(cooldown_bars=4)))
    assert made._run.is_new_account
    assert store.reader().balances(made.status.run_id)["principal", "USD"] == -10_000 * core.MONEY


@pytest.mark.parametrize("change", [{"market": "bars-2"}, {"cash": 5_000 * core.MONEY}], ids=["market", "cash"])
def test_another_market_or_opening_cash_opens_another_account(store, change):
    before = runs.run_out(runs.make_engine(store, FIRST))
    after = runs.make_engine(store, FIRST, runs.plan(**change))
    assert after._run.account_id == after.status.run_id
    assert after._run.is_new_account
    assert after.status.cash == change.get("cash", 10_000 * core.MONEY)
    assert int(account_of(after).quantity.sum()) == 0
    assert store.reader().unresolved_intents(before.status.run_id) == []
    runs.run_out(after)
    assert recompute(after._run, store.reader()).agrees


def test_shadow_and_paper_keep_accounts_of_their_own_and_return_to_them(store, tmp_path):
    paper = runs.make_engine(store, BARS)
    runs.ahead(paper, 60)
    shadow = runs.make_engine(store, BARS, runs.plan(mode="shadow"))
    assert shadow._run.is_new_account
    assert shadow._run.account_id != paper._run.account_id
    runs.ahead(shadow, 40)
    opened = [row for row in runs.rows(store, "order_events", shadow) if row["status"] == "OPEN"]
    assert opened
    assert {row["reason"] for row in opened} == {"withheld"}
    paper = runs.run_out(runs.make_engine(store, BARS))
    shadow = runs.run_out(runs.make_engine(store, BARS, runs.plan(mode="shadow")))
    assert store.reader().count("runs") == 2
    assert paper.status.decision_hash == shadow.status.decision_hash == runs.simulated(BARS)[1].decision_hash.hex()
    assert paper.status.state_hash == shadow.status.state_hash
    runs.assert_sound(tmp_path / "m.db", store)


def test_an_account_whose_last_state_is_gone_is_refused_and_not_opened_anew(tmp_path):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        runs.run_out(runs.make_engine(store, FIRST))
        open_run(runs.plan(cooldown_bars=3), store, now=1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM state_latest")
        connection.commit()
    with Store.open(path) as store, pytest.raises(Unverified, match="is not in the database"):
        open_run(runs.plan(cooldown_bars=3), store, now=2)


def test_a_state_of_another_universe_is_refused(store):
    runs.run_out(runs.make_engine(store, FIRST))
    one = core.part_of(core.random_bars(11, 10, 2), 0, 10)
    forged = dataclasses.replace(runs.plan(2, cooldown_bars=3), instruments=runs.plan(3).instruments)
    with pytest.raises(Unverified, match="does not fit"):
        runs.make_engine(store, one, forged)
