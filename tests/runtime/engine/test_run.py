"""Which run it is, and what a new one carries on."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing

import numpy as np
import orjson
import pytest

from mooring.errors import Invalid, Unverified
from mooring.runtime.decision.producers import ma_cross, momentum, rsi
from mooring.runtime.domain.money import to_text
from mooring.runtime.domain.state_codec import digest
from mooring.runtime.engine.carry import described
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
    "change",
    [
        {"producers": (rsi, momentum)},
        {"producers": (momentum, rsi, ma_cross)},
        {"momentum_bars": 9},
        {"ema_fast": 5},
        {"rsi_oversold": 35},
    ],
    ids=["fewer producers", "another order", "another layout", "another period", "another level"],
)
def test_where_signals_are_others_they_begin_anew_and_account_stops_limits_and_closes_are_carried_on(
    store, change, tmp_path
):
    before = runs.run_out(runs.make_engine(store, FIRST, runs.plan(**FAR_STOPS)))
    was = before._cycle.world
    after = runs.make_engine(store, BARS, runs.plan(**FAR_STOPS, **change))
    now = after._cycle.world
    assert same_account(account_of(after), was.account)
    assert same_account(now.decision.risk, was.decision.risk)
    assert same_account(now.decision.strategy, was.decision.strategy)
    assert np.array_equal(now.decision.features.last_close, was.decision.features.last_close)
    fresh = after._run.machine.init().decision
    kept = now.decision.features._replace(last_close=fresh.features.last_close)
    assert digest(kept) == digest(fresh.features)
    assert digest(now.decision.producers) == digest(fresh.producers)
    runs.run_out(after)
    assert recompute(after._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)


@pytest.mark.parametrize("change", [{"cooldown_bars": 3}, {"stop_atr_percent": 500}, {"risk": {"daily_loss_bps": 200}}])
def test_where_signals_are_the_same_what_they_have_learnt_is_carried_on(store, change):
    before = runs.run_out(runs.make_engine(store, FIRST, runs.plan(**FAR_STOPS)))
    after = runs.make_engine(store, BARS, runs.plan(**(FAR_STOPS | change)))
    assert after.status.run_id != before.status.run_id
    was, now = before._cycle.world.decision, after._cycle.world.decision
    assert int(now.features.bars.min()) > 40
    assert digest(now) == digest(was)


def test_what_signals_learnt_two_runs_ago_is_not_taken_for_the_same_after_a_run_without_an_hour(store):
    runs.run_out(runs.make_engine(store, FIRST))
    open_run(runs.plan(ema_fast=5), store, now=1)
    again = runs.make_engine(store, BARS, runs.plan(ema_fast=5, cooldown_bars=3))
    assert int(again._cycle.world.decision.features.bars.max()) == 0
    back = runs.make_engine(store, BARS)
    assert int(back._cycle.world.decision.features.bars.min()) > 40


def test_what_is_held_keeps_its_value_where_signals_begin_anew_and_its_bar_is_missing(store):
    before = runs.run_out(runs.make_engine(store, FIRST, runs.plan(**FAR_STOPS)))
    held = account_of(before).quantity > 0
    assert held.any()
    assert before.status.tier != "halt"
    present = BARS.present.copy()
    present[60:64] = False
    gap = BARS._replace(present=present, **{c: getattr(BARS, c) * present for c in core.Bar._fields[2:]})
    after = runs.make_engine(store, gap, runs.plan(**FAR_STOPS, ema_fast=5))
    runs.ahead(after, 3)
    assert np.array_equal(account_of(after).quantity > 0, held)
    assert (after.status.equity, after.status.peak) == (before.status.equity, before.status.peak)
    assert after.status.tier == before.status.tier
    assert all(row["price"] > 0 for row in runs.rows(store, "positions", after))
    assert recompute(after._run, store.reader()).agrees


def test_parameters_stand_in_the_record_of_the_run(store):
    made = open_run(runs.plan(), store, now=1)
    params = orjson.loads(made.manifest["params"])
    assert params["features"]["ema_fast"] == core.BUSY["ema_fast"]
    assert params["producers"]["names"] == ["rsi", "momentum", "ma_cross"]
    assert params["strategy"]["params"]["weights"] == [1, 1, 1]
    assert params["starting_cash"] == 10_000 * core.MONEY


def test_a_parameter_that_cannot_be_recorded_is_refused(store):
    odd = core.silent_producer(3)
    odd.params = lambda _options: (object(),)
    with pytest.raises(Invalid, match="cannot be recorded"):
        open_run(runs.plan(producers=(odd,)), store, now=1)
    assert store.reader().count("runs") == 0


def test_a_rate_that_is_no_integer_is_recorded_bit_for_bit():
    exact = core.silent_producer(3)
    exact.params = lambda _options: (0.1, np.float64(0.25), None, "x", True)
    found = described(runs.plan(producers=(exact,)).machine.decider)["producers"]["params"][0]
    assert found == [(0.1).hex(), (0.25).hex(), None, "x", True]


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


def said_of_new_accounts(store, run_id=None):
    filters = {} if run_id is None else {"run_id": run_id}
    events = store.reader().page("run_events", filters=filters | {"kind": "new_account"}).items
    alerts = store.reader().page("alerts", filters=filters | {"code": "new_account"}).items
    assert len(events) == len(alerts)
    return [(event["detail"], alert["severity"], alert["text"]) for event, alert in zip(events, alerts, strict=True)]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"market": "bars-2"}, "market"),
        ({"cash": 5_000 * core.MONEY}, "starting cash"),
        ({"symbols": 2}, "universe"),
        ({"symbols": 2, "market": "bars-2", "cash": 10 * core.MONEY}, "market, the universe and the starting cash"),
    ],
)
def test_an_account_that_is_left_behind_for_a_new_one_is_told_of(store, tmp_path, changes, names):
    before = runs.run_out(runs.make_engine(store, FIRST, runs.plan(**FAR_STOPS)))
    assert said_of_new_accounts(store) == []
    symbols = changes.get("symbols", 3)
    bars = core.random_bars(11, 60, symbols)
    wanted = runs.plan(**({"symbols": symbols} | changes), **FAR_STOPS)
    after = runs.make_engine(store, bars, wanted)
    ((detail, severity, text),) = said_of_new_accounts(store, after.status.run_id)
    assert detail == f"{names} changed; the account before it is {before._run.account_id}"
    assert severity == "warning"
    assert text.startswith(f"A new paper account was opened because the {names} changed; the account before it has ")
    seen = before.status
    cash, value = (to_text(units, 8) for units in (seen.cash, seen.equity - seen.cash))
    assert seen.equity > seen.cash
    assert text.endswith(f" has {cash} USD in cash and {value} USD in positions.")
    assert after.status.alerts_open == 1
    again = runs.run_out(runs.make_engine(store, bars, wanted))
    assert again.status.alerts_open == 1
    assert len(said_of_new_accounts(store)) == 1
    runs.assert_sound(tmp_path / "m.db", store)


def test_nothing_is_said_of_a_new_account_where_none_is_left_behind(store):
    open_run(runs.plan(), store, now=1)  # never did an hour
    runs.run_out(runs.make_engine(store, FIRST, runs.plan(market="bars-2")))
    runs.make_engine(store, FIRST, runs.plan(mode="shadow"))
    runs.make_engine(store, BARS, runs.plan(market="bars-2", cooldown_bars=3))
    assert store.reader().count("runs") == 4
    assert said_of_new_accounts(store) == []


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
