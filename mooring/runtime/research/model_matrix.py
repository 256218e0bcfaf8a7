"""The features of models over whole files of bars: the daemon's own pipeline, looped."""

from __future__ import annotations

import importlib.util
from typing import Final, Protocol

import numpy as np

from mooring.runtime.decision.model_features import MODEL_FEATURES, fill_matrix, init_model_features
from mooring.runtime.domain.bars import Bars, Bools, Float64s, Int64s
from mooring.runtime.research.jit import Jit


class AskedByHours(Protocol):
    """Models that can be asked about many hours at once; `runtime.models.Predictor` is one."""

    def predict_hours(self, matrix: Float64s, present: Bools) -> Int64s:
        """As `Inputs.models` for each hour: float64 (hours, symbols, features) to int64 (hours, symbols, columns)."""
        ...


COMPILE_FROM_BARS: Final = 30_000  # compiling takes about as long as this many bars do plain


def feature_matrix(bars: Bars, *, compiled: bool | None = None) -> Float64s:
    """Every symbol's features after each of its bars, from the first bar on.

    Args:
        bars: hours in order; a symbol's missing bar changes nothing about it.
        compiled: with numba; None: where that is quicker in all and numba is there. The bytes are the same.

    Returns:
        float64 (hours, symbols, MODEL_FEATURES) in the order of MODEL_FEATURE_NAMES; NaN before each feature has warmed
        up (all have after MODEL_WARMUP_BARS bars of a symbol), and in the whole row where a bar is missing.

    Raises:
        Invalid: compiled is asked for, and numba is not installed.
    """
    hours, symbols = bars.present.shape
    matrix = np.empty((hours, symbols, MODEL_FEATURES))
    if compiled is None:
        compiled = int(bars.present.sum()) >= COMPILE_FROM_BARS and importlib.util.find_spec("numba") is not None
    fill = Jit().compile_kept(fill_matrix) if compiled else fill_matrix
    fill(init_model_features(symbols), bars, 0, hours, matrix)
    return matrix


def said_by_models(models: AskedByHours, bars: Bars, *, compiled: bool | None = None) -> Int64s:
    """What models say of every hour of `bars`, for `simulate`: the bits that an engine would have recorded over them.

    Nothing that is traded changes what models look at, so all of it is asked before. Errors as `feature_matrix`.
    """
    return models.predict_hours(feature_matrix(bars, compiled=compiled), bars.present)
