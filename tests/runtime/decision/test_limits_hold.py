"""Over random markets and random limits: no debt, no short sale, no exposure past its cap, at any hour."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.decision.types import (
    B_CASH,
    B_EQUITY,
    B_TIER,
    B_VALUE,
    D_ACTION,
    D_PRICE,
    D_QUANTITY,
    D_REASON,
    WANT_ENTRY,
    WANT_NOTHING,
)
from mooring.runtime.domain.codes import Action, Outcome, Reason, Tier
from mooring.runtime.domain.instruments import notional
from mooring.runtime.venues.paper.matching import working_entries
from mooring.runtime.venues.paper.orders import O_ROLE
from tests.support.core import (
    BUSY,
    MONEY,
    book,
    decider,
    flat_bar,
    inputs,
    live,
    machine,
    random_bars,
    silent_producer,
    told_strategy,
    wish_row,
)
from tests.support.markets import SYMBOLS, machines, pressed


def check_decisions(made, said, held, shown):
    """What the step may promise, given what it was shown."""
    risk, listed = made.decider.params.risk, made.decider.params.scales
    rows, book = said.rows, said.book
    entries = [s for s in range(SYMBOLS) if rows[s, D_ACTION] == Action.ENTER]
    costs = {s: notional(listed, s, rows[s, D_PRICE], rows[s, D_QUANTITY]) for s in entries}
    fees = sum(-(-cost * risk.fee_ppm // 10**6) for cost in costs.values())
    assert sum(costs.values()) + fees <= book[B_CASH]
    if entries:
        percent = {Tier.NORMAL: 100, Tier.CAUTION: risk.caution_percent, Tier.DEFENSIVE: risk.defensive_percent}
        cap = book[B_EQUITY] * (risk.max_total_exposure_bps * percent[Tier(book[B_TIER])] // 100) // 10_000
        assert book[B_VALUE] + shown.working_entry.sum() + sum(costs.values()) <= cap
    for s in range(SYMBOLS):
        if rows[s, D_ACTION] == Action.EXIT:
            assert rows[s, D_QUANTITY] == held[s] > 0
    return len(entries)


def check_world(made, world):
    account, paper = world.account, world.paper
    assert account.cash[0] >= 0
    assert (account.quantity >= 0).all()
    assert (account.cost >= 0).all()
    assert (account.lot_count <= made.decider.params.risk.lots_limit).all()
    np.testing.assert_array_equal(account.lot_quantity.sum(axis=1), account.quantity)
    np.testing.assert_array_equal(account.lot_cost.sum(axis=1), account.cost)
    assert (paper.exit_quantity <= account.quantity).all()
    assert (paper.stop_quantity <= account.quantity).all()
    # No order is lost to rounding: cash is what came in, less what was paid and spent, to the last unit.
    assert account.cash[0] == made.starting_cash + account.realised[0] - account.cost.sum()
    assert working_entries(paper, made.paper_params, made.decider.params.scales) <= account.cash[0]


@settings(max_examples=40, deadline=None)
@given(made=machines(), seed=st.integers(0, 10**6), data=st.data())
def test_no_hour_of_any_market_breaks_a_limit(made, seed, data):
    bars = random_bars(seed, 150, SYMBOLS, missing=0.05, silent=0.05)
    switches = data.draw(pressed(150))
    wanted = None
    for hour in live(made, bars, switches):
        if wanted is not None:
            # What the step sized, the venue takes: their two ideas of cash and minimums agree.
            taken = hour.room.outcomes[wanted[:, O_ROLE] >= 0]
            assert (taken == Outcome.OPEN).all(), taken
        held = hour.world.account.quantity
        check_decisions(made, hour.said, held, hour.room.book)
        check_world(made, hour.world)
        blocked = switches.get(hour.row)
        if blocked is not None and (blocked[:2] != 0).any():
            assert Action.ENTER not in hour.said.rows[:, D_ACTION].tolist()
        wanted = hour.world.wanted.copy()


def test_such_markets_do_trade_so_that_the_property_says_something():
    made = machine(SYMBOLS, risk={"daily_loss_bps": 2000, "max_open_positions": 2}, **BUSY)
    actions: list[int] = []
    reasons: list[int] = []
    world = None
    for hour in live(made, random_bars(1, 600, SYMBOLS)):
        actions += hour.said.rows[:, D_ACTION].tolist()
        reasons += hour.said.rows[:, D_REASON].tolist()
        world = hour.world
    assert world is not None
    assert world.account.fills[0] > 100
    assert {*actions} == {*map(int, Action)}
    assert {Reason.SCORE_HIGH, Reason.STOP_REACHED, Reason.TARGET_REACHED, Reason.COOLDOWN, Reason.NO_BAR} <= {*reasons}


@settings(max_examples=150, deadline=None)
@given(
    stops=st.lists(st.integers(1, 10_049), min_size=2, max_size=8),
    cash_percent=st.integers(1, 100),
    symbol_cap=st.integers(500, 10_000),
    total_cap=st.integers(1_000, 10_000),
    fee=st.integers(0, 20_000),
    data=st.data(),
)
def test_entries_of_one_close_share_the_cash_with_its_fees_and_the_total_cap(
    stops, cash_percent, symbol_cap, total_cap, fee, data
):
    equity = 10_000 * MONEY
    symbols = len(stops) + 1
    wishes = [wish_row(WANT_ENTRY, stop=stop, score=data.draw(st.integers(1, 30))) for stop in stops]
    made = decider(
        symbols,
        producers=[silent_producer(symbols)],
        strategy=told_strategy([*wishes, wish_row(WANT_NOTHING)]),
        risk={
            "risk_per_trade_bps": 500,
            "max_symbol_exposure_bps": symbol_cap,
            "max_total_exposure_bps": total_cap,
            "fee_ppm": fee,
        },
    )
    cash = equity * cash_percent // 100
    held = (equity - cash) // (10_000 * 100)
    shown = book(cash, [0] * len(stops) + [held])
    said = made.step(made.init(), made.params, inputs(flat_bar(*[10_000] * symbols), shown))
    costs = [int(r[D_QUANTITY] * r[D_PRICE] * 100) for r in said.rows if r[D_ACTION] == Action.ENTER]
    assert sum(cost + -(-cost * fee // 10**6) for cost in costs) <= cash
    assert not costs or said.book[B_VALUE] + sum(costs) <= said.book[B_EQUITY] * total_cap // 10_000
    assert all(cost <= said.book[B_EQUITY] * symbol_cap // 10_000 for cost in costs)


def test_the_second_entry_of_a_close_gets_what_the_first_left_and_the_third_nothing():
    strategy = told_strategy([wish_row(WANT_ENTRY, stop=10_000)] * 3 + [wish_row(WANT_NOTHING)])
    caps = {"max_symbol_exposure_bps": 2_000, "max_total_exposure_bps": 10_000}
    made = decider(4, producers=[silent_producer(4)], strategy=strategy, risk=caps)
    shown = book(3_000 * MONEY, [0, 0, 0, 7_000 * MONEY // 10**6])
    said = made.step(made.init(), made.params, inputs(flat_bar(*[10_000] * 4), shown))
    lot = 10_050 * 100
    first = 2_000 * MONEY // lot
    left = 3_000 * MONEY - first * lot - -(-first * lot * 4_000 // 10**6)
    second = (left * 10**6 // 1_004_000 - 2) // lot
    assert said.rows[:3, D_QUANTITY].tolist() == [first, second, 0]
    assert said.rows[2, D_REASON] == Reason.NO_CASH
