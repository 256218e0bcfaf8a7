"""Campaigns: from the first buy of a symbol until nothing of it is held, hour by hour and across runs."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.decision.types import D_TARGET, DECISION_COLUMNS
from mooring.runtime.domain.codes import Outcome, Role
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.engine.campaigns import Campaigns
from mooring.runtime.portfolio.account import LOTS_LIMIT, apply_buy, apply_sell, init_account
from mooring.runtime.store.store import Store
from mooring.runtime.venues.paper.matching import (
    E_CLOSURES,
    E_FEE,
    E_NOTIONAL,
    E_OUTCOME,
    E_QUANTITY,
    E_ROLE,
    E_SYMBOL,
    event_buffers,
)
from tests.support import core, runs

BARS = core.random_bars(11, 200, 3)
SYMBOLS = 2
STOPS, RESTING, TARGETS = (900, 800), (700, 600), (1200, 1300)


class Book:
    """An account that fills as it is told, and its campaigns; one call of `hour` for each hour."""

    def __init__(self):
        self.account = init_account(SYMBOLS, 10**12)
        self.opening = np.zeros(SYMBOLS, np.int64)
        self.campaigns = Campaigns("acc", core.universe(SYMBOLS), self.opening)
        self.ts = core.START

    def hour(self, *fills):
        """Rows of an hour with these (symbol, buy, quantity, notional, fee); outcomes that are no fills lie between."""
        account, count, closed = self.account, 0, 0
        before = account.quantity.copy(), account.cost.copy(), int(account.fills[0])
        events, closures = event_buffers(8)
        self.ts += 3600
        for symbol, buy, quantity, notional, fee in fills:
            parts = 0
            if buy:
                apply_buy(account, symbol, quantity, notional, fee, self.ts)
            else:
                parts = apply_sell(account, symbol, quantity, notional, fee, self.ts, closures[closed:])
            for outcome in (Outcome.EXPIRED, Outcome.FILLED):
                row = events[count]
                row[E_SYMBOL], row[E_ROLE], row[E_OUTCOME] = symbol, Role.ENTRY if buy else Role.EXIT, outcome
                row[E_QUANTITY], row[E_NOTIONAL], row[E_FEE] = quantity, notional, fee
                row[E_CLOSURES] = parts if outcome is Outcome.FILLED else 0
                count += 1
            closed += parts
        decisions = np.zeros((SYMBOLS, DECISION_COLUMNS), np.int64)
        decisions[:, D_TARGET] = TARGETS
        made = self.campaigns.rows(
            events[:count],
            closures[:closed],
            fills_before=before[2],
            held=before[:2],
            stops=(np.array(STOPS), np.array(RESTING)),
            decisions=decisions,
        )
        assert {table for table, _ in made} <= {"campaigns"}
        return [row for _, row in made]


def named(number, symbol=0):
    return derived_id("campaign", "acc", f"S{symbol}-USD", number)


def short(row):
    return tuple(row[name] for name in ("event", "quantity", "cost", "realised_pnl", "stop", "target"))


def test_a_campaign_is_opened_added_to_reduced_and_closed():
    book = Book()
    (opened,) = book.hour((0, True, 10, 1000, 10))
    assert short(opened) == ("opened", 10, 1010, 0, 900, 1200)
    assert (opened["campaign_id"], opened["symbol"]) == (named(1), "S0-USD")
    (added,) = book.hour((0, True, 10, 1500, 10))
    assert short(added) == ("added", 20, 2520, 0, 900, 1200)
    assert book.hour() == []
    (reduced,) = book.hour((0, False, 15, 3000, 30))  # all of the first lot, half of the second
    assert short(reduced) == ("reduced", 5, 755, 3000 - 30 - 1010 - 755, 700, 1200)
    (closed,) = book.hour((0, False, 5, 500, 5))
    assert short(closed) == ("closed", 0, 0, 500 - 5 - 755, 0, 0)
    # The lot that opened it was sold long ago; the campaign keeps its name.
    assert {row["campaign_id"] for row in (added, reduced, closed)} == {named(1)}
    (again,) = book.hour((0, True, 1, 100, 1))
    assert (again["event"], again["campaign_id"]) == ("opened", named(5))


def test_one_that_comes_and_goes_within_an_hour_has_both_rows():
    opened, closed = Book().hour((1, True, 10, 1000, 10), (1, False, 10, 900, 9))
    assert short(opened) == ("opened", 10, 1010, 0, 800, 0)
    assert short(closed) == ("closed", 0, 0, 900 - 9 - 1010, 0, 0)
    assert opened["campaign_id"] == closed["campaign_id"] == named(1, 1)


def test_an_hour_may_close_one_campaign_of_a_symbol_and_open_and_close_the_next():
    book = Book()
    book.hour((0, True, 10, 1000, 0))
    rows = book.hour((0, False, 10, 1100, 0), (0, True, 5, 600, 0), (0, False, 5, 500, 0))
    assert [(row["campaign_id"], row["event"], row["realised_pnl"]) for row in rows] == [
        (named(1), "closed", 100),
        (named(3), "opened", 0),
        (named(3), "closed", -100),
    ]


def test_several_fills_of_one_kind_in_an_hour_are_one_row():
    book = Book()
    rows = book.hour(*[(0, True, 10, 1000, 0)] * 3)
    assert [(row["event"], row["quantity"], row["cost"]) for row in rows] == [("opened", 10, 1000), ("added", 30, 3000)]
    rows = book.hour((0, False, 5, 600, 0), (0, False, 5, 700, 0))
    assert [short(row)[:4] for row in rows] == [("reduced", 20, 2000, 300)]
    rows = book.hour((0, False, 5, 500, 0), (0, True, 9, 900, 0), (0, False, 5, 500, 0))
    assert [short(row)[:4] for row in rows] == [("added", 24, 2400, 0), ("reduced", 19, 1900, 0)]


@st.composite
def histories(draw):
    """Hours of fills that an account can do: quantities held are known beforehand."""
    held, lots, hours = [0] * SYMBOLS, [0] * SYMBOLS, []
    for _ in range(draw(st.integers(1, 12))):
        fills = []
        for _ in range(draw(st.integers(0, 4))):
            symbol = draw(st.integers(0, SYMBOLS - 1))
            buy = held[symbol] == 0 or (lots[symbol] < LOTS_LIMIT and draw(st.booleans()))
            quantity = draw(st.integers(1, 50) if buy else st.just(held[symbol]) | st.integers(1, held[symbol]))
            notional = draw(st.integers(1, 10**6))
            fills.append((symbol, buy, quantity, notional, draw(st.integers(0, notional))))
            held[symbol] += quantity if buy else -quantity
            lots[symbol] = lots[symbol] + 1 if buy else lots[symbol] * (held[symbol] > 0)
        hours.append(fills)
    return hours


@settings(max_examples=200, deadline=None)
@given(histories())
def test_whatever_is_filled_campaigns_add_up_to_the_account(hours):
    book, told = Book(), defaultdict(list)
    for fills in hours:
        rows = book.hour(*fills)
        assert len({(row["campaign_id"], row["event"]) for row in rows}) == len(rows)
        for symbol in {fill[0] for fill in fills}:
            last = [row for row in rows if row["symbol"] == f"S{symbol}-USD"][-1]
            assert (last["quantity"], last["cost"]) == (book.account.quantity[symbol], book.account.cost[symbol])
        for row in rows:
            told[row["campaign_id"]].append(row)
        assert [bool(number) for number in book.opening] == [bool(held) for held in book.account.quantity]
    assert sum(row["realised_pnl"] for rows in told.values() for row in rows) == int(book.account.realised[0])
    for rows in told.values():
        kinds = [row["event"] for row in rows]
        assert kinds[0] == "opened"
        assert kinds.count("opened") == 1
        assert "closed" not in kinds[:-1]
    running = {named(int(number), i) for i, number in enumerate(book.opening) if number}
    assert {name for name, rows in told.items() if rows[-1]["event"] != "closed"} == running


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


def by_symbol(rows):
    found = defaultdict(list)
    for row in rows:
        found[row["symbol"]].append(row)
    return found


def test_over_a_run_campaigns_tell_the_same_as_fills_trades_and_positions(store):
    made = runs.run_out(runs.make_engine(store, BARS, runs.plan(stop_atr_percent=60)))
    rows, fills = runs.rows(store, "campaigns", made), runs.rows(store, "fills", made)
    assert {row["event"] for row in rows} == {"opened", "closed"}
    assert len(rows) == len(fills) > 60
    within = {row["hour_ts_utc"] for row in rows if row["event"] == "opened"} & {
        row["hour_ts_utc"] for row in rows if row["event"] == "closed"
    }
    assert within
    trades = runs.rows(store, "trades", made)
    assert sum(row["realised_pnl"] for row in rows) == sum(row["pnl"] for row in trades)
    for symbol, of_symbol in by_symbol(rows).items():
        for row, fill in zip(of_symbol, by_symbol(fills)[symbol], strict=True):
            assert (row["hour_ts_utc"], row["event"]) == (
                fill["hour_ts_utc"],
                "opened" if fill["side"] == "buy" else "closed",
            )
            if fill["side"] == "buy":
                assert (row["quantity"], row["cost"]) == (fill["quantity"], fill["notional"] + fill["fee"])
                placed = store.reader().find("order_intents", parent_id=fill["client_order_id"])
                assert row["stop"] == placed["stop_price"] > 0
    last = {symbol: of_symbol[-1] for symbol, of_symbol in by_symbol(rows).items()}
    positions = store.reader().hour(made.status.run_id, made.status.last_cycle).get("positions", [])
    held = {row["symbol"]: (row["quantity"], row["cost"]) for row in positions}
    assert held == {s: (row["quantity"], row["cost"]) for s, row in last.items() if row["event"] != "closed"}


def test_the_target_is_the_decisions_at_the_close_after_the_buy(store):
    made = runs.run_out(runs.make_engine(store, BARS))
    seen = 0
    for row in runs.rows(store, "campaigns", made):
        if row["event"] == "opened":
            hour = store.reader().hour(row["run_id"], row["hour_ts_utc"])
            (decided,) = [one for one in hour["decisions"] if one["symbol"] == row["symbol"]]
            held = row["symbol"] in {one["symbol"] for one in hour.get("positions", [])}
            assert row["target"] == (decided["target"] if held else 0)
            seen += held
    assert seen > 10


FAR = {"stop_atr_percent": 400, "target_atr_percent": 900, "exit_score": -30}


def test_a_campaign_is_known_by_the_same_name_after_a_restart_and_in_the_next_run(store):
    before = runs.run_out(runs.make_engine(store, core.part_of(BARS, 0, 60), runs.plan(**FAR)))
    running = {
        symbol: rows[-1]["campaign_id"]
        for symbol, rows in by_symbol(runs.rows(store, "campaigns", before)).items()
        if rows[-1]["event"] == "opened"
    }
    assert running
    after = runs.make_engine(store, BARS, runs.plan(cooldown_bars=3))
    runs.ahead(after, 5)
    after = runs.run_out(runs.make_engine(store, BARS, runs.plan(cooldown_bars=3)))
    told = by_symbol(runs.rows(store, "campaigns", after))
    assert {symbol: told[symbol][0]["campaign_id"] for symbol in running} == running
    assert {told[symbol][0]["event"] for symbol in running} == {"closed"}
    everything = runs.rows(store, "campaigns", before) + runs.rows(store, "campaigns", after)
    opened = [row["campaign_id"] for row in everything if row["event"] == "opened"]
    assert len({*opened}) == len(opened)


def test_a_new_account_names_its_campaigns_anew(store):
    found = []
    for market in ("bars-1", "bars-2"):
        made = runs.run_out(runs.make_engine(store, BARS, runs.plan(market=market)))
        found.append({row["campaign_id"] for row in runs.rows(store, "campaigns", made)})
    assert len(found[0]) == len(found[1]) > 0
    assert not found[0] & found[1]
