"""The features of models over whole files of bars: the daemon's own pipeline, looped."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from mooring.runtime.decision.model_features import MODEL_FEATURES, fill_matrix, init_model_features
from mooring.runtime.domain.bars import Bars, Bools, Float64s, Int64s
from mooring.runtime.domain.scores import P_STATE
from mooring.runtime.research.jit import Jit


class AskedByHours(Protocol):
    """Models that can be asked about many hours at once; `runtime.models.Predictor` is one."""

    @property
    def reference(self) -> str:
        """Of the bundle."""
        ...

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
    _fill(bars, compiled=compiled)(init_model_features(symbols), bars, 0, hours, matrix)
    return matrix


class HoursAsked:
    """What models say of the hours of `bars`, in turn: the bits that an engine would have recorded over them.

    Nothing that is traded changes what models look at, so a chunk of hours is asked at once; of the features, 200 bytes
    for each bar, no more than one chunk is ever kept.

    Args:
        compiled: as `feature_matrix`, and its errors.

    Attributes:
        states: how many answers there were of each `ModelState`.
    """

    def __init__(self, models: AskedByHours, bars: Bars, *, compiled: bool | None = None) -> None:
        self._models = models
        self._bars = bars
        self._fill = _fill(bars, compiled=compiled)
        self._features = init_model_features(bars.present.shape[1])
        self._next = 0
        self.states: Counter[int] = Counter()

    def __call__(self, first: int, last: int) -> Int64s:
        """What they say of these hours; as `simulate` asks, each right after the ones before it."""
        if first != self._next:
            raise ValueError(f"hour {first} is asked about after hour {self._next - 1}")
        self._next = last
        present = self._bars.present[first:last]
        matrix = np.empty((*present.shape, MODEL_FEATURES))
        self._fill(self._features, self._bars, first, last, matrix)
        said = self._models.predict_hours(matrix, present)
        states, counts = np.unique(said[..., P_STATE][present], return_counts=True)
        self.states.update(dict(zip(states.tolist(), counts.tolist(), strict=True)))
        return said


def said_by_models(models: AskedByHours, bars: Bars, *, compiled: bool | None = None) -> Int64s:
    """What models say of every hour of `bars`, at once; errors as `feature_matrix`."""
    return HoursAsked(models, bars, compiled=compiled)(0, len(bars.ts))


def _fill(bars: Bars, *, compiled: bool | None) -> Callable[..., None]:
    if compiled is None:
        compiled = int(bars.present.sum()) >= COMPILE_FROM_BARS and importlib.util.find_spec("numba") is not None
    return Jit().compile_kept(fill_matrix) if compiled else fill_matrix
