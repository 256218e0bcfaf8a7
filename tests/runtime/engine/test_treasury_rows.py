"""The treasury of an account, hour by hour: recomputable from its equity alone, over restarts and runs."""

from __future__ import annotations

import dataclasses

import pytest

from mooring.runtime.portfolio.treasury import TreasuryParams, TreasuryRow, init_treasury, update_treasury
from mooring.runtime.store.store import Store
from tests.support import core, runs

BARS = core.random_bars(8, 240, 3)
CASH = 10_000 * core.MONEY
OTHER = TreasuryParams(monthly_costs=0, protect=0, minimum_transfer=3 * core.MONEY)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


def recorded(store, *made):
    """The treasury's rows and those of the equity beside them, of these runs one after the other."""
    return [[row for one in made for row in runs.rows(store, name, one)] for name in ("treasury", "equity")]


def recomputed(treasury, equity, cash=CASH):
    state, found = init_treasury(cash), []
    for row, of in zip(treasury, equity, strict=True):
        assert row["hour_ts_utc"] == of["hour_ts_utc"]
        params = TreasuryParams(*(row[name] for name in TreasuryParams._fields))
        args = (of["hour_ts_utc"], of["equity"], of["cash"], of["realised_pnl"], of["fees_paid"])
        found.append(update_treasury(state, params, *args))
    return found


def as_said(rows):
    return [TreasuryRow(**{name: row[name] for name in TreasuryRow._fields}) for row in rows]


def test_every_hour_says_what_follows_from_the_equity_so_far(store):
    made = runs.run_out(runs.make_engine(store, BARS))
    treasury, equity = recorded(store, made)
    assert len(treasury) == 240
    assert as_said(treasury) == recomputed(treasury, equity)
    assert {row["principal"] for row in treasury} == {CASH}
    assert any(row["realised_day"] for row in treasury)
    assert len({row["reason"] for row in treasury}) > 1
    assert {tuple(row[name] for name in TreasuryParams._fields) for row in treasury} == {tuple(runs.TREASURY)}


def with_treasury(params, **over):
    return dataclasses.replace(runs.plan(**over), treasury=params)


def test_changed_settings_of_the_treasury_hold_from_the_next_hour_on_in_the_same_run(store):
    before = runs.make_engine(store, BARS)
    runs.ahead(before, 100)
    working = before.status.working_orders
    after = runs.make_engine(store, BARS, with_treasury(OTHER))
    assert (after.status.run_id, after.status.working_orders) == (before.status.run_id, working)
    treasury, equity = recorded(store, runs.run_out(after))
    said = [tuple(row[name] for name in TreasuryParams._fields) for row in treasury]
    assert said == [tuple(runs.TREASURY)] * 100 + [tuple(OTHER)] * 140
    assert as_said(treasury) == recomputed(treasury, equity)


def test_the_treasury_goes_on_where_a_new_run_carries_the_account_on(store):
    before = runs.make_engine(store, BARS)
    runs.ahead(before, 120)
    after = runs.run_out(runs.make_engine(store, BARS, with_treasury(OTHER, cooldown_bars=3, ema_fast=5)))
    treasury, equity = recorded(store, before, after)
    assert len(treasury) == 240
    assert as_said(treasury) == recomputed(treasury, equity)


def test_another_account_begins_with_its_own_principal_and_no_past(store):
    runs.run_out(runs.make_engine(store, core.part_of(BARS, 0, 120)))
    cash = 5_000 * core.MONEY
    made = runs.run_out(runs.make_engine(store, BARS, runs.plan(cash=cash)))
    treasury, equity = recorded(store, made)
    assert as_said(treasury) == recomputed(treasury, equity, cash)
    assert {row["principal"] for row in treasury} == {cash}
