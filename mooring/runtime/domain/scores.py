"""What models say, as whole numbers: a state for each symbol, and scores in millionths from -1 to 1."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mooring.runtime.domain.bars import Float64s, Int64s
from mooring.runtime.domain.codes import ModelState

Float32s = npt.NDArray[np.float32]

# Columns of what models said, int64 (symbols, MODEL_COLUMNS): a `ModelState`, then scores, or NO_SCORE where there is
# no such model. What decides is the last that is there.
MODEL_NAMES: Final = ("state", "global", "specialist", "ensemble")
P_STATE, P_GLOBAL, P_SPECIALIST, P_ENSEMBLE = range(4)
MODEL_COLUMNS: Final = 4
SCORE_UNIT: Final = 1_000_000
NO_SCORE: Final = -1_000_000_000  # whoever takes it for a score must not buy


def no_models(symbols: int) -> Int64s:
    """What is known of so many symbols where no models were asked."""
    return without_scores(symbols, ModelState.NO_MODEL)


def without_scores(symbols: int, state: ModelState) -> Int64s:
    """The same state for every symbol, and no scores."""
    said = np.full((symbols, MODEL_COLUMNS), NO_SCORE, np.int64)
    said[:, P_STATE] = int(state)
    return said


def as_given(values: Float64s) -> Float32s:
    """Features as models are given them: the nearest float32, infinite where it is past that."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
