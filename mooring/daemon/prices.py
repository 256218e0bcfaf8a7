"""Kraken's prices as bars: followed in the venue's event loop, taken by the engine's thread."""

from __future__ import annotations

import asyncio
import random as chance
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog

from mooring.daemon.look_alike import speed_of
from mooring.daemon.loop_thread import LoopThread
from mooring.errors import MooringError, Retry
from mooring.hosts import is_local
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.live.collector import Collector
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.live.options import FeedOptions, Told
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Counter, Limits, Tier
from mooring.runtime.venues.kraken.prices import KrakenPrices, PriceLink
from mooring.runtime.venues.kraken.rest import Market
from mooring.runtime.venues.kraken.sender import Sender
from mooring.settings import Settings

BEGIN_SECONDS: Final = 60.0
END_SECONDS: Final = 4.0

log = structlog.get_logger(__name__)


def feed_options(settings: Settings, clock: Clock, *, warm_hours: int) -> FeedOptions:
    """How patient the feed is, as the settings say; more so where a look-alike's time runs fast."""
    usual = FeedOptions.at_speed(speed_of(clock), warm_hours=warm_hours)
    wanted = settings.execution
    return replace(
        usual,
        stale_ms=max(1000 * wanted.stale_seconds, usual.stale_ms),
        past_ms=max(1000 * wanted.late_seconds, usual.past_ms),
    )


class LivePrices:
    """Prices of the symbols of the settings, followed from `begin` to `close`. No key is needed.

    Args:
        loop: running; execution may share it.
        clock: this machine's, or `look_alike_clock`.
        warm_hours: of the past that a new run begins with, at most 720.
        tell: is told what a person may want to know; called in the loop, must not block.
        ended: is told why no more prices come, where that was not asked for; called in the loop, must not block.
        random: a number of 0 to 1, for the spread of waits.
        public: counts public calls of this address, shared with who else makes some in the loop.

    Raises:
        Invalid: an address that is not allowed.
    """

    def __init__(
        self,
        settings: Settings,
        loop: LoopThread,
        clock: Clock,
        *,
        warm_hours: int,
        tell: Callable[[Told], None],
        ended: Callable[[MooringError], None],
        random: Callable[[], float] = chance.random,
        public: Counter | None = None,
    ) -> None:
        venue, symbols = settings.venue, settings.market.symbols
        local = is_local(venue.rest_url)
        self._loop = loop
        self._ended = ended
        self._http = Http(venue.rest_url, clock=clock)
        limits = Limits(Tier(venue.tier), speed=speed_of(clock), public=public)
        link = PriceLink(venue.ws_url, random=random, monotonic=clock.monotonic)
        self.source = KrakenPrices(
            link,
            Market(Sender(self._http, limits, clock)),
            symbols,
            clock=clock,
            made_up=local,
            description=f"prices of a look-alike at {venue.rest_url}" if local else "Kraken's prices",
        )
        self.feed = LiveFeed(self.source, feed_options(settings, clock, warm_hours=warm_hours))
        self._collector = Collector(self.feed, self.source, symbols, tell=tell)
        self._following: Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def begin(self) -> tuple[Instrument, ...]:
        """Compare clocks, read what is traded, and follow its prices from now on.

        Returns:
            The instruments, in the order of the symbols.

        Raises:
            Retry: Kraken does not answer.
            NotFound, Invalid: a symbol that it has not, or whose figures cannot be counted.
            Halt: an answer that cannot be read.
        """
        assert self._following is None
        try:
            instruments = self._loop.call(self._prepare(), seconds=BEGIN_SECONDS)
        except TimeoutError:
            raise Retry(
                "prices_slow",
                f"Kraken did not say within {BEGIN_SECONDS:g} seconds what is traded.",
                money="Nothing was started and no order was sent.",
                todo="Check the connection to the internet, and Kraken's status page.",
            ) from None
        self._following = self._loop.submit(self._follow())
        return instruments

    async def renew(self) -> None:
        """Give up every connection and open others; belongs to the loop."""
        self.source.drop("the machine slept")
        await self._http.renew()

    def close(self, seconds: float = END_SECONDS) -> None:
        """Follow no longer, which takes so many seconds at most; whoever waits for a bar is told that none comes.

        Safe to call twice.
        """
        if self._closing:
            return
        self._closing = True
        with suppress(TimeoutError, MooringError):  # the loop may be over already, and the connections with it
            self._loop.call(self._leave(), seconds=seconds)
        self.feed.end()

    async def _prepare(self) -> tuple[Instrument, ...]:
        await self.source.sync()
        return await self.source.instruments()

    async def _leave(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])  # it says goodbye; cancelled once more it would only drop the line
        await self._http.close()

    async def _follow(self) -> None:
        self._task = asyncio.current_task()
        try:
            await self._collector.run()
        except asyncio.CancelledError:
            raise
        except MooringError as error:
            self._tell_end(error)
        except Exception:
            log.exception("prices_failed")
            self._tell_end(_over())
        else:
            self._tell_end(_over())

    def _tell_end(self, error: MooringError) -> None:
        if not self._closing:
            self._ended(error)


def _over() -> Retry:
    return Retry(
        "prices_ended",
        "Kraken's prices are followed no longer.",
        money="Nothing new is bought; stops at the venue stay as they are.",
        todo="Look at the log, and start the daemon again.",
    )
