"""The features of one symbol, brought up to date by one closed bar."""

from __future__ import annotations

import numpy as np

from mooring.runtime.decision.indicators import (
    init_atr,
    init_ema,
    init_momentum,
    init_rsi,
    update_atr,
    update_ema,
    update_momentum,
    update_rsi,
)
from mooring.runtime.decision.types import (
    F_ATR,
    F_EMA_FAST,
    F_EMA_SLOW,
    F_MOMENTUM,
    F_RSI,
    FEATURES,
    FeatureParams,
    FeatureState,
)
from mooring.runtime.domain.bars import Bar
from mooring.runtime.domain.compiled import compiled


def init_features(symbols: int, params: FeatureParams) -> FeatureState:
    """Before the first bar: every feature is NaN."""
    return FeatureState(
        ema_fast=init_ema(symbols),
        ema_slow=init_ema(symbols),
        rsi=init_rsi(symbols),
        atr=init_atr(symbols),
        momentum=init_momentum(symbols, params.momentum_bars),
        values=np.full((symbols, FEATURES), np.nan),
        last_close=np.zeros(symbols, np.int64),
        bars=np.zeros(symbols, np.int64),
    )


@compiled
def update_features(state: FeatureState, params: FeatureParams, bar: Bar, symbol: int) -> None:
    """One more bar of one symbol; a missing bar changes nothing."""
    if not bar.present[symbol]:
        return
    high = float(bar.high[symbol])
    low = float(bar.low[symbol])
    close = float(bar.close[symbol])
    values = state.values
    values[symbol, F_EMA_FAST] = update_ema(state.ema_fast, symbol, close, params.ema_fast)
    values[symbol, F_EMA_SLOW] = update_ema(state.ema_slow, symbol, close, params.ema_slow)
    values[symbol, F_RSI] = update_rsi(state.rsi, symbol, close, params.rsi_period)
    values[symbol, F_ATR] = update_atr(state.atr, symbol, high, low, close, params.atr_period)
    values[symbol, F_MOMENTUM] = update_momentum(state.momentum, symbol, close)
    state.last_close[symbol] = bar.close[symbol]
    state.bars[symbol] += 1
