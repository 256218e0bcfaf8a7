"""Live bars over real sockets, from a look-alike whose time runs fast, taken in another thread as an engine does."""

from __future__ import annotations

import asyncio
import threading
import time

from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.market.clock import MarketClock, SystemClock
from mooring.runtime.market.live.collector import Collector
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.live.options import FeedOptions
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.prices import KrakenPrices, PriceLink
from mooring.runtime.venues.kraken.rest import Market
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.simulator.server import Server
from mooring.runtime.venues.simulator.simulation import START, Simulation
from mooring.runtime.venues.simulator.venue import Config
from tests.support.live_feed import SYMBOLS, rows_of, true_rows

SPEED = 36_000
WARM = 20
BARS = WARM + 12
LIMIT = 60.0


def test_bars_of_past_and_present_are_the_venues() -> None:
    told, bars = [], []
    simulation = Simulation(SYMBOLS, config=Config(seed=2))

    async def main() -> None:
        server = Server(simulation, speed=SPEED, clock=SystemClock())
        await server.start()
        clock = MarketClock(SystemClock(), start_ts=START, speed=SPEED)
        http = Http(server.urls["rest"], clock=clock)
        market = Market(Sender(http, Limits(Tier.STARTER, speed=SPEED), clock))
        link = PriceLink(server.urls["ws"], random=lambda: 0.5, monotonic=time.monotonic)
        source = KrakenPrices(link, market, SYMBOLS, clock=clock, made_up=True)
        feed = LiveFeed(source, FeedOptions.at_speed(SPEED, warm_hours=WARM))
        stop = threading.Event()

        def engine() -> None:
            while len(bars) < BARS and (bar := feed.wait_next(stop)) is not None:
                bars.append(bar)

        collecting = asyncio.create_task(Collector(feed, source, SYMBOLS, tell=told.append).run())
        try:
            async with asyncio.timeout(LIMIT):
                await asyncio.to_thread(engine)
        finally:
            stop.set()
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)
            await http.close()
            await server.stop()

    asyncio.run(main())
    closes = [bar.close_ts for bar in bars]
    assert closes == [closes[0] + n * HOUR_SECONDS for n in range(BARS)]
    assert [rows_of(bar) for bar in bars] == [true_rows(simulation, SYMBOLS, bar) for bar in bars]
    assert [each.notice.value for each in told] == ["up"]
