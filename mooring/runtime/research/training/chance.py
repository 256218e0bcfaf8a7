"""How sure a return is: the stationary bootstrap, and the spread over folds.

Source: Politis & Romano, The Stationary Bootstrap, Journal of the American Statistical Association 89 (1994): blocks of
random length from random places, so that what follows upon itself in a market does so in each resample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from mooring.runtime.domain.bars import Float64s, Int64s

RESAMPLES: Final = 1000
BLOCK_DAYS: Final = 10
SURE_PERCENT: Final = 90


class Range(NamedTuple):
    """From where to where so many percent of the resamples lie; share: of those above 0."""

    low: float
    high: float
    share: float


def resampled(length: int, block: int, resamples: int, seed: int) -> Int64s:
    """Places to draw from, int64 (resamples, length): runs of a mean length of `block`, round the end."""
    draw = np.random.Generator(np.random.PCG64(seed))
    begins = draw.random((resamples, length)) < 1.0 / max(1, block)
    begins[:, 0] = True
    places = draw.integers(0, length, (resamples, length))
    at = np.empty((resamples, length), np.int64)
    for column in range(length):
        on = (at[:, column - 1] + 1) % length if column else places[:, 0]
        at[:, column] = np.where(begins[:, column], places[:, column], on)
    return at


def range_of(daily: Float64s, *, seed: int, block: int = BLOCK_DAYS, resamples: int = RESAMPLES) -> Range:
    """The range of the sum of daily log returns, as a return over the whole time.

    daily: log returns, or differences of two, (days,). A range of nothing is nothing.
    """
    if len(daily) < 2 * block:
        return Range(float("nan"), float("nan"), float("nan"))
    sums = daily[resampled(len(daily), block, resamples, seed)].sum(axis=1)
    edge = (100 - SURE_PERCENT) / 200
    low, high = np.quantile(sums, [edge, 1.0 - edge])
    return Range(float(np.expm1(low)), float(np.expm1(high)), float((sums > 0.0).mean()))


def spread_over(values: Sequence[float]) -> float:
    """The standard error of a mean over folds; NaN for one fold."""
    if len(values) < 2:  # noqa: PLR2004 -- no spread of one
        return float("nan")
    return float(np.std(values, ddof=1)) / float(np.sqrt(len(values)))
