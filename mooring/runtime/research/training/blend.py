"""The ensemble: how much of the general model and of a symbol's own specialist is listened to.

Weights are what each showed on hours that neither was fitted on, within the hours learned from: the general model's
gain over chance by its reliability, a specialist's only as far as it is sure. Both are 0 where nothing was shown, and
they never add up to more than 1, so the blend of two scores is a score. A model without skill is silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from mooring.runtime.domain.bars import Float64s
from mooring.runtime.research.training.dataset import Int32s
from mooring.runtime.research.training.skill import NO_GAIN, Gain

PLACES: Final = 6


class Weights(NamedTuple):
    """general, special: shares of the two scores, 0 to 1, together at most 1."""

    general: float
    special: float


def weigh(general: Gain, special: Gain) -> Weights:
    """The weights of two models that have shown these gains."""
    loud, own = general.shrunk, special.sure
    total = loud + own
    if total <= 0.0:
        return Weights(0.0, 0.0)
    share = round(own / total, PLACES)
    return Weights(round(1.0 - share, PLACES), share)


def weight_table(symbols: Sequence[str], general: Gain, special: Mapping[str, Gain]) -> Float64s:
    """float64 (symbols, 2): the weights of each symbol; without a specialist its gain is none."""
    return np.array([weigh(general, special.get(symbol, NO_GAIN)) for symbol in symbols])


def blend(table: Float64s, scores: Float64s, symbol: Int32s) -> Float64s:
    """(rows,): the scores (rows, 2) by the weights of each row's symbol."""
    shares = table[symbol]
    blended: Float64s = shares[:, 0] * scores[:, 0] + shares[:, 1] * scores[:, 1]
    return blended
