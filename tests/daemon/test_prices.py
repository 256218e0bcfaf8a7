"""Bars of a look-alike's prices, over real sockets and at its speed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mooring.daemon.look_alike import look_alike_clock
from mooring.daemon.loop_thread import LoopThread
from mooring.daemon.prices import LivePrices, feed_options
from mooring.errors import MooringError, NotFound, Retry
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.market.live.options import Told
from mooring.runtime.venues.simulator.faults import Rule
from mooring.settings import load_settings
from tests.support.served import Served, served

NOWHERE = Path("/nonexistent")
SYMBOLS = ["BTC-USD", "SOL-USD"]


@contextmanager
def following(
    it: Served, *, warm_hours: int = 0, symbols: list[str] = SYMBOLS
) -> Iterator[tuple[LivePrices, list[Told], list[MooringError]]]:
    settings = load_settings(NOWHERE, {}, overrides={"market.symbols": symbols, **it.overrides})
    clock = look_alike_clock(it.urls["rest"], SystemClock())
    assert clock is not None
    loop = LoopThread("prices")
    loop.start()
    told: list[Told] = []
    ended: list[MooringError] = []
    prices = LivePrices(settings, loop, clock, warm_hours=warm_hours, tell=told.append, ended=ended.append)
    try:
        yield prices, told, ended
    finally:
        prices.close()
        prices.close()
        assert loop.stop()


def test_past_hours_come_first_then_those_that_close_and_all_are_the_venues() -> None:
    with served(speed=1800) as it, following(it, warm_hours=24) as (prices, told, ended):
        instruments = prices.begin()
        assert [instrument.symbol for instrument in instruments] == SYMBOLS
        assert prices.feed.made_up
        assert "look-alike" in prices.feed.description
        stop = threading.Event()
        bars = [prices.feed.wait_next(stop) for _ in range(26)]
        closes = [bar.close_ts for bar in bars if bar is not None]
        assert closes == list(range(closes[0], closes[0] + 26 * HOUR_SECONDS, HOUR_SECONDS))
        market = prices.source
        for place, symbol in enumerate(SYMBOLS):
            candles = prices._loop.call(market.candles(symbol, closes[0] - HOUR_SECONDS), seconds=30)
            rows = [(c.begin + HOUR_SECONDS, c.open, c.high, c.low, c.close, c.volume) for c in candles[:26]]
            made = [
                (bar.close_ts, *(int(column[place]) for column in (bar.open, bar.high, bar.low, bar.close, bar.volume)))
                for bar in bars
                if bar is not None
            ]
            assert made == rows
        assert not prices.feed.stale
        assert [one.notice for one in told] == ["up"]
    assert ended == []


def test_who_waits_for_a_bar_is_woken_when_it_is_closed() -> None:
    with served(speed=1) as it, following(it) as (prices, _, ended):
        prices.begin()
        got: list[object] = []
        waiting = threading.Thread(target=lambda: got.append(prices.feed.wait_next(threading.Event())))
        waiting.start()
        prices.close()
        waiting.join(30)
        assert got == [None]
    assert ended == []


def test_a_symbol_that_the_venue_has_not_is_refused_before_anything_begins() -> None:
    with (
        served(speed=60) as it,
        following(it, symbols=["BTC-USD", "PEPE-USD"]) as (prices, _, ended),
        pytest.raises(NotFound),
    ):
        prices.begin()
    assert ended == []


def test_a_venue_that_is_silent_is_said_to_be() -> None:
    with served(speed=60) as it:
        with following(it) as (prices, _, ended):
            it.simulation.happenings.add(Rule(kind="http_error", match="rest:*"))
            with pytest.raises(Retry):
                prices.begin()
        assert ended == []


def test_patience_follows_the_settings_and_grows_where_time_runs_fast() -> None:
    settings = load_settings(NOWHERE, {}, overrides={"execution.stale_seconds": 60, "execution.late_seconds": 240})
    live = feed_options(settings, SystemClock(), warm_hours=300)
    assert (live.stale_ms, live.past_ms, live.warm_hours, live.speed) == (60_000, 240_000, 300, 1)
    with served(speed=600) as it:
        clock = look_alike_clock(it.urls["rest"], SystemClock())
        assert clock is not None
        fast = feed_options(settings, clock, warm_hours=0)
    assert fast.speed == 600
    assert fast.past_ms >= 1_000 * 600, "a second on the way is not the past"
