"""How features were spread in training, in bins, so that whoever asks the model can tell when they no longer are.

The measure that it serves is the population stability index.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np

from mooring.runtime.domain.bars import Float64s
from mooring.runtime.domain.scores import Float32s

BINS: Final = 10
EDGE_PLACES: Final = 9
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
