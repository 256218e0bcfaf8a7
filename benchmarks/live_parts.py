"""The trading parts of a live daemon, put together for one look-alike, with bars that are handed in by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import numpy as np

from mooring.daemon.loop_thread import LoopThread
from mooring.runtime.decision.compose import make_decider
from mooring.runtime.decision.producers import ma_cross, momentum, rsi
from mooring.runtime.decision.strategies import conviction
from mooring.runtime.decision.types import FeatureParams, RiskParams
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Int64s
from mooring.runtime.domain.ids import content_hash
from mooring.runtime.domain.instruments import scales
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.domain.orders import Status
from mooring.runtime.engine.gates import PHRASE, Gates
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.engine.run import Plan, open_run
from mooring.runtime.engine.world import make_machine
from mooring.runtime.execution.service import Execution
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.market.universe import KNOWN_BASES, instruments
from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.store.store import Store
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.nonce import NonceFile, Nonces
from mooring.runtime.venues.kraken.prices import KrakenPrices, PriceLink
from mooring.runtime.venues.kraken.rest import Market
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.kraken.sockets import Socket, open_socket
from mooring.runtime.venues.kraken.venue import KrakenConfig, KrakenKey, KrakenVenue
from mooring.runtime.venues.paper.matching import PaperParams

ONE: Final = 10**MONEY_DECIMALS
CASH: Final = 100_000
WARM_HOURS: Final = 12
PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.01
REST_S: Final = 2.0  # between two bars; faster, and the budget of requests per pair runs out
FEES: Final = PaperParams(taker_fee_ppm=8000, maker_fee_ppm=8000, cost_ppm=500)
RISK: Final = RiskParams(
    risk_per_trade_bps=50, max_symbol_exposure_bps=250, max_total_exposure_bps=8000, daily_loss_bps=9000,
    drawdown_caution_bps=7000, drawdown_defensive_bps=8000, drawdown_halt_bps=9000, caution_percent=50,
    defensive_percent=25, max_open_positions=60, max_entries_per_day=10_000, entry_collar_bps=100, fee_ppm=8000,
    lots_limit=8,
)  # fmt: skip


def plan_of(symbols: int) -> Plan:
    """A live run of so many symbols that buys everything at one close and sells it at the next."""
    listed = instruments(f"{base}-USD" for base in KNOWN_BASES[:symbols])
    decider = make_decider(
        scales=scales(listed),
        features=FeatureParams(ema_fast=2, ema_slow=3, rsi_period=3, atr_period=3, momentum_bars=2),
        risk=RISK,
        producers=(rsi, momentum, ma_cross),
        strategy=conviction,
        options={
            "weights": (1, 1, 1), "entry_score": -99, "exit_score": 99, "stop_atr_percent": 2000,
            "target_atr_percent": 5000, "cooldown_bars": 0, "rsi_period": 3, "rsi_oversold": 30, "rsi_overbought": 70,
            "ema_fast": 2, "ema_slow": 3, "momentum_bars": 2, "atr_period": 3,
        },
    )  # fmt: skip
    return Plan(
        mode="live",
        code_version="benchmark",
        settings_hash=content_hash("benchmark"),
        settings_text="{}",
        bounds="{}",
        treasury=TreasuryParams(monthly_costs=0, protect=1, minimum_transfer=ONE),
        lock_hash="0" * 64,
        market="benchmark",
        market_hash=content_hash("benchmark"),
        seed=0,
        instruments=listed,
        machine=make_machine(decider, FEES, CASH * ONE),
        venue="kraken",
    )


class Handed:
    """A `Feed` of bars that somebody puts in, hour after hour.

    Attributes:
        put_at: when the last one was put, seconds of `time.perf_counter`.
    """

    made_up = True
    description = "handed in"

    def __init__(self, first_close_ts: int) -> None:
        self.next_close_ts: int | None = first_close_ts
        self.put_at = 0.0
        self._ready: list[Bar] = []
        self._changed = threading.Condition()

    def put(self, closes: Int64s) -> None:
        """The next hour, in which prices went up and down by a hundredth."""
        with self._changed:
            assert self.next_close_ts is not None
            spread = np.maximum(closes // 100, 1)
            close_ts = self.next_close_ts + len(self._ready) * HOUR_SECONDS
            there, volume = np.ones(len(closes), np.bool_), np.full(len(closes), 10**9, np.int64)
            self._ready.append(Bar(close_ts, there, closes, closes + spread, closes - spread, closes, volume))
            self.put_at = time.perf_counter()
            self._changed.notify_all()

    def seek(self, after_close_ts: int) -> None:
        self.next_close_ts = after_close_ts + HOUR_SECONDS

    def catching_up(self, close_ts: int) -> bool:  # noqa: ARG002 -- a Feed's
        return False

    def wait_closed(self, stop: threading.Event) -> bool:
        with self._changed:
            while not self._ready and not stop.is_set():
                self._changed.wait(0.25)
            return bool(self._ready) and not stop.is_set()

    def wait_next(self, stop: threading.Event) -> Bar | None:
        return next(self) if self.wait_closed(stop) else None

    def __iter__(self) -> Iterator[Bar]:
        return self

    def __next__(self) -> Bar:
        with self._changed:
            if not self._ready:
                raise StopIteration
            bar = self._ready.pop(0)
            self.next_close_ts = bar.close_ts + HOUR_SECONDS
            return bar


class _Silent:
    """A listener."""

    def hour_done(self, done: object) -> None: ...

    def told(self, rows: object) -> None: ...

    def status_changed(self, status: object) -> None: ...

    def alert(self, severity: str, code: str, text: str) -> None: ...


class _Watched:
    """A socket that notes when orders leave."""

    def __init__(self, inner: Socket, sent: list[tuple[float, str]]) -> None:
        self._inner, self._sent = inner, sent

    async def send(self, text: str) -> None:
        if '"add_order"' in text:
            self._sent.append((time.perf_counter(), text))
        await self._inner.send(text)

    async def recv(self) -> str | bytes:
        return await self._inner.recv()


class Bench:
    """Engine, execution and venue, ready to trade."""

    def __init__(self, plan: Plan, folder: Path, said: dict[str, str]) -> None:
        self._sent: list[tuple[float, str]] = []
        self._clock = clock = SystemClock()
        self._loop = LoopThread("venue")
        self._loop.start()
        key = ApiKey.of(said["api_key"], said["api_secret"])
        self._nonces = NonceFile(folder, key.fingerprint)
        self._venue = KrakenVenue(
            KrakenConfig(rest_url=said["rest"], ws_auth_url=said["ws_auth"], tier=Tier.PRO),
            KrakenKey(key=key, nonces=Nonces(self._nonces, lambda: clock.now_ms() * 1000)),
            clock=clock, random=lambda: 0.5, connector=self._watched,
        )  # fmt: skip
        self._closes = self._loop.call(self._prices(plan, said), seconds=PATIENCE_S)
        self._loop.call(self._venue.open(), seconds=PATIENCE_S)
        self._store = Store.open(folder / "mooring.db")
        self._feed = Handed((clock.now() // HOUR_SECONDS + 1) * HOUR_SECONDS)
        run = open_run(plan, self._store, now=clock.now())
        self._engine = LiveEngine(
            gates=Gates(live=True, dry_run=False), run=run, store=self._store, feed=self._feed, clock=clock,
            listener=_Silent(), flatten_on_kill=False,
        )  # fmt: skip
        self._execution = Execution(self._venue, self._engine.books, clock)
        self._engine.connect(self._execution)
        self._running = self._loop.submit(self._execution.run())
        self._wait(lambda: not self._execution.state.held)
        for _ in range(WARM_HOURS):
            self._hour()
        self._engine.arm(PHRASE)

    def rounds(self, count: int) -> list[list[float]]:
        """For each of so many closes, milliseconds from its bar until each entry left, in order."""
        taken: list[list[float]] = []
        while len(taken) < count:
            self._sent.clear()
            self._hour()
            entries = sorted((at - self._feed.put_at) * 1000 for at, text in self._sent if '"limit"' in text)
            if entries:
                taken.append(entries)
        return taken

    def close(self) -> None:
        """End everything."""
        self._engine.stop()
        self._running.cancel()
        self._loop.call(self._venue.close(), seconds=PATIENCE_S)
        self._loop.stop()
        self._store.close()
        self._nonces.close()

    def _hour(self) -> None:
        """One bar, and all that follows from it."""
        self._engine.start()
        done = self._engine.status.hours
        self._feed.put(self._closes)
        self._wait(lambda: self._engine.status.hours > done)
        self._wait(self._rests)
        time.sleep(REST_S)
        self._wait(self._rests)

    def _rests(self) -> bool:
        state = self._execution.state
        working = self._engine.now().working
        return not state.waiting and not state.unknown and all(one.status is Status.OPEN for one in working)

    def _wait(self, test: object) -> None:
        assert callable(test)
        ends = time.perf_counter() + PATIENCE_S
        while not test():
            if time.perf_counter() > ends:
                raise RuntimeError(f"it does not come to rest: {self._execution.state}, {self._engine.status}")
            time.sleep(LOOK_S)

    async def _prices(self, plan: Plan, said: dict[str, str]) -> Int64s:
        """The look-alike's latest prices, in ticks."""
        http = Http(said["rest"], clock=self._clock)
        link = PriceLink(said["ws"], random=lambda: 0.5, monotonic=self._clock.monotonic)
        market = Market(Sender(http, Limits(Tier.PRO), self._clock))
        symbols = [each.symbol for each in plan.instruments]
        source = KrakenPrices(link, market, symbols, clock=self._clock, made_up=True)
        since_ms = (self._clock.now() - HOUR_SECONDS) * 1000
        found = [(await source.trades(symbol, since_ms)).trades[-1].price for symbol in symbols]
        await http.close()
        return np.array(found, np.int64)

    @asynccontextmanager
    async def _watched(self, url: str) -> AsyncIterator[Socket]:
        async with open_socket(url) as socket:
            yield _Watched(socket, self._sent)
