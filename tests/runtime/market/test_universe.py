from __future__ import annotations

from decimal import Decimal

import pytest

from mooring.errors import Invalid
from mooring.runtime.market.universe import KNOWN_BASES, instrument, instruments, plausible_price


def test_the_venue_lists_thirty_assets():
    assert len(KNOWN_BASES) == 30
    assert not any(instrument(f"{base}-USD").estimated for base in KNOWN_BASES)


def test_bitcoin_has_the_venues_figures():
    btc = instrument("BTC-USDT")
    assert (btc.pair_decimals, btc.lot_decimals, btc.order_min, btc.cost_min) == (1, 8, 5_000, 50_000_000)
    assert not btc.estimated


@pytest.mark.parametrize(
    ("base", "order_min"),
    [("XLM", "30"), ("XMR", "0.01"), ("ADA", "20"), ("LTC", "0.1"), ("AAVE", "0.05"), ("XRP", "1.65"), ("TON", "0.75")],
)
def test_the_newest_known_minimum_holds(base, order_min):
    listed = instrument(f"{base}-USD")
    assert listed.order_min == Decimal(order_min).scaleb(listed.lot_decimals)


@pytest.mark.parametrize("base", ["KAS", "TON", "SUI", "TAO", "HBAR", "POL", "BNB", "SHIB"])
def test_newer_assets_count_quantities_in_five_places(base):
    assert instrument(f"{base}-USDT").lot_decimals == 5


def test_all_others_count_quantities_in_eight_places():
    fives = {base for base in KNOWN_BASES if instrument(f"{base}-EUR").lot_decimals == 5}
    assert fives == set("KAS TON SUI TAO HBAR POL BNB SHIB".split())


def test_a_pair_with_its_own_tick_keeps_it():
    assert [instrument(f"LTC-{quote}").pair_decimals for quote in ("USD", "EUR", "USDC", "USDT")] == [2, 2, 3, 5]


def test_costs_are_bounded_in_the_quote_asset():
    assert instrument("ETH-EUR").cost_min == 45_000_000
    assert instrument("ETH-BTC").cost_min == 2_000


def test_an_unknown_asset_or_quote_is_marked_as_estimated():
    assert instrument("MATIC-USDT").estimated
    assert instrument("BTC-JPY").estimated
    assert instrument("ETH-BTC").pair_decimals == 8


@pytest.mark.parametrize("text", ["", "BTC", "btc-usdt", "BTC/USDT", "BTC-USDT-PERP", "../BTC-USDT", "BTC-USDT\n"])
def test_a_malformed_symbol_is_refused(text):
    with pytest.raises(Invalid) as caught:
        instrument(text)
    assert caught.value.code == "bad_symbol"


def test_instruments_keep_the_order():
    assert [i.symbol for i in instruments(["ETH-USD", "BTC-USD"])] == ["ETH-USD", "BTC-USD"]


def test_a_tick_is_small_against_a_plausible_price():
    for base in KNOWN_BASES:
        for quote in ("USD", "EUR", "JPY", "BTC"):
            listed = instrument(f"{base}-{quote}")
            ticks = plausible_price(listed.symbol).scaleb(listed.pair_decimals)
            if quote != "BTC" or base not in {"SHIB", "HBAR", "KAS"}:
                assert ticks >= 50, listed.symbol
