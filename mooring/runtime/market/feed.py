"""Feeds: closed bars, one hour after the other, never before their time."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final, Protocol

from mooring.errors import Invalid
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Bars, bar_at
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.synthetic import HOURS_MAX, SyntheticMarket
from mooring.runtime.market.times import utc_text

CHUNK_HOURS: Final = 512  # what a made-up feed keeps ready


class Feed(Protocol):
    """Where the engine gets its bars. Used from one thread; `next_close_ts` may be read from any.

    Iterating yields the bars that have closed by now and then ends; more may follow later.
    """

    @property
    def made_up(self) -> bool:
        """Whether the prices are invented."""
        ...

    @property
    def description(self) -> str:
        """What this is, for people, in a few words."""
        ...

    @property
    def next_close_ts(self) -> int | None:
        """When the next bar closes, UTC unix seconds; None after the last one."""
        ...

    def seek(self, after_close_ts: int) -> None:
        """Go, forwards or back, to the first bar that closes after that time."""
        ...

    def catching_up(self, close_ts: int) -> bool:
        """Whether the bar that closed then was yielded so late that nothing may be ordered on its prices."""
        ...

    def wait_closed(self, stop: threading.Event) -> bool:
        """True once the next bar has closed; False if `stop` is set first, or after the last one."""
        ...

    def wait_next(self, stop: threading.Event) -> Bar | None:
        """The next bar, once it has closed; None if `stop` is set first, or after the last one."""
        ...

    def __iter__(self) -> Iterator[Bar]:
        """Itself."""
        ...

    def __next__(self) -> Bar:
        """The next bar, if it has closed.

        Raises:
            StopIteration: it has not, or there is none.
        """
        ...


class _HourFeed(ABC):
    """A feed over consecutive hours; subclasses hold the bars."""

    def __init__(self, clock: Clock, *, first_close_ts: int, hours: int) -> None:
        self._clock = clock
        self._first_close_ts = first_close_ts
        self._hours = hours
        self._hour = 0

    @property
    def next_close_ts(self) -> int | None:
        hour = self._hour
        return self._first_close_ts + hour * HOUR_SECONDS if hour < self._hours else None

    def seek(self, after_close_ts: int) -> None:
        passed = (after_close_ts - self._first_close_ts) // HOUR_SECONDS + 1
        self._hour = min(max(0, passed), self._hours)

    def catching_up(self, close_ts: int) -> bool:  # noqa: ARG002 -- the market's time stands still while it waits
        return False

    def wait_closed(self, stop: threading.Event) -> bool:
        close_ts = self.next_close_ts
        return close_ts is not None and self._clock.wait_until(close_ts, stop)

    def wait_next(self, stop: threading.Event) -> Bar | None:
        while self.wait_closed(stop):
            bar = next(self, None)
            if bar is not None:  # else the clock was set back since
                return bar
        return None

    def __iter__(self) -> Iterator[Bar]:
        return self

    def __next__(self) -> Bar:
        close_ts = self.next_close_ts
        if close_ts is None or close_ts > self._clock.now():
            raise StopIteration
        bar = self._bar(self._hour)
        assert bar.close_ts == close_ts
        self._hour += 1
        return bar

    @abstractmethod
    def _bar(self, hour: int) -> Bar: ...


class ReplayFeed(_HourFeed):
    """Recorded bars, again.

    Raises:
        Invalid: there are no bars.
    """

    made_up = False

    def __init__(self, bars: Bars, clock: Clock) -> None:
        if not len(bars.ts):
            raise Invalid("empty_range", "There are no bars to replay.", todo="Choose another range.")
        super().__init__(clock, first_close_ts=int(bars.ts[0]) + HOUR_SECONDS, hours=len(bars.ts))
        self._bars = bars
        first, stop = utc_text(int(bars.ts[0])), utc_text(int(bars.ts[-1]) + HOUR_SECONDS)
        self.description = f"recorded bars, {first} to {stop}"

    def _bar(self, hour: int) -> Bar:
        return bar_at(self._bars, hour)


class SyntheticFeed(_HourFeed):
    """A made-up market; with `end` (UTC unix seconds), only its bars that open before that.

    Raises:
        Invalid: the end is not after the market's start.
    """

    made_up = True

    def __init__(self, market: SyntheticMarket, clock: Clock, *, end: int | None = None) -> None:
        hours = HOURS_MAX if end is None else min(HOURS_MAX, -(-(end - market.start_ts) // HOUR_SECONDS))
        if hours < 1:
            raise Invalid("empty_range", "The made-up market ends before it starts.", todo="Choose a later end.")
        super().__init__(clock, first_close_ts=market.start_ts + HOUR_SECONDS, hours=hours)
        self._market = market
        self._chunk = market.bars(0, 0)
        self._chunk_first = 0
        self.description = f"made-up prices from seed {market.seed}, from {utc_text(market.start_ts)}"

    def _bar(self, hour: int) -> Bar:
        if not 0 <= hour - self._chunk_first < len(self._chunk.ts):
            self._chunk_first = hour // CHUNK_HOURS * CHUNK_HOURS
            count = min(CHUNK_HOURS, HOURS_MAX - self._chunk_first)
            self._chunk = self._market.bars(self._chunk_first, count)
        return bar_at(self._chunk, hour - self._chunk_first)
