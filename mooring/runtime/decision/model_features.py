"""What models look at: the pipeline `core-1`, one row of numbers for each symbol, brought up to date by closed bars.

A model is trained on these very numbers and asked with them, so the pipeline never changes: another one gets another
name. All are free of scale (fractions of the price, of the average true range, of the usual volume), so that one model
can read every symbol. Only + - * / and square roots in written order, as in `indicators`: plain and compiled runs, a
stream of bars and a whole file of them, all give the same bits.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from mooring.runtime.decision.indicators import (
    AtrState,
    EmaState,
    RsiState,
    init_atr,
    init_ema,
    init_rsi,
    update_atr,
    update_ema,
    update_rsi,
)
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Bars, Float64s, Int64s
from mooring.runtime.domain.compiled import compiled

PIPELINE: Final = "core-1"

# Columns of the values, float64 (symbols, MODEL_FEATURES); NaN before warm-up. The order is part of the pipeline.
MODEL_FEATURE_NAMES: Final = (
    "return_1",  # change of the close over so many bars, as a fraction
    "return_2",
    "return_4",
    "return_8",
    "return_24",
    "return_72",
    "ema_gap_12",  # distance of the close from its average, as a fraction of that
    "ema_gap_24",
    "ema_gap_72",
    "ema_gap_168",
    "ema_cross_12_72",  # distance of the quick average from the slow one
    "atr_14",  # average true range as a fraction of the close
    "rsi_14",  # relative strength index, from -1 to 1
    "rsi_48",
    "range_24",  # place of the close among so many closes, from -1 (the lowest) to 1
    "range_72",
    "volatility_24",  # root of the average squared return
    "volatility_ratio_12_72",
    "volatility_ratio_24_168",
    "efficiency_24",  # the way made in 24 bars over the way walked, from -1 to 1 or a little more
    "reversal_24",  # average product of neighbouring returns over their average square
    "bar_close",  # place of the close in its own bar, from -1 (the low) to 1
    "bar_body",  # close less open, in average true ranges
    "volume_z_72",  # volume less its average, in deviations, held within 10
    "volume_ratio_12_72",
)
MODEL_FEATURES: Final = 25
(
    M_RETURN_1,
    M_RETURN_2,
    M_RETURN_4,
    M_RETURN_8,
    M_RETURN_24,
    M_RETURN_72,
    M_GAP_12,
    M_GAP_24,
    M_GAP_72,
    M_GAP_168,
    M_CROSS,
    M_ATR,
    M_RSI_14,
    M_RSI_48,
    M_RANGE_24,
    M_RANGE_72,
    M_VOLATILITY,
    M_RATIO_12_72,
    M_RATIO_24_168,
    M_EFFICIENCY,
    M_REVERSAL,
    M_BAR_CLOSE,
    M_BAR_BODY,
    M_VOLUME_Z,
    M_VOLUME_RATIO,
) = range(MODEL_FEATURES)

RING: Final = 72  # closes looked back on
MODEL_WARMUP_BARS: Final = 169  # the slowest average of returns needs 168 of them, and the first bar has none
# From here on they are the same, to a hundredth of how far they ever spread, whenever the first bar was: averages
# forget slowly, and models are trained on years.
MODEL_SETTLED_BARS: Final = 720
RSI_MIDDLE: Final = 50.0
Z_LIMIT: Final = 10.0
NEAR: Final = 24


class ModelFeatureState(NamedTuple):
    """All that the pipeline remembers of each symbol; arrays (symbols,) unless said otherwise.

    closes: ring of the last closes in ticks (symbols, RING). closed: bars seen. move: the last return.
    closes_*: averages of the close. squares_*: of the squared return. steps_24: of its size. products_24: of the
    product of neighbours. volumes_*: of the volume; volume_squares: of the squared distance from its average.
    values: the last row, (symbols, MODEL_FEATURES).
    """

    closes: Float64s
    closed: Int64s
    move: Float64s
    closes_12: EmaState
    closes_24: EmaState
    closes_72: EmaState
    closes_168: EmaState
    atr: AtrState
    rsi_14: RsiState
    rsi_48: RsiState
    squares_12: EmaState
    squares_24: EmaState
    squares_72: EmaState
    squares_168: EmaState
    steps_24: EmaState
    products_24: EmaState
    volumes_12: EmaState
    volumes_72: EmaState
    volume_squares: EmaState
    values: Float64s


def init_model_features(symbols: int) -> ModelFeatureState:
    """Before the first bar: every value is NaN."""
    return ModelFeatureState(
        closes=np.zeros((symbols, RING)),
        closed=np.zeros(symbols, np.int64),
        move=np.zeros(symbols),
        closes_12=init_ema(symbols),
        closes_24=init_ema(symbols),
        closes_72=init_ema(symbols),
        closes_168=init_ema(symbols),
        atr=init_atr(symbols),
        rsi_14=init_rsi(symbols),
        rsi_48=init_rsi(symbols),
        squares_12=init_ema(symbols),
        squares_24=init_ema(symbols),
        squares_72=init_ema(symbols),
        squares_168=init_ema(symbols),
        steps_24=init_ema(symbols),
        products_24=init_ema(symbols),
        volumes_12=init_ema(symbols),
        volumes_72=init_ema(symbols),
        volume_squares=init_ema(symbols),
        values=np.full((symbols, MODEL_FEATURES), np.nan),
    )


@compiled
def update_model_features(state: ModelFeatureState, bar: Bar) -> None:
    """One closed bar over the universe; a symbol whose bar is missing keeps what it had, values included."""
    for symbol in range(bar.present.shape[0]):
        if bar.present[symbol]:
            values = state.values[symbol]
            close = float(bar.close[symbol])
            _averages(state, symbol, close, values)
            _ranges(state, bar, symbol, close, values)
            _moves(state, symbol, close, values)
            _volumes(state, symbol, float(bar.volume[symbol]), values)


@compiled
def fill_matrix(state: ModelFeatureState, bars: Bars, first: int, last: int, matrix: Float64s) -> None:
    """Take bars[first:last] in turn; matrix[0:last-first] has each hour's values, NaN where a symbol has no bar.

    Args:
        matrix: float64 (hours, symbols, MODEL_FEATURES), overwritten.
    """
    for row in range(first, last):
        bar = Bar(
            bars.ts[row] + HOUR_SECONDS,
            bars.present[row],
            bars.open[row],
            bars.high[row],
            bars.low[row],
            bars.close[row],
            bars.volume[row],
        )
        update_model_features(state, bar)
        for symbol in range(bar.present.shape[0]):
            for column in range(MODEL_FEATURES):
                matrix[row - first, symbol, column] = state.values[symbol, column] if bar.present[symbol] else np.nan


@compiled
def _over(above: float, below: float) -> float:
    """A ratio; 0 where there is nothing to divide by."""
    if below == 0.0:
        return 0.0
    return above / below


@compiled
def _gap(value: float, middle: float) -> float:
    return (value - middle) / middle


@compiled
def _averages(state: ModelFeatureState, symbol: int, close: float, values: Float64s) -> None:
    """What compares the close with averages of closes."""
    quick = update_ema(state.closes_12, symbol, close, 12)
    slow = update_ema(state.closes_72, symbol, close, 72)
    values[M_GAP_12] = _gap(close, quick)
    values[M_GAP_24] = _gap(close, update_ema(state.closes_24, symbol, close, 24))
    values[M_GAP_72] = _gap(close, slow)
    values[M_GAP_168] = _gap(close, update_ema(state.closes_168, symbol, close, 168))
    values[M_CROSS] = _gap(quick, slow)
    values[M_RSI_14] = (update_rsi(state.rsi_14, symbol, close, 14) - RSI_MIDDLE) / RSI_MIDDLE
    values[M_RSI_48] = (update_rsi(state.rsi_48, symbol, close, 48) - RSI_MIDDLE) / RSI_MIDDLE


@compiled
def _ranges(state: ModelFeatureState, bar: Bar, symbol: int, close: float, values: Float64s) -> None:
    """What looks at the bar itself and at true ranges."""
    high = float(bar.high[symbol])
    low = float(bar.low[symbol])
    atr = update_atr(state.atr, symbol, high, low, close, 14)
    values[M_ATR] = atr / close
    values[M_BAR_CLOSE] = _over((close - low) - (high - close), high - low)
    values[M_BAR_BODY] = _over(close - float(bar.open[symbol]), atr)


@compiled
def _moves(state: ModelFeatureState, symbol: int, close: float, values: Float64s) -> None:
    """What looks at moves between closes; the ring takes this close in at the end."""
    count = state.closed[symbol]
    values[M_RETURN_1] = _return(state, symbol, close, 1)
    values[M_RETURN_2] = _return(state, symbol, close, 2)
    values[M_RETURN_4] = _return(state, symbol, close, 4)
    values[M_RETURN_8] = _return(state, symbol, close, 8)
    values[M_RETURN_24] = _return(state, symbol, close, 24)
    values[M_RETURN_72] = _return(state, symbol, close, 72)
    if count > 0:
        _volatility(state, symbol, count, values)
    state.closes[symbol, count % RING] = close
    state.closed[symbol] = count + 1
    _places(state, symbol, close, values)


@compiled
def _return(state: ModelFeatureState, symbol: int, close: float, bars: int) -> float:
    """Change since so many bars ago, before this close is in the ring; NaN where there were fewer."""
    count = state.closed[symbol]
    if count < bars:
        return np.nan
    return _gap(close, state.closes[symbol, (count - bars) % RING])


@compiled
def _volatility(state: ModelFeatureState, symbol: int, count: int, values: Float64s) -> None:
    """Averages over the returns so far, the last one included; count: closes before it."""
    move = values[M_RETURN_1]
    square = move * move
    quick = update_ema(state.squares_12, symbol, square, 12)
    near = update_ema(state.squares_24, symbol, square, 24)
    values[M_VOLATILITY] = math.sqrt(near)
    values[M_RATIO_12_72] = math.sqrt(_over(quick, update_ema(state.squares_72, symbol, square, 72)))
    values[M_RATIO_24_168] = math.sqrt(_over(near, update_ema(state.squares_168, symbol, square, 168)))
    walked = NEAR * update_ema(state.steps_24, symbol, move if move >= 0.0 else -move, NEAR)
    values[M_EFFICIENCY] = _over(values[M_RETURN_24], walked)
    if count > 1:
        product = update_ema(state.products_24, symbol, move * state.move[symbol], NEAR)
        values[M_REVERSAL] = _over(product, near)
    state.move[symbol] = move


@compiled
def _places(state: ModelFeatureState, symbol: int, close: float, values: Float64s) -> None:
    """Where the close stands among the last 24 and 72, itself included."""
    count = state.closed[symbol]
    lowest = close
    highest = close
    for back in range(2, RING + 1):
        if back > count:
            return
        past = state.closes[symbol, (count - back) % RING]
        lowest = min(lowest, past)
        highest = max(highest, past)
        if back == NEAR:
            values[M_RANGE_24] = _over((close - lowest) - (highest - close), highest - lowest)
    values[M_RANGE_72] = _over((close - lowest) - (highest - close), highest - lowest)


@compiled
def _volumes(state: ModelFeatureState, symbol: int, volume: float, values: Float64s) -> None:
    """The volume against what it usually is, before this bar was part of that."""
    usual = state.volumes_72.value[symbol]
    known = state.volumes_72.seen[symbol] >= RING
    average = update_ema(state.volumes_72, symbol, volume, RING)
    values[M_VOLUME_RATIO] = _over(update_ema(state.volumes_12, symbol, volume, 12), average)
    if known:
        away = volume - usual
        z = _over(away, math.sqrt(update_ema(state.volume_squares, symbol, away * away, NEAR)))
        values[M_VOLUME_Z] = max(-Z_LIMIT, min(Z_LIMIT, z))
