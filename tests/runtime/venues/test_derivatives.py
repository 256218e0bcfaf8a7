"""The gate in front of everything that is not spot is shut, and nothing opens it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from mooring.errors import Denied, Invalid
from mooring.runtime.domain import spot
from mooring.runtime.domain.instruments import SYMBOL, Instrument
from mooring.runtime.market.universe import instruments
from mooring.runtime.venues import derivatives
from mooring.runtime.venues.capabilities import CAPABILITIES, capabilities_of
from mooring.runtime.venues.derivatives import (
    derivatives_locked,
    spot_fields,
    spot_market,
    spot_name,
    spot_symbol,
    spot_venue,
)
from mooring.runtime.venues.protocol import Venue
from mooring.settings import describe

GATE = (spot_venue, spot_name, spot_symbol, spot_market, spot_fields)
CONTRACTS = [
    "BTC-PERP", "PF_XBTUSD", "PI_XBTUSD", "FI_XBTUSD_240628", "BTC/USD:USD", "BTC/USDC:USDC", "BTC-USD-PERP",
    "BTC-PERP-INTX", "BTC-28JUN24", "BTC-241227-60000-C", "BTC-28JUN24-CDE", "BTC-USDT-SWAP", "BTCUSD_PERP",
    "BTCUSDT_240628", "ETH-FUTURES", "BTC-SWAP", "ETH-MARGIN", "BTC.M", "btc-perp", "BTC-PERPETUAL", "BTCPERP-USD-20240628",
]  # fmt: skip
SPOT = [
    "BTC-USD",
    "ETH-USDT",
    "SHIB-USD",
    "PURR-USDC",
    "M-USD",
    "INTX-USD",
    "PERP-USD",
    "PUT-USD",
    "1INCH-EUR",
    "IN-USD",
]


@pytest.mark.parametrize("symbol", CONTRACTS)
def test_names_of_contracts_are_refused(symbol: str) -> None:
    with pytest.raises(Denied) as refused:
        spot_symbol(symbol)
    assert refused.value.code == "derivatives_locked"
    assert "spot" in refused.value.what


@pytest.mark.parametrize("symbol", SPOT)
def test_names_of_spot_pairs_pass(symbol: str) -> None:
    assert spot_symbol(symbol) == symbol


def test_what_is_no_symbol_is_invalid() -> None:
    with pytest.raises(Invalid):
        spot_symbol("BTC")


@pytest.mark.parametrize(
    "name",
    ["krakenfutures", "binanceusdm", "ccxt:deribit", "bitmex", "hyperliquid-perp", "coinbaseinternational", "BITMEX"],
)
def test_venues_for_contracts_are_refused(name: str) -> None:
    with pytest.raises(Denied, match="spot"):
        spot_venue(name)
    with pytest.raises(Denied) as refused:
        capabilities_of(name)
    assert refused.value.code == "derivatives_locked"


@pytest.mark.parametrize("name", sorted(CAPABILITIES))
def test_venues_of_the_table_have_spot(name: str) -> None:
    assert spot_venue(name) == name


@pytest.mark.parametrize("kind", ["swap", "future", "option", "margin", "perpetual", "", None, True, 1])
def test_markets_that_do_not_say_spot_are_refused(kind: object) -> None:
    with pytest.raises(Denied):
        spot_market("BTC-USD", kind)


def test_markets_that_say_spot_pass() -> None:
    spot_market("BTC-USD", "spot")
    spot_market("BTC-USD", "SPOT")


@pytest.mark.parametrize(
    "fields",
    [
        {"leverage": 2}, {"leverage": "2:1"}, {"marginMode": "cross"}, {"margin_type": "ISOLATED"},
        {"reduceOnly": True}, {"reduce_only": "true"}, {"a": {"b": [{"leverage": "5"}]}}, {"positionSide": "LONG"},
        {"closePosition": True}, {"is_margin": 1},
    ],
)  # fmt: skip
def test_fields_of_contracts_are_refused_at_every_depth(fields: dict) -> None:
    with pytest.raises(Denied):
        spot_fields(fields)


def test_fields_of_a_spot_order_pass() -> None:
    spot_fields({"side": "BUY", "order_configuration": {"limit_limit_gtc": {"base_size": "1"}}, "leverage": None})


def test_the_refusal_shows_nothing_odd_and_stays_short() -> None:
    error = derivatives_locked("x\n\x1b[31m" + "A" * 500)
    assert "\n" not in error.what
    assert "\x1b" not in error.what
    assert len(error.what) < 160


def test_the_gate_looks_at_nothing_that_could_be_set() -> None:
    """It imports neither settings nor the environment, and its functions take only what is to be judged."""
    imported: set[str | None] = set()
    for module in (derivatives, spot):
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {
        "__future__", "re", "collections.abc", "typing", "mooring.errors", "mooring.runtime.domain.instruments",
        "mooring.runtime.domain.spot",
    }  # fmt: skip
    parameters = [list(inspect.signature(each).parameters) for each in GATE]
    assert parameters == [["name"], ["name"], ["symbol"], ["symbol", "kind"], ["fields"]]


@pytest.mark.parametrize("symbol", [name for name in CONTRACTS if SYMBOL.match(name)])
def test_no_contract_becomes_an_instrument(symbol: str) -> None:
    with pytest.raises(Denied) as refused:
        Instrument.of(symbol, pair_decimals=1, lot_decimals=8, order_min="0.0001", cost_min="1")
    assert refused.value.code == "derivatives_locked"
    with pytest.raises(Denied):
        instruments((symbol,))


@pytest.mark.parametrize(
    "word", ["margin", "leverage", "future", "perp", "swap", "derivative", "short", "borrow", "option"]
)
def test_no_setting_speaks_of_contracts(word: str) -> None:
    assert [each.key for each in describe() if word in each.key.lower() or word in each.env.lower()] == []


def test_no_variable_opens_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DERIVATIVES",
        "DERIVATIVES_UNLOCKED",
        "MARGIN",
        "LEVERAGE",
        "FUTURES",
        "VENUE__MARGIN",
        "TRADING__SHORT",
    ):
        monkeypatch.setenv(f"MOORING_{name}", "1")
    for symbol in CONTRACTS:
        with pytest.raises(Denied):
            spot_symbol(symbol)


def test_the_protocol_of_venues_has_no_word_for_contracts() -> None:
    words = " ".join(
        name for each in vars(Venue).values() if callable(each) for name in inspect.signature(each).parameters
    )
    assert not {"leverage", "margin", "reduce_only", "borrow"} & set(words.split())
