"""What a fold's models would have earned: the daemon's own hour over the fold's bars, with what they said as inputs.

Beside it, over the same bars, as warm and with the same costs: the classical strategies of the settings, and buying
every symbol at the first hour and holding it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from mooring.runtime.decision.types import B_EQUITY, B_VALUE
from mooring.runtime.domain.bars import Bars, Float64s, Int64s
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import (
    MODEL_COLUMNS,
    NO_SCORE,
    P_ENSEMBLE,
    P_GLOBAL,
    P_SPECIALIST,
    P_STATE,
)
from mooring.runtime.engine.warming import SETTLED_HOURS
from mooring.runtime.engine.world import Machine, World
from mooring.runtime.models.predictor import quantised
from mooring.runtime.research.simulate import N_FEES, N_TRADES, Chunk, Loop, simulate
from mooring.runtime.research.training.dataset import Dataset
from mooring.runtime.research.training.folds import Span
from mooring.runtime.research.training.labels import MILLION

DAY_HOURS: Final = 24
LEAST_SCORE: Final = 10_000  # millionths
SHARES: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
FULL_SHARE: Final = 0.995
SCORES: Final = ((P_GLOBAL, 0), (P_SPECIALIST, 1), (P_ENSEMBLE, 2))


class Earned(NamedTuple):
    """What one way of trading came to in a span.

    net: return after all costs, what is still held sold at the last close. drawdown: the deepest fall from a peak, as
    a positive fraction. trades: closed ones. turnover: money traded over the starting cash. daily: log returns of days.
    """

    net: float
    drawdown: float
    trades: int
    turnover: float
    daily: Float64s


def outputs_of(data: Dataset, span: Span, scores: Float64s, symbols: int) -> Int64s:
    """What models say at each hour of a span, as `Inputs.models`: int64 (hours, symbols, MODEL_COLUMNS).

    scores: (rows, 3) of the dataset's rows in the span; NaN where there is no such model.
    """
    said = np.full((len(span), symbols, MODEL_COLUMNS), NO_SCORE, np.int64)
    said[:, :, P_STATE] = int(ModelState.MISSING)
    at = data.within(span)
    hour, symbol = data.row[at] - span.first, data.symbol[at]
    said[hour, symbol, P_STATE] = int(ModelState.OK)
    for column, place in SCORES:
        there = ~np.isnan(scores[:, place])
        said[hour[there], symbol[there], column] = quantised(scores[there, place])
    return said


def part_of(bars: Bars, span: Span) -> Bars:
    """The hours of a span."""
    return Bars(*(array[span.first : span.last] for array in bars))  # type: ignore[arg-type]  # one kind each


def warm(machine: Machine, loop: Loop, bars: Bars, first: int) -> World:
    """A fresh account at hour `first`, with features and producers that have seen the hours before.

    As in the daemon, which is never as cold as at the beginning of a fold; else the classical strategies would be
    silent there while features of models are long warm.
    """
    world = machine.init()
    began = max(0, first - max(SETTLED_HOURS, machine.decider.warmup_bars))
    seen, _ = simulate(machine, loop, part_of(bars, Span(began, first)))
    known = world.decision._replace(features=seen.decision.features, producers=seen.decision.producers)
    return world._replace(decision=known)


def traded(
    machine: Machine, loop: Loop, bars: Bars, span: Span, *, cost_ppm: int, taker_ppm: int, models: Int64s | None
) -> Earned:
    """The machine's own trading over the span of these bars, from its starting cash.

    cost_ppm: of selling what is left at the end. taker_ppm: the fee by which the money traded is told from the fees.
    models: what models said of each hour of the span.
    """
    equity: list[Int64s] = []
    value: list[int] = []
    counts = np.zeros(2, np.int64)

    def watch(chunk: Chunk, _first: int, hours: int) -> None:
        equity.append(chunk.book[:hours, B_EQUITY].copy())
        value.append(int(chunk.book[hours - 1, B_VALUE]))
        counts[0] += chunk.counts[:hours, N_TRADES].sum()
        counts[1] += chunk.counts[:hours, N_FEES].sum()

    world = warm(machine, loop, bars, span.first)
    simulate(machine, loop, part_of(bars, span), models=models, watch=watch, world=world)
    curve = np.concatenate([[machine.starting_cash], *equity]).astype(np.float64) / machine.starting_cash
    curve[-1] -= value[-1] * cost_ppm / MILLION / machine.starting_cash
    turnover = int(counts[1]) * MILLION / taker_ppm / machine.starting_cash if taker_ppm else 0.0
    return _earned(curve, int(counts[0]), turnover)


def held(bars: Bars, cost_ppm: int) -> Earned:
    """As much money in every symbol that has a first bar, bought at its open, sold at the last close there was."""
    there = bars.present[0]
    if not there.any():
        return _earned(np.ones(len(bars.ts) + 1), 0, 0.0)
    close = bars.close[:, there].astype(np.float64)
    for hour in range(1, len(close)):
        close[hour] = np.where(bars.present[hour, there], close[hour], close[hour - 1])
    cost = cost_ppm / MILLION
    curve = np.ones(len(close) + 1)
    curve[1:] = (close / bars.open[0, there]).mean(axis=1) / (1.0 + cost)
    curve[-1] *= 1.0 - cost
    return _earned(curve, int(there.sum()), 2.0)


def _earned(curve: Float64s, trades: int, turnover: float) -> Earned:
    peaks = np.maximum.accumulate(curve)
    days = curve[::DAY_HOURS] if (len(curve) - 1) % DAY_HOURS == 0 else np.append(curve[::DAY_HOURS], curve[-1])
    return Earned(
        net=float(curve[-1] / curve[0] - 1.0),
        drawdown=float((1.0 - curve / peaks).max()),
        trades=trades,
        turnover=turnover,
        daily=np.diff(np.log(np.maximum(days, 1e-9))),
    )


def thresholds(judged: Float64s, net: Float64s) -> Mapping[str, int]:
    """Settings of the producer `model` from ensemble scores on hours held back: where up, down and full begin.

    Up begins where, of the shares in SHARES, the trades from there on earned most in all; where none earned anything,
    at the rarest of them. It is at least LEAST_SCORE, so that a model that is sure of nothing says nothing. Down is as
    far below zero; full is what one hour in two hundred reached.

    Args:
        judged: (rows,), scores. net: (rows,), what the trade of each came to after costs.
    """
    edges = np.quantile(judged, SHARES) if len(judged) else np.ones(len(SHARES))
    earned = [float(net[judged >= max(edge, LEAST_SCORE / MILLION)].sum()) for edge in edges]
    best = max(range(len(earned)), key=lambda place: (earned[place] > 0.0, earned[place], place))
    at = best if earned[best] > 0.0 else len(earned) - 1
    up = min(MILLION, max(LEAST_SCORE, int(edges[at] * MILLION)))
    full = int(np.quantile(judged, FULL_SHARE) * MILLION) if len(judged) else MILLION
    return {
        "signals.model_up_score": up,
        "signals.model_down_score": up,
        "signals.model_full_score": min(MILLION, max(up, full)),
    }
