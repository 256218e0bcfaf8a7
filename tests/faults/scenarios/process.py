"""One life of the daemon's trading parts, put together as a daemon would; it can die between any two of its steps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from mooring.errors import Conflict, Denied, MooringError
from mooring.runtime.domain.orders import Status
from mooring.runtime.engine.gates import PHRASE, Gates
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.engine.run import Plan, open_run
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.service import Execution
from mooring.runtime.market.live.collector import Collector
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.live.options import FeedOptions
from mooring.runtime.store.store import Store
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.nonce import NonceFile, Nonces
from mooring.runtime.venues.kraken.prices import KrakenPrices, PriceLink
from mooring.runtime.venues.kraken.rest import Market
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.kraken.sockets import connector_of
from mooring.runtime.venues.kraken.venue import KrakenConfig, KrakenKey, KrakenVenue
from mooring.runtime.venues.simulator.transport import VirtualVenue
from tests.faults.scenarios.feeds import WARM_HOURS, CandleFeed
from tests.support.runs import Told
from tests.support.virtual_loop import LoopClock

REST = "http://127.0.0.1:1"
WS = "ws://127.0.0.1:1/v2"
WS_AUTH = "ws://127.0.0.1:1/auth/v2"
TICK = 1.0
AGAIN = 5.0
LIVE = Gates(live=True, dry_run=False)


class Gone(ConnectionError):  # noqa: N818 -- what happened, not a fault
    """The process is dead: nothing that it asks for happens any more."""


class Trap:
    """Dies at the nth time that a place is passed; `sprung` is set then, and who passed it waits for ever."""

    def __init__(self) -> None:
        self.dead = False
        self.sprung = asyncio.Event()
        self._place, self._left = "", 0

    def set(self, place: str, count: int) -> None:
        self._place, self._left = place, count

    async def passes(self, place: str) -> None:
        if self.dead:
            raise Gone("dead")
        if place == self._place:
            self._left -= 1
            if self._left <= 0:
                self.dead = True
                self.sprung.set()
                await asyncio.Event().wait()


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, virtual: VirtualVenue, trap: Trap) -> None:
        self._inner, self._trap = virtual.transport, trap

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._trap.passes("request before")
        answer = await self._inner.handle_async_request(request)
        await self._trap.passes("request after")
        return answer


class _Socket:
    def __init__(self, virtual: VirtualVenue, trap: Trap, url: str) -> None:
        self._inner, self._trap = virtual.connect(url), trap

    async def send(self, text: str) -> None:
        await self._trap.passes("frame before")
        await self._inner.send(text)
        await self._trap.passes("frame after")

    async def recv(self) -> str:
        return await self._inner.recv()

    async def close(self) -> None:
        await self._inner.close()


class Process:
    """From start to death.

    Args:
        folder: the disk: the database and the nonces are in it.
        watch: called after each change of the books.
    """

    def __init__(
        self,
        virtual: VirtualVenue,
        clock: LoopClock,
        plan: Plan,
        folder: Path,
        *,
        live_feed: bool,
        eager: bool,
        flatten: bool,
        dead_man: str,
        watch: Callable[[Process], None],
    ) -> None:
        self.virtual, self.clock, self.plan = virtual, clock, plan
        self.told = Told()
        self.trap = Trap()
        self.halts: list[str] = []
        self.watch = watch
        self.eager = eager
        self.hours = True  # whether closes are decided on
        self._tasks: list[asyncio.Task[Any]] = []
        venue = virtual.simulation.venue
        key = ApiKey.of(venue.key.public, venue.key.secret_text)
        self._nonces = NonceFile(folder / "nonces", key.fingerprint)
        self.store = Store.open(folder / "m.db")
        connector = connector_of(self._opening)
        self.kraken = KrakenVenue(
            KrakenConfig(rest_url=REST, ws_auth_url=WS_AUTH, tier=Tier(virtual.simulation.config.tier), rest_used=7),
            KrakenKey(key=key, nonces=Nonces(self._nonces, lambda: clock.now_ms() * 1000)),
            clock=clock, random=lambda: 0.5, transport=_Transport(virtual, self.trap), connector=connector,
        )  # fmt: skip
        self._http: Http | None = None
        self._source: KrakenPrices | None = None
        self._collector: Collector | None = None
        feed: Any = self._live_feed(connector) if live_feed else CandleFeed(virtual.simulation, clock)
        self.engine = LiveEngine(
            gates=LIVE,
            stale=lambda: "prices are old" if feed.stale else "",
            run=open_run(plan, self.store, now=clock.now()),
            store=self.store,
            feed=feed,
            clock=clock,
            listener=self.told,
            flatten_on_kill=flatten,
        )
        options = Options(dead_man=dead_man)  # type: ignore[arg-type]
        self.execution = Execution(self.kraken, self.engine.books, clock, options=options, call=self._call)
        self.engine.connect(self.execution)

    def _live_feed(self, connector: Any) -> LiveFeed:
        symbols = tuple(each.symbol for each in self.plan.instruments)
        self._http = Http(REST, clock=self.clock, transport=self.virtual.transport)
        link = PriceLink(WS, random=lambda: 0.5, monotonic=self.clock.monotonic, connector=connector)
        market = Market(Sender(self._http, Limits(Tier.STARTER), self.clock))
        self._source = KrakenPrices(link, market, symbols, clock=self.clock, made_up=True)
        feed = LiveFeed(self._source, FeedOptions(warm_hours=WARM_HOURS))
        self._collector = Collector(feed, self._source, symbols, tell=lambda told: None)
        return feed

    async def _opening(self, url: str) -> _Socket:
        await self.trap.passes("frame before")
        return _Socket(self.virtual, self.trap, url)

    async def _call(self, func: Callable[..., Any], /, *args: Any) -> Any:
        await self.trap.passes("call before")
        try:
            done = func(*args)
        except MooringError as error:
            self.halts.append(f"{func.__name__}: {error}")
            raise
        self.watch(self)
        await self.trap.passes("call after")
        return done

    # --- its life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work."""
        self._tasks.append(asyncio.create_task(self._work(), name="process"))
        if self._collector is not None:
            self._tasks.append(asyncio.create_task(self._collect(self._collector), name="prices"))

    def arm(self) -> None:
        """As a person does, who reads what is refused."""
        with contextlib.suppress(Denied, Conflict):
            self.engine.arm(PHRASE)

    async def _work(self) -> None:
        while True:
            try:
                await self.kraken.open()
                break
            except MooringError:
                await asyncio.sleep(AGAIN)
        self._tasks.append(asyncio.create_task(self.execution.run(), name="execution"))
        if not self.eager:
            await self.execution.ready.wait()
        while True:
            while self.hours and self._scan():
                pass
            await asyncio.sleep(TICK)

    async def _collect(self, collector: Collector) -> None:
        assert self._source is not None
        while True:
            try:
                await self._source.sync()
                await self._source.instruments()
                break
            except MooringError:
                await asyncio.sleep(AGAIN)
        await collector.run()

    def _scan(self) -> bool:
        """Do an hour if one has closed; whether one had."""
        try:
            self.engine.scan()
        except Conflict:
            return False
        self.watch(self)
        return True

    @property
    def stirs(self) -> bool:
        """Whether anything is under way: an order, a cancellation, a start."""
        execution = self.execution
        if self.trap.dead or not execution.ready.is_set() or execution._inbox or execution._cancelling._asked:
            return True
        moving = (Status.INTENT, Status.SUBMITTING)
        return any(track.reached in moving or track.unsure or track.end for track in execution._board.live())

    def failures(self) -> list[str]:
        """What ended that should have gone on."""
        found = [
            f"{task.get_name()} ended: {task.exception()!r}"
            for task in self._tasks
            if task.done() and not task.cancelled() and not self.trap.dead
        ]
        return [*found, *self.halts] + ([f"halted: {self.engine._broken}"] if self.engine._broken else [])

    async def die(self) -> None:
        """Nothing of it happens any more; nothing is tidied up."""
        self.trap.dead = True
        await self._end()

    async def stop(self) -> None:
        """An orderly end."""
        self.hours = False
        if self.execution._loop is not None:
            await self.execution.drain()
        await self._end()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.trap.dead = True
        await self.kraken.close()
        if self._http is not None:
            await self._http.close()
        self.store.close()
        self._nonces.close()
