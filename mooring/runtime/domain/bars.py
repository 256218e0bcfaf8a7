"""Bars of one hour, for a universe in a fixed order of symbols."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

HOUR_SECONDS: Final = 3600

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Bars(NamedTuple):
    """Closed bars on the grid of hours; a missing bar is missing, never filled forward.

    ts: int64 (hours,), UTC unix seconds of each bar's OPEN; consecutive hours.
    present: bool (hours, symbols).
    open, high, low, close: int64 (hours, symbols), ticks; 0 where missing.
    volume: int64 (hours, symbols), lots; 0 where missing.
    """

    ts: Int64s
    present: Bools
    open: Int64s
    high: Int64s
    low: Int64s
    close: Int64s
    volume: Int64s


class Bar(NamedTuple):
    """One row of `Bars`: the bars that close together; arrays of shape (symbols,).

    close_ts: UTC unix seconds of the hour's end; the bars may be used from then on.
    """

    close_ts: int
    present: Bools
    open: Int64s
    high: Int64s
    low: Int64s
    close: Int64s
    volume: Int64s


def bar_at(bars: Bars, row: int) -> Bar:
    """One hour of `bars`."""
    return Bar(
        int(bars.ts[row]) + HOUR_SECONDS,
        bars.present[row],
        bars.open[row],
        bars.high[row],
        bars.low[row],
        bars.close[row],
        bars.volume[row],
    )
