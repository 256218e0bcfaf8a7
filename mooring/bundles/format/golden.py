"""Known outputs of known inputs, and how long one takes. In the preflight's child only: it loads models.

A score is quantised before it is compared, as it is before anything decides on it: millionths, floor(score * 1e6 +
0.5) in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from onnxruntime import ExecutionMode, GraphOptimizationLevel, InferenceSession, SessionOptions

from mooring.bundles.format.manifest import Manifest, Model
from mooring.bundles.format.slot import read_verified
from mooring.errors import Denied, Unverified

MILLION: Final = 1_000_000
ROUNDS: Final = 3
TIMED_ROWS_MAX: Final = 512
SILENT: Final = 4  # only what is fatal; the rest of what onnxruntime would print is nobody's here

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Read = Callable[[str], bytes]


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long one row takes through all models of its symbol, in microseconds, in the best of some rounds."""

    p50_us: int
    p99_us: int
    rows: int


class Models:
    """Sessions of a bundle's models, from bytes; CPU, one thread.

    Args:
        models: as declared. symbols: of the universe. read: the verified bytes of a path.

    Raises:
        Unverified: `bundle_model_unusable`, onnxruntime does not take one.
    """

    def __init__(self, models: Sequence[Model], symbols: Sequence[str], read: Read) -> None:
        self._sessions: dict[tuple[str, str | None], InferenceSession] = {}
        for model in models:
            self._sessions[model.role, model.symbol] = _session(read(model.path))
        self._symbols = tuple(symbols)

    def predict(self, features: Floats, symbols: Integers) -> Integers:
        """Millionths of global, specialist (0 where there is none) and ensemble.

        Without an ensemble its place has the specialist's score, or the global one where there is no specialist.

        Args:
            features: shape (rows, features). symbols: shape (rows,), places in the universe.

        Returns:
            Shape (rows, 3).

        Raises:
            Unverified: `bundle_model_unusable`, it fails; `bundle_model_out_of_range`, a score is no number or outside
                -1 to 1.
        """
        rows = len(features)
        general = self._run(("global", None), {"features": features})
        special = np.zeros(rows, dtype=np.float32)
        known = np.zeros(rows, dtype=bool)
        for place in np.unique(symbols):
            key = ("specialist", self._symbols[int(place)])
            if key in self._sessions:
                mine = symbols == place
                special[mine] = self._run(key, {"features": np.ascontiguousarray(features[mine])})
                known |= mine
        last = np.where(known, special, general)
        if ("ensemble", None) in self._sessions:
            scores = np.ascontiguousarray(np.stack([general, special], axis=1))
            last = self._run(("ensemble", None), {"scores": scores, "symbol": symbols})
        return np.stack([quantised(general), quantised(special), quantised(last)], axis=1)

    def _run(self, key: tuple[str, str | None], given: Mapping[str, npt.NDArray[np.generic]]) -> Floats:
        rows = len(next(iter(given.values())))
        try:
            (score,) = self._sessions[key].run(["score"], dict(given))
        except Exception as error:  # the bindings raise classes of their own, some not derived from one another
            raise _unusable() from error
        if not isinstance(score, np.ndarray) or score.dtype != np.float32 or score.shape != (rows, 1):
            raise _unusable()
        column: Floats = score[:, 0]
        if not (np.isfinite(column).all() and (np.abs(column) <= 1).all()):
            raise Unverified(
                "bundle_model_out_of_range",
                f"The {key[0]} model of the bundle gives a score that is no number, or outside -1 to 1.",
                money="It is not used; trading goes on as it was.",
                todo="Do not use this bundle; whoever published it has to repair the model.",
            )
        return column


def quantised(scores: Floats) -> Integers:
    """Scores as millionths: floor(score * 1e6 + 0.5) in float64. They are finite."""
    return np.floor(scores.astype(np.float64) * MILLION + 0.5).astype(np.int64)


def golden_check(slot: Path, manifest: Manifest, *, clock_ns: Callable[[], int]) -> Latency:
    """Load each model of a slot and see whether it does what the bundle says: known outputs, in time.

    One row has to give what it gives among others.

    Args:
        slot: a folder whose files are hashed anew as they are read. clock_ns: a monotonic one.

    Raises:
        Unverified: `bundle_golden_differs`; or as `Models` and `read_verified`.
        Denied: `bundle_too_slow`, the slowest hundredth of single rows is over the budget of its probation.
        OSError: the disk fails.
    """
    return check(manifest, lambda path: read_verified(slot, manifest, path), clock_ns=clock_ns)


def check(manifest: Manifest, read: Read, *, clock_ns: Callable[[], int]) -> Latency:
    """As `golden_check`, with the bytes of a path from anywhere."""
    features, symbols, wanted = vectors(manifest, read)
    models = Models(manifest.models, manifest.universe.symbols, read)
    found = models.predict(features, symbols)
    if (np.abs(found - wanted) > manifest.golden.tolerance).any():
        raise _differs("it gives other scores than those it was published with")
    for row in range(len(features)):
        if not np.array_equal(models.predict(features[row : row + 1], symbols[row : row + 1]), found[row : row + 1]):
            raise _differs("it gives another score for one row than for the same row among others")
    latency = _timed(models, features, symbols, clock_ns)
    if latency.p99_us > manifest.probation.p99_us:
        raise Denied(
            "bundle_too_slow",
            f"The bundle's models take {latency.p99_us} microseconds, their budget is {manifest.probation.p99_us}.",
            money="They are not used; trading goes on as it was.",
            todo="Try again while the machine is less busy, or use a smaller bundle.",
        )
    return latency


def vectors(manifest: Manifest, read: Read) -> tuple[Floats, Integers, Integers]:
    """Golden inputs, symbols and outputs, of the shapes that `Golden` says.

    Raises:
        Unverified: `bundle_golden_differs`, one names a symbol that is not there, or no number.
    """
    golden = manifest.golden
    features = np.frombuffer(read(golden.inputs), dtype="<f4").reshape(golden.rows, manifest.width)
    symbols = np.frombuffer(read(golden.symbols), dtype="<i8")
    wanted = np.frombuffer(read(golden.outputs), dtype="<i8").reshape(golden.rows, 3)
    if symbols.min() < 0 or symbols.max() >= len(manifest.universe.symbols) or not np.isfinite(features).all():
        raise _differs("its known inputs are none")
    if (np.abs(wanted) > MILLION).any():
        raise _differs("its known outputs are none")
    return features.astype(np.float32), symbols.astype(np.int64), wanted.astype(np.int64)


def _timed(models: Models, features: Floats, symbols: Integers, clock_ns: Callable[[], int]) -> Latency:
    rows = min(len(features), TIMED_ROWS_MAX)
    best: list[int] = []
    for _round in range(ROUNDS):
        taken = []
        for row in range(rows):
            one, place = features[row : row + 1], symbols[row : row + 1]
            begin = clock_ns()
            models.predict(one, place)
            taken.append(clock_ns() - begin)
        taken.sort()
        if not best or _p(taken, 99) < _p(best, 99):
            best = taken
    return Latency(p50_us=_p(best, 50) // 1000, p99_us=_p(best, 99) // 1000, rows=rows)


def _p(taken: Sequence[int], percent: int) -> int:
    return taken[min(len(taken) - 1, len(taken) * percent // 100)]


def _session(data: bytes) -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ExecutionMode.ORT_SEQUENTIAL
    # As the runtime has it: another level of optimisation may add in another order, and give another last bit.
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = SILENT
    try:
        return InferenceSession(data, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as in Models
        raise _unusable() from error


def _unusable() -> Unverified:
    return Unverified(
        "bundle_model_unusable",
        "A model of the bundle cannot be loaded, or fails.",
        money="It is not used; trading goes on as it was.",
        todo="Do not use this bundle; whoever published it has to repair the model.",
    )


def _differs(why: str) -> Unverified:
    return Unverified(
        "bundle_golden_differs",
        f"The models of the bundle do not do what it says: {why}.",
        money="They are not used; trading goes on as it was.",
        todo="Do not use this bundle on this machine; tell whoever published it.",
    )
