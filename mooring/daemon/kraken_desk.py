"""All that speaks with Kraken in a running daemon: prices for every mode, and the account for live trading.

Imported only where the settings ask for Kraken: HTTP and WebSocket clients stay out of a daemon that needs neither.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from mooring.daemon.credentials import KeyStore
from mooring.daemon.ending import Ending, left_at_venue
from mooring.daemon.look_alike import look_alike_clock, speed_of
from mooring.daemon.loop_thread import LoopThread
from mooring.daemon.market import Market
from mooring.daemon.prices import LivePrices
from mooring.daemon.shadow_check import Checked, Checker, Submit
from mooring.daemon.venue import execution_options, kraken_venue_from, require_real_prices
from mooring.daemon.venue_watch import VenueWatch
from mooring.daemon.wake_watch import WakeWatch
from mooring.errors import Denied, MooringError, Retry
from mooring.home import Home
from mooring.hosts import is_local
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.ids import canonical_json, content_hash
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.gates import Gates
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.execution.service import Execution
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.feed import Feed
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.live.options import CANDLES_MAX, Notice, Told
from mooring.runtime.venues.kraken.limits import public_counter
from mooring.runtime.venues.kraken.venue import KrakenVenue
from mooring.secrets.vault import Vault
from mooring.settings import Settings

OPEN_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 5.0  # before what sends orders begins anew after it failed
AGAIN_MOST: Final = 3  # times within
AGAIN_WITHIN_SECONDS: Final = 3600.0
WARM_SPARE: Final = 24  # hours of the past beyond what producers need
QUIET: Final = frozenset({Notice.UP, Notice.LATE_TRADE, Notice.ASKING_FAILED})  # for the log only

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class LiveMarket(Market):
    """Prices of a venue as they come; its feed is the same for every run of this process.

    Attributes:
        live: the feed. warm_hours: of the past that a new run begins with. now: the venue's time, UTC unix seconds.
    """

    live: LiveFeed
    warm_hours: int
    now: Callable[[], int]

    def feed(self, clock: Clock, last_close_ts: int | None) -> Feed:  # noqa: ARG002 -- its time is the venue's
        """Its bars, from the hour after `last_close_ts`, or from so long ago that a new run begins warm."""
        this_hour = self.now() // HOUR_SECONDS * HOUR_SECONDS
        self.live.seek(this_hour - self.warm_hours * HOUR_SECONDS if last_close_ts is None else last_close_ts)
        return self.live


class KrakenDesk:
    """Prices and account of Kraken for one daemon. Begin it, hand its market to the trader, close it last.

    Args:
        home: prepared; another process of it that uses the key is a Conflict.
        clock: this machine's.
        warmup_bars: hours that producers need, to say anything and to say it as they always do.
        ending: how long each part of an end may take.

    Raises:
        Denied: the settings want real orders on prices that are not the venue's.
        Retry: a look-alike that the settings name does not answer.
    """

    def __init__(
        self,
        settings: Settings,
        home: Home,
        vault: Vault,
        clock: Clock,
        *,
        warmup_bars: int,
        ending: Ending | None = None,
    ) -> None:
        require_real_prices(settings)
        self._settings, self._home = settings, home
        self._keys = KeyStore(vault, home, settings.venue.rest_url, clock.now)
        self._key_ends = self.left = ""
        self._ending = ending or Ending()
        self._machine = clock
        self.clock: Clock = look_alike_clock(settings.venue.rest_url, clock) or clock
        self._loop = LoopThread("mooring-venue")
        self._warm_hours = min(CANDLES_MAX, warmup_bars + WARM_SPARE)
        self._public = public_counter(speed=speed_of(self.clock))
        self._prices: LivePrices
        self._instruments: tuple[Instrument, ...] = ()
        self._held = ExitStack()
        self._venue: KrakenVenue | None = None
        self._execution: Execution | None = None
        self._running: Future[None] | None = None
        self._watching: Future[None] | None = None
        self._failed = ""
        self._failures: list[float] = []  # when what sends orders failed, by the monotonic clock
        self._engine: LiveEngine | None = None
        self._lock = threading.Lock()  # of which execution there is

    @property
    def gates(self) -> Gates:
        """What the settings say of real orders."""
        trading = self._settings.trading
        return Gates(live=trading.mode == "live", dry_run=trading.dry_run)

    @property
    def connected(self) -> bool:
        """Whether prices are followed, and the account's own word comes where it is traded."""
        execution = self._execution
        return not self._prices.feed.stale and (execution is None or (execution.state.linked and not self._failed))

    @property
    def key_ends(self) -> str:
        """The last four characters of the key that is in use; empty where none is."""
        return self._key_ends

    @property
    def late_seconds(self) -> int:
        """Seconds of the venue after a close beyond which an entry decided there does not leave any more."""
        return self._prices.feed.options.past_ms // 1000

    def stale(self) -> str:
        """Why nothing may be bought now; empty where it may."""
        if self._failed:
            return self._failed
        return "Prices are not followed at the moment." if self._prices.feed.stale else ""

    def begin(self, *, cold: bool = False) -> LiveMarket:
        """Follow prices from now on.

        Args:
            cold: without the past that makes producers warm.

        Raises:
            Retry: Kraken does not answer. NotFound, Invalid: a symbol that it has not. Halt: an unreadable answer.
        """
        self._loop.start()
        self._prices = LivePrices(
            self._settings,
            self._loop,
            self.clock,
            warm_hours=0 if cold else self._warm_hours,
            tell=self._told,
            ended=lambda error: self._alert("critical", error.code, str(error)),
            public=self._public,
        )
        instruments = self._instruments = self._prices.begin()
        self._loop.submit(WakeWatch(self._machine, self._renew).run())
        source = "look-alike" if is_local(self._settings.venue.rest_url) else "kraken"
        return LiveMarket(
            instruments=instruments,
            text=canonical_json({"source": source}).decode(),
            hash=content_hash({"source": source}),
            seed=0,
            start_ts=0,
            hours=None,
            speed=1.0,
            bars=None,
            live=self._prices.feed,
            warm_hours=self._warm_hours,
            now=self.clock.now,
        )

    def connect(self, engine: LiveEngine) -> None:
        """Take the account up for this engine: key, rights, fees, then comparison and orders.

        Raises:
            Denied: no key, or one that may too much or too little; fees above those of the settings; other decimals.
            Conflict: another process uses the key. Retry, Halt: Kraken does not answer, or refuses the key.
        """
        venue = self._open()
        with self._or_let_go():
            self._require_fees(venue)
        with self._or_let_go():
            with self._lock:
                self._engine, self._failed, self._failures, self.left = engine, "", [], ""
                execution = self._execution_for(venue, engine)
                self._run(execution)
            engine.connect(execution)
        watch = VenueWatch(venue, self._instruments, self._alert, clocks=speed_of(self.clock) == 1)
        self._watching = self._loop.submit(watch.run())

    def check(self, record: Callable[[Checked], None]) -> Submit:
        """Have Kraken check shadow's orders from now on; nothing is ever placed.

        Args:
            record: is told of each answer; called in a thread of its own, may block.

        Raises:
            As `connect`, but for the fees.
        """
        require_real_prices(self._settings, checks=True)
        venue = self._open()
        options = execution_options(self._settings, self.clock)
        checker = Checker(venue, deadline_ms=options.deadline_ms, record=record)
        self._watching = self._loop.submit(checker.run())
        return checker.submit

    def _open(self) -> KrakenVenue:
        """The account's venue, open; where that fails, the key is free again."""
        key = self._keys.load()
        with self._or_let_go():
            venue = self._held.enter_context(
                kraken_venue_from(self._settings, self._home, key.api, self.clock, public=self._public)
            )
            self._venue = venue
            self._call(venue.open(), OPEN_SECONDS)
            self._key_ends = key.ends
            self._require_figures(venue)
        return venue

    @contextmanager
    def _or_let_go(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.disconnect()
            raise

    def disconnect(self) -> None:
        """Let the account go: entries are taken back, exits and stops stay at the venue. Safe to call twice."""
        with self._lock:
            engine, execution, running, venue = self._engine, self._execution, self._running, self._venue
            self._engine = self._execution = self._running = self._venue = None
        self._key_ends = ""
        if self._watching is not None:
            self._watching.cancel()
        settled = execution is None
        if execution is not None and running is not None and not running.done():
            with suppress(MooringError, TimeoutError):
                settled = self._call(execution.drain(cancel=(Role.ENTRY,)), self._ending.seconds("orders"))
            running.cancel()
            with suppress(Exception, CancelledError):
                running.result(self._ending.seconds("sender"))
        if engine is not None:
            left = "" if settled else left_at_venue(self._machine.now())
            self.left = left or self.left  # first: whoever ended it is told also where the store can keep nothing more
            # In a thread of its own: an hour that never ends never gives the books their turn.
            telling = threading.Thread(target=self._tell_engine, args=(engine, left), name="mooring-books", daemon=True)
            telling.start()
            telling.join(self._ending.seconds("books"))
        if venue is not None:
            with suppress(MooringError, TimeoutError):
                self._call(venue.close(), self._ending.seconds("account"))
        self._held.close()

    def _tell_engine(self, engine: LiveEngine, left: str) -> None:
        """Nothing is sent for it any more; the person is told where orders are left that nobody looks after."""
        try:
            try:
                engine.disconnect()
            finally:
                if left:
                    engine.alert("critical", "orders_left", left)
        except Exception:  # in a thread of its own nobody else would hear of it
            log.exception("engine_not_told")

    def resync(self, *, accept: bool = False) -> None:
        """Compare books and venue now; with `accept`, what nothing explains and is no loss is booked as outside."""
        if self._execution is not None:
            self._execution.reconcile(accept=accept)

    def hurry(self) -> None:
        """Wait no longer for Kraken: the process is to end, and this may be beginning still. From any thread."""
        self._loop.hurry()

    def close(self) -> None:
        """End everything; safe to call twice, and after a beginning that failed."""
        self.disconnect()
        if hasattr(self, "_prices"):
            self._prices.close(self._ending.seconds("prices"))
        self._loop.stop(self._ending.seconds("loop"))

    async def _renew(self) -> None:
        """The machine slept; in the loop."""
        await self._prices.renew()
        execution, venue = self._execution, self._venue
        if execution is not None:
            await execution.woke()
        elif venue is not None:
            await venue.renew()

    def _require_figures(self, venue: KrakenVenue) -> None:
        """What is bought now is counted with the decimals that prices are: those of when this process began."""
        recounted = [change for change in venue.changes(self._instruments) if change.recounted]
        if recounted:
            raise Denied(
                "kraken_recounted",
                f"Kraken counts {recounted[0].symbol} with other decimals than when this start began.",
                money="No order was placed.",
                todo="Start the daemon again.",
            )

    def _require_fees(self, venue: KrakenVenue) -> None:
        """Positions are sized, and cash is set aside, with the fees of the settings: they must cover the real ones."""
        costs = self._settings.costs
        fees = self._call(venue.fees(self._settings.market.symbols), OPEN_SECONDS)
        dearest = max(max(maker, taker) for maker, taker in fees.values())
        counted = max(costs.maker_fee_ppm, costs.taker_fee_ppm)
        if dearest > counted:
            raise Denied(
                "fees_above_settings",
                f"Kraken takes up to {dearest} ppm of this account, and the settings count with {counted}.",
                money="Nothing was sent. With fees that are set too low, an order could cost more than was set aside.",
                todo=f"Set costs.taker_fee_ppm to {dearest} or more, and start again.",
            )

    def _call(self, work: Coroutine[object, object, T], seconds: float) -> T:
        try:
            return self._loop.call(work, seconds=seconds)
        except TimeoutError:
            raise Retry(
                "venue_slow",
                f"Kraken did not answer within {seconds:g} seconds.",
                money="Nothing new is sent.",
                todo="Check the connection to the internet, and Kraken's status page; then start again.",
            ) from None

    def _execution_for(self, venue: KrakenVenue, engine: LiveEngine) -> Execution:
        options = execution_options(self._settings, self.clock)
        self._execution = Execution(venue, engine.books, self.clock, options=options, renew=venue.renew)
        return self._execution

    def _run(self, execution: Execution) -> None:
        self._running = self._loop.submit(execution.run())
        self._running.add_done_callback(self._ended)

    def _ended(self, running: Future[None]) -> None:
        """Execution ended by itself: until it has begun anew nobody looks after orders, so nothing may be bought."""
        engine = self._engine
        if running.cancelled() or self._running is not running or engine is None:
            return
        log.error("execution_ended", exc_info=running.exception())
        self._failed = "The part that sends and watches orders has failed."
        now = self.clock.monotonic()
        self._failures = [at for at in self._failures if now - at < AGAIN_WITHIN_SECONDS] + [now]
        again = len(self._failures) <= AGAIN_MOST
        then = "It begins anew by itself" if again else "Nothing is sent any more: look at the log"
        text = f"{self._failed} Stops at the venue stay. {then}; where that does not help, start the daemon again."
        self._alert("critical", "execution_failed", text)
        self._loop.submit(self._again(engine, running) if again else asyncio.to_thread(engine.disconnect))

    async def _again(self, engine: LiveEngine, failed: Future[None]) -> None:
        """As after a crash: what may have left is looked up, and nothing leaves before books and venue were compared.

        The person's word holds on, as it is the same start: exits and stops go on. Entries are taken back.
        """
        await asyncio.sleep(AGAIN_SECONDS)
        with self._lock:
            if self._running is not failed or self._venue is None:  # it was let go meanwhile
                return
            execution = self._execution_for(self._venue, engine)
        try:
            await asyncio.to_thread(engine.connect, execution)
        except Exception:
            log.exception("execution_not_begun")
            return
        with self._lock:
            if self._execution is execution:
                self._run(execution)
                self._failed = ""

    def _told(self, told: Told) -> None:
        log.info("prices_told", notice=told.notice.value, symbol=told.symbol, close_ts=told.close_ts, text=told.text)
        if told.notice not in QUIET:
            self._alert("warning", f"prices_{told.notice.value}", told.text or told.notice.value)

    def _alert(self, severity: str, code: str, text: str) -> None:
        engine = self._engine
        if engine is not None:
            # In a thread of its own: the engine may wait for its turn, and the loop must not.
            self._loop.submit(asyncio.to_thread(engine.alert, severity, code, text))
        else:
            log.warning("venue_alert", severity=severity, code=code, text=text)
