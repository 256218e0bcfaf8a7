"""Prices of the look-alike from bars that are given: what a demonstration shows is what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from mooring.errors import Invalid
from mooring.runtime.domain.bars import Bars
from mooring.runtime.market.times import utc_text
from mooring.runtime.venues.simulator.catalog import Catalog
from mooring.runtime.venues.simulator.tape import HOUR, BarTape, HourBars, Tape

CHUNK_HOURS: Final = 512
EDGE_LOTS: Final = 4  # of an hour before the first and one after the last: they are told in as many trades


class BarsSource:
    """Tapes of consecutive hours of bars, whose columns are the catalog's pairs in their order.

    Before the first hour each pair trades at the price it will open with, so that it has a last price. After the last
    one each trades at its last price, so that it shows that the hour is over. A bar that is missing is an hour without
    trades.

    Args:
        hours: makes hours of the market: first and count, counted from 0.
        first: open of hour 0, UTC unix seconds. count: how many there are, None for no end.
        start: where the market's time begins, UTC unix seconds on the hour, from `first` on.

    Raises:
        Invalid: a pair has no bar in the first hour.
    """

    def __init__(
        self,
        catalog: Catalog,
        hours: Callable[[int, int], Bars],
        *,
        seed: int,
        first: int,
        count: int | None,
        start: int,
    ) -> None:
        self.start = start
        self._hours = hours
        self._first = first // HOUR
        self._endless = count is None
        self._made = CHUNK_HOURS if count is None else count
        bars = hours(0, self._made)
        late = [pair.key for n, pair in enumerate(catalog.pairs.values()) if not bars.present[0, n]]
        if late:
            raise Invalid(
                "no_prices_there",
                f"There is no bar of {', '.join(late)} in the first hour, {utc_text(first)}.",
                todo="Begin later with --from, or leave it out of --symbols.",
            )
        self._tapes: dict[str, BarTape] = {}
        for n, pair in enumerate(catalog.pairs.values()):
            column = _column(bars, n)
            parts = [_flat(int(column.open[0])), column]
            if not self._endless:
                parts.append(_flat(int(column.close[column.present][-1])))
            self._tapes[pair.id] = BarTape(pair, seed, self._first - 1, _joined(parts))

    def tapes(self) -> Mapping[str, Tape]:
        return self._tapes

    def reach(self, hour: int) -> None:
        while self._endless and self._first + self._made <= hour:
            bars = self._hours(self._made, CHUNK_HOURS)
            for n, tape in enumerate(self._tapes.values()):
                tape.extend(_column(bars, n))
            self._made += CHUNK_HOURS


def _column(bars: Bars, n: int) -> HourBars:
    figures = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return HourBars(bars.present[:, n], *(array[:, n] for array in figures))


def _flat(ticks: int) -> HourBars:
    figures = (ticks, ticks, ticks, ticks, EDGE_LOTS)
    return HourBars(np.ones(1, dtype=np.bool_), *(np.array([each], dtype=np.int64) for each in figures))


def _joined(parts: list[HourBars]) -> HourBars:
    present = np.concatenate([part.present for part in parts])
    return HourBars(present, *(np.concatenate(columns) for columns in zip(*(part[1:] for part in parts), strict=True)))
