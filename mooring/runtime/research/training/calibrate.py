"""From what trees say to a probability: a logistic curve, drawn to what the trees say where there is little to go by.

Source: Platt, Probabilistic Outputs for Support Vector Machines (1999); fitted by Newton's method on cross entropy.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from mooring.runtime.domain.bars import Float64s

# Deviations of the prior around (1, 0): the trees are trained on cross entropy, so they are nearly right by themselves.
SLOPE_DEVIATION: Final = 0.5
OFFSET_DEVIATION: Final = 0.2
STEPS: Final = 50
CLOSE: Final = 1e-12
LIMIT: Final = 30.0


class Curve(NamedTuple):
    """p = 1 / (1 + exp(-(slope * raw + offset))). slope is never below 0: calibration turns nothing round."""

    slope: float
    offset: float


AS_IT_IS: Final = Curve(1.0, 0.0)


def probability(raw: Float64s, curve: Curve = AS_IT_IS) -> Float64s:
    """The chance of rising; see `skill` for what it counts."""
    z = np.clip(curve.slope * raw + curve.offset, -LIMIT, LIMIT)
    p: Float64s = 1.0 / (1.0 + np.exp(-z))
    return p


def fit_curve(raw: Float64s, target: Float64s, *, weight: float) -> Curve:
    """The curve for what trees said (`raw`, log odds) and what became of it.

    weight: how much of an observation each row is; labels that overlap for 24 hours are about 1/24 each.
    """
    if not len(raw):
        return AS_IT_IS
    curve = _newton(raw, target, weight, slope_free=True)
    return curve if curve.slope >= 0.0 else _newton(raw, target, weight, slope_free=False)


def _newton(raw: Float64s, target: Float64s, weight: float, *, slope_free: bool) -> Curve:
    """Newton's steps in two unknowns, written out: sums of NumPy do not depend on how many threads there are."""
    x = raw if slope_free else np.zeros(len(raw))
    middle = AS_IT_IS.slope if slope_free else 0.0
    tight, firm = SLOPE_DEVIATION**-2, OFFSET_DEVIATION**-2
    slope, offset = middle, 0.0
    for _ in range(STEPS):
        p = probability(x, Curve(slope, offset))
        off, spread = p - target, p * (1.0 - p)
        down = (weight * float((off * x).sum()) + tight * (slope - middle), weight * float(off.sum()) + firm * offset)
        corner = weight * float((spread * x).sum())
        bend = (weight * float((spread * x * x).sum()) + tight, weight * float(spread.sum()) + firm)
        room = bend[0] * bend[1] - corner * corner
        move = ((bend[1] * down[0] - corner * down[1]) / room, (bend[0] * down[1] - corner * down[0]) / room)
        slope, offset = slope - move[0], offset - move[1]
        if max(abs(move[0]), abs(move[1])) < CLOSE:
            break
    return Curve(slope, offset)
