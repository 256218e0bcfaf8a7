"""Follows a source of prices and closes its hours: each only when it is certain, in order, without a hole.

Three tasks of one event loop: what is told (`_listen`), what must be asked (`_ask`), and time (`_tick`). After every
loss of the connection, sleep of the machine or seek of the engine it finds its place again: closed hours from candles,
the running one from trades.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from mooring.errors import MooringError
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.market.live.bar_builder import HOUR_MS, Ohlcv
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.live.lane import Heard, Lane, Verdict, hour_of
from mooring.runtime.market.live.options import Notice, Told
from mooring.runtime.market.live.past import bar_of, past_hours
from mooring.runtime.market.live.source import Beat, Event, PriceSource, SourceDown, SourceUp, Trade, Trades
from mooring.runtime.market.times import utc_text

_TICK_SECONDS: Final = (0.02, 1.0)
_NEVER: Final = 10**15
_PATIENCE_SECONDS: Final = 0.2  # within which trades that overtook one another are all here


class Collector:
    """Fills a feed. `run` it in a task.

    Args:
        symbols: in the order of the bars.
        tell: is told what a person may want to know; called from the event loop, must not block.
        sleep: waits so many real seconds.
    """

    def __init__(
        self,
        feed: LiveFeed,
        source: PriceSource,
        symbols: tuple[str, ...],
        *,
        tell: Callable[[Told], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._feed = feed
        self._source = source
        self._options = feed.options
        self._tell = tell
        self._sleep = sleep
        self.lanes = tuple(Lane(symbol, feed.options, self._late) for symbol in symbols)
        self._by_symbol = {lane.symbol: lane for lane in self.lanes}
        self._work = asyncio.Event()
        self._up_ms: int | None = None
        self._epoch = 0  # of what is known: another one after every loss, sleep or seek
        self._placed = False  # the open hour is known, and the last one before it
        self._open_ms = 0
        self._found_ms = 0  # when the connection came back, or the open hour was found
        self._limit_ms = feed.options.limit_ms + feed.options.limit_symbol_ms * len(symbols)
        self._lag_ms = self._lag_before_ms = _NEVER  # least delay of a trade, in this hour and the one before
        self._asking_failed = False
        self._seeks = 0
        self._told_ms = self._any_ms = self._beat_ms = 0  # see `Heard`

    async def run(self) -> None:
        """Follow the source until cancelled, then end the feed.

        Raises:
            MooringError: the source cannot be used.
        """
        tasks = [asyncio.create_task(each()) for each in (self._listen, self._ask, self._tick)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._feed.end()

    # --- what is told -----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async for event in self._source.events():
            self._take(event)

    def _take(self, event: Event) -> None:
        now = self._source.now_ms()
        if isinstance(event, Trades):
            told = max((trade.time_ms for trade in event.trades), default=0)
            self._told_ms = max(self._told_ms, told)
            self._lag_ms = min(self._lag_ms, max(0, now - told))
            self._hear(now)
            self._trades(event.trades)
        elif isinstance(event, Beat):
            self._hear(now)
            self._beat_ms = self._any_ms
            if self._placed and self._beat_ms >= self._open_ms + HOUR_MS:
                self._close_ready()
        elif isinstance(event, SourceUp):
            self._hear(now)
            self._up_ms, self._found_ms = now, self._venue_ms()
            self._asking_failed = False
            self._lag_ms = self._lag_before_ms = _NEVER
            self._tell(Told(notice=Notice.UP))
            self._doubt()
        elif isinstance(event, SourceDown):
            self._up_ms = None
            self._epoch += 1
            self._feed.set_stale(now)
            self._tell(Told(notice=Notice.DOWN, text=event.reason))
        else:
            lane = self._by_symbol.get(event.symbol)
            if lane is not None and not lane.lost:
                lane.lost = event.reason
                self._tell(Told(notice=Notice.SYMBOL_LOST, symbol=event.symbol, text=event.reason))

    def _hear(self, now: int) -> None:
        self._any_ms = self._careful_ms()
        self._feed.heard(now, self._told_ms)

    def _trades(self, trades: tuple[Trade, ...]) -> None:
        for trade in trades:
            lane = self._by_symbol.get(trade.symbol)
            if lane is None or lane.lost:
                continue
            if lane.add(trade):
                self._work.set()
            if lane.overflowed:
                self._placed = False
                self._work.set()
        if self._told_ms >= self._open_ms + HOUR_MS:
            self._close_ready()

    def _late(self, trade: Trade) -> None:
        close_ts = hour_of(trade.time_ms) // 1000 + HOUR_SECONDS
        text = f"trade {trade.trade_id} came after the hour was closed"
        self._tell(Told(notice=Notice.LATE_TRADE, symbol=trade.symbol, close_ts=close_ts, text=text))

    def _doubt(self) -> None:
        """Trades may have been missed: ask for them; where whole hours may have been, begin anew with candles."""
        self._epoch += 1
        now = self._source.now_ms()
        self._feed.set_stale(now)
        if not self._open_ms <= now < self._open_ms + 2 * HOUR_MS:
            self._placed = False
        for lane in self.lanes:
            lane.doubt()
        self._work.set()

    # --- hours ------------------------------------------------------------------------------------------------------

    def _close_ready(self) -> None:
        while self._placed and self._feed.has_room:
            close_ms = self._open_ms + HOUR_MS
            heard = self._heard(close_ms)
            verdicts = [lane.verdict(close_ms, heard) for lane in self.lanes]
            if Verdict.WAIT in verdicts:
                if any(lane.needs(self._source.now_ms()) for lane in self.lanes):
                    self._work.set()
                return
            row = [self._closed(lane, verdict) for lane, verdict in zip(self.lanes, verdicts, strict=True)]
            if not self._feed.put(bar_of(close_ms // 1000, row), self._seeks):
                self._doubt_place()
                return
            self._open_ms = close_ms
            self._lag_before_ms, self._lag_ms = self._lag_ms, _NEVER

    def _heard(self, close_ms: int) -> Heard:
        until = max(close_ms, self._found_ms) + self._limit_ms
        return Heard(self._told_ms, self._any_ms, self._beat_ms, self._venue_ms(), self._up_ms is not None, until)

    def _careful_ms(self) -> int:
        """The venue's time at the latest: where its quickest trades of late came late, our clock may be ahead."""
        lag = min(self._lag_ms, self._lag_before_ms)
        return self._source.now_ms() - (lag if lag < _NEVER else 0)

    def _venue_ms(self) -> int:
        return self._source.now_ms() if self._options.by_clock else self._told_ms

    def _closed(self, lane: Lane, verdict: Verdict) -> Ohlcv | None:
        if verdict is Verdict.SURE:
            return lane.builder.close()
        close_ts = (lane.builder.begin_ms + HOUR_MS) // 1000
        lane.builder.give_up()
        text = lane.lost or "some trades of the hour could not be had"
        self._tell(Told(notice=Notice.UNSURE_HOUR, symbol=lane.symbol, close_ts=close_ts, text=text))
        return None

    def _doubt_place(self) -> None:
        self._placed = False
        self._doubt()

    # --- what must be asked -----------------------------------------------------------------------------------------

    async def _ask(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if self._up_ms is None:
                continue
            try:
                if not self._placed and not await self._place():
                    await self._sleep(self._options.retry_seconds)
                    self._work.set()
                    continue
            except MooringError as error:
                if not self._asking_failed:  # told once a connection: it is tried again every few seconds
                    self._asking_failed = True
                    self._tell(Told(notice=Notice.ASKING_FAILED, text=str(error)))
                await self._sleep(self._options.retry_seconds)
                self._work.set()
                continue
            if any(lane.builder.gaps for lane in self.lanes):
                await self._sleep(_PATIENCE_SECONDS)
            await self._fill_all()

    async def _fill_all(self) -> None:
        epoch = self._epoch
        for lane in self.lanes:
            if not lane.needs(self._source.now_ms()):
                continue
            try:
                helped = await lane.fill(self._source, self._careful_ms(), lambda: self._epoch == epoch)
            except MooringError as error:
                helped = False
                if not lane.failing:
                    self._tell(Told(notice=Notice.ASKING_FAILED, symbol=lane.symbol, text=str(error)))
            if self._epoch != epoch:
                return
            if helped:
                lane.helped()
            else:
                lane.failed(self._source.now_ms())
        if self._placed and self._up_ms is not None and all(lane.followed for lane in self.lanes):
            self._feed.set_stale(None)
        self._close_ready()

    async def _place(self) -> bool:
        """Find the open hour: tell all before it, from candles; whether that came about."""
        epoch = self._epoch
        made_to, seeks = self._feed.position
        await self._source.sync()
        self._lag_ms = self._lag_before_ms = _NEVER
        running = hour_of(self._source.now_ms()) // 1000
        floor = max(made_to, running - HOUR_SECONDS)
        for lane in self.lanes:
            lane.restart(floor * 1000)  # trades of the hour just before are kept: its candle may not be there yet
        columns: dict[str, dict[int, Ohlcv]] = {}
        for lane in self.lanes:
            if not lane.lost:
                columns[lane.symbol] = await past_hours(
                    self._source, lane.symbol, made_to, old_pages=self._options.old_pages
                )
        if self._epoch != epoch or self._up_ms is None:
            return False
        ends = [max(column) + HOUR_SECONDS if column else 0 for column in columns.values()]
        needed = min(floor, running)
        behind = any(end < needed for end in ends)
        if behind and self._source.now_ms() < self._up_ms + self._limit_ms:
            return False
        begin = max(made_to, min((end for end in ends if end >= needed), default=floor))
        if not await self._put_past(columns, made_to, begin, seeks):
            return False
        for lane in self.lanes:
            known = columns.get(lane.symbol, {})
            before = max((each for each in known if each < begin), default=0)
            lane.builder.advance(begin * 1000, known[before].close if before else 0)
        self._open_ms, self._seeks, self._placed = begin * 1000, seeks, True
        self._found_ms = self._venue_ms()
        return True

    async def _put_past(self, columns: dict[str, dict[int, Ohlcv]], first: int, end: int, seeks: int) -> bool:
        for symbol, known in columns.items():
            missing = [begin for begin in range(first, end, HOUR_SECONDS) if begin not in known]
            if missing:
                text = f"{len(missing)} hours from {utc_text(missing[0])} on could not be had"
                close_ts = missing[-1] + HOUR_SECONDS
                self._tell(Told(notice=Notice.NO_HISTORY, symbol=symbol, close_ts=close_ts, text=text))
        for begin in range(first, end, HOUR_SECONDS):
            while not self._feed.has_room:
                await self._sleep(_PATIENCE_SECONDS)
            row = [columns.get(lane.symbol, {}).get(begin) for lane in self.lanes]
            if not self._feed.put(bar_of(begin + HOUR_SECONDS, row), seeks):
                return False
        return True

    # --- time -------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Look at the time now and then, and notice when it jumped: the machine slept, or its clock was set."""
        least, most = _TICK_SECONDS
        pause = min(most, max(least, self._options.grace_ms / 1000 / self._options.speed))
        before = self._source.now_ms()
        while True:
            await self._sleep(pause)
            now = self._source.now_ms()
            if not -self._options.stale_ms < now - before < self._options.stale_ms and self._up_ms is not None:
                self._up_ms, self._found_ms = now, self._venue_ms()
                self._doubt()
            before = now
            if self._feed.position[1] != self._seeks and self._placed:
                self._doubt_place()
            elif any(lane.needs(now) for lane in self.lanes):
                self._work.set()
            self._close_ready()
