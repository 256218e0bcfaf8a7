"""Numbers, ids and names of the look-alike."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from mooring.runtime.market.universe import KNOWN_BASES
from mooring.runtime.venues.simulator.catalog import Catalog
from mooring.runtime.venues.simulator.digits import Inexact, as_json, number, rescale, text, units_of
from mooring.runtime.venues.simulator.ids import Ids, mix


@given(st.integers(-(10**28), 10**28), st.integers(0, 12))
def test_text_and_units_are_inverse_and_agree_with_decimal(units: int, decimals: int) -> None:
    said = text(units, decimals)
    assert "e" not in said.lower()
    assert Decimal(said) == Decimal(units) / Decimal(10) ** decimals if abs(units) < 10**27 else True
    assert units_of(said, decimals) == units


@given(st.integers(0, 10**20), st.integers(0, 12), st.integers(0, 12))
def test_rescaling_rounds_the_way_it_is_told(units: int, decimals: int, wanted: int) -> None:
    exact = Decimal(units).scaleb(wanted - decimals)
    assert rescale(units, decimals, wanted) <= exact <= rescale(units, decimals, wanted, up=True)
    assert rescale(units, decimals, wanted, up=True) - rescale(units, decimals, wanted) <= 1


@pytest.mark.parametrize("said", ["", "1e5", "NaN", "0x1", " 1", "1_0", "\u0661", "--1", ".5", "1.2.3"])
def test_what_is_no_plain_decimal_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="no plain decimal"):
        units_of(said, 8)


def test_decimals_past_the_unit_are_inexact_unless_they_are_zeros() -> None:
    assert units_of("1.50", 1) == 15
    with pytest.raises(Inexact):
        units_of("1.51", 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_reads_back_as_it_was(value: object) -> None:
    assert json.loads(as_json(value)) == value


def test_json_keeps_every_digit_and_takes_no_float() -> None:
    assert as_json({"a": [number(280, 4), number(1, 8), Decimal(0)]}) == '{"a":[0.0280,0.00000001,0]}'
    with pytest.raises(TypeError):
        as_json({"a": 0.5})


def test_ids_have_the_venues_shape_and_never_repeat() -> None:
    ids = Ids(7)
    made = [ids.mint("O") for _ in range(5000)]
    assert len(set(made)) == 5000
    assert all(re.fullmatch(r"O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}", one) for one in made)
    again = Ids(7)
    assert [again.mint("O") for _ in range(5000)] == made
    assert Ids(8).mint("O") != made[0]


def test_mixed_words_differ_with_each_place() -> None:
    assert len({mix(1, a, b) for a in range(50) for b in range(50)}) == 2500


def test_names_of_pairs_in_each_of_the_venues_interfaces() -> None:
    catalog = Catalog(["BTC-USD", "SOL-USD", "ETH-BTC", "BTC-USDT", "DOGE-USD"])
    names = {(p.id, p.altname, p.wsname, p.symbol) for p in catalog.pairs.values()}
    assert names == {
        ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD"),
        ("SOLUSD", "SOLUSD", "SOL/USD", "SOL/USD"),
        ("XETHXXBT", "ETHXBT", "ETH/XBT", "ETH/BTC"),
        ("XBTUSDT", "XBTUSDT", "XBT/USDT", "BTC/USDT"),
        ("XXDGZUSD", "XDGUSD", "XDG/USD", "DOGE/USD"),
    }
    assert catalog.symbol("XBT/USD") is None, "WebSocket v2 knows it by no other name than BTC/USD"
    assert catalog.pair("XBTUSD") is catalog.pair("XXBTZUSD") is catalog.pair("BTC/USD")
    assert [p.estimated for p in catalog.pairs.values()] == [False, False, True, False, True]


def test_figures_of_every_pair_in_the_project_equal_those_recorded(market_data) -> None:
    recorded = json.loads((market_data / "kraken-fixtures/imranpollob_coins/AssetPairs-2026-01-12.json").read_text())
    catalog = Catalog([f"{base}-USD" for base in KNOWN_BASES])
    for pair in catalog.pairs.values():
        there, ours = recorded["result"][pair.id], pair.describe()
        same = (
            "altname",
            "wsname",
            "base",
            "quote",
            "pair_decimals",
            "lot_decimals",
            "cost_decimals",
            "tick_size",
            "lot",
        )
        assert {name: ours[name] for name in same} == {name: there[name] for name in same}, pair.id
        assert ours["costmin"] == there["costmin"]
        assert ours.keys() - {"execution_venue"} <= there.keys()
