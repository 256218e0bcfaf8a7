"""Mean reversion on the relative strength index: buy what is oversold, leave what is overbought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from mooring.runtime.decision.producers.common import conviction, micro, say
from mooring.runtime.decision.types import F_RSI, Inputs
from mooring.runtime.domain.bars import Float64s, Int64s
from mooring.runtime.domain.codes import Reason
from mooring.runtime.domain.compiled import compiled

NAME: Final = "rsi"

WARMING_UP: Final = int(Reason.WARMING_UP)
OVERSOLD: Final = int(Reason.OVERSOLD)
OVERBOUGHT: Final = int(Reason.OVERBOUGHT)
NEUTRAL: Final = int(Reason.NEUTRAL)


class Params(NamedTuple):
    """Levels of the index, 0 to 100; period in bars."""

    period: int
    oversold: int
    overbought: int


def params(options: Mapping[str, Any]) -> Params:
    """From options `rsi_period`, `rsi_oversold`, `rsi_overbought`."""
    return Params(int(options["rsi_period"]), int(options["rsi_oversold"]), int(options["rsi_overbought"]))


def warmup_bars(params: Params) -> int:
    """Bars before the first signal."""
    return params.period + 1


def init_state(symbols: int, params: Params) -> tuple[()]:  # noqa: ARG001 -- the shape every producer has
    """Nothing to remember."""
    return ()


@compiled
def step(
    state: tuple[()],  # noqa: ARG001
    params: Params,
    inputs: Inputs,  # noqa: ARG001
    features: Float64s,
    symbol: int,
    signal: Int64s,
) -> None:
    """Conviction rises from 1 at the level to 10 at the end of the scale."""
    rsi = features[symbol, F_RSI]
    if np.isnan(rsi):
        say(signal, 0, 0, 0, WARMING_UP)
    elif rsi <= params.oversold:
        say(signal, 1, conviction(1.0 + 9.0 * (params.oversold - rsi) / params.oversold), micro(rsi), OVERSOLD)
    elif rsi >= params.overbought:
        beyond = 1.0 + 9.0 * (rsi - params.overbought) / (100.0 - params.overbought)
        say(signal, -1, conviction(beyond), micro(rsi), OVERBOUGHT)
    else:
        say(signal, 0, 0, micro(rsi), NEUTRAL)
