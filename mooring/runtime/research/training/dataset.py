"""What there is to learn from: one row for each symbol and hour whose features are all there.

On disk it is a folder of plain arrays under its own hash, which workers map instead of copying.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from mooring import durable
from mooring.errors import Invalid
from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES, PIPELINE
from mooring.runtime.domain.bars import Bars, Bools, Float64s, Int64s
from mooring.runtime.domain.scores import Float32s, as_given
from mooring.runtime.research.model_matrix import feature_matrix
from mooring.runtime.research.training.folds import Span
from mooring.runtime.research.training.labels import Int8s, LabelPlan, triple_barrier
from mooring.runtime.research.training.plan import canonical

Int32s = npt.NDArray[np.int32]

ROWS_LEAST: Final = 500
CELLS_MAX: Final = 4_000_000  # about 1.5 GB while they are made
_CHUNK: Final = 65_536


class Dataset(NamedTuple):
    """Rows in the order of hours, then of symbols; the first axis of all but `ts` is rows.

    ts: opens of all hours. row: place of the hour in `ts`. symbol: place in the universe. features: float32
    (rows, features). outcome, net, forward: the label, 0 where `known` is false. In `features` nothing is NaN.
    """

    ts: Int64s
    row: Int32s
    symbol: Int32s
    features: Float32s
    outcome: Int8s
    net: Float64s
    forward: Float64s
    known: Bools

    @property
    def target(self) -> Float64s:
        """0, 0.5 or 1: what a probability of rising should have said."""
        targets: Float64s = (self.outcome.astype(np.float64) + 1.0) / 2.0
        return targets

    def within(self, span: Span) -> slice:
        """The rows whose hour is in a span."""
        first, last = np.searchsorted(self.row, [span.first, span.last])
        return slice(int(first), int(last))


_DTYPES: Final = ("<i8", "<i4", "<i4", "<f4", "i1", "<f8", "<f8", "?")


def make_dataset(bars: Bars, plan: LabelPlan) -> Dataset:
    """Features and labels of these bars.

    Raises:
        Invalid: the plan makes no labels, there are too many bars, or too few rows have all features and a label.
    """
    if bars.present.size > CELLS_MAX:
        raise Invalid(
            "range_too_large",
            f"That is more than {CELLS_MAX:,} bars, which is too much to learn from at once.",
            money="Nothing was trained.",
            todo="Choose a shorter range or fewer symbols.",
        )
    labels = triple_barrier(bars, plan)
    values = feature_matrix(bars)
    given = as_given(values)
    ready = np.isfinite(given).all(axis=2)
    row, symbol = np.nonzero(ready)
    made = Dataset(
        bars.ts.astype(np.int64),
        row.astype(np.int32),
        symbol.astype(np.int32),
        given[ready],
        labels.outcome[ready],
        labels.net[ready],
        labels.forward[ready],
        labels.known[ready],
    )
    if int(made.known.sum()) < ROWS_LEAST:
        raise Invalid(
            "too_few_rows",
            f"Only {int(made.known.sum()):,} hours of the symbols have features and a label; {ROWS_LEAST} are needed.",
            money="Nothing was trained.",
            todo="Give a longer history.",
        )
    return made


def digest(data: Dataset, symbols: Sequence[str], plan: LabelPlan) -> str:
    """The dataset's hash: sha256 (hex) over what it is of and the exact bytes of every array.

    The bytes: `mooring-dataset-1`, a line of canonical JSON (pipeline, names of the features, symbols, labels' plan,
    number of hours and of rows), then each array in the order of `Dataset`, little-endian, in row order.
    """
    about = {
        "features": list(MODEL_FEATURE_NAMES),
        "hours": len(data.ts),
        "labels": vars(plan),
        "pipeline": PIPELINE,
        "rows": len(data.row),
        "symbols": list(symbols),
    }
    running = hashlib.sha256(b"mooring-dataset-1\n" + canonical(about) + b"\n")
    arrays: list[Any] = list(data)
    for array, dtype in zip(arrays, _DTYPES, strict=True):
        for first in range(0, len(array), _CHUNK):
            running.update(np.ascontiguousarray(array[first : first + _CHUNK], dtype=dtype).data.cast("B"))
    return running.hexdigest()


def keep(data: Dataset, digest: str, folder: Path) -> Path:
    """Put a dataset on the disk under its hash, if it is not there yet as a whole; the folder that holds it.

    Raises:
        OSError: it cannot be written.
    """
    place = folder / digest
    if (place / "done.json").is_file() and _holds(place, data):
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    arrays: list[Any] = list(data)
    for name, array, dtype in zip(Dataset._fields, arrays, _DTYPES, strict=True):
        np.save(place / f"{name}.npy", np.ascontiguousarray(array, dtype=dtype), allow_pickle=False)
        durable.sync_file(place / f"{name}.npy")
    durable.replace_file(place / "done.json", orjson.dumps({"sha256": digest}))
    return place


def _holds(place: Path, data: Dataset) -> bool:
    """Whether a folder has these very arrays: a disk may have lost some of them since."""
    try:
        kept: list[Any] = list(open_kept(place))
    except (OSError, ValueError):
        return False
    arrays: list[Any] = list(data)
    return all(np.array_equal(one, array) for one, array in zip(kept, arrays, strict=True))


def open_kept(place: Path) -> Dataset:
    """The dataset of a folder, mapped and not read.

    Raises:
        OSError, ValueError: it is not there, or damaged.
    """
    arrays: list[Any] = [np.load(place / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in Dataset._fields]
    return Dataset(*arrays)
