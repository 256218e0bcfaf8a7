from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.portfolio.account import (
    CLOSURE_COLUMNS,
    CLOSURE_NAMES,
    LOTS_LIMIT,
    apply_buy,
    apply_sell,
    init_account,
)

CASH = 10**12


def sell(account, symbol, quantity, notional, fee=0, ts=99):
    closures = np.full((LOTS_LIMIT, CLOSURE_COLUMNS), -7, np.int64)
    count = apply_sell(account, symbol, quantity, notional, fee, ts, closures)
    assert (closures[count:] == -7).all()
    return [dict(zip(CLOSURE_NAMES, map(int, row), strict=True)) for row in closures[:count]]


def three_lots():
    account = init_account(2, CASH)
    for ts, (quantity, notional, fee) in enumerate([(10, 1000, 5), (20, 2600, 7), (5, 900, 1)], start=1):
        apply_buy(account, 1, quantity, notional, fee, ts)
    return account


def test_a_buy_pays_notional_and_fee_and_opens_a_lot_that_costs_both():
    account = three_lots()
    assert account.cash[0] == CASH - 4500 - 13
    assert account.fees[0] == 13
    assert account.quantity.tolist() == [0, 35]
    assert account.cost.tolist() == [0, 4513]
    assert account.lot_quantity[1, :4].tolist() == [10, 20, 5, 0]
    assert account.lot_cost[1, :4].tolist() == [1005, 2607, 901, 0]
    assert account.lot_opened[1, :4].tolist() == [1, 2, 3, 0]
    assert account.lot_fill[1, :4].tolist() == [1, 2, 3, 0]


def test_the_oldest_lots_close_first_and_the_rest_moves_up():
    account = three_lots()
    closed = sell(account, 1, 15, 3000, fee=0)
    assert [(c["quantity"], c["cost"], c["opened_ts"], c["open_fill"]) for c in closed] == [
        (10, 1005, 1, 1),
        (5, 651, 2, 2),
    ]
    assert [c["proceeds"] for c in closed] == [2000, 1000]
    assert {(c["symbol"], c["closed_ts"], c["close_fill"]) for c in closed} == {(1, 99, 4)}
    assert account.lot_quantity[1, :3].tolist() == [15, 5, 0]
    assert account.lot_cost[1, :3].tolist() == [2607 - 651, 901, 0]


def test_parts_of_a_sale_that_does_not_divide_still_add_up_to_it():
    account = three_lots()
    closed = sell(account, 1, 35, 10_000, fee=1)
    assert sum(c["proceeds"] for c in closed) == 9_999
    assert sum(c["cost"] for c in closed) == 4513
    assert [c["proceeds"] for c in closed] == [2856, 5714, 1429]
    assert account.quantity[1] == account.cost[1] == account.lot_count[1] == 0
    assert not account.lot_quantity.any()
    assert not account.lot_fill.any()


def test_realised_profit_is_the_sum_of_the_closures():
    account = three_lots()
    closed = sell(account, 1, 3, 400) + sell(account, 1, 30, 2900, fee=9)
    assert account.realised[0] == sum(c["proceeds"] - c["cost"] for c in closed)
    assert account.fees[0] == 22


def test_a_fee_larger_than_the_proceeds_is_paid_from_cash():
    account = three_lots()
    before = int(account.cash[0])
    closed = sell(account, 1, 12, 3, fee=8)
    assert account.cash[0] == before - 5
    assert sum(c["proceeds"] for c in closed) == -5


def frozen(account):
    return [array.tobytes() for array in account]


@pytest.mark.parametrize(
    ("quantity", "notional", "fee"),
    [(1, CASH, 1), (1, CASH + 1, 0), (0, 10, 0), (-1, 10, 0), (1, -1, 0), (1, 10, -1)],
)
def test_a_buy_beyond_the_cash_or_of_nothing_raises_and_changes_nothing(quantity, notional, fee):
    account = init_account(1, CASH)
    before = frozen(account)
    with pytest.raises(ValueError, match="apply_buy"):
        apply_buy(account, 0, quantity, notional, fee, 1)
    assert frozen(account) == before


def test_a_buy_of_all_the_cash_is_possible_and_leaves_none():
    account = init_account(1, CASH)
    apply_buy(account, 0, 1, CASH - 1, 1, 1)
    assert account.cash[0] == 0


def test_one_lot_too_many_raises_and_changes_nothing():
    account = init_account(1, CASH)
    for _ in range(LOTS_LIMIT):
        apply_buy(account, 0, 1, 1, 0, 1)
    before = frozen(account)
    with pytest.raises(ValueError, match="no place"):
        apply_buy(account, 0, 1, 1, 0, 1)
    assert frozen(account) == before


@pytest.mark.parametrize(
    ("symbol", "quantity", "notional", "fee"),
    [(1, 36, 10, 0), (0, 1, 10, 0), (1, 0, 10, 0), (1, -1, 10, 0), (1, 1, -1, 0), (1, 1, 0, -1), (1, 1, 0, CASH)],
)
def test_a_sale_of_more_than_is_held_or_of_nothing_raises_and_changes_nothing(symbol, quantity, notional, fee):
    account = three_lots()
    before = frozen(account)
    with pytest.raises(ValueError, match="apply_sell"):
        sell(account, symbol, quantity, notional, fee)
    assert frozen(account) == before


class Reference:
    """FIFO with exact fractions: every lot in the book holds its true share of cost."""

    def __init__(self):
        self.cash, self.realised, self.lots = Fraction(CASH), Fraction(0), []

    def buy(self, quantity, notional, fee):
        self.cash -= notional + fee
        self.lots.append([quantity, Fraction(notional + fee)])

    def sell(self, quantity, notional, fee):
        proceeds, left = Fraction(notional - fee), quantity
        self.cash += proceeds
        while left:
            held, cost = self.lots[0]
            taken = min(left, held)
            share = cost * taken / held
            self.realised += proceeds * taken / quantity - share
            self.lots[0] = [held - taken, cost - share]
            if taken == held:
                self.lots.pop(0)
            left -= taken

    @property
    def cost(self):
        return sum(cost for _, cost in self.lots)


money = st.integers(0, 10**9)
moves = st.lists(st.tuples(st.booleans(), st.integers(1, 1000), money, st.integers(0, 1000)), max_size=60)


@settings(max_examples=150, deadline=None)
@given(moves=moves)
def test_any_sequence_of_fills_is_that_of_exact_fractions_but_for_rounding(moves):
    account, reference = init_account(1, CASH), Reference()
    closures, roundings = [], 0
    for ts, (buys, quantity, notional, fee) in enumerate(moves):
        if buys and account.lot_count[0] < LOTS_LIMIT:
            apply_buy(account, 0, quantity, notional, fee, ts)
            reference.buy(quantity, notional, fee)
        elif not buys and account.quantity[0] > 0:
            sold = min(quantity, int(account.quantity[0]))
            parts = sell(account, 0, sold, notional, fee, ts)
            reference.sell(sold, notional, fee)
            assert sum(part["quantity"] for part in parts) == sold
            assert sum(part["proceeds"] for part in parts) == notional - fee
            assert [p["open_fill"] for p in parts] == sorted({p["open_fill"] for p in parts})
            closures += parts
            roundings += 2 * len(parts)
    assert account.cash[0] == reference.cash
    assert account.quantity[0] == sum(quantity for quantity, _ in reference.lots)
    assert account.lot_quantity[0, : len(reference.lots)].tolist() == [quantity for quantity, _ in reference.lots]
    assert account.lot_count[0] == len(reference.lots)
    assert account.cost[0] == account.lot_cost.sum()
    assert abs(account.cost[0] - reference.cost) <= roundings
    assert account.realised[0] == sum(c["proceeds"] - c["cost"] for c in closures)
    assert abs(account.realised[0] - reference.realised) <= roundings
    assert account.cash[0] + account.cost[0] == CASH + account.realised[0]
