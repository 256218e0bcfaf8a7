from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid, Unverified
from mooring.runtime.portfolio.account import CLOSURE_COLUMNS, LOTS_LIMIT, apply_buy, apply_sell, init_account
from mooring.runtime.portfolio.tax_lots import Fill, Method, TaxLots, parse_method
from tests.support.fills import CASH, FILLS, SYMBOLS

DAY = 86_400


def bought(number, quantity, notional, fee=0, day=0):
    return Fill(f"b{number}", "BTC-USDT", True, quantity, notional, fee, day * DAY)


def sold(number, quantity, notional, fee=0, day=0):
    return Fill(f"s{number}", "BTC-USDT", False, quantity, notional, fee, day * DAY)


THREE = [bought(1, 10, 1000, 10, day=1), bought(2, 10, 3000, 10, day=2), bought(3, 10, 2000, 10, day=3)]


def taken(method, quantity, notional, fee=0):
    lots = TaxLots(Method(method))
    for fill in THREE:
        assert lots.apply(fill) == []
    parts = lots.apply(sold(1, quantity, notional, fee, day=4))
    return [(d.open_fill_id, d.quantity, d.cost, d.proceeds) for d in parts], lots


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fifo", [("b1", 10, 1010, 2664), ("b2", 5, 1505, 1333)]),
        ("lifo", [("b3", 10, 2010, 2664), ("b2", 5, 1505, 1333)]),
        ("hifo", [("b2", 10, 3010, 2664), ("b3", 5, 1005, 1333)]),
        # (1010 + 3010 + 2010) * 15 / 30 = 3015, shared 10 to 5
        ("average", [("b1", 10, 2010, 2664), ("b2", 5, 1005, 1333)]),
    ],
)
def test_each_method_takes_its_own_lots_and_the_parts_add_up_to_the_sale(method, expected):
    parts, _ = taken(method, 15, 4000, fee=3)
    assert parts == expected
    assert sum(p[3] for p in parts) == 3997


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fifo", [("b2", 5, 1505), ("b3", 10, 2010)]),
        ("lifo", [("b1", 10, 1010), ("b2", 5, 1505)]),
        ("hifo", [("b1", 10, 1010), ("b3", 5, 1005)]),
        ("average", [("b2", 5, 1005), ("b3", 10, 2010)]),
    ],
)
def test_what_is_still_held_is_listed_oldest_first_with_its_cost(method, expected):
    _, lots = taken(method, 15, 4000)
    assert [(lot.open_fill_id, lot.quantity, lot.cost) for lot in lots.open_lots()] == expected


def test_of_equally_dear_lots_the_oldest_goes_first():
    lots = TaxLots(Method.HIFO)
    lots.apply(bought(1, 10, 1000))
    lots.apply(bought(2, 20, 2000))
    assert [d.open_fill_id for d in lots.apply(sold(1, 25, 1))] == ["b1", "b2"]


def test_dearest_is_by_unit_and_not_by_lot():
    lots = TaxLots(Method.HIFO)
    lots.apply(bought(1, 100, 1000))
    lots.apply(bought(2, 1, 11))
    assert [d.open_fill_id for d in lots.apply(sold(1, 2, 1))] == ["b2", "b1"]


def test_symbols_do_not_share_lots():
    lots = TaxLots(Method.FIFO)
    lots.apply(bought(1, 10, 1000))
    with pytest.raises(Unverified, match="sells more ETH-USDT than is held"):
        lots.apply(sold(1, 1, 1)._replace(symbol="ETH-USDT"))


@pytest.mark.parametrize(("seconds", "long_term"), [(365 * DAY - 1, False), (365 * DAY, False), (365 * DAY + 1, True)])
def test_held_for_more_than_the_stated_days_is_long(seconds, long_term):
    lots = TaxLots(Method.FIFO)
    lots.apply(bought(1, 1, 1))
    [part] = lots.apply(sold(1, 1, 1)._replace(ts=seconds))
    assert part.long_term is long_term
    assert part.held_days == seconds // DAY


def test_the_number_of_days_can_be_stated():
    lots = TaxLots(Method.FIFO, long_days=0)
    lots.apply(bought(1, 2, 1))
    assert [d.long_term for d in lots.apply(sold(1, 1, 1))] == [False]
    assert [d.long_term for d in lots.apply(sold(2, 1, 1)._replace(ts=1))] == [True]
    with pytest.raises(Invalid) as caught:
        TaxLots(Method.FIFO, long_days=-1)
    assert caught.value.code == "bad_days"


def test_a_fill_without_quantity_is_refused():
    with pytest.raises(Unverified) as caught:
        TaxLots(Method.FIFO).apply(bought(1, 0, 1))
    assert caught.value.code == "fills_not_whole"


def test_an_unknown_method_is_refused_with_the_list():
    assert parse_method("hifo") is Method.HIFO
    with pytest.raises(Invalid) as caught:
        parse_method("newest")
    assert caught.value.todo == "Choose one of fifo, lifo, hifo, average."


def closed_by_the_account(fills):
    """What the account itself closes for the same fills: (symbol, quantity, cost, proceeds, opened, closed, ids)."""
    account, rows, ids = init_account(len(SYMBOLS), CASH), [], []
    for fill in fills:
        ids.append(fill.fill_id)
        symbol = SYMBOLS.index(fill.symbol)
        if fill.buy:
            apply_buy(account, symbol, fill.quantity, fill.notional, fill.fee, fill.ts)
            continue
        closures = np.zeros((LOTS_LIMIT, CLOSURE_COLUMNS), np.int64)
        count = apply_sell(account, symbol, fill.quantity, fill.notional, fill.fee, fill.ts, closures)
        for s, quantity, cost, proceeds, opened, closed, open_fill, close_fill in closures[:count].tolist():
            rows.append((SYMBOLS[s], quantity, cost, proceeds, opened, closed, ids[open_fill - 1], ids[close_fill - 1]))
    return account, rows


@given(fills=FILLS)
@settings(max_examples=200, deadline=None)
def test_fifo_is_what_the_account_closes_to_the_last_unit(fills):
    account, expected = closed_by_the_account(fills)
    lots = TaxLots(Method.FIFO)
    assert [tuple(d)[:8] for fill in fills for d in lots.apply(fill)] == expected
    held = list(lots.open_lots())
    for at, symbol in enumerate(SYMBOLS):
        own = [lot for lot in held if lot.symbol == symbol]
        assert [lot.cost for lot in own] == account.lot_cost[at, : len(own)].tolist()
        assert sum(lot.quantity for lot in own) == account.quantity[at]
        assert sum(lot.cost for lot in own) == account.cost[at]


@given(fills=FILLS, method=st.sampled_from(Method), days=st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_whatever_the_method_quantities_costs_and_proceeds_add_up_to_the_whole(fills, method, days):
    lots = TaxLots(method, long_days=days)
    parts = []
    for fill in fills:
        found = lots.apply(fill)
        if not fill.buy:
            assert sum(d.quantity for d in found) == fill.quantity
            assert sum(d.proceeds for d in found) == fill.notional - fill.fee
        parts += found
    held = list(lots.open_lots())
    by_id = {fill.fill_id: fill for fill in fills}
    of_lot: dict[str, int] = defaultdict(int)
    for part in [*parts, *held]:
        of_lot[part.open_fill_id] += part.quantity
        assert part.quantity > 0
        assert part.cost >= 0
    # Every unit bought is either sold once or still held.
    assert of_lot == {fill.fill_id: fill.quantity for fill in fills if fill.buy}
    for symbol in SYMBOLS:
        spent = sum(f.notional + f.fee for f in fills if f.buy and f.symbol == symbol)
        assert spent == sum(p.cost for p in [*parts, *held] if p.symbol == symbol)
    for part in parts:
        opening, closing = by_id[part.open_fill_id], by_id[part.close_fill_id]
        assert opening.buy
        assert not closing.buy
        assert opening.symbol == closing.symbol == part.symbol
        assert (part.opened_ts, part.closed_ts) == (opening.ts, closing.ts)
        assert part.long_term == (part.closed_ts - part.opened_ts > days * DAY)
        assert part.gain == part.proceeds - part.cost


@given(fills=FILLS)
@settings(max_examples=100, deadline=None)
def test_methods_agree_on_all_gains_once_nothing_is_held(fills):
    held = defaultdict(int)
    for fill in fills:
        held[fill.symbol] += fill.quantity if fill.buy else -fill.quantity
    end = fills[-1].ts + 1 if fills else 0
    closing = [Fill(f"end{s}", s, False, q, 12_345, 6, end) for s, q in sorted(held.items()) if q]
    gains = set()
    for method in Method:
        lots = TaxLots(method)
        gains.add(sum(d.gain for fill in [*fills, *closing] for d in lots.apply(fill)))
        assert list(lots.open_lots()) == []
    assert len(gains) == 1


@given(fills=FILLS)
@settings(max_examples=100, deadline=None)
def test_a_first_sale_gains_least_where_the_dearest_go_first(fills):
    """HIFO gives up at least as much cost as any other order, on the first sale of each symbol, but for rounding."""
    costs: dict[Method, dict[str, int]] = {}
    for method in Method:
        lots, first = TaxLots(method), {}
        for fill in fills:
            parts = lots.apply(fill)
            if parts and fill.symbol not in first:
                first[fill.symbol] = sum(d.cost for d in parts)
        costs[method] = first
    for method in Method:
        for symbol, cost in costs[method].items():
            assert costs[Method.HIFO][symbol] >= cost - 1
