"""Kraken as a source of prices: what it asks, how it counts, and when it says that nothing is missed."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from mooring.errors import NotFound
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.market.live.source import Beat, Candle, SourceDown, SourceUp, SymbolLost, Trade, Trades
from mooring.runtime.venues.kraken import events as frames
from mooring.runtime.venues.kraken.answers import read_candles, read_trades
from mooring.runtime.venues.kraken.names import read_pairs
from mooring.runtime.venues.kraken.prices import KrakenPrices, milliseconds
from mooring.runtime.venues.kraken.signals import Connected, Lost, Refused, Subscribed
from tests.support.live_feed import SYMBOLS, follow

HOUR = 1_706_659_200
LISTED = {
    "XXBTZUSD": {
        "altname": "XBTUSD", "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1,
        "lot_decimals": 8, "cost_decimals": 5, "ordermin": "0.00005", "costmin": "0.5",
    },
    "SOLUSD": {
        "altname": "SOLUSD", "wsname": "SOL/USD", "base": "SOL", "quote": "ZUSD", "pair_decimals": 2,
        "lot_decimals": 8, "cost_decimals": 5, "ordermin": "0.06", "costmin": "0.5",
    },
}  # fmt: skip


class Asked:
    """Answers as Kraken writes them."""

    def __init__(self, **answers) -> None:
        self._answers = answers
        self.calls: list[tuple] = []

    async def time(self) -> int:
        self._answers["clock"].advance(self._answers["takes"])
        return self._answers["time"]

    async def pairs(self):
        self.calls.append(("pairs",))
        return read_pairs(LISTED)

    async def trades(self, pair, *, since):
        self.calls.append((pair.altname, since))
        return read_trades({"XXBTZUSD": self._answers["trades"], "last": "0"})

    async def candles(self, pair, *, minutes, since):
        self.calls.append((pair.altname, minutes, since))
        return read_candles({"XXBTZUSD": self._answers["candles"], "last": HOUR})


class Told:
    """A link that tells what the test says, and is cut off at the end."""

    connected = True

    def __init__(self, *signals) -> None:
        self._signals = list(signals)
        self._over = asyncio.Event()

    async def subscribe(self, *subscriptions) -> None:
        assert [each.channel for each in subscriptions] == ["instrument", *["trade"] * (len(subscriptions) - 1)]

    async def run(self) -> None:
        await self._over.wait()

    async def next(self):
        if self._signals:
            return self._signals.pop(0)
        self._over.set()
        for _ in range(3):  # until the task of `run` has ended too
            await asyncio.sleep(0)
        return Lost(reason="ended")


def prices(market=None, link=None, symbols=SYMBOLS, clock=None) -> KrakenPrices:
    return KrakenPrices(link or Told(), market or Asked(), symbols, clock=clock or ManualClock(HOUR))


def events_of(*signals, symbols=SYMBOLS) -> list:
    async def collect() -> list:
        return [event async for event in prices(link=Told(*signals), symbols=symbols).events()]

    return asyncio.run(collect())


def market_trade(symbol: str, price: str, quantity: str = "0.5", identity: int = 7) -> frames.MarketTrades:
    each = frames.MarketTrade(
        symbol=symbol, side="buy", price=Decimal(price), quantity=Decimal(quantity), order_type="limit",
        trade_id=identity, timestamp="2024-01-31T00:00:01.234567Z",
    )  # fmt: skip
    return frames.MarketTrades(snapshot=False, trades=(each,))


def test_instruments_are_in_the_order_of_the_symbols_and_asked_for_once() -> None:
    market = Asked()
    source = prices(market, symbols=("SOL-USD", "BTC-USD"))
    for _ in range(2):
        found = asyncio.run(source.instruments())
        assert [(each.symbol, each.pair_decimals) for each in found] == [("SOL-USD", 2), ("BTC-USD", 1)]
    assert market.calls == [("pairs",)]


def test_a_symbol_that_is_not_listed_is_named() -> None:
    with pytest.raises(NotFound, match="DOGE-USD"):
        asyncio.run(prices(symbols=("DOGE-USD",)).instruments())


def test_past_trades_are_asked_for_with_the_first_nanosecond_and_counted_exactly() -> None:
    rows = [
        ["42123.40000", "0.00000001", Decimal("1706659200.0000001"), "b", "l", "", 5],
        ["42123.50000", "12.00000000", Decimal("1706659200.9999999"), "s", "m", "", 6],
        ["42000.00000", "1.00000000", Decimal("1706659201.0"), "s", "m", "", 0],
    ]
    market = Asked(trades=rows)
    page = asyncio.run(prices(market).trades("BTC-USD", HOUR * 1000))
    assert market.calls[-1] == ("XBTUSD", HOUR * 10**9 - 1)
    assert page == (
        (Trade("BTC-USD", 5, 421234, 1, HOUR * 1000), Trade("BTC-USD", 6, 421235, 12 * 10**8, HOUR * 1000 + 999)),
        False,
    )


def test_candles_are_the_closed_ones_that_were_asked_for() -> None:
    row = ["42000.1", "42010.0", "41990.9", "42000.5", "42000.2", "1.50000000", 9]
    market = Asked(candles=[[HOUR - 3600, *row], [HOUR, *row], [HOUR + 3600, *row]])
    found = asyncio.run(prices(market).candles("BTC-USD", HOUR))
    assert market.calls[-1] == ("XBTUSD", 60, HOUR - 1)
    assert found == (Candle(HOUR, 420001, 420100, 419909, 420005, 150_000_000),)


def test_it_is_up_once_every_symbol_was_acknowledged_and_down_when_the_link_is_lost() -> None:
    acks = [Subscribed(channel="trade", symbol=name) for name in ("SOL/USD", "BTC/USD")]
    heard = events_of(Connected(), acks[0], frames.Heartbeat(), acks[1], Lost(reason="cut"), Connected(), acks[0])
    assert heard == [
        Beat(time_ms=HOUR * 1000), SourceUp(), SourceDown(reason="cut"), SourceDown(reason="ended"),
    ]  # fmt: skip


def test_a_refused_symbol_is_lost_and_the_others_are_followed() -> None:
    error = NotFound("kraken_unknown_name", "no such pair")
    refused = Refused(what="trade SOL/USD", error=error)
    heard = events_of(Connected(), Subscribed(channel="trade", symbol="BTC/USD"), refused)
    assert heard[:2] == [SymbolLost(symbol="SOL-USD", reason=str(error)), SourceUp()]
    again = events_of(
        Connected(), refused, Lost(reason="cut"), Connected(), Subscribed(channel="trade", symbol="BTC/USD")
    )
    assert again[-2:] == [SourceUp(), SourceDown(reason="ended")]


def test_trades_are_counted_in_ticks_lots_and_milliseconds() -> None:
    heard = events_of(market_trade("BTC/USD", "42000.1", "0.00000003"))
    assert heard[0] == Trades(trades=(Trade("BTC-USD", 7, 420001, 3, HOUR * 1000 + 1234),))


@pytest.mark.parametrize(("price", "quantity"), [("42000.11", "1"), ("42000.1", "0.000000001")])
def test_a_trade_that_cannot_be_counted_exactly_loses_its_symbol(price, quantity) -> None:
    lost = events_of(market_trade("BTC/USD", price, quantity))[0]
    assert isinstance(lost, SymbolLost)
    assert "places" in lost.reason


def test_a_pair_whose_decimals_are_told_to_have_changed_is_lost() -> None:
    def told(symbol: str, places: int) -> frames.InstrumentPair:
        return frames.InstrumentPair(
            symbol=symbol, base="a", quote="b", status="online", quantity_precision=8, price_precision=places,
            price_increment=Decimal("0.1"), quantity_min=Decimal(1), cost_min=Decimal(1),
        )  # fmt: skip

    pairs = (told("BTC/USD", 1), told("SOL/USD", 3), told("ETH/USD", 9))
    heard = events_of(frames.Instruments(snapshot=True, assets=(), pairs=pairs))
    assert [each.symbol for each in heard if isinstance(each, SymbolLost)] == ["SOL-USD"]


@pytest.mark.parametrize(
    ("ahead", "takes", "offset"), [(0, 0, 0), (1, 1, 0), (-1, 0, 0), (60, 0, 60), (-3600, 2, -3600), (200, 400, 0)]
)
def test_a_clock_that_is_wrong_by_more_than_asking_explains_is_set_right(ahead, takes, offset) -> None:
    clock = ManualClock(HOUR)
    source = prices(Asked(clock=clock, takes=takes, time=HOUR + ahead), clock=clock)
    asyncio.run(source.sync())
    assert abs(source.now_ms() - clock.now_ms() - offset * 1000) <= (1500 if offset else 0)


def test_times_are_read_to_the_millisecond() -> None:
    assert milliseconds("2024-01-31T00:00:00Z") == HOUR * 1000
    assert milliseconds("2024-01-31T00:00:00.999999Z") == HOUR * 1000 + 999
    assert milliseconds("2024-01-31T00:00:01.5Z") == HOUR * 1000 + 1500


@pytest.mark.parametrize("more", [{}, {"backwards": True}])
def test_a_venue_that_states_another_time_than_its_trades_have_changes_no_bar(more) -> None:
    async def use(followed) -> None:
        await followed.bars_of(3)

    followed = follow(use, {"kind": "clock_skew", "seconds": 40, **more})
    followed.assert_true(followed.bars)
