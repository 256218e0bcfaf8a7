"""Moving-average cross: which of a fast and a slow average is above, and by how many average true ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from mooring.runtime.decision.producers.common import conviction, in_units_of, micro, say
from mooring.runtime.decision.types import F_ATR, F_EMA_FAST, F_EMA_SLOW, Inputs
from mooring.runtime.domain.bars import Float64s, Int64s
from mooring.runtime.domain.codes import Reason
from mooring.runtime.domain.compiled import compiled

NAME: Final = "ma_cross"

WARMING_UP: Final = int(Reason.WARMING_UP)
NEUTRAL: Final = int(Reason.NEUTRAL)
CROSS_UP: Final = int(Reason.CROSS_UP)
CROSS_DOWN: Final = int(Reason.CROSS_DOWN)
FAST_ABOVE: Final = int(Reason.FAST_ABOVE)
FAST_BELOW: Final = int(Reason.FAST_BELOW)
STEEPNESS: Final = 3.0  # conviction points for a gap of one average true range


class Params(NamedTuple):
    """Periods in bars."""

    slow: int
    atr_period: int


class CrossState(NamedTuple):
    """side: +1 when the fast average was above at the last close, -1 below, 0 unknown; (symbols,) int64."""

    side: Int64s


def params(options: Mapping[str, Any]) -> Params:
    """From options `ema_slow`, `atr_period`."""
    return Params(int(options["ema_slow"]), int(options["atr_period"]))


def warmup_bars(params: Params) -> int:
    """Bars before the first signal."""
    return max(params.slow, params.atr_period + 1)


def init_state(symbols: int, params: Params) -> CrossState:  # noqa: ARG001 -- the shape every producer has
    """No side known yet."""
    return CrossState(np.zeros(symbols, np.int64))


@compiled
def step(
    state: CrossState,
    params: Params,  # noqa: ARG001
    inputs: Inputs,  # noqa: ARG001
    features: Float64s,
    symbol: int,
    signal: Int64s,
) -> None:
    """Strength is the gap in average true ranges; value is the gap as a fraction of the slow average."""
    fast = features[symbol, F_EMA_FAST]
    slow = features[symbol, F_EMA_SLOW]
    atr = features[symbol, F_ATR]
    if np.isnan(fast) or np.isnan(slow) or np.isnan(atr):
        say(signal, 0, 0, 0, WARMING_UP)
        return
    gap = fast - slow
    size = gap if gap >= 0.0 else -gap
    strength = STEEPNESS * in_units_of(size, atr)
    before = state.side[symbol]
    if gap > 0.0:
        state.side[symbol] = 1
        say(signal, 1, conviction(strength), micro(gap / slow), FAST_ABOVE if before != -1 else CROSS_UP)
    elif gap < 0.0:
        state.side[symbol] = -1
        say(signal, -1, conviction(strength), micro(gap / slow), FAST_BELOW if before != 1 else CROSS_DOWN)
    else:
        say(signal, 0, 0, 0, NEUTRAL)
