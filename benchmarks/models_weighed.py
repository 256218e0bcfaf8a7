"""Prints the resident MB of a process that has the engine, before and after it loaded models from a folder."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

import mooring.daemon.app  # all that a daemon has
from benchmarks.daemon import resident_mb
from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES, MODEL_FEATURES, PIPELINE
from mooring.runtime.models.model_set import Model, ModelSet
from mooring.runtime.models.predictor import Predictor


def main(folder: Path) -> None:
    """Load them as a daemon does: bytes in, sessions out, bytes dropped."""
    assert mooring.daemon.app.__name__
    before = resident_mb(os.getpid())
    asked = load(folder)
    rng = np.random.default_rng(1)
    symbols = len(list(folder.iterdir())) - 2
    for _ in range(100):
        asked.predict(rng.normal(0, 0.5, (symbols, MODEL_FEATURES)), np.ones(symbols, np.bool_))
    print(before, resident_mb(os.getpid()))


def load(folder: Path) -> Predictor:
    """A predictor over the files, named by their place: the global, a specialist of each symbol, the ensemble."""
    files = sorted(folder.iterdir())
    symbols = tuple(f"S{n}-USD" for n in range(len(files) - 2))
    models = (
        Model(role="global", data=files[0].read_bytes()),
        *(
            Model(role="specialist", symbol=symbol, data=file.read_bytes())
            for symbol, file in zip(symbols, files[1:-1], strict=True)
        ),
        Model(role="ensemble", data=files[-1].read_bytes()),
    )
    made = ModelSet(reference="b@1:0", pipeline=PIPELINE, features=MODEL_FEATURE_NAMES, symbols=symbols, models=models)
    return Predictor(
        made, pipeline=PIPELINE, features=MODEL_FEATURE_NAMES, symbols=symbols, monotonic=time.perf_counter
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
