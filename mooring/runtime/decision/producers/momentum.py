"""Time-series momentum: the rate of change over a window, measured in average true ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from mooring.runtime.decision.producers.common import conviction, in_units_of, micro, say
from mooring.runtime.decision.types import F_ATR, F_MOMENTUM, Inputs
from mooring.runtime.domain.bars import Float64s, Int64s
from mooring.runtime.domain.codes import Reason
from mooring.runtime.domain.compiled import compiled

NAME: Final = "momentum"

WARMING_UP: Final = int(Reason.WARMING_UP)
NEUTRAL: Final = int(Reason.NEUTRAL)
RISING: Final = int(Reason.RISING)
FALLING: Final = int(Reason.FALLING)
QUIET: Final = 2.0  # a move of fewer average true ranges than this says nothing


class Params(NamedTuple):
    """Window and ATR period in bars."""

    bars: int
    atr_period: int


def params(options: Mapping[str, Any]) -> Params:
    """From options `momentum_bars`, `atr_period`."""
    return Params(int(options["momentum_bars"]), int(options["atr_period"]))


def warmup_bars(params: Params) -> int:
    """Bars before the first signal."""
    return max(params.bars, params.atr_period) + 1


def init_state(symbols: int, params: Params) -> tuple[()]:  # noqa: ARG001 -- the shape every producer has
    """Nothing to remember."""
    return ()


@compiled
def step(
    state: tuple[()],  # noqa: ARG001
    params: Params,  # noqa: ARG001
    inputs: Inputs,
    features: Float64s,
    symbol: int,
    signal: Int64s,
) -> None:
    """Strength is the move in average true ranges; value is the move as a fraction."""
    change = features[symbol, F_MOMENTUM]
    atr = features[symbol, F_ATR]
    if np.isnan(change) or np.isnan(atr):
        say(signal, 0, 0, 0, WARMING_UP)
        return
    close = float(inputs.bar.close[symbol])
    grown = 1.0 + change
    # A fall to below 2^-53 of the price rounds to -1, the loss of everything.
    past = close / grown if grown > 0.0 else np.inf
    moved = close - past
    size = moved if moved >= 0.0 else -moved
    strength = in_units_of(size, atr)
    if strength < QUIET:
        say(signal, 0, 0, micro(change), NEUTRAL)
    elif moved > 0.0:
        say(signal, 1, conviction(strength - 1.0), micro(change), RISING)
    else:
        say(signal, -1, conviction(strength - 1.0), micro(change), FALLING)
