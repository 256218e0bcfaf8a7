from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.domain.instruments import Instrument, notional, scales
from mooring.runtime.portfolio.tax_lots import Method, TaxLots
from mooring.runtime.portfolio.valuation import Valuation, unexplained, value_account, value_position, worth
from tests.support.fills import CASH, FILLS, SYMBOLS


def instrument(symbol="BTC-USDT", pair=1, lot=8):
    return Instrument(symbol=symbol, pair_decimals=pair, lot_decimals=lot, order_min=0, cost_min=0)


def test_a_position_is_worth_price_times_quantity_rounded_down():
    # 65,000.1 for a whole, 0.00000003 of it: 0.001950003 quote
    assert worth(instrument(), 650_001, 3) == 195_000
    held = value_position(instrument(), quantity=3, cost=200_000, price=650_001)
    assert (held.value, held.unrealised) == (195_000, -5_000)


@given(pair=st.integers(0, 10), lot=st.integers(0, 10), price=st.integers(0, 10**8), quantity=st.integers(0, 10**8))
@settings(max_examples=300, deadline=None)
def test_worth_is_the_figure_that_the_step_counts_with(pair, lot, price, quantity):
    one = instrument(pair=pair, lot=lot)
    try:
        expected = notional(scales([one]), 0, price, quantity)
    except OverflowError:
        with pytest.raises(OverflowError):
            worth(one, price, quantity)
    else:
        assert worth(one, price, quantity) == expected


def test_an_account_is_cash_and_positions():
    held = [value_position(instrument(), quantity=10**8, cost=60 * 10**8, price=500)]
    account = value_account(50 * 10**8, held)
    assert account == Valuation(cash=50 * 10**8, positions_value=50 * 10**8, cost=60 * 10**8)
    assert (account.equity, account.unrealised, account.cash_bps) == (100 * 10**8, -10 * 10**8, 5000)
    assert value_account(0, []).cash_bps == 0


@given(fills=FILLS, method=st.sampled_from(Method), prices=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)))
@settings(max_examples=200, deadline=None)
def test_opening_cash_and_realised_and_unrealised_are_the_equity_and_nothing_is_unexplained(fills, method, prices):
    """Whatever the method: it moves gains between realised and unrealised, never into or out of the sum."""
    lots, cash, realised = TaxLots(method), CASH, 0
    for fill in fills:
        cash += -fill.notional - fill.fee if fill.buy else fill.notional - fill.fee
        realised += sum(d.gain for d in lots.apply(fill))
    holdings = [
        value_position(
            instrument(lot.symbol), quantity=lot.quantity, cost=lot.cost, price=prices[SYMBOLS.index(lot.symbol)]
        )
        for lot in lots.open_lots()
    ]
    account = value_account(cash, holdings)
    assert unexplained(opening=CASH, realised=realised, valuation=account) == 0
    assert account.cash + account.cost == CASH + realised
    if fills:
        assert unexplained(opening=CASH, realised=realised + 1, valuation=account) == -1
