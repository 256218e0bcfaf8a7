"""What producers share: the scale of conviction and the fixed-point form of what they looked at."""

from __future__ import annotations

from typing import Final

import numpy as np

from mooring.runtime.decision.types import S_CONVICTION, S_DIRECTION, S_REASON, S_VALUE
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.compiled import compiled

MICRO: Final = 1_000_000.0
MICRO_LIMIT: Final = 9.0e12  # a value this large is held at the limit, so that value_micro stays inside int64
MAX_CONVICTION: Final = 10
UNITS_LIMIT: Final = 1000.0


@compiled
def micro(value: float) -> int:
    """A value in millionths, rounded down, held within +-9e18."""
    value = min(value, MICRO_LIMIT)
    value = max(value, -MICRO_LIMIT)
    return int(np.floor(value * MICRO))


@compiled
def conviction(strength: float) -> int:
    """1 for a strength below 2, then its whole part, 10 at the most."""
    if strength >= MAX_CONVICTION:
        return MAX_CONVICTION
    whole = int(np.floor(strength))
    return max(whole, 1)


@compiled
def in_units_of(size: float, unit: float) -> float:
    """Size / unit, both not negative: 0 where the unit is 0, and UNITS_LIMIT at the most, so that nothing overflows."""
    if unit <= 0.0:
        return 0.0
    if size >= unit * UNITS_LIMIT:
        return UNITS_LIMIT
    return size / unit


@compiled
def say(signal: Int64s, direction: int, strength: int, value_micro: int, reason: int) -> None:
    """Fill in one signal row."""
    signal[S_DIRECTION] = direction
    signal[S_CONVICTION] = strength
    signal[S_VALUE] = value_micro
    signal[S_REASON] = reason
