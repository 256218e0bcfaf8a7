"""A live feed over the look-alike in virtual time, as a daemon would put it together; and the bars it should come to."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from mooring.runtime.domain.bars import HOUR_SECONDS, Bar
from mooring.runtime.market.live.collector import Collector
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.live.options import FeedOptions, Told
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.prices import KrakenPrices, PriceLink
from mooring.runtime.venues.kraken.rest import Market
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.sockets import connector_of
from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.transport import VirtualVenue
from mooring.runtime.venues.simulator.venue import Config
from tests.support.virtual_loop import LookAlike, live

SYMBOLS = ("BTC-USD", "SOL-USD")
LIMIT = 60 * 86_400
SLOW = 8.0  # seconds; a line counts as dead after 10
CALM = 150  # seconds after a close, or after the line was lost, in which every moment counts


class Followed:
    """A feed, what fills it, and the venue behind it."""

    def __init__(self, virtual: VirtualVenue, clock, symbols: tuple[str, ...], options: FeedOptions) -> None:
        self.virtual = virtual
        self.clock = clock
        self.told: list[Told] = []

        async def opening(url: str):
            return virtual.connect(url)

        self.http = Http("http://127.0.0.1:1", clock=clock, transport=virtual.transport)
        sender = Sender(self.http, Limits(Tier.STARTER), clock)
        self.link = PriceLink(
            "ws://127.0.0.1:1/v2", random=lambda: 0.5, monotonic=clock.monotonic, connector=connector_of(opening)
        )
        self.source = KrakenPrices(self.link, Market(sender), symbols, clock=clock, made_up=True)
        self.feed = LiveFeed(self.source, options)
        self.collector = Collector(self.feed, self.source, symbols, tell=self.told.append)
        self.bars: list[Bar] = []
        self.taken_at: list[int] = []

    async def bars_of(self, count: int) -> list[Bar]:
        """So many more bars, taken as soon as they are there."""
        wanted = len(self.bars) + count
        while len(self.bars) < wanted:
            for bar in self.feed:
                self.bars.append(bar)
                self.taken_at.append(self.clock.now_ms())
            await asyncio.sleep(1)
        return self.bars

    def quiet(self) -> float:
        """How late a timer may come now: not at all near a close, after the line was lost, or while trades are missing."""
        now = self.clock.now_ms()
        stale, since_close = self.feed.stale_since_ms, now / 1000 % HOUR_SECONDS
        if since_close < CALM or (stale is not None and now - stale < CALM * 1000):
            return 0.0
        if any(lane.builder.gaps for lane in self.collector.lanes):
            return 0.0
        return max(0.0, min(SLOW, HOUR_SECONDS - since_close - 2))

    def notices(self) -> list[str]:
        return [told.notice.value for told in self.told]

    def true_rows(self, bar: Bar) -> list[tuple[int, ...]]:
        return true_rows(self.virtual.simulation, self.source._symbols, bar)

    def assert_true(self, bars: list[Bar]) -> None:
        """Consecutive hours, each symbol present, every figure the venue's."""
        assert all(b.close_ts - a.close_ts == HOUR_SECONDS for a, b in pairwise(bars))
        for bar in bars:
            assert bar.present.all(), (bar.close_ts, self.told)
            assert rows_of(bar) == self.true_rows(bar), bar.close_ts


def true_rows(simulation: Simulation, symbols: tuple[str, ...], bar: Bar) -> list[tuple[int, ...]]:
    """What the venue's own tape has of the hour, by symbol: open, high, low, close, volume."""
    rows = []
    hour = bar.close_ts // HOUR_SECONDS - 1
    pairs = {pair.key: pair.id for pair in simulation.venue.catalog.pairs.values()}
    for symbol in symbols:
        tape = simulation.venue.market._tapes[pairs[symbol]]
        found = tape.summaries(hour, hour + 1)[0]
        back = hour
        while found is None:
            back -= 1
            before = tape.summaries(back, back + 1)[0]
            found = before and before._replace(open=before.close, high=before.close, low=before.close, lots=0)
        rows.append((found.open, found.high, found.low, found.close, found.lots))
    return rows


def rows_of(bar: Bar) -> list[tuple[int, ...]]:
    return [tuple(int(column[n]) for column in bar[2:]) for n in range(len(bar.present))]


def follow(
    use,
    *faults: dict,
    options: FeedOptions | None = None,
    symbols: tuple[str, ...] = SYMBOLS,
    data: Path | None = None,
    start: int | None = None,
    before=lambda followed: None,
    **config,
) -> Followed:
    """Run `use(followed)` in virtual time; `before` is called before the collector starts."""
    scenario = parse_scenario({"fault": list(faults)}, "test")
    simulation = Simulation(symbols, data=data, start=start, config=Config(**config), scenario=scenario)
    virtual = VirtualVenue(simulation)

    async def main(clock) -> Followed:
        followed = Followed(virtual, clock, symbols, options or FeedOptions())
        asyncio.get_running_loop().quiet = followed.quiet
        before(followed)
        task = asyncio.create_task(followed.collector.run())
        using = asyncio.create_task(use(followed))
        await asyncio.wait([task, using], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await using
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await followed.http.close()
        return followed

    return live(main, LookAlike(virtual), limit=LIMIT)
