"""Finding the open hour, with a source that says what the test wants, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.market.live.collector import Collector
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.live.options import FeedOptions
from mooring.runtime.market.live.source import Beat, Candle, Page, SourceUp, Trade
from tests.support.live_feed import rows_of
from tests.support.virtual_loop import START, Empty, live

HOUR = START // 10**9  # of the virtual time's beginning
SYMBOL = "BTC-USD"
FLAT = (100, 100, 100, 100, 0)


class Source:
    """A market that trades once an hour until `quiet_from`; its candles come `delay` seconds after the hour."""

    made_up = True
    description = "a test"

    def __init__(self, clock, *, quiet_from: int, delay: int = 0) -> None:
        self._clock, self._quiet_from, self._delay = clock, quiet_from, delay

    def now_ms(self) -> int:
        return self._clock.now_ms()

    async def sync(self) -> None:
        pass

    async def events(self):
        yield SourceUp()
        while True:
            await asyncio.sleep(1)
            yield Beat(time_ms=self.now_ms())

    async def candles(self, _symbol: str, since: int) -> tuple[Candle, ...]:
        end = (self._clock.now() - self._delay) // HOUR_SECONDS * HOUR_SECONDS
        return tuple(
            Candle(begin, 100, 100, 100, 100, 7 if begin < self._quiet_from else 0)
            for begin in range(max(since, HOUR - 50 * HOUR_SECONDS), end, HOUR_SECONDS)
        )

    async def trades(self, symbol: str, since_ms: int) -> Page:
        hours = range(HOUR - 50 * HOUR_SECONDS, self._quiet_from, HOUR_SECONDS)
        trades = [Trade(symbol, 1 + n, 100, 7, (hour + 60) * 1000) for n, hour in enumerate(hours)]
        now = self.now_ms()
        return Page(tuple(each for each in trades if since_ms <= each.time_ms <= now), more=False)


def run(use, *, warm: int = 0, **market) -> None:
    async def main(clock) -> None:
        await asyncio.sleep(1)
        source = Source(clock, **market)
        feed = LiveFeed(source, FeedOptions(warm_hours=warm))
        collector = Collector(feed, source, (SYMBOL,), tell=lambda _told: None)
        task = asyncio.create_task(collector.run())
        await use(feed, clock)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    live(main, Empty())


async def taken(feed: LiveFeed, count: int) -> list:
    bars: list = []
    while len(bars) < count:
        bars.extend(feed)
        await asyncio.sleep(1)
    return bars


def test_the_first_live_hour_without_a_trade_is_flat_at_the_last_candles_close() -> None:
    async def use(feed, _clock) -> None:
        bars = await taken(feed, 3)
        assert [rows_of(bar) for bar in bars] == [[FLAT]] * 3

    run(use, quiet_from=HOUR - 5 * HOUR_SECONDS)


@pytest.mark.parametrize(("delay", "waits"), [(30, False), (HOUR_SECONDS + 30, True)])
def test_the_last_hour_is_made_of_trades_if_its_candle_is_not_there_yet_and_older_ones_are_waited_for(
    delay, waits
) -> None:
    async def use(feed, clock) -> None:
        bars = await taken(feed, 4)
        assert [rows_of(bar)[0][4] for bar in bars] == [7] * 4
        assert (clock.now() >= HOUR + 30) is waits

    run(use, warm=4, quiet_from=HOUR + HOUR_SECONDS, delay=delay)


def test_a_seek_is_answered_at_once_and_not_at_the_next_close() -> None:
    async def use(feed, clock) -> None:
        await taken(feed, 1)
        begun = clock.now()
        feed.seek(HOUR - 10 * HOUR_SECONDS)
        bars = await taken(feed, 11)
        assert bars[0].close_ts == HOUR - 9 * HOUR_SECONDS
        assert all(bar.present.all() for bar in bars)
        assert clock.now() - begun < 60

    run(use, quiet_from=HOUR + 2 * HOUR_SECONDS)
