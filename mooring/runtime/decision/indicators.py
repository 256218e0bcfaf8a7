"""Incremental indicators: one bar in, one value out, the same code for streaming and batch.

All arrays have shape (symbols,) unless said otherwise; values are float64 in the unit of what goes in.
Only + - * / in written order, so that plain and compiled runs give the same bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mooring.runtime.domain.bars import Float64s, Int64s
from mooring.runtime.domain.compiled import compiled


class EmaState(NamedTuple):
    """value: running sum before `period` values, the average after; seen: values seen."""

    value: Float64s
    seen: Int64s


class RsiState(NamedTuple):
    """gain, loss: running sums, then Wilder averages, of moves between closes; last: previous close."""

    gain: Float64s
    loss: Float64s
    last: Float64s
    seen: Int64s


class AtrState(NamedTuple):
    """value: running sum, then Wilder average, of true ranges; last: previous close."""

    value: Float64s
    last: Float64s
    seen: Int64s


class MomentumState(NamedTuple):
    """closes: ring of the last `bars` closes, shape (symbols, bars); seen: closes seen."""

    closes: Float64s
    seen: Int64s


def init_ema(symbols: int) -> EmaState:
    """State before the first value."""
    return EmaState(np.zeros(symbols), np.zeros(symbols, np.int64))


def init_rsi(symbols: int) -> RsiState:
    """State before the first close."""
    return RsiState(np.zeros(symbols), np.zeros(symbols), np.zeros(symbols), np.zeros(symbols, np.int64))


def init_atr(symbols: int) -> AtrState:
    """State before the first bar."""
    return AtrState(np.zeros(symbols), np.zeros(symbols), np.zeros(symbols, np.int64))


def init_momentum(symbols: int, bars: int) -> MomentumState:
    """State before the first close."""
    return MomentumState(np.zeros((symbols, bars)), np.zeros(symbols, np.int64))


@compiled
def update_ema(state: EmaState, symbol: int, value: float, period: int) -> float:
    """Exponential moving average with weight 2 / (period + 1), seeded with the mean of the first `period` values.

    Returns NaN before `period` values. Source: the usual definition, seeded as in TA-Lib's EMA.
    """
    count = state.seen[symbol] + 1
    state.seen[symbol] = count
    if count < period:
        state.value[symbol] = state.value[symbol] + value
        return np.nan
    if count == period:
        mean = (state.value[symbol] + value) / period
        state.value[symbol] = mean
        return mean
    weight = 2.0 / (period + 1.0)
    average = state.value[symbol] + weight * (value - state.value[symbol])
    state.value[symbol] = average
    return average


@compiled
def update_rsi(state: RsiState, symbol: int, close: float, period: int) -> float:
    """Relative strength index after one more close, 0..100, or NaN before period + 1 closes.

    A market that did not move at all reads 50. Source: Wilder, New Concepts in Technical Trading Systems (1978).
    """
    count = state.seen[symbol] + 1
    state.seen[symbol] = count
    last = state.last[symbol]
    state.last[symbol] = close
    if count == 1:
        return np.nan
    move = close - last
    gain = max(0.0, move)
    loss = -move if move < 0.0 else 0.0
    if count <= period + 1:
        state.gain[symbol] = state.gain[symbol] + gain
        state.loss[symbol] = state.loss[symbol] + loss
        if count <= period:
            return np.nan
        state.gain[symbol] = state.gain[symbol] / period
        state.loss[symbol] = state.loss[symbol] / period
    else:
        state.gain[symbol] = (state.gain[symbol] * (period - 1) + gain) / period
        state.loss[symbol] = (state.loss[symbol] * (period - 1) + loss) / period
    total = state.gain[symbol] + state.loss[symbol]
    if total == 0.0:
        return 50.0
    return 100.0 * state.gain[symbol] / total


@compiled
def update_atr(state: AtrState, symbol: int, high: float, low: float, close: float, period: int) -> float:
    """Average true range after one more bar, or NaN before period + 1 bars (the first has no previous close).

    Source: Wilder, New Concepts in Technical Trading Systems (1978), smoothing 1/n.
    """
    count = state.seen[symbol] + 1
    state.seen[symbol] = count
    last = state.last[symbol]
    state.last[symbol] = close
    if count == 1:
        return np.nan
    span = high - low
    up = high - last if high > last else last - high
    down = last - low if last > low else low - last
    true_range = span
    true_range = max(true_range, up)
    true_range = max(true_range, down)
    if count <= period + 1:
        state.value[symbol] = state.value[symbol] + true_range
        if count <= period:
            return np.nan
        state.value[symbol] = state.value[symbol] / period
    else:
        state.value[symbol] = (state.value[symbol] * (period - 1) + true_range) / period
    return state.value[symbol]


@compiled
def update_momentum(state: MomentumState, symbol: int, close: float) -> float:
    """Rate of change over the ring's length, as a fraction (0.01 = one percent), or NaN before it is full."""
    bars = state.closes.shape[1]
    count = state.seen[symbol]
    slot = count % bars
    past = state.closes[symbol, slot]
    state.closes[symbol, slot] = close
    state.seen[symbol] = count + 1
    if count < bars:
        return np.nan
    return (close - past) / past
