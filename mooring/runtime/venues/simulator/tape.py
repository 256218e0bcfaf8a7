"""Public trades of one pair, hour by hour: made from bars, or recorded.

Trades made from a bar give that bar back: the same open, high, low, close and volume. A rising hour goes to its low
first, a falling one to its high; between these points the price runs straight, with a little noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from mooring.runtime.domain.bars import Bools, Int64s
from mooring.runtime.venues.simulator.catalog import Pair
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.ids import Ids, mix_array
from mooring.runtime.venues.simulator.matching import Print

HOUR: Final = 3600
PRINTS: Final = 60  # of an hour that traded enough for it
PRINTS_FEW: Final = 4  # of one that hardly traded
_KEPT_HOURS: Final = 8


class Summary(NamedTuple):
    """What traded in a stretch of time: ticks, lots, the exact cost, and how many trades it was."""

    open: int
    high: int
    low: int
    close: int
    lots: int
    cost: int
    trades: int


class Tape(Protocol):
    """Trades of a pair by hour, counted from 1970. Outside first_hour to end_hour - 1 nothing traded."""

    @property
    def first_hour(self) -> int: ...

    @property
    def end_hour(self) -> int: ...

    def prints(self, hour: int) -> Sequence[Print]:
        """The hour's trades in order of time."""
        ...

    def first_id(self, hour: int) -> int:
        """The id that the first trade at or after the hour's beginning has, or would have."""
        ...

    def summaries(self, first: int, end: int) -> list[Summary | None]:
        """One for each hour from first to end - 1; None where nothing traded."""
        ...


class HourBars(NamedTuple):
    """Bars of consecutive hours, each of shape (hours,): ticks and lots; absent ones are zeros."""

    present: Bools
    open: Int64s
    high: Int64s
    low: Int64s
    close: Int64s
    volume: Int64s


class BarTape:
    """Trades made from hourly bars.

    Args:
        seed: chooses noise, sizes and times; never the bar's own figures.
    """

    def __init__(self, pair: Pair, seed: int, first_hour: int, bars: HourBars) -> None:
        self.first_hour = first_hour
        self._pair = pair
        self._key = int.from_bytes(Ids(seed).token(f"tape/{pair.key}")[:8], "little")
        self._bars = bars
        self._kept: dict[int, list[Print]] = {}
        self._summed: dict[int, Summary | None] = {}
        self._count()

    @property
    def end_hour(self) -> int:
        return self.first_hour + len(self._bars.open)

    def extend(self, bars: HourBars) -> None:
        """Add the hours that follow."""
        before = self._bars
        self._bars = HourBars(
            present=np.concatenate([before.present, bars.present]),
            **{name: np.concatenate([getattr(before, name), getattr(bars, name)]) for name in HourBars._fields[1:]},
        )
        self._count()

    def prints(self, hour: int) -> list[Print]:
        if not self.first_hour <= hour < self.end_hour:
            return []
        kept = self._kept.get(hour)
        if kept is None:
            kept = self._make(hour)
            self._kept[hour] = kept
            if len(self._kept) > _KEPT_HOURS:
                del self._kept[next(iter(self._kept))]
        return kept

    def first_id(self, hour: int) -> int:
        at = min(max(hour - self.first_hour, 0), len(self._ids) - 1)
        return int(self._ids[at])

    def summaries(self, first: int, end: int) -> list[Summary | None]:
        inside = [hour for hour in range(first, end) if self.first_hour <= hour < self.end_hour]
        missing = [hour for hour in inside if hour not in self._summed]
        if missing:
            self._sum(missing[0], missing[-1] + 1)
        return [self._summed.get(hour) for hour in range(first, end)]

    def _count(self) -> None:
        volume = np.where(self._bars.present, self._bars.volume, 0)
        self._counts = np.where(volume >= PRINTS, PRINTS, np.where(volume > 0, PRINTS_FEW, 0))
        self._ids = np.concatenate([[0], np.cumsum(self._counts)]) + 1

    def _make(self, hour: int) -> list[Print]:
        at = hour - self.first_hour
        count = int(self._counts[at])
        if not count:
            return []
        rows = np.array([at], dtype=np.int64)
        ticks, lots = (array[0].tolist() for array in self._draw(rows, count))
        words = mix_array(self._key ^ 3, np.arange(count, dtype=np.int64) + hour * PRINTS).tolist()
        step = HOUR * NANO // count
        before = self._bars.close[at - 1] if at else ticks[0]
        made: list[Print] = []
        for n, (price, quantity, word) in enumerate(zip(ticks, lots, words, strict=True)):
            side = "buy" if price > before or (price == before and word & 1) else "sell"
            moment = hour * HOUR * NANO + n * step + (word >> 8) % step
            kind = "m" if word & 6 else "l"
            made.append(Print(self._pair, moment, price, quantity, side, kind, int(self._ids[at]) + n))
            before = price
        return made

    def _draw(self, rows: Int64s, count: int) -> tuple[Int64s, Int64s]:
        """Ticks and lots of the rows' trades, each of shape (rows, count)."""
        bars = HourBars(self._bars.present[rows], *(array[rows] for array in self._bars[1:]))
        rises = bars.close >= bars.open
        corners = (bars.open, np.where(rises, bars.low, bars.high), np.where(rises, bars.high, bars.low), bars.close)
        at = [0, count // 3, count * 2 // 3, count - 1]
        ticks = np.zeros((len(rows), count), dtype=np.int64)
        for left, right, begin, end in zip(corners, corners[1:], at, at[1:], strict=False):
            steps = np.arange(end - begin + 1, dtype=np.int64)
            ticks[:, begin : end + 1] = left[:, None] + (right - left)[:, None] * steps // (end - begin)
        places = (rows[:, None] + self.first_hour) * PRINTS + np.arange(count, dtype=np.int64)
        words = mix_array(self._key, places)
        noise = (words & np.uint64(0xFFFF)).astype(np.int64) - 0x8000
        ticks += noise * (bars.high - bars.low)[:, None] >> 20
        ticks = np.clip(ticks, bars.low[:, None], bars.high[:, None])
        for corner, column in zip(corners, at, strict=True):
            ticks[:, column] = corner

        weights = ((words >> np.uint64(16)) & np.uint64(0xF)).astype(np.int64) + 1
        spare = np.maximum(bars.volume - count, 0)
        lots = 1 + spare[:, None] // weights.sum(axis=1)[:, None] * weights
        lots[:, count // 2] += np.maximum(bars.volume - lots.sum(axis=1), 0)
        return ticks, lots

    def _sum(self, first: int, end: int) -> None:
        rows = np.arange(first, end, dtype=np.int64) - self.first_hour
        for hour in range(first, end):
            self._summed[hour] = None
        for count in (PRINTS, PRINTS_FEW):
            own = rows[self._counts[rows] == count]
            if not len(own):
                continue
            ticks, lots = self._draw(own, count)
            costs = (ticks.astype(object) * lots.astype(object)).sum(axis=1)
            highs, lows, sums = ticks.max(axis=1), ticks.min(axis=1), lots.sum(axis=1)
            for n, row in enumerate(own.tolist()):
                self._summed[row + self.first_hour] = Summary(
                    open=int(ticks[n, 0]),
                    high=int(highs[n]),
                    low=int(lows[n]),
                    close=int(ticks[n, -1]),
                    lots=int(sums[n]),
                    cost=int(costs[n]),
                    trades=count,
                )


class TradeTape:
    """Recorded trades: at (ns, rising), ticks, lots, whether the taker bought; all of shape (trades,)."""

    def __init__(self, pair: Pair, at: Int64s, ticks: Int64s, lots: Int64s, buys: Bools) -> None:
        self._pair = pair
        self._columns = (at, ticks, lots, buys)
        self.first_hour = int(at[0]) // (HOUR * NANO)
        self.end_hour = int(at[-1]) // (HOUR * NANO) + 1

    def prints(self, hour: int) -> list[Print]:
        low, high = self.first_id(hour) - 1, self.first_id(hour + 1) - 1
        rows = zip(*(column[low:high].tolist() for column in self._columns), strict=True)
        return [
            Print(self._pair, at, ticks, lots, "buy" if buys else "sell", "l", low + n + 1)
            for n, (at, ticks, lots, buys) in enumerate(rows)
        ]

    def first_id(self, hour: int) -> int:
        return int(np.searchsorted(self._columns[0], hour * HOUR * NANO)) + 1

    def summaries(self, first: int, end: int) -> list[Summary | None]:
        return [summary_of(self.prints(hour)) for hour in range(first, end)]


def summary_of(prints: Sequence[Print]) -> Summary | None:
    """What these trades come to; None for none."""
    if not prints:
        return None
    ticks = [one.ticks for one in prints]
    cost = sum(one.ticks * one.lots for one in prints)
    lots = sum(one.lots for one in prints)
    return Summary(ticks[0], max(ticks), min(ticks), ticks[-1], lots, cost, len(prints))


def joined(parts: Sequence[Summary | None]) -> Summary | None:
    """One summary of several that follow one another."""
    there = [part for part in parts if part is not None]
    if not there:
        return None
    return Summary(
        open=there[0].open,
        high=max(part.high for part in there),
        low=min(part.low for part in there),
        close=there[-1].close,
        lots=sum(part.lots for part in there),
        cost=sum(part.cost for part in there),
        trades=sum(part.trades for part in there),
    )
