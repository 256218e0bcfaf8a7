"""A look-alike of Kraken within this process, on loopback, whose market a daemon follows as it would follow Kraken's.

Its time runs at a speed, and no further ahead of the hours that were done than the machine can follow: nothing is lost
where it is slow, and nothing is waited for where it is fast.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Final, TypeVar

from mooring.daemon.kraken_desk import LiveMarket
from mooring.daemon.loop_thread import LoopThread
from mooring.daemon.market import Market
from mooring.errors import Denied
from mooring.hosts import is_local
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Bars
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.feed import Feed
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.times import utc_text
from mooring.runtime.venues.simulator.server import Server
from mooring.runtime.venues.simulator.shown_bars import BarsSource
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config

SPEED_MOST: Final = 360_000.0  # a hundred hours a second: more than a daemon makes durable
CRAWL: Final = 3600.0  # market seconds a second while nobody keeps up: an hour that nobody took yet waits in candles
AHEAD_TRADES: Final = 6_000  # that may be on their way; a client's queue holds 10,000
AHEAD_HOURS: Final = 12
TRADES_AN_HOUR: Final = 60
START_SECONDS: Final = 10.0
FOLLOW_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.01
_NANO: Final = 1_000_000_000

T = TypeVar("T")


class PacedClock:
    """This machine's clock, whose monotonic time slows down where the market would run away from who follows it.

    Look-alike and daemon count the market's time with the same object, so they agree whatever the pace.

    Args:
        system: counts real time.
        speed: market seconds in a second at full pace.
    """

    def __init__(self, system: Clock, *, speed: float) -> None:
        self._system = system
        self._speed = speed
        self._crawl = min(1.0, CRAWL / speed)
        self._lock = threading.Lock()
        self._seen = system.monotonic()
        self._paced = 0.0
        self._until = 0.0

    @property
    def speed(self) -> float:
        """Market seconds in a second at full pace."""
        return self._speed

    def allow(self, market_seconds: int) -> None:
        """Let full pace last until so many seconds of market have passed since it was made; never fewer than before."""
        with self._lock:
            self._until = max(self._until, market_seconds / self._speed)

    def now(self) -> int:
        return self._system.now()

    def now_ms(self) -> int:
        return self._system.now_ms()

    def monotonic(self) -> float:
        with self._lock:
            now = self._system.monotonic()
            passed, self._seen = now - self._seen, now
            swift = min(passed, max(0.0, self._until - self._paced))
            self._paced += swift + (passed - swift) * self._crawl
            return self._paced

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        return self._system.sleep(seconds, stop)

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        return self._system.wait_until(ts, stop)


class RehearsedFeed:
    """A live feed of a look-alike's market: it has an end, all of it is traded, and it sets the pace.

    Args:
        live: followed. clock: the look-alike's.
        origin: where the market's time began with that clock, UTC unix seconds. end: close of its last hour, if any.
        ahead: hours that the market may be ahead. warm_until: bars that close up to then are of the past.
    """

    def __init__(
        self,
        live: LiveFeed,
        clock: PacedClock,
        *,
        market: Market,
        origin: int,
        ahead: int,
        description: str,
        warm_until: int,
    ) -> None:
        self._warm_until = warm_until
        self._live = live
        self._clock = clock
        self._origin = origin
        self._ahead = ahead
        self._end = None if market.hours is None else market.start_ts + market.hours * HOUR_SECONDS
        self.made_up = market.bars is None
        self.description = description

    @property
    def next_close_ts(self) -> int | None:
        close = self._live.next_close_ts
        return None if close is None or (self._end is not None and close > self._end) else close

    def seek(self, after_close_ts: int) -> None:
        self._live.seek(after_close_ts)

    def catching_up(self, close_ts: int) -> bool:
        return close_ts <= self._warm_until  # a demonstration trades every hour that it has lived

    def wait_closed(self, stop: threading.Event) -> bool:
        close = self.next_close_ts
        if close is None:
            return False
        # The market stays near to its beginning until its trades are followed.
        for _ in range(round(FOLLOW_SECONDS / _LOOK_SECONDS)):
            if not self._live.stale or self._live.next_close_ts is None or stop.wait(_LOOK_SECONDS):
                break
        self._clock.allow(close + self._ahead * HOUR_SECONDS - self._origin)
        return self._live.wait_closed(stop)

    def wait_next(self, stop: threading.Event) -> Bar | None:
        while self.wait_closed(stop):
            bar = next(self, None)
            if bar is not None:
                return bar
        return None

    def __iter__(self) -> Iterator[Bar]:
        return self

    def __next__(self) -> Bar:
        if self.next_close_ts is None:
            raise StopIteration
        return next(self._live)


@dataclass(frozen=True, kw_only=True)
class RehearsedMarket(Market):
    """A market as its look-alike shows it. `live`: its feed, the same for every run of this process."""

    live: LiveFeed
    clock: PacedClock
    origin: int
    description: str
    warm_until: int

    def feed(self, clock: Clock, last_close_ts: int | None) -> Feed:  # noqa: ARG002 -- its time is the look-alike's
        """Its bars, from the hour after `last_close_ts`, or from its beginning."""
        self.live.seek(self.start_ts if last_close_ts is None else last_close_ts)
        ahead = max(1, min(AHEAD_HOURS, AHEAD_TRADES // (TRADES_AN_HOUR * len(self.instruments))))
        return RehearsedFeed(
            self.live,
            self.clock,
            market=self,
            origin=self.origin,
            ahead=ahead,
            description=self.description,
            warm_until=self.warm_until,
        )


class Rehearsal:
    """A look-alike that answers, and how a daemon's market is made of it.

    Attributes:
        urls: settings that name it. key, secret: of its one account. simulation: its inside, for its own thread.
        clock: what it counts its time with. origin: where its time began, UTC unix seconds.
        warm_until: hours of its market that closed up to then (UTC unix seconds) are of the past, and none is traded.
    """

    def __init__(self, simulation: Simulation, server: Server, clock: PacedClock, loop: LoopThread) -> None:
        self.simulation = simulation
        self.clock = clock
        self.warm_until = 0
        self.origin = simulation.venue.started // _NANO
        self._loop = loop
        at = server.urls
        self.urls = {
            "venue.rest_url": at["rest"],
            "venue.ws_url": at["ws"],
            "venue.ws_auth_url": at["ws_auth"],
        }
        assert all(is_local(url) for url in self.urls.values())
        account = simulation.venue.key
        self.key, self.secret = account.public, account.secret_text

    def ask(self, what: Callable[[Simulation], T]) -> T:
        """What its inside says, asked in its own thread: not while something is happening there."""

        async def asked() -> T:
            return what(self.simulation)

        return self._loop.call(asked(), seconds=START_SECONDS)

    def market(self, shown: Market, live: LiveMarket) -> RehearsedMarket:
        """What is shown, followed through its look-alike.

        Args:
            shown: as it is recorded with a run.
            live: as the desk follows it.
        """
        known = {field.name: getattr(shown, field.name) for field in fields(Market)}
        seen = f"{described(shown)}, through a look-alike of Kraken on this machine"
        market = RehearsedMarket(
            **known, live=live.live, clock=self.clock, origin=self.origin, description=seen, warm_until=self.warm_until
        )
        return replace(market, instruments=live.instruments)


def described(market: Market) -> str:
    """What a market is, for people, in a few words."""
    first = utc_text(market.start_ts)
    if market.bars is None:
        return f"made-up prices from seed {market.seed}, from {first}"
    assert market.hours is not None
    return f"recorded bars, {first} to {utc_text(market.start_ts + market.hours * HOUR_SECONDS)}"


def shown_by(market: Market, *, config: Config, start: int) -> Simulation:
    """A look-alike that shows a market, whose time begins at `start` (UTC unix seconds).

    Raises:
        Invalid: a symbol has no bar in the market's first hour.
    """
    made_up = None
    if market.bars is None:
        made_up = SyntheticMarket(market.instruments, seed=market.seed, start_ts=market.start_ts)

    def hours(first: int, count: int) -> Bars:
        if made_up is not None:
            return made_up.bars(first, count)
        assert market.bars is not None
        return Bars._make(column[first : first + count] for column in market.bars)

    symbols = [instrument.symbol for instrument in market.instruments]
    count = None if made_up is not None else market.hours
    return Simulation(
        symbols,
        source=lambda catalog: BarsSource(
            catalog, hours, seed=config.seed, first=market.start_ts, count=count, start=start
        ),
        config=config,
    )


@contextmanager
def rehearsing(simulation: Callable[[], Simulation], system: Clock, *, speed: float) -> Iterator[Rehearsal]:
    """Serve a look-alike on a free port of loopback, in a thread of its own, for as long as this is held.

    Args:
        speed: market seconds in a second; 0 for as fast as it is followed.

    Raises:
        Denied: this machine lets no program listen on loopback.
    """
    made = simulation()
    clock = PacedClock(system, speed=min(speed, SPEED_MOST) or SPEED_MOST)
    loop = LoopThread("mooring-look-alike")
    loop.start()
    try:
        server = Server(made, speed=clock.speed, clock=clock)
        try:
            loop.call(server.start(), seconds=START_SECONDS)
        except OSError:
            raise Denied(
                "no_loopback",
                "The look-alike of Kraken cannot listen on 127.0.0.1: this machine lets no program do so.",
                todo="Allow connections to 127.0.0.1; or see decisions over recorded bars without any connection, "
                "with `mooring backtest --data DIR`.",
            ) from None
        try:
            yield Rehearsal(made, server, clock, loop)
        finally:
            loop.call(server.stop(), seconds=START_SECONDS)
    finally:
        loop.stop()
