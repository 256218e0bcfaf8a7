"""One symbol of a live feed: its builder, and how certain it is of what it built."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from mooring.runtime.market.live.bar_builder import HOUR_MS, Added, BarBuilder
from mooring.runtime.market.live.options import FeedOptions
from mooring.runtime.market.live.source import PriceSource, Trade

PAGES_MAX: Final = 200  # of one question for what is missing; the next one goes on where it ended
_DOUBLINGS_MAX: Final = 5


class Verdict(Enum):
    """Of an hour: it may be closed, it is not known yet, or it will not be known."""

    SURE = "sure"
    WAIT = "wait"
    UNSURE = "unsure"


class Heard(NamedTuple):
    """What was heard of the venue, and when: UTC unix milliseconds.

    told_ms: the time of the latest trade. any_ms, beat_ms: when anything, and a beat, was last told.
    now_ms: the venue's time. up: whether it is connected. until_ms: when what is not certain by then is given up.
    """

    told_ms: int
    any_ms: int
    beat_ms: int
    now_ms: int
    up: bool
    until_ms: int


class Lane:
    """A symbol.

    Args:
        late: is told of the first trade that comes after its hour was closed.
    """

    def __init__(self, symbol: str, options: FeedOptions, late: Callable[[Trade], None]) -> None:
        self.symbol = symbol
        self.builder = BarBuilder(begin_ms=0)
        self.lost = ""
        self.overflowed = False
        self.late_trades = 0
        self._options = options
        self._late = late
        self._checked = False  # REST was asked since the connection is up
        self._confirmed_ms = 0  # all trades before it were asked for
        self._wanted_ms = 0  # and this is what the hour's close waits for
        self._failures = 0
        self._not_before_ms = 0
        self._late_hour_ms = 0

    @property
    def failing(self) -> bool:
        """Whether the last question about it did not help."""
        return self._failures > 0

    @property
    def followed(self) -> bool:
        """Whether nothing that is told now can be missed."""
        return bool(self.lost) or (self._checked and self.builder.whole)

    def restart(self, begin_ms: int) -> None:
        """Begin anew with an hour."""
        self.builder.restart(begin_ms)
        self.overflowed = False
        self.doubt()

    def doubt(self) -> None:
        """Something may have been missed up to now."""
        self._checked = False
        self._confirmed_ms = self._wanted_ms = 0
        self._failures = self._not_before_ms = 0

    def add(self, trade: Trade) -> bool:
        """Take a trade; whether something is missing after it."""
        answer = self.builder.add(trade)
        if answer is Added.LATE:
            self.late_trades += 1
            if hour_of(trade.time_ms) != self._late_hour_ms:  # told once an hour, however many there are
                self._late_hour_ms = hour_of(trade.time_ms)
                self._late(trade)
        elif answer is Added.OVERFLOW:
            self.overflowed = True
        return bool(self.builder.gaps)

    def needs(self, now_ms: int) -> bool:
        """Whether the venue must be asked, and may be already."""
        return self._lacks() and now_ms >= self._not_before_ms

    def verdict(self, close_ms: int, heard: Heard) -> Verdict:
        """Whether the hour that ends at `close_ms` may be closed."""
        if self.lost:
            return Verdict.UNSURE
        if self.builder.proven_to(close_ms):
            return Verdict.SURE
        if not heard.up:
            return Verdict.WAIT
        options = self._options
        quiet = heard.told_ms >= close_ms + options.grace_ms
        if options.by_clock:
            quiet |= heard.any_ms >= close_ms + options.grace_ms or heard.beat_ms >= close_ms + options.beat_grace_ms
        certain = quiet and self._checked and self.builder.complete_to(close_ms)
        if certain and (not options.confirm or self._confirmed_ms >= close_ms):
            return Verdict.SURE
        if quiet:
            self._wanted_ms = close_ms
        if heard.now_ms < heard.until_ms:
            return Verdict.WAIT
        # Asking failed all the time; a connection that was up throughout with no id missing is still good evidence.
        return Verdict.SURE if certain else Verdict.UNSURE

    async def fill(self, source: PriceSource, asked_ms: int, still: Callable[[], bool]) -> bool:
        """Ask for what is missing; whether nothing is any more.

        Args:
            asked_ms: the venue's time by now, rather too early than too late.
            still: whether the connection is the same as when this began.

        Raises:
            MooringError: the venue could not be asked.
        """
        since_ms = self.builder.since_ms()
        whole = joined = False
        for _ in range(PAGES_MAX):
            page = await source.trades(self.symbol, since_ms)
            if not still():
                return False
            for trade in page.trades:
                self.add(trade)
            self.builder.anchor()
            last = page.trades[-1] if page.trades else None
            whole = not page.more
            # Beyond what the connection itself tells without a gap nothing needs to be asked.
            joined = last is not None and not self.builder.gaps and last.trade_id < self.builder.top_id
            if whole or joined or last is None or last.time_ms <= since_ms:
                break
            since_ms = last.time_ms
        self._checked = self._checked or whole or joined
        if whole:
            self._confirmed_ms = max(self._confirmed_ms, asked_ms)
        return not self._lacks()

    def failed(self, now_ms: int) -> None:
        """Asking did not help: wait longer each time before the next try."""
        wait = self._options.retry_seconds * 2 ** min(self._failures, _DOUBLINGS_MAX)
        self._failures += 1
        self._not_before_ms = now_ms + round(wait * 1000 * self._options.speed)

    def helped(self) -> None:
        """Asking did help."""
        self._failures = self._not_before_ms = 0

    def _lacks(self) -> bool:
        if self.lost:
            return False
        unsure = not self._checked or not self.builder.whole or bool(self.builder.gaps)
        wanted = self._wanted_ms > max(self._confirmed_ms, self.builder.begin_ms)
        return unsure or (self._options.confirm and wanted)


def hour_of(time_ms: int) -> int:
    """Open of the hour that a time is in; both UTC unix milliseconds."""
    return time_ms - time_ms % HOUR_MS
