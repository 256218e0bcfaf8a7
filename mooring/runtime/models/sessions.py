"""Sessions of ONNX Runtime, from bytes alone: one thread, no spinning, every option said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from mooring.errors import Unverified
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.scores import Float32s
from mooring.runtime.models.model_set import Model

FLOAT32: Final = "tensor(float)"
INT64: Final = "tensor(int64)"
SCORE: Final = "score"
SCORES: Final = 2  # columns of the ensemble's input `scores`: global, specialist
QUIET: Final = 4  # of ONNX Runtime: fatal only; what goes wrong is raised
ENTRIES: Final = (("session.intra_op.allow_spinning", "0"), ("session.inter_op.allow_spinning", "0"))
Given = Mapping[str, Any]


class Session:
    """One model that can be asked.

    Args:
        features: how many a row has.

    Raises:
        Unverified: it cannot be loaded, has other inputs or outputs than its role, or does not answer.
    """

    def __init__(self, model: Model, *, features: int) -> None:
        self.name = model.name
        wanted: Mapping[str, tuple[str, int | None]] = {"features": (FLOAT32, features)}
        if model.role == "ensemble":
            wanted = {"scores": (FLOAT32, SCORES), "symbol": (INT64, None)}
        try:
            self._session = _built(model.data)
            self._require(wanted)
            self.ask({name: _zeros(*kind) for name, kind in wanted.items()}, 1)  # the first call makes room
        except Unverified:
            raise
        except Exception as error:  # a model is somebody else's file, which may fail in any way
            raise _unusable(self.name, f"it does not load or answer ({type(error).__name__})") from error

    def ask(self, given: Given, rows: int) -> Float32s:
        """Its scores, float32 (rows,), whatever they are.

        Raises:
            Exception: whatever ONNX Runtime raises; ValueError where the answer has another shape or type.
        """
        (answer,) = self._session.run([SCORE], dict(given))
        if not isinstance(answer, np.ndarray) or answer.dtype != np.float32 or answer.shape != (rows, 1):
            raise ValueError("its answer has another shape or type")
        said: Float32s = answer[:, 0]
        return said

    def _require(self, wanted: Mapping[str, tuple[str, int | None]]) -> None:
        inputs = {one.name: (one.type, _width(one.shape)) for one in self._session.get_inputs()}
        outputs = [(one.name, one.type, _width(one.shape)) for one in self._session.get_outputs()]
        if inputs != dict(wanted) or outputs != [(SCORE, FLOAT32, 1)]:
            raise _unusable(self.name, "its inputs or outputs are not those of its role")


def _built(data: bytes) -> Any:
    import onnxruntime  # noqa: PLC0415 -- heavy, and wanted only where there are models

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = False  # each session would keep its own, however small its model
    options.enable_mem_pattern = False
    options.enable_profiling = False
    options.log_severity_level = QUIET
    for name, value in ENTRIES:
        options.add_session_config_entry(name, value)
    # From bytes, so that no path inside the file leads anywhere.
    return onnxruntime.InferenceSession(data, sess_options=options, providers=["CPUExecutionProvider"])


def _width(shape: Sequence[Any]) -> int | None:
    """Of (N, width) the width; None for (N,). Anything else is a width that nothing has."""
    if not shape or isinstance(shape[0], int):
        return -1  # as many rows as are asked about, not a number of its own
    if len(shape) == 1:
        return None
    return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else -1  # noqa: PLR2004 -- rows and columns


def _zeros(kind: str, width: int | None) -> Float32s | Int64s:
    shape = (1,) if width is None else (1, width)
    return np.zeros(shape, np.int64) if kind == INT64 else np.zeros(shape, np.float32)


def _unusable(name: str, why: str) -> Unverified:
    return Unverified(
        "model_unusable",
        f"The model {name} cannot be used: {why}.",
        money="Nothing is traded on its word.",
        todo="Report this to whoever published the bundle; go back to an earlier one.",
    )
