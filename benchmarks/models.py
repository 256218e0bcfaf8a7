"""Models at one close: features, inference of thirty symbols through three kinds of models, and what they weigh."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.common import Result, percentile
from benchmarks.models_made import GLOBAL_TREES, SPECIALIST_TREES, SYMBOLS, loading, made
from mooring.runtime.decision.model_features import MODEL_FEATURES, init_model_features, update_model_features
from mooring.runtime.domain.bars import Bar
from mooring.runtime.models.bounded import Bounded
from mooring.runtime.models.predicted import Models

NAME: Final = "models"
PREDICT_P95_MS: Final = 3.0
RESIDENT_MB_MAX: Final = 140.0  # of a daemon with a bundle for the symbols that are set at first
USUAL: Final = 5
CLOSES: Final = 2000
FEATURE_HOURS: Final = 400
BATCH_HOURS: Final = 400
NOTE: Final = f"{len(SYMBOLS)} symbols: global of {GLOBAL_TREES} trees, specialists of {SPECIALIST_TREES}, ensemble"


def run() -> Iterator[Result]:
    """Time what happens at a close, and weigh ONNX Runtime with all models in a process of its own."""
    models = made()
    begun = time.perf_counter()
    asked = loading(models)
    yield Result(name="load all models", value=time.perf_counter() - begun, unit="s", note=NOTE)
    yield from at_a_close("inference", asked, NOTE)
    bounded = Bounded(asked)
    yield from at_a_close("inference, bounded", bounded, f"{NOTE}; in a thread of its own")
    bounded.close()
    matrix = np.random.default_rng(2).normal(0, 0.5, (BATCH_HOURS, len(SYMBOLS), MODEL_FEATURES))
    begun = time.perf_counter()
    asked.predict_hours(matrix, np.ones(matrix.shape[:2], np.bool_))
    rows = BATCH_HOURS * len(SYMBOLS)
    yield Result(name="batch", value=rows / (time.perf_counter() - begun), unit="rows/s", note=NOTE)
    yield features()
    yield weight(USUAL, RESIDENT_MB_MAX)
    yield weight(len(SYMBOLS), None)


def at_a_close(name: str, asked: Models, note: str) -> Iterator[Result]:
    """Percentiles of asking about every symbol."""
    rng = np.random.default_rng(1)
    present, taken = np.ones(len(SYMBOLS), np.bool_), []
    for _ in range(CLOSES):
        values = rng.normal(0, 0.5, (len(SYMBOLS), MODEL_FEATURES))
        begun = time.perf_counter()
        asked.predict(values, present)
        taken.append(1000.0 * (time.perf_counter() - begun))
    yield Result(name=f"{name}, median", value=percentile(taken, 50), unit="ms", note=note)
    yield Result(
        name=f"{name}, p95",
        value=percentile(taken, 95),
        unit="ms",
        target=PREDICT_P95_MS,
        higher_is_better=False,
        note=note,
    )


def features() -> Result:
    """What the pipeline takes at a close, plain, as the daemon runs it."""
    rng = np.random.default_rng(3)
    symbols = len(SYMBOLS)
    state, taken = init_model_features(symbols), []
    for hour in range(FEATURE_HOURS):
        opened = rng.integers(9_000, 11_000, symbols)
        closed = opened + rng.integers(-50, 50, symbols)
        columns: Any = opened, opened + 60, opened - 60, closed, rng.integers(1, 10**9, symbols)
        bar = Bar(hour * 3600, np.ones(symbols, np.bool_), *columns)
        begun = time.perf_counter()
        update_model_features(state, bar)
        taken.append(1000.0 * (time.perf_counter() - begun))
    warm = taken[FEATURE_HOURS // 2 :]
    return Result(name="features, median", value=percentile(warm, 50), unit="ms", note=f"{symbols} symbols, plain")


def weight(symbols: int, target: float | None) -> Result:
    """Resident memory of a process that has what a daemon has, with ONNX Runtime and models for so many symbols."""
    with tempfile.TemporaryDirectory(prefix="mooring-b-") as folder:
        models = made().models
        for number, model in enumerate((models[0], *models[1 : 1 + symbols], models[-1])):
            Path(folder, f"{number:03}").write_bytes(model.data)
        child = [sys.executable, "-m", "benchmarks.models_weighed", folder]
        said = subprocess.run(child, capture_output=True, text=True, check=True).stdout
    before, after = (float(number) for number in said.split())
    return Result(
        name=f"resident, {symbols} specialists",
        value=after,
        unit="MB",
        target=target,
        higher_is_better=False,
        note=f"{before:.0f} MB before ONNX Runtime and {symbols + 2} models were loaded and asked",
    )
