"""A feed whose hours are made while they happen: filled from an event loop, taken from the engine's thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Final

from mooring.runtime.domain.bars import HOUR_SECONDS, Bar
from mooring.runtime.market.live.options import FeedOptions
from mooring.runtime.market.live.source import PriceSource

READY_MAX: Final = 1_000  # bars that wait to be taken; the collector waits for room
_SLICE_SECONDS: Final = 0.25  # a wait looks at its `stop` at least this often


class LiveFeed:
    """Consecutive hours, as `market.feed.Feed`; `Collector` fills it.

    Without `seek` it begins `warm_hours` before the running hour. A symbol whose hour is not certain is not present.
    """

    def __init__(self, source: PriceSource, options: FeedOptions | None = None) -> None:
        self.options = options or FeedOptions()
        self._source = source
        self._ready: deque[Bar] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._stale_since_ms: int | None = source.now_ms()
        self._heard_ms = source.now_ms()
        self._told_ms = 0
        running = source.now_ms() // 1000 // HOUR_SECONDS * HOUR_SECONDS
        self._next_close = running + HOUR_SECONDS - self.options.warm_hours * HOUR_SECONDS
        self._made_to = self._next_close - HOUR_SECONDS  # close of the last bar that was put
        self._asked = 0  # how often a seek went to where no bars are ready

    # --- for the engine ---------------------------------------------------------------------------------------------

    @property
    def made_up(self) -> bool:
        return self._source.made_up

    @property
    def description(self) -> str:
        return self._source.description

    @property
    def next_close_ts(self) -> int | None:
        with self._changed:
            return None if self._ended and not self._ready else self._next_close

    def seek(self, after_close_ts: int) -> None:
        """Go to the first hour that closes after that time.

        Hours that were not made yet, or were taken already, are asked of the venue again.
        """
        close = (after_close_ts // HOUR_SECONDS + 1) * HOUR_SECONDS
        with self._changed:
            if close == self._next_close:
                return
            first = self._made_to + HOUR_SECONDS - len(self._ready) * HOUR_SECONDS
            if first <= close <= self._made_to + HOUR_SECONDS:
                while self._ready and self._ready[0].close_ts < close:
                    self._ready.popleft()
            else:
                self._ready.clear()
                self._made_to = close - HOUR_SECONDS
                self._asked += 1
            self._next_close = close
            self._changed.notify_all()

    def wait_closed(self, stop: threading.Event) -> bool:
        with self._changed:
            while not self._ready and not self._ended and not stop.is_set():
                self._changed.wait(_SLICE_SECONDS)  # an Event cannot wake a Condition
            return bool(self._ready) and not stop.is_set()

    def wait_next(self, stop: threading.Event) -> Bar | None:
        while self.wait_closed(stop):
            bar = next(self, None)
            if bar is not None:
                return bar
        return None

    def __iter__(self) -> Iterator[Bar]:
        return self

    def __next__(self) -> Bar:
        with self._changed:
            if not self._ready:
                raise StopIteration
            bar = self._ready.popleft()
            assert bar.close_ts == self._next_close
            self._next_close += HOUR_SECONDS
            return bar

    def catching_up(self, close_ts: int) -> bool:
        """Whether a bar that closed then is of the past by now: to be decided on without trading."""
        now_ms = self._source.now_ms() if self.options.by_clock else self._told_ms
        return now_ms - close_ts * 1000 > self.options.past_ms

    @property
    def stale_since_ms(self) -> int | None:
        """Since when prices are not followed, UTC unix milliseconds; None while they are."""
        with self._changed:
            if self._stale_since_ms is not None:
                return self._stale_since_ms
            silent = self._source.now_ms() - self._heard_ms > self.options.stale_ms
            return self._heard_ms if silent else None

    @property
    def stale(self) -> bool:
        """Whether prices are not followed at the moment."""
        return self.stale_since_ms is not None

    # --- for the collector ------------------------------------------------------------------------------------------

    @property
    def position(self) -> tuple[int, int]:
        """The close of the last bar that was put (of the hour before the first wanted one), and a count of seeks."""
        with self._changed:
            return self._made_to, self._asked

    @property
    def has_room(self) -> bool:
        """Whether another bar may be put."""
        return len(self._ready) < READY_MAX

    def put(self, bar: Bar, seeks: int) -> bool:
        """Add the next hour; False if somebody went elsewhere since `position` told of so many seeks."""
        with self._changed:
            if seeks != self._asked:
                return False
            assert bar.close_ts == self._made_to + HOUR_SECONDS
            assert len(self._ready) < READY_MAX
            self._made_to = bar.close_ts
            self._ready.append(bar)
            self._changed.notify_all()
            return True

    def heard(self, now_ms: int, told_ms: int) -> None:
        """The venue was heard of now; the latest trade that it told is of `told_ms`."""
        self._heard_ms = now_ms  # one writer; a reader sees the old or the new one
        self._told_ms = told_ms

    def set_stale(self, since_ms: int | None) -> None:
        """Prices are not followed since then; None: they are from now on."""
        with self._changed:
            if since_ms is None:
                self._stale_since_ms = None
                self._heard_ms = self._source.now_ms()
            elif self._stale_since_ms is None:
                self._stale_since_ms = since_ms

    def end(self) -> None:
        """Nothing follows; whoever waits is woken."""
        with self._changed:
            self._ended = True
            self._stale_since_ms = self._stale_since_ms or self._source.now_ms()
            self._changed.notify_all()
