"""Names: only from what Kraken lists, in all four spellings; no balance is ever lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Halt, NotFound
from mooring.runtime.venues.kraken.names import SUFFIXES, Names, Pair, read_assets, read_pairs

ASSETS = {
    "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "display_decimals": 5, "status": "enabled"},
    "XXDG": {"aclass": "currency", "altname": "XDG", "decimals": 8, "display_decimals": 2},
    "ZUSD": {"aclass": "currency", "altname": "USD", "decimals": 4, "display_decimals": 2},
    "DOT": {"aclass": "currency", "altname": "DOT", "decimals": 10, "display_decimals": 8},
    "ETH2": {"aclass": "currency", "altname": "ETH2", "decimals": 10, "display_decimals": 5},
    "ETH2.S": {"aclass": "currency", "altname": "ETH2.S", "decimals": 10, "display_decimals": 5},
    "C98": {"aclass": "currency", "altname": "C98", "decimals": 6, "display_decimals": 5},
    "KFEE": {"aclass": "currency", "altname": "FEE", "decimals": 2, "display_decimals": 2},
}


def raw_pair(altname: str, wsname: str, base: str, quote: str, **more) -> dict:
    plain = {"pair_decimals": 1, "lot_decimals": 8, "cost_decimals": 5, "ordermin": "0.00005", "costmin": "0.5"}
    return {"altname": altname, "wsname": wsname, "base": base, "quote": quote, "tick_size": "0.1"} | plain | more


PAIRS = {
    "XXBTZUSD": raw_pair("XBTUSD", "XBT/USD", "XXBT", "ZUSD"),
    "XDGUSD": raw_pair("XDGUSD", "XDG/USD", "XXDG", "ZUSD", pair_decimals=7, tick_size="0.0000001"),
    "DOTUSD": raw_pair("DOTUSD", "DOT/USD", "DOT", "ZUSD", status="cancel_only"),
}


@pytest.fixture
def names() -> Names:
    return Names(read_pairs(PAIRS), read_assets(ASSETS))


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "BTC-USD"])
def test_every_spelling_finds_the_pair(names, name) -> None:
    assert names.pair(name).id == "XXBTZUSD"


def test_doge_has_its_own_name_in_websocket_v2(names) -> None:
    assert names.pair("XDGUSD").ws == "DOGE/USD"
    assert names.pair("XDGUSD").symbol == "DOGE-USD"


@pytest.mark.parametrize("name", ["BTCUSD", "XBT-USD", "XXBT/ZUSD", "xbtusd", "", "ETHUSD"])
def test_a_name_that_kraken_does_not_list_is_never_put_together(names, name) -> None:
    with pytest.raises(NotFound) as refused:
        names.pair(name)
    assert refused.value.code == "kraken_unknown_name"


def test_a_name_that_two_pairs_bear_is_not_guessed() -> None:
    twice = PAIRS | {"XBTUSD.2": raw_pair("XBTUSD", "TBT/USD", "TBT", "ZUSD")}
    names = Names(read_pairs(twice), ())
    with pytest.raises(NotFound):
        names.pair("XBTUSD")
    assert names.pair("XXBTZUSD").ws == "BTC/USD"


def test_the_instrument_of_a_pair(names) -> None:
    instrument = names.pair("XBTUSD").instrument()
    assert (instrument.symbol, instrument.pair_decimals, instrument.lot_decimals) == ("BTC-USD", 1, 8)
    assert instrument.order_min == 5_000
    assert instrument.cost_min == 50_000_000
    assert instrument.estimated is False


def test_balances_by_asset_with_what_is_staked_apart(names) -> None:
    held = names.holdings(
        {
            "XXBT": Decimal("1.5"),
            "XBT.M": Decimal("0.25"),
            "XXBT.F": Decimal("0.125"),
            "DOT28.S": Decimal(7),
            "DOT.S": Decimal(1),
            "ZUSD": Decimal("10.5"),
            "USD.HOLD": Decimal(3),
            "ETH2.S": Decimal(2),
            "KFEE": Decimal(100),
            "C98": Decimal(4),
        }
    )
    assert held.spot == {"BTC": Decimal("1.5"), "USD": Decimal("10.5"), "FEE": Decimal(100), "C98": Decimal(4)}
    assert held.away == {"BTC": Decimal("0.375"), "DOT": Decimal(8), "USD": Decimal(3), "ETH2": Decimal(2)}
    assert held.unknown == {}


@pytest.mark.parametrize("name", ["XXBT.Q", "XXBT.F2", "NEWCOIN", "NEW28.S", "XXBT.", ".S", "DOT281.S", "XXBT.S.S"])
def test_what_no_list_explains_is_named_and_not_taken_for_zero(names, name) -> None:
    held = names.holdings({name: Decimal("0.5")})
    assert held.unknown == {name: Decimal("0.5")}
    assert held.spot == held.away == {}


def test_a_zero_of_an_unknown_asset_is_no_break(names) -> None:
    assert names.holdings({"NEWCOIN": Decimal(0)}).unknown == {}


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["XXBT", "XBT", "BTC", "DOT", "DOT03", "C98", "NEW"]).flatmap(
            lambda base: st.sampled_from(["", *(f".{s}" for s in SUFFIXES), ".Z"]).map(lambda s: base + s)
        ),
        st.decimals(min_value=0, max_value=1000, places=8),
    )
)
def test_no_amount_is_lost_or_counted_twice(balances) -> None:
    names = Names(read_pairs(PAIRS), read_assets(ASSETS))
    held = names.holdings(balances)
    counted = [*held.spot.values(), *held.away.values(), *held.unknown.values()]
    assert sum(counted, Decimal(0)) == sum(balances.values(), Decimal(0))


@pytest.mark.parametrize("name", ["altname", "base", "quote", "pair_decimals", "lot_decimals", "ordermin"])
def test_a_listing_without_what_is_needed_halts_and_says_what(name) -> None:
    broken = {"XXBTZUSD": {k: v for k, v in PAIRS["XXBTZUSD"].items() if k != name}}
    with pytest.raises(Halt) as halted:
        read_pairs(broken)
    assert name in halted.value.what
    assert "AssetPairs.XXBTZUSD" in halted.value.what


def test_all_recorded_pairs_are_found_by_all_their_names(recorded) -> None:
    for path, count in (
        ("kraken-fixtures/imranpollob_coins/AssetPairs-2026-01-12.json", 1434),
        ("kraken-fixtures/cryptofeed/AssetPairs-2021-04-17.json", 293),
        ("rest-recordings/nautilus_trader/http_asset_pairs.json", 1),
        ("rest-recordings/nautilus_trader/http_asset_pairs_tokenized.json", 1),
    ):
        raw = recorded(path)
        pairs = read_pairs(raw.get("result", raw))
        assert len(pairs) >= count
        names = Names(pairs, ())
        for pair in pairs:
            assert found_by_all_names(names, pair)


def found_by_all_names(names: Names, pair: Pair) -> bool:
    spellings = {pair.id, pair.altname, pair.wsname, pair.ws, pair.symbol} - {""}
    return all(names.pair(name).id == pair.id for name in spellings)


UNIVERSE = (
    "BTC ETH BNB XRP SOL TRX ADA BCH XMR LINK XLM HBAR LTC AVAX ZEC SUI SHIB TON DOT UNI AAVE TAO NEAR ETC ICP POL KAS "
    "ALGO FIL APT"
).split()


def test_the_universe_is_listed_and_makes_instruments(recorded) -> None:
    pairs = read_pairs(recorded("kraken-fixtures/imranpollob_coins/AssetPairs-2026-01-12.json")["result"])
    names = Names(pairs, ())
    for base in UNIVERSE:
        pair = names.pair(f"{base}-USD")
        assert pair.ws == f"{base}/USD"
        assert pair.instrument().cost_min == 50_000_000
        assert pair.tick_size == Decimal(1).scaleb(-pair.pair_decimals)
    assert names.pair("BTC-USD").id == "XXBTZUSD"
    assert names.pair("SOL-USD").id == "SOLUSD"


def test_names_of_websocket_v2_agree_with_the_recorded_instrument_channel(recorded) -> None:
    """The two recordings are years apart, so only pairs that both have are compared: by precision, not only by name."""
    raw = recorded("kraken-fixtures/imranpollob_coins/AssetPairs-2026-01-12.json")["result"]
    channel = recorded("rest-recordings/kraken-data-recorder/ws2_instrument_snapshot.json")["data"]["pairs"]
    names = Names(read_pairs(raw), ())
    missing = {pair.ws for pair in names.unconfirmed(each["symbol"] for each in channel)}
    both = [each for each in channel if each["symbol"] in {pair.ws for pair in names.pairs}]
    assert len(both) == 586
    assert not missing & {each["symbol"] for each in both}
    assert "XBT/USD" not in {each["symbol"] for each in channel}
    for each in both:
        pair = names.pair(each["symbol"])
        assert pair.lot_decimals == each["qty_precision"]
        assert pair.base in {each["base"], pair.base}


def test_recorded_balances_with_suffixes(recorded) -> None:
    raw = recorded("kraken-fixtures/imranpollob_coins/AssetPairs-2026-01-12.json")["result"]
    old = recorded("rest-recordings/xchange/example-assets-data.json")["result"]
    names = Names(read_pairs(raw), read_assets(old))
    channel = recorded("rest-recordings/kraken-data-recorder/ws2_instrument_snapshot.json")["data"]["assets"]
    suffixed = [each["id"] for each in channel if "." in each["id"]]
    held = names.holdings(dict.fromkeys(suffixed, Decimal(1)))
    # LUNA, REPV2 and others were taken off since; what is off the list is named, not dropped.
    assert {name.partition(".")[0] for name in held.unknown} <= {"FLOWH", "MATIC", "MATIC04", "LUNA", "ETH2", "AED"}
    assert held.away["DOT"] == Decimal(3)
    assert held.away["USD"] == Decimal(2)
    assert held.away["BTC"] == Decimal(1)
