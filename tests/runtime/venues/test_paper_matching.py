"""Each rule in the docstring of `matching`, with the money it moves."""

from __future__ import annotations

import numpy as np
import pytest

from mooring.runtime.domain.codes import Liquidity, Outcome, Role
from mooring.runtime.domain.instruments import scales
from mooring.runtime.portfolio.account import LOTS_LIMIT, apply_buy, init_account
from mooring.runtime.venues.paper.matching import (
    EVENT_NAMES,
    PaperParams,
    event_buffers,
    init_paper,
    match,
    place_entry,
    place_exit,
    place_stop,
    reserved_by_entry,
    working_entries,
)
from tests.support.core import MONEY, bar, instrument

CASH = 10_000 * MONEY
PARAMS = PaperParams(taker_fee_ppm=4000, maker_fee_ppm=2500, cost_ppm=500)
LOT = 100  # money of one lot at one tick


class Venue:
    """A paper venue, an account with 10,000, and pairs at 100.00 with the smallest order 10 lots."""

    def __init__(self, symbols=1, *, params=PARAMS, cash=CASH, **figures):
        self.params = params
        self.scales = scales([instrument(f"S{i}-USD", **figures) for i in range(symbols)])
        self.account = init_account(symbols, cash)
        self.paper = init_paper(symbols)
        self.events, self.closures = event_buffers(symbols)

    def enter(self, quantity=1000, limit=10_000, stop=9_000, symbol=0):
        return Outcome(place_entry(self.paper, self.params, self.scales, self.account, symbol, quantity, limit, stop))

    def hold(self, quantity=1000, notional=1000 * 10_000 * LOT, symbol=0):
        apply_buy(self.account, symbol, quantity, notional, 0, 1)
        return self

    def exit(self, quantity=1000, symbol=0):
        return Outcome(place_exit(self.paper, self.account, symbol, quantity))

    def stop(self, quantity=1000, price=9_000, symbol=0):
        return Outcome(place_stop(self.paper, self.account, symbol, quantity, price))

    def meet(self, *bars):
        """Match one hour; (role, outcome, quantity, price) of each event."""
        count, self.closed = match(
            self.paper, self.params, self.scales, self.account, bar(*bars), self.events, self.closures
        )
        self.rows = [dict(zip(EVENT_NAMES, map(int, row), strict=True)) for row in self.events[:count]]
        return [(Role(r["role"]), Outcome(r["outcome"]), r["quantity"], r["price"]) for r in self.rows]


def up(value, ppm):
    """value * ppm / 10^6, rounded up."""
    return -(-value * ppm // 10**6)


# Market sells.


def test_a_market_sell_fills_at_the_open_less_costs_rounded_down():
    venue = Venue().hold()
    assert venue.exit() == Outcome.OPEN
    assert venue.meet((10_001, 10_500, 9_500, 10_400, 5)) == [(Role.EXIT, Outcome.FILLED, 1000, 9_995)]
    proceeds = 1000 * 9_995 * LOT
    assert (venue.rows[0]["notional"], venue.rows[0]["fee"]) == (proceeds, up(proceeds, 4000))
    assert venue.rows[0]["liquidity"] == Liquidity.TAKER
    assert venue.account.quantity[0] == 0
    assert venue.account.cash[0] == CASH - 1000 * 10_000 * LOT + proceeds - up(proceeds, 4000)


def test_a_market_sell_waits_through_missing_bars_and_bars_without_volume():
    venue = Venue().hold()
    venue.exit()
    assert venue.meet(None) == []
    assert venue.meet((10_000, 10_000, 10_000, 10_000, 0)) == []
    assert venue.paper.exit_quantity[0] == 1000
    assert venue.meet((10_000, 10_000, 10_000, 10_000, 1))[0][1] == Outcome.FILLED


def test_a_sale_at_a_price_of_nothing_still_gets_one_tick():
    venue = Venue().hold()
    venue.exit()
    assert venue.meet((1, 1, 1, 1, 5))[0] == (Role.EXIT, Outcome.FILLED, 1000, 1)


# Limit buys.


def test_an_entry_fills_at_the_open_plus_costs_rounded_up_where_that_is_within_the_limit():
    venue = Venue()
    venue.enter(limit=10_000)
    assert venue.meet((9_001, 9_900, 9_001, 9_500, 5)) == [
        (Role.ENTRY, Outcome.FILLED, 1000, 9_006),
        (Role.STOP, Outcome.OPEN, 1000, 0),
    ]
    value = 1000 * 9_006 * LOT
    assert (venue.rows[0]["fee"], venue.rows[0]["liquidity"]) == (up(value, 4000), Liquidity.TAKER)
    assert venue.account.cash[0] == CASH - value - up(value, 4000)


def test_an_open_at_the_limit_is_beyond_it_once_costs_are_added():
    venue = Venue()
    venue.enter(limit=10_000)
    assert venue.meet((10_000, 10_500, 10_000, 10_400, 5)) == [(Role.ENTRY, Outcome.EXPIRED, 1000, 0)]


def test_a_limit_merely_touched_does_not_fill():
    venue = Venue()
    venue.enter(limit=10_000)
    assert venue.meet((10_100, 10_200, 10_000, 10_100, 5)) == [(Role.ENTRY, Outcome.EXPIRED, 1000, 0)]
    assert venue.account.quantity[0] == 0


def test_a_limit_traded_through_fills_at_the_limit_as_maker():
    venue = Venue()
    venue.enter(limit=10_000)
    assert venue.meet((10_100, 10_200, 9_999, 10_100, 5))[0] == (Role.ENTRY, Outcome.FILLED, 1000, 10_000)
    value = 1000 * 10_000 * LOT
    assert (venue.rows[0]["fee"], venue.rows[0]["liquidity"]) == (up(value, 2500), Liquidity.MAKER)


@pytest.mark.parametrize("hour", [None, (9_500, 9_600, 9_400, 9_500, 0)], ids=["missing", "no volume"])
def test_an_entry_is_good_for_one_bar_even_if_that_one_is_missing_or_silent(hour):
    venue = Venue()
    venue.enter()
    assert venue.meet(hour) == [(Role.ENTRY, Outcome.EXPIRED, 1000, 0)]
    assert venue.meet((9_500, 9_600, 9_400, 9_500, 5)) == []
    assert venue.account.quantity[0] == 0


def test_a_filled_entry_leaves_a_stop_over_all_that_is_held():
    venue = Venue().hold(300)
    venue.enter(quantity=1000, limit=10_000, stop=9_100)
    venue.meet((9_900, 9_950, 9_850, 9_900, 5))
    assert (venue.paper.stop_quantity[0], venue.paper.stop_price[0]) == (1300, 9_100)
    assert venue.paper.entry_quantity[0] == 0


# Stops.


def test_a_stop_triggers_at_its_price_and_fills_there_less_costs():
    venue = Venue().hold()
    venue.stop(price=9_000)
    assert venue.meet((9_500, 9_600, 9_000, 9_400, 5)) == [(Role.STOP, Outcome.FILLED, 1000, 8_995)]
    assert venue.rows[0]["closures"] == venue.closed == 1


def test_a_stop_a_tick_away_rests():
    venue = Venue().hold()
    venue.stop(price=9_000)
    assert venue.meet((9_500, 9_600, 9_001, 9_400, 5)) == []
    assert venue.paper.stop_quantity[0] == 1000


def test_a_gap_below_the_stop_fills_at_the_open_less_costs():
    venue = Venue().hold()
    venue.stop(price=9_000)
    assert venue.meet((8_000, 9_600, 7_900, 9_400, 5)) == [(Role.STOP, Outcome.FILLED, 1000, 7_996)]


@pytest.mark.parametrize("hour", [None, (8_000, 8_000, 8_000, 8_000, 0)], ids=["missing", "no volume"])
def test_a_stop_rests_where_nothing_trades(hour):
    venue = Venue().hold()
    venue.stop(price=9_000)
    assert venue.meet(hour) == []
    assert venue.paper.stop_quantity[0] == 1000


def test_a_buy_is_taken_to_have_filled_before_the_low_of_its_bar():
    venue = Venue()
    venue.enter(limit=10_000, stop=9_000)
    assert venue.meet((10_100, 10_200, 8_900, 10_150, 5)) == [
        (Role.ENTRY, Outcome.FILLED, 1000, 10_000),
        (Role.STOP, Outcome.OPEN, 1000, 0),
        (Role.STOP, Outcome.FILLED, 1000, 8_995),
    ]
    assert venue.account.quantity[0] == 0
    assert venue.account.realised[0] < 0
    assert venue.paper.stop_quantity[0] == 0


def test_an_open_already_below_the_stop_buys_and_sells_at_the_open():
    venue = Venue()
    venue.enter(limit=10_000, stop=9_000)
    events = venue.meet((8_000, 8_100, 7_900, 8_050, 5))
    assert [(e[0], e[3]) for e in events] == [(Role.ENTRY, 8_004), (Role.STOP, 0), (Role.STOP, 7_996)]


def test_an_exit_fills_before_the_stop_and_cancels_it():
    venue = Venue().hold()
    venue.stop(price=9_000)
    venue.exit()
    assert venue.meet((9_800, 9_900, 8_000, 8_500, 5)) == [
        (Role.EXIT, Outcome.FILLED, 1000, 9_795),
        (Role.STOP, Outcome.CANCELLED, 1000, 0),
    ]
    assert venue.paper.stop_quantity[0] == venue.account.quantity[0] == 0


# Fees and rounding.


def test_fees_round_up_against_us_on_both_sides():
    venue = Venue(params=PaperParams(taker_fee_ppm=1, maker_fee_ppm=1, cost_ppm=0), order_min=1, cost_min=0)
    venue.enter(quantity=1, limit=10_000, stop=9_000)
    venue.meet((9_999, 9_999, 9_999, 9_999, 5))
    assert venue.rows[0]["fee"] == 1
    venue.exit(quantity=1)
    venue.meet((10_001, 10_001, 10_001, 10_001, 5))
    assert venue.rows[0]["fee"] == 2
    assert venue.account.fees[0] == 3


# What the venue refuses.


@pytest.mark.parametrize(
    ("order", "figures"),
    [
        ({"quantity": 0}, {}),
        ({"quantity": -5}, {}),
        ({"quantity": 9}, {}),
        ({"quantity": 1000}, {"cost_min": 1000 * 10_000 * LOT + 1}),
        ({"stop": 0}, {}),
        ({"stop": 10_000}, {}),
        ({"stop": 10_001}, {}),
    ],
)
def test_an_entry_below_a_minimum_or_with_a_senseless_stop_is_rejected(order, figures):
    venue = Venue(**figures)
    assert venue.enter(**order) == Outcome.REJECTED
    assert not any(part.any() for part in venue.paper)


def test_an_entry_at_the_minimums_is_taken():
    assert Venue(cost_min=10 * 10_000 * LOT).enter(quantity=10) == Outcome.OPEN


def test_a_second_order_of_a_kind_is_rejected_and_the_first_stays():
    venue = Venue().hold()
    assert venue.enter(quantity=100) == Outcome.OPEN
    assert venue.enter(quantity=50) == Outcome.REJECTED
    assert venue.exit(400) == Outcome.OPEN
    assert venue.exit(300) == Outcome.REJECTED
    assert venue.stop(1000) == Outcome.OPEN
    assert venue.stop(500) == Outcome.REJECTED
    assert [int(q[0]) for q in (venue.paper.entry_quantity, venue.paper.exit_quantity, venue.paper.stop_quantity)] == [
        100, 400, 1000,
    ]  # fmt: skip


@pytest.mark.parametrize("quantity", [1001, 0, -1])
def test_more_than_is_held_is_never_offered_for_sale(quantity):
    venue = Venue().hold(1000)
    assert venue.exit(quantity) == Outcome.REJECTED
    assert venue.stop(quantity) == Outcome.REJECTED
    assert venue.stop(1000, price=0) == Outcome.REJECTED


def test_an_entry_with_its_fee_may_cost_the_free_cash_and_not_a_unit_more():
    cost = 1000 * 10_000 * LOT
    assert Venue(cash=cost + up(cost, 4000)).enter() == Outcome.OPEN
    assert Venue(cash=cost + up(cost, 4000) - 1).enter() == Outcome.REJECTED


def test_working_entries_of_all_symbols_share_the_cash():
    cost = 1000 * 10_000 * LOT
    each = cost + up(cost, 4000)
    venue = Venue(3, cash=2 * each + each // 2)
    assert [venue.enter(symbol=s) for s in range(3)] == [Outcome.OPEN, Outcome.OPEN, Outcome.REJECTED]
    assert working_entries(venue.paper, venue.params, venue.scales) == 2 * each
    assert reserved_by_entry(venue.paper, venue.params, venue.scales, 2) == 0
    venue.meet(*[(9_990, 9_999, 9_900, 9_950, 5)] * 3)
    assert venue.account.cash[0] >= 0
    assert working_entries(venue.paper, venue.params, venue.scales) == 0


@pytest.mark.parametrize(("taker", "maker"), [(4000, 2500), (0, 20_000)], ids=["taker dearer", "maker dearer"])
def test_whatever_fee_a_fill_pays_was_set_aside(taker, maker):
    cost = 1000 * 10_000 * LOT
    cash = cost + up(cost, max(taker, maker))
    for hour in ((9_990, 10_000, 9_000, 9_950, 5), (10_100, 10_200, 9_999, 10_050, 5)):
        venue = Venue(params=PaperParams(taker_fee_ppm=taker, maker_fee_ppm=maker, cost_ppm=500), cash=cash)
        assert venue.enter(stop=8_000) == Outcome.OPEN
        assert venue.meet(hour)[0][1] == Outcome.FILLED
        assert venue.account.cash[0] >= 0
        short = Venue(params=venue.params, cash=cash - 1)
        assert short.enter(stop=8_000) == Outcome.REJECTED


def test_a_symbol_without_room_for_another_lot_takes_no_entry():
    venue = Venue()
    for _ in range(LOTS_LIMIT):
        venue.hold(10, 10)
    assert venue.enter() == Outcome.REJECTED


def test_symbols_are_matched_in_their_order_and_apart():
    venue = Venue(3).hold(1000, symbol=2)
    venue.exit(1000, symbol=2)
    venue.enter(symbol=0)
    events = venue.meet((9_900, 9_950, 9_850, 9_900, 5), None, (10_000, 10_000, 9_000, 10_000, 5))
    assert [(r["symbol"], e[0], e[1]) for r, e in zip(venue.rows, events, strict=True)] == [
        (0, Role.ENTRY, Outcome.FILLED),
        (0, Role.STOP, Outcome.OPEN),
        (2, Role.EXIT, Outcome.FILLED),
    ]
    assert venue.account.quantity.tolist() == [1000, 0, 0]


def test_all_that_a_bar_can_do_at_once_fits_the_buffers():
    venue = Venue(2, cash=10 * CASH)
    for symbol in range(2):
        for _ in range(LOTS_LIMIT - 1):
            venue.hold(10, 10, symbol=symbol)
        venue.exit(10 * (LOTS_LIMIT - 1), symbol=symbol)
        venue.stop(10, symbol=symbol)
        assert venue.enter(symbol=symbol) == Outcome.OPEN
    events = venue.meet(*[(10_100, 10_200, 8_000, 9_000, 5)] * 2)
    assert [e[1] for e in events] == [
        Outcome.FILLED, Outcome.CANCELLED, Outcome.FILLED, Outcome.OPEN, Outcome.FILLED,
    ] * 2  # fmt: skip
    assert venue.closed == 2 * LOTS_LIMIT
    assert not np.any(venue.account.quantity)
