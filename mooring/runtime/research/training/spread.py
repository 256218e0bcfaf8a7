"""How features were spread in training, in bins, so that whoever asks the model can tell when they no longer are.

The measure that it serves is the population stability index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np

from mooring.runtime.domain.bars import Float64s
from mooring.runtime.domain.scores import Float32s
from mooring.runtime.research.training.dataset import Int32s

BINS: Final = 10
EDGE_PLACES: Final = 9
SHARE_LEAST: Final = 1e-4
SHARE_UNIT: Final = 1_000_000_000
ROWS_MOST: Final = 200_000


def spread(features: Float32s, names: Sequence[str], pipeline: str) -> dict[str, Any]:
    """The document: for each feature the edges of its bins, by tenths, and the share of rows in each.

    features: (rows, features), nothing NaN. Edges ascend; bin i holds what is below edges[i] and not below the one
    before. Shares add up to 1 exactly. Numbers are decimal texts.
    """
    step = max(1, len(features) // ROWS_MOST)
    found = []
    for column, name in enumerate(names):
        values = features[::step, column].astype(np.float64)
        edges = _edges(values)
        bins = np.searchsorted(np.array([float(edge) for edge in edges]), values, side="right")
        counts = np.bincount(bins, minlength=len(edges) + 1)
        found.append({"name": name, "edges": edges, "shares": _shares([int(count) for count in counts])})
    return {"id": pipeline, "features": found}


def widest_drift(document: Mapping[str, Any], features: Float32s, hour: Int32s, window: int) -> float:
    """How far so many hours in a row ever were from the whole: the mean over features of each one's index, the largest.

    Hours that follow one another are alike, so a day is never spread as years are; what a trial may drift has to be
    told by how far its like went in training. The index is the sum over bins of (seen - known) * ln(seen / known), a
    share below SHARE_LEAST counting as that much.

    Args:
        document: as `spread` made it. hour: (rows,), the place of each row's hour.
    """
    place = hour // window
    means = np.zeros(int(place.max()) + 1)
    for column, known in enumerate(document["features"]):
        edges = np.array([float(edge) for edge in known["edges"]])
        shares = np.maximum([float(share) for share in known["shares"]], SHARE_LEAST)
        bins = np.searchsorted(edges, features[:, column].astype(np.float64), side="right")
        counts = np.zeros((len(means), len(shares)))
        np.add.at(counts, (place, bins), 1.0)
        rows = np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
        seen = np.maximum(counts / rows, SHARE_LEAST)
        means += ((seen - shares) * np.log(seen / shares)).sum(axis=1) / len(document["features"])
    full = np.bincount(place, minlength=len(means)) >= window
    return float(means[full].max()) if full.any() else 0.0


def _edges(values: Float64s) -> list[str]:
    wanted = np.quantile(values, np.arange(1, BINS) / BINS, method="lower")
    texts = [decimal_text(float(value), EDGE_PLACES) for value in wanted]
    return sorted({Decimal(text): text for text in texts}.values(), key=Decimal)


def _shares(counts: list[int]) -> list[str]:
    total = sum(counts)
    units = [count * SHARE_UNIT // total for count in counts]
    units[counts.index(max(counts))] += SHARE_UNIT - sum(units)
    return [decimal_text(Decimal(unit) / SHARE_UNIT, EDGE_PLACES) for unit in units]


def decimal_text(value: float | Decimal, places: int) -> str:
    """A decimal text without an exponent, so many places at most, none of them for nothing; never -0."""
    text = f"{Decimal(value):.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
