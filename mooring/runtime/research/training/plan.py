"""What a training is: everything that can change its result, and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from mooring.runtime.research.training.folds import FoldPlan
from mooring.runtime.research.training.labels import LabelPlan

RECIPE: Final = "mooring-training-1"  # another recipe, another name: pieces of one are never those of another


@dataclass(frozen=True, kw_only=True)
class TreePlan:
    """How trees are grown: at most `rounds` of `leaves` leaves, until they no longer help on hours held back.

    least_rows: rows in a leaf at least. stride: of the hours learned from every so many, as neighbours say almost the
    same. Shares are percent; rates are in thousandths.
    """

    rounds: int = 300
    patience: int = 30
    leaves: int = 31
    least_rows: int = 200
    learning_rate_milli: int = 30
    feature_percent: int = 60
    row_percent: int = 60
    smoothing: int = 10
    bins: int = 63
    stride: int = 2


GLOBAL_TREES: Final = TreePlan(least_rows=500)
SPECIALIST_TREES: Final = TreePlan(leaves=15, stride=1)


@dataclass(frozen=True, kw_only=True)
class TrainPlan:
    """A whole training. seed: of everything that draws."""

    labels: LabelPlan
    folds: FoldPlan
    general: TreePlan = GLOBAL_TREES
    special: TreePlan = SPECIALIST_TREES
    seed: int = 1

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def canonical(value: Any) -> bytes:
    """Canonical JSON of integers, texts, booleans, lists and objects with ASCII keys.

    Raises:
        TypeError: there is a float, whose text would differ between programs.
    """
    _refuse_floats(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def key_of(value: Any) -> str:
    """sha256 (hex) of the canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical text")
    if isinstance(value, dict):
        for part in value.values():
            _refuse_floats(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_floats(part)
