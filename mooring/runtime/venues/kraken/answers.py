"""Public answers, typed. Numbers are `Decimal` as the venue states them; times are unix seconds unless it is said."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from mooring.runtime.venues.kraken.errors import unreadable
from mooring.runtime.venues.kraken.fields import Fields, Row

_LAST: Final = "last"


@dataclass(frozen=True, kw_only=True)
class SystemStatus:
    """`online`, `maintenance`, `cancel_only`, `post_only` or `limit_only`, and since when (RFC 3339)."""

    status: str
    timestamp: str


@dataclass(frozen=True, kw_only=True)
class Ticker:
    """Best prices and the last 24 hours of one pair."""

    ask: Decimal
    ask_volume: Decimal
    bid: Decimal
    bid_volume: Decimal
    last: Decimal
    volume_24h: Decimal
    vwap_24h: Decimal
    low_24h: Decimal
    high_24h: Decimal
    trades_24h: int
    open_today: Decimal


@dataclass(frozen=True, kw_only=True)
class Candle:
    """One interval; `time` is its begin."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    count: int


@dataclass(frozen=True, kw_only=True)
class Candles:
    """At most 721 candles, ascending; the last one is still running and must not be used as closed.

    `last` is the begin of the last closed one: the next `since`.
    """

    candles: tuple[Candle, ...]
    last: int

    @property
    def closed(self) -> tuple[Candle, ...]:
        return tuple(candle for candle in self.candles if candle.time <= self.last)


@dataclass(frozen=True, kw_only=True)
class Level:
    """A price, the quantity at it, and when it last changed."""

    price: Decimal
    quantity: Decimal
    time: int


@dataclass(frozen=True, kw_only=True)
class Depth:
    """Both sides, best first."""

    asks: tuple[Level, ...]
    bids: tuple[Level, ...]


@dataclass(frozen=True, kw_only=True)
class PublicTrade:
    """A trade of anybody's. `side` is the taker's, `trade_id` rises by one within a pair (0 in old recordings)."""

    price: Decimal
    quantity: Decimal
    time: Decimal
    side: str
    order_type: str
    trade_id: int


@dataclass(frozen=True, kw_only=True)
class PublicTrades:
    """Trades in their order; `last` in unix nanoseconds is the next `since`."""

    trades: tuple[PublicTrade, ...]
    last: int


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Best bid and ask at a time."""

    time: int
    bid: Decimal
    ask: Decimal


def read_time(raw: Any) -> int:
    """Kraken's clock, unix seconds."""
    return Fields(raw, "Time").whole("unixtime")


def read_status(raw: Any) -> SystemStatus:
    each = Fields(raw, "SystemStatus")
    return SystemStatus(status=each.text("status"), timestamp=each.text("timestamp"))


def read_tickers(raw: Any) -> dict[str, Ticker]:
    """By the pair's id."""
    return {name: _ticker(each, name) for name, each in Fields(raw, "Ticker").children()}


def _ticker(each: Fields, name: str) -> Ticker:
    def row(key: str, least: int) -> Row:
        return Row(each.array(key), f"Ticker.{name}.{key}", least=least)

    ask, bid = row("a", 2), row("b", 2)
    places = len(each.array("a")) - 1  # the lot volume stands last; old recordings have no whole-lot volume before it
    return Ticker(
        ask=ask.number(0),
        ask_volume=ask.number(places),
        bid=bid.number(0),
        bid_volume=bid.number(len(each.array("b")) - 1),
        last=row("c", 1).number(0),
        volume_24h=row("v", 2).number(1),
        vwap_24h=row("p", 2).number(1),
        low_24h=row("l", 2).number(1),
        high_24h=row("h", 2).number(1),
        trades_24h=row("t", 2).whole(1),
        open_today=each.number("o"),
    )


def _rows(raw: Any, call: str) -> tuple[Fields, list[Any]]:
    """The answer, and the rows under the only name that is not `last`."""
    each = Fields(raw, call)
    names = [name for name in each.names() if name != _LAST]
    if len(names) != 1:
        raise unreadable(call, f"has {len(names)} pairs instead of one")
    return each, each.array(names[0])


def read_candles(raw: Any) -> Candles:
    each, rows = _rows(raw, "OHLC")
    candles = []
    for place, values in enumerate(rows):
        row = Row(values, f"OHLC[{place}]", least=8)
        candles.append(
            Candle(
                time=row.whole(0),
                open=row.number(1),
                high=row.number(2),
                low=row.number(3),
                close=row.number(4),
                vwap=row.number(5),
                volume=row.number(6),
                count=row.whole(7),
            )
        )
    if any(a.time >= b.time for a, b in pairwise(candles)):
        raise unreadable("OHLC", "is not ascending")
    return Candles(candles=tuple(candles), last=each.whole(_LAST))


def read_depth(raw: Any) -> Depth:
    pairs = [each for _, each in Fields(raw, "Depth").children()]
    if len(pairs) != 1:
        raise unreadable("Depth", f"has {len(pairs)} pairs instead of one")
    return Depth(asks=_levels(pairs[0], "asks"), bids=_levels(pairs[0], "bids"))


def _levels(pair: Fields, side: str) -> tuple[Level, ...]:
    rows = [Row(values, f"Depth.{side}", least=3) for values in pair.array(side)]
    return tuple(Level(price=row.number(0), quantity=row.number(1), time=row.whole(2)) for row in rows)


def read_trades(raw: Any) -> PublicTrades:
    each, rows = _rows(raw, "Trades")
    trades = []
    for place, values in enumerate(rows):
        row = Row(values, f"Trades[{place}]", least=6)
        sides, types = {"b": "buy", "s": "sell"}, {"m": "market", "l": "limit"}
        side, kind = row.text(3), row.text(4)
        if side not in sides:
            raise unreadable("Trades", "has a side that is neither b nor s")
        trades.append(
            PublicTrade(
                price=row.number(0),
                quantity=row.number(1),
                time=row.number(2),
                side=sides[side],
                order_type=types.get(kind, kind),
                trade_id=row.whole(6) if len(values) > 6 else 0,  # noqa: PLR2004 -- the place after `misc`
            )
        )
    return PublicTrades(trades=tuple(trades), last=each.whole(_LAST))


def read_spreads(raw: Any) -> tuple[Spread, ...]:
    _, rows = _rows(raw, "Spread")
    read = [Row(values, "Spread", least=3) for values in rows]
    return tuple(Spread(time=row.whole(0), bid=row.number(1), ask=row.number(2)) for row in read)
