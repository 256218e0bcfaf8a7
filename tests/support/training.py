"""Small markets to learn from: made of a seed, with a signal in them or without one."""

from __future__ import annotations

from typing import Any

import numpy as np

from mooring.runtime.domain.bars import HOUR_SECONDS, Bars

START = 1_620_777_600


def random_bars(hours: int, symbols: int, *, seed: int = 1, gaps: float = 0.0, volatility: float = 0.01) -> Bars:
    """A random walk of bars, in ticks around 100,000; `gaps` is the share of bars that is missing."""
    draw = np.random.default_rng(seed)
    moves = draw.normal(0.0, volatility, (hours, symbols))
    return bars_of(100_000 * np.exp(np.cumsum(moves, axis=0)), draw, gaps=gaps)


def bars_of(close: Any, draw: np.random.Generator, *, gaps: float = 0.0) -> Bars:
    """Bars whose closes are these prices and whose opens are the closes before."""
    hours, symbols = close.shape
    closes = np.maximum(1, np.rint(close)).astype(np.int64)
    opens = np.vstack([closes[:1], closes[:-1]])
    reach = np.abs(draw.normal(0.0, 0.003, (2, hours, symbols)))
    high = np.maximum(np.maximum(opens, closes), (np.maximum(opens, closes) * (1 + reach[0])).astype(np.int64))
    low = np.minimum(np.minimum(opens, closes), (np.minimum(opens, closes) * (1 - reach[1])).astype(np.int64))
    volume = draw.integers(1_000, 100_000, (hours, symbols))
    present = draw.random((hours, symbols)) >= gaps
    ts = START + HOUR_SECONDS * np.arange(hours, dtype=np.int64)
    return Bars(
        ts, present, *(np.where(present, each, 0) for each in (opens, high, np.maximum(low, 1), closes, volume))
    )


def first(bars: Bars, hours: int) -> Bars:
    """The first hours alone."""
    return Bars(*(array[:hours] for array in bars))


def with_future(bars: Bars, row: int, seed: int) -> Bars:
    """The same until and with `row`; after it every price, volume and gap is another."""
    other = random_bars(len(bars.ts), bars.present.shape[1], seed=seed, gaps=0.1, volatility=0.05)
    return Bars(bars.ts, *(np.vstack([a[: row + 1], b[row + 1 :]]) for a, b in zip(bars[1:], other[1:], strict=True)))
