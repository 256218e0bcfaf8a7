"""Candles and the day's figures, from what traded."""

from __future__ import annotations

from typing import Final, NamedTuple

from mooring.runtime.venues.simulator.catalog import Pair
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.market import Market
from mooring.runtime.venues.simulator.tape import Summary

INTERVALS: Final = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)  # minutes
CANDLES_MAX: Final = 720  # committed ones; the running one comes on top
_DAY: Final = 86_400 * NANO


class Candle(NamedTuple):
    """begin: unix seconds; the rest as `Summary`, flat and with no trades where nothing traded."""

    begin: int
    traded: Summary


def candles(market: Market, pair: Pair, minutes: int, since: int = 0) -> list[Candle]:
    """The last 720 committed candles with begin > since (unix seconds), and the running one."""
    length = minutes * 60
    running = market.now // NANO // length * length
    begins = -(-market.begins(pair) // NANO // length) * length
    first = max(running - CANDLES_MAX * length, begins, (since // length + 1) * length if since else 0)
    first = min(first, running)
    market.prepare(pair, first * NANO, market.now)
    close = market.close_before(pair, first * NANO)
    found: list[Candle] = []
    for begin in range(first, running + 1, length):
        traded = market.summary(pair, begin * NANO, (begin + length) * NANO)
        if traded is None:
            if not close:
                continue
            traded = Summary(close, close, close, close, 0, 0, 0)
        close = traded.close
        found.append(Candle(begin, traded))
    return found


def running_candle(market: Market, pair: Pair, minutes: int) -> Candle:
    """The candle that now lies in."""
    length = minutes * 60
    begin = market.now // NANO // length * length
    traded = market.summary(pair, begin * NANO, market.now + 1)
    if traded is None:
        close = market.last(pair)
        traded = Summary(close, close, close, close, 0, 0, 0)
    return Candle(begin, traded)


def today(market: Market, pair: Pair) -> Summary:
    """Since midnight UTC; flat at the last price where nothing traded yet."""
    return _since(market, pair, market.now // _DAY * _DAY)


def last_day(market: Market, pair: Pair) -> Summary:
    """The 24 hours up to now."""
    return _since(market, pair, market.now - _DAY + 1)


def _since(market: Market, pair: Pair, begin: int) -> Summary:
    close = market.last(pair)
    return market.summary(pair, begin, market.now + 1) or Summary(close, close, close, close, 0, 0, 0)
