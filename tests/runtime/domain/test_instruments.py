from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.domain.instruments import MAX_SYMBOLS, Instrument, notional, parse_symbol, scales
from mooring.runtime.domain.money import INT64_MAX
from tests.support.core import instrument, universe


@settings(deadline=None)
@given(pair=st.integers(0, 10), lot=st.integers(0, 10), price=st.integers(0, 10**10), quantity=st.integers(0, 10**8))
def test_notional_is_price_times_quantity_in_money_rounded_down(pair, lot, price, quantity):
    one = scales([instrument(pair_decimals=pair, lot_decimals=lot)])
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(price).scaleb(-pair) * Decimal(quantity).scaleb(-lot)
        expected = int((exact * 10**8).to_integral_value(rounding=ROUND_FLOOR))
    if expected > INT64_MAX or price * 10 ** max(0, 8 - pair - lot) > INT64_MAX:
        with pytest.raises(OverflowError):
            notional(one, 0, price, quantity)
    else:
        assert notional(one, 0, price, quantity) == expected


def test_notional_raises_where_a_product_of_int64_would_wrap():
    whole = scales([instrument(pair_decimals=0, lot_decimals=0)])
    price = np.int64(10**12)
    with pytest.raises(OverflowError):
        notional(whole, 0, price, np.int64(1))


@pytest.mark.parametrize("text", ["btc-usd", "BTCUSD", "BTC-", "-USD", "BTC-USD\n", "BTC/USD", "A" * 13 + "-USD", ""])
def test_what_is_no_symbol_is_refused(text):
    with pytest.raises(Invalid) as refused:
        parse_symbol(text)
    assert refused.value.code == "bad_symbol"


@pytest.mark.parametrize(
    "figures", [{"pair_decimals": 11}, {"pair_decimals": -1}, {"lot_decimals": 11}, {"order_min": -1}, {"cost_min": -1}]
)
def test_figures_no_venue_could_state_are_refused(figures):
    with pytest.raises(Invalid) as refused:
        instrument(**figures)
    assert refused.value.code == "bad_instrument"


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        ([], "bad_universe"),
        ([instrument(), instrument()], "bad_universe"),
        (universe(MAX_SYMBOLS + 1), "bad_universe"),
        ([instrument("AAA-USD"), instrument("BBB-EUR")], "mixed_quotes"),
    ],
    ids=["none", "twice", "too many", "two quotes"],
)
def test_a_universe_one_account_cannot_trade_is_refused(listed, code):
    with pytest.raises(Invalid) as refused:
        scales(listed)
    assert refused.value.code == code


def test_venue_text_becomes_units():
    stated = Instrument.of("AAA-USD", pair_decimals=1, lot_decimals=8, order_min="0.00005", cost_min="0.5")
    assert (stated.order_min, stated.cost_min, stated.base, stated.quote) == (5000, 50_000_000, "AAA", "USD")
