"""Small markets to learn from: made of a seed, with a signal in them or without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mooring.runtime.domain.bars import HOUR_SECONDS, Bars
from mooring.runtime.research.training.folds import FoldPlan
from mooring.runtime.research.training.labels import LabelPlan
from mooring.runtime.research.training.plan import TrainPlan, TreePlan

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


def trending_bars(hours: int, symbols: int, *, seed: int = 1, drift: float = 0.004) -> Bars:
    """A market with a signal in it: stretches of about a hundred hours that rise or fall by `drift` an hour."""
    draw = np.random.default_rng(seed)
    turns = draw.random((hours, symbols)) < 0.01
    turns[0] = True
    kinds = np.where(draw.random((hours, symbols)) < 0.5, -1.0, 1.0)
    way = np.empty((hours, symbols))
    for hour in range(hours):
        way[hour] = np.where(turns[hour], kinds[hour], way[hour - 1])
    level = np.cumsum(drift * way + draw.normal(0.0, 0.005, (hours, symbols)), axis=0)
    return bars_of(1_000_000 * np.exp(level - 0.9 * _slow(level)), draw)


def _slow(level: Any) -> Any:
    """The part of a path that wanders off, so that prices stay where ticks and lots are fine enough."""
    width = 1500
    padded = np.vstack([np.repeat(level[:1], width, axis=0), level])
    sums = np.cumsum(padded, axis=0)
    return (sums[width:] - sums[:-width]) / width


def plan_of(*, horizon: int = 24, folds: int = 3, cost_ppm: int = 1000, seed: int = 1, rounds: int = 60) -> TrainPlan:
    """A small training: a few folds, few and small trees."""
    trees = TreePlan(rounds=rounds, patience=8, leaves=7, least_rows=50, stride=2, learning_rate_milli=100)
    return TrainPlan(
        labels=LabelPlan(
            horizon_bars=horizon, target_atr_percent=400, stop_atr_percent=400, atr_period=14, cost_ppm=cost_ppm
        ),
        folds=FoldPlan(folds=folds, first_percent=40, horizon_bars=horizon, embargo_bars=12, rolling_hours=0),
        general=trees,
        special=replace(trees, stride=1),
        seed=seed,
    )
