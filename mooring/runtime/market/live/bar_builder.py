"""Bars of one symbol from its trades, in whatever order and however often they are told.

The venue counts its trades, so what is missing is known: the builder keeps the ranges of ids that it has not seen, and
says of a time whether all trades before it are there. A bar that was closed never changes.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from mooring.runtime.market.live.source import Trade

HOUR_MS: Final = 3_600_000
GAPS_MAX: Final = 1_000
OPEN_MAX: Final = 1_000  # intervals that may stand open: a venue's time that runs far ahead is no reason to grow


class Added(Enum):
    """What became of a trade: taken; known before; of a bar that is closed; of no use; or too much to keep."""

    NEW = "new"
    DUPLICATE = "duplicate"
    LATE = "late"
    EARLIER = "earlier"
    OVERFLOW = "overflow"


class Ohlcv(NamedTuple):
    """A bar of one symbol: ticks and lots; `trades` is how many there were."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int


class Gap(NamedTuple):
    """Ids from first to last that were not seen, and the times (ms) of the trades before and after them."""

    first: int
    last: int
    after_ms: int
    before_ms: int


class _Open:
    """An interval as it stands; first and last by id, which is the venue's order."""

    __slots__ = ("close", "count", "first_id", "high", "last_id", "lots", "low", "open")

    def __init__(self, trade: Trade) -> None:
        self.first_id = self.last_id = trade.trade_id
        self.open = self.high = self.low = self.close = trade.price
        self.lots = trade.lots
        self.count = 1

    def add(self, trade: Trade) -> None:
        price = trade.price
        if trade.trade_id < self.first_id:
            self.first_id, self.open = trade.trade_id, price
        if trade.trade_id > self.last_id:
            self.last_id, self.close = trade.trade_id, price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.lots += trade.lots
        self.count += 1


class BarBuilder:
    """Makes bars; pure, of one thread.

    Args:
        begin_ms: open of the first bar, UTC unix milliseconds, a multiple of `interval_ms`.
        last_close: ticks of the last trade before it, 0 if unknown.
    """

    def __init__(self, *, begin_ms: int, last_close: int = 0, interval_ms: int = HOUR_MS) -> None:
        assert begin_ms % interval_ms == 0
        self._interval = interval_ms
        self.restart(begin_ms, last_close)

    def restart(self, begin_ms: int, last_close: int = 0) -> None:
        """Forget everything, and begin anew."""
        self._begin = self._first_begin = begin_ms
        self._last_close = last_close
        self._open: dict[int, _Open] = {}
        self._gaps: list[Gap] = []
        self._low = self._top = 0
        self._low_ms = self._top_ms = 0
        self._whole = False

    @property
    def begin_ms(self) -> int:
        """Open of the bar that `close` closes next."""
        return self._begin

    @property
    def whole(self) -> bool:
        """Whether it is known which trade was the first since the beginning."""
        return self._whole

    @property
    def last_close(self) -> int:
        """Ticks at the end of the last closed bar; 0 if unknown."""
        return self._last_close

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Ranges that are missing, by id."""
        return tuple(self._gaps)

    @property
    def top_id(self) -> int:
        """The highest id seen; 0 for none."""
        return self._top

    @property
    def size(self) -> int:
        """How many things it holds in memory."""
        return len(self._open) + len(self._gaps)

    def add(self, trade: Trade) -> Added:
        """Take a trade."""
        at = trade.time_ms
        begin = at - at % self._interval
        if self._is_known(trade):
            return Added.DUPLICATE
        if begin < self._begin:
            # Of before our first bar we were never told everything, so nothing is late there.
            late = begin >= self._first_begin and (self._whole or trade.trade_id > self._low > 0)
            answer = Added.LATE if late else Added.EARLIER
            return self._note(trade, answer) if self._top and trade.trade_id > self._low else answer
        standing = self._open.get(begin)
        if standing is None:
            if len(self._open) >= OPEN_MAX:
                return Added.OVERFLOW
            self._open[begin] = _Open(trade)
        else:
            standing.add(trade)
        return self._note(trade, Added.NEW)

    def anchor(self) -> None:
        """All trades since the beginning were asked for: what is not known by now is in `gaps`, or came later."""
        self._whole = True

    def since_ms(self) -> int:
        """From when on trades must be asked for, so that nothing is missing."""
        if not self._whole:
            return self._begin
        if self._gaps:
            return self._gaps[0].after_ms
        return max(self._begin, self._top_ms)

    def complete_to(self, until_ms: int) -> bool:
        """Whether none of the ids that are known to be missing may be of before a time."""
        return self._whole and not (self._gaps and self._gaps[0].after_ms < until_ms)

    def proven_to(self, until_ms: int) -> bool:
        """Whether all trades before a time are certain to be there, as a later one is."""
        return self._top_ms >= until_ms and self.complete_to(until_ms)

    def close(self) -> Ohlcv | None:
        """Close the bar and go on to the next; None where nothing ever traded, as far as is known."""
        standing = self._open.pop(self._begin, None)
        self._begin += self._interval
        if standing is None:
            last = self._last_close
            return Ohlcv(last, last, last, last, 0, 0) if last else None
        self._last_close = standing.close
        return Ohlcv(standing.open, standing.high, standing.low, standing.close, standing.lots, standing.count)

    def give_up(self) -> None:
        """Close the bar without knowing it: what is missing of it is not waited for any more."""
        self.close()
        self._drop_gaps()

    def advance(self, begin_ms: int, last_close: int) -> None:
        """Go on to a later bar, as what came before is known from elsewhere; 0 keeps the last close."""
        assert begin_ms >= self._begin
        self._begin = self._first_begin = begin_ms
        self._open = {begin: standing for begin, standing in self._open.items() if begin >= begin_ms}
        self._last_close = last_close or self._last_close
        self._drop_gaps()

    def _is_known(self, trade: Trade) -> bool:
        identity = trade.trade_id
        if not self._low <= identity <= self._top:
            return False
        return not any(gap.first <= identity <= gap.last for gap in self._gaps)

    def _note(self, trade: Trade, answer: Added) -> Added:
        """Remember the id: at an end, beyond it, or inside a gap."""
        identity, at = trade.trade_id, trade.time_ms
        if not self._top:
            self._low = self._top = identity
            self._low_ms = self._top_ms = at
        elif identity > self._top:
            if identity > self._top + 1:
                self._gaps.append(Gap(self._top + 1, identity - 1, self._top_ms, at))
            self._top, self._top_ms = identity, max(at, self._top_ms)
        elif identity < self._low:
            if identity < self._low - 1:
                self._gaps.insert(0, Gap(identity + 1, self._low - 1, at, self._low_ms))
            self._low, self._low_ms = identity, min(at, self._low_ms)
        else:
            self._split(identity, at)
        return answer if len(self._gaps) <= GAPS_MAX else Added.OVERFLOW

    def _split(self, identity: int, at: int) -> None:
        place = next(n for n, gap in enumerate(self._gaps) if gap.first <= identity <= gap.last)
        gap = self._gaps[place]
        parts = []
        if gap.first < identity:
            parts.append(Gap(gap.first, identity - 1, gap.after_ms, at))
        if identity < gap.last:
            parts.append(Gap(identity + 1, gap.last, at, gap.before_ms))
        self._gaps[place : place + 1] = parts

    def _drop_gaps(self) -> None:
        """Of what is missing, only what may be of the open bar or of later ones is still wanted."""
        self._gaps = [gap for gap in self._gaps if gap.before_ms >= self._begin]
