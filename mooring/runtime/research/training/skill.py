"""How good probabilities are: log loss, Brier score, area under the curve, and what of that is more than chance.

Targets are shares: 1 where the price rose by more than the costs, 0 where it fell by more, 0.5 where neither. So a
model that is right about all three has p = P(up) + P(neither) / 2, and its score 2p - 1 is P(up) - P(down).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mooring.runtime.domain.bars import Bools, Float64s

LEAST: Final = 1e-7  # no probability is surer than this; log loss is infinite otherwise
BLOCKS_LEAST: Final = 4


class Skill(NamedTuple):
    """Figures of one set of judged rows; NaN where there is nothing to say.

    base_*: of the share of the training rows, said of every row. auc: over rows that rose or fell.
    """

    rows: int
    log_loss: float
    base_log_loss: float
    brier: float
    base_brier: float
    auc: float


def log_losses(p: Float64s, target: Float64s) -> Float64s:
    """Cross entropy of each row, natural logarithms."""
    sure = np.clip(p, LEAST, 1.0 - LEAST)
    losses: Float64s = -(target * np.log(sure) + (1.0 - target) * np.log1p(-sure))
    return losses


def area_under_curve(p: Float64s, risen: Bools) -> float:
    """Chance that a risen row has the larger p than a fallen one; ties count half; NaN where one kind is missing.

    Source: Mann-Whitney U by ranks (Hanley & McNeil 1982).
    """
    ups, downs = int(risen.sum()), int((~risen).sum())
    if not ups or not downs:
        return float("nan")
    order = np.argsort(p, kind="stable")
    _, first, inverse, counts = np.unique(p[order], return_index=True, return_inverse=True, return_counts=True)
    ranks = np.empty(len(p))
    ranks[order] = (first + (counts + 1) / 2.0)[inverse]
    return (float(ranks[risen].sum()) - ups * (ups + 1) / 2.0) / (ups * downs)


def judge(p: Float64s, target: Float64s, base: float) -> Skill:
    """The figures of these rows against always saying `base`."""
    if not len(p):
        nan = float("nan")
        return Skill(0, nan, nan, nan, nan, nan)
    always = np.full(len(p), base)
    moved = target != 0.5  # noqa: PLR2004 -- neither
    return Skill(
        rows=len(p),
        log_loss=float(log_losses(p, target).mean()),
        base_log_loss=float(log_losses(always, target).mean()),
        brier=float(((p - target) ** 2).mean()),
        base_brier=float(((always - target) ** 2).mean()),
        auc=area_under_curve(p[moved], target[moved] > 0.5),  # noqa: PLR2004
    )


class Gain(NamedTuple):
    """How much smaller than chance's the log loss is, and its standard error."""

    mean: float
    error: float

    @property
    def sure(self) -> float:
        """The gain less one standard error; 0 where that is not above 0."""
        return max(0.0, self.mean - self.error)

    @property
    def shrunk(self) -> float:
        """The gain times its reliability, 1 / (1 + (error / mean)^2); 0 where it is none."""
        if self.mean <= 0.0:
            return 0.0
        unsure = self.error / self.mean
        return self.mean / (1.0 + unsure * unsure)


NO_GAIN: Final = Gain(0.0, 0.0)


def gain_over_chance(
    p: Float64s, target: Float64s, base: float, rows: npt.NDArray[np.integer[Any]], block: int
) -> Gain:
    """The gain over always saying `base`; none where there are too few blocks to tell.

    rows: hour of each judged row. block: hours of a block; labels overlap within one and symbols move together, so the
    error is that of the blocks' means, not of the rows'.
    """
    if not len(p):
        return NO_GAIN
    gains = log_losses(np.full(len(p), base), target) - log_losses(p, target)
    _, at = np.unique(rows // block, return_inverse=True)
    means = np.bincount(at, weights=gains) / np.bincount(at)
    if len(means) < BLOCKS_LEAST:
        return NO_GAIN
    return Gain(float(gains.mean()), float(means.std(ddof=1)) / float(np.sqrt(len(means))))
