"""One piece of a training: one model on one span of hours, grown, stopped, calibrated, and asked about the hours after.

LightGBM runs on one thread and in its deterministic mode, so the same piece gives the same text on any number of cores.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from mooring.errors import Invalid
from mooring.runtime.domain.bars import Bools, Float64s
from mooring.runtime.domain.scores import Float32s
from mooring.runtime.research.training import calibrate, folds
from mooring.runtime.research.training.calibrate import Curve, fit_curve
from mooring.runtime.research.training.dataset import Dataset, Int32s
from mooring.runtime.research.training.folds import Span, inner_split
from mooring.runtime.research.training.plan import RECIPE, TrainPlan, TreePlan, key_of

GENERAL: Final = -1  # the symbol of the model for all symbols
ROWS_LEAST: Final = 100
BLOCKS_PER_HORIZON: Final = 2
NEEDED: Final = ("lightgbm", "joblib", "onnxmltools", "onnx", "onnxruntime")


class Task(NamedTuple):
    """What to learn: the model of `symbol` (GENERAL: of all) from `train`, to be asked about `test`."""

    symbol: int
    train: Span
    test: Span


class Piece(NamedTuple):
    """What was learned.

    model: LightGBM's text, UTF-8 bytes. curve: from its raw sums to a probability. base: mean target of what it was
    fitted on. rounds: trees. judged_raw: raw sums of the labelled rows that neither fit nor stop saw, by trees that
    were grown without them; in the dataset's order. test_raw: raw sums of every row of the test span.
    """

    model: bytes
    curve: Curve
    base: float
    rounds: int
    judged_raw: Float64s
    test_raw: Float64s


def require_libraries() -> None:
    """Refuse to go on without the libraries of training.

    Raises:
        Invalid: one is not installed.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Invalid(
            "research_missing",
            f"Training needs {', '.join(missing)}, which is not installed.",
            money="Nothing was trained.",
            todo="Install them with `make setup` in a clone of Mooring.",
        )


@lru_cache(maxsize=1)
def recipe_sha256() -> str:
    """sha256 (hex) of the sources that make a piece: a changed one never takes up what another one left."""
    running = hashlib.sha256()
    for module in (folds, calibrate, sys.modules[__name__]):
        running.update(Path(str(module.__file__)).read_bytes())
    return running.hexdigest()


def task_key(task: Task, plan: TrainPlan, dataset: str) -> str:
    """The name of a piece: the hash of everything that goes into it, versions of the libraries included."""
    trees = plan.general if task.symbol == GENERAL else plan.special
    return key_of(
        {
            "recipe": RECIPE,
            "code": recipe_sha256(),
            "dataset": dataset,
            "symbol": task.symbol,
            "train": list(task.train),
            "test": list(task.test),
            "trees": asdict(trees),
            "folds": asdict(plan.folds),
            "seed": plan.seed,
            "lightgbm": version("lightgbm"),
            "numpy": version("numpy"),
        }
    )


def learn(task: Task, plan: TrainPlan, data: Dataset) -> Piece:
    """Grow on the first hours, stop by the next, calibrate by the last; then grow anew on all of them.

    Raises:
        Invalid: the span is too short, or holds too few labelled rows.
    """
    trees = plan.general if task.symbol == GENERAL else plan.special
    inner = inner_split(task.train, plan.folds)
    fit = Part.of(data, task, inner.fit, trees.stride)
    stop, judge = (Part.of(data, task, span, 1) for span in (inner.stop, inner.judge))
    if min(len(part.target) for part in (fit, stop, judge)) < ROWS_LEAST:
        raise too_few(task)
    first = grow(fit, trees, plan.seed, stop=stop)
    rounds = int(first.current_iteration())
    judged = raw_sums(first, judge.features)
    # Labels overlap for a whole horizon, and symbols rise and fall together: all of that is one observation.
    hours = len(np.unique(judge.row))
    curve = fit_curve(judged, judge.target, weight=hours / plan.labels.horizon_bars / len(judge.row))
    whole = Part.of(data, task, task.train, trees.stride)
    last = grow(whole, trees, plan.seed, rounds=rounds)
    asked = rows_of(data, task, task.test)
    return Piece(
        model=last.model_to_string().encode(),
        curve=curve,
        base=float(fit.target.mean()),
        rounds=rounds,
        judged_raw=judged,
        test_raw=raw_sums(last, data.features[data.within(task.test)][asked]),
    )


def is_enough(task: Task, plan: TrainPlan, data: Dataset) -> bool:
    """Whether there is enough to learn this from: a symbol may have come late, or have a hole."""
    counts = []
    for span in inner_split(task.train, plan.folds):
        at = data.within(span)
        counts.append(int((rows_of(data, task, span) & data.known[at]).sum()))
    return min(counts) >= ROWS_LEAST * plan.special.stride


class Part(NamedTuple):
    """Features and targets of the labelled rows of a span."""

    features: Float32s
    target: Float64s
    row: Int32s

    @classmethod
    def of(cls, data: Dataset, task: Task, span: Span, stride: int) -> Part:
        """The part of a span; of every `stride`th hour."""
        at = data.within(span)
        wanted = rows_of(data, task, span) & data.known[at]
        if stride > 1:
            wanted &= data.row[at] % stride == 0
        outcome = data.outcome[at][wanted].astype(np.float64)
        return cls(data.features[at][wanted], (outcome + 1.0) / 2.0, data.row[at][wanted])


def rows_of(data: Dataset, task: Task, span: Span) -> Bools:
    """Which rows of the span the task's model is about."""
    symbols = data.symbol[data.within(span)]
    return symbols == task.symbol if task.symbol != GENERAL else np.ones(len(symbols), np.bool_)


def grow(part: Part, trees: TreePlan, seed: int, *, stop: Part | None = None, rounds: int = 0) -> Any:
    """A booster; with `stop`, grown until it no longer helps there, and cut to where it helped most."""
    import lightgbm  # noqa: PLC0415 -- heavy, and only here with `research`

    params = {
        "objective": "cross_entropy",  # targets of 0, 0.5 and 1 are welcome
        "metric": "cross_entropy",
        "num_leaves": trees.leaves,
        "min_data_in_leaf": trees.least_rows,
        "learning_rate": trees.learning_rate_milli / 1000,
        "feature_fraction": trees.feature_percent / 100,
        "bagging_fraction": trees.row_percent / 100,
        "bagging_freq": 1,
        "lambda_l2": float(trees.smoothing),
        "max_bin": trees.bins,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    learned = lightgbm.Dataset(part.features, part.target, params=params, free_raw_data=True)
    if stop is None:
        return lightgbm.train(params, learned, num_boost_round=rounds)
    held = lightgbm.Dataset(stop.features, stop.target, reference=learned, params=params)
    patience = lightgbm.early_stopping(trees.patience, verbose=False)
    booster = lightgbm.train(params, learned, num_boost_round=trees.rounds, valid_sets=[held], callbacks=[patience])
    text = booster.model_to_string(num_iteration=max(1, booster.best_iteration))
    return lightgbm.Booster(model_str=text)


def raw_sums(booster: Any, features: Float32s) -> Float64s:
    """What the trees add up to, (rows,), before any curve."""
    if not len(features):
        return np.zeros(0)
    sums: Float64s = np.asarray(booster.predict(features, raw_score=True, num_threads=1), dtype=np.float64)
    return sums


def too_few(task: Task) -> Invalid:
    """The refusal to learn from next to nothing."""
    return Invalid(
        "too_few_rows",
        f"Hours {task.train.first:,} to {task.train.last:,} hold too few labelled rows to learn from.",
        money="Nothing was trained.",
        todo="Give a longer history, or leave out the symbol that is missing there.",
    )
