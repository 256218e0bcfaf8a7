"""Models as ONNX: the trees, the calibration folded in, and the ensemble; the same model, the same bytes.

LightGBM compares float64 thresholds with float32 features. A threshold goes into ONNX as the largest float32 that is
not above it, so every comparison comes out the same; only the sums are of float32, which the parity says.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mooring.errors import Unverified
from mooring.runtime.domain.bars import Float64s
from mooring.runtime.domain.scores import Float32s
from mooring.runtime.models.predictor import quantised
from mooring.runtime.research.training.calibrate import probability
from mooring.runtime.research.training.learn import Piece, raw_sums

OPSET: Final = 15
TREE_OPSET: Final = 1  # of ai.onnx.ml, where float32 trees have been since the beginning
IR_VERSION: Final = 8
PARITY_MILLIONTHS: Final = 20  # more than that apart, and a model is not exported
PRODUCER: Final = "mooring"


class Exported(NamedTuple):
    """A model. ops: names of its operators, sorted. parity_millionths: furthest from LightGBM on the rows compared."""

    data: bytes
    ops: tuple[str, ...]
    parity_millionths: int


def export_trees(piece: Piece, features: Float32s) -> Exported:
    """The score of calibrated trees: `features` float32 (N, F) to `score` float32 (N, 1).

    features: rows to compare both on, (rows, F).

    Raises:
        Unverified: the two say different things.
    """
    nodes = [
        _trees(piece.model.decode(), features.shape[1]),
        helper.make_node("Mul", ["raw", "slope"], ["sloped"], name="calibrate_slope"),
        helper.make_node("Add", ["sloped", "offset"], ["odds"], name="calibrate_offset"),
        helper.make_node("Sigmoid", ["odds"], ["rise"], name="calibrate"),
        helper.make_node("Mul", ["rise", "two"], ["double"], name="up_and_up"),
        helper.make_node("Sub", ["double", "one"], ["score"], name="up_less_down"),
    ]
    constants = {
        "slope": np.array([piece.curve.slope], np.float32),
        "offset": np.array([piece.curve.offset], np.float32),
        "two": np.array([2.0], np.float32),
        "one": np.array([1.0], np.float32),
    }
    taken = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", features.shape[1]])]
    data = _model("trees", nodes, constants, taken, trees=True)
    wanted = 2.0 * probability(raw_sums(_booster(piece.model.decode()), features), piece.curve) - 1.0
    return Exported(data, _ops(nodes), _parity(asker(data)({"features": features}), wanted))


def export_blend(table: Float64s) -> Exported:
    """The ensemble: `scores` float32 (N, 2) and `symbol` int64 (N,) to `score` float32 (N, 1).

    table: float64 (symbols, 2), the weights of each symbol's two scores; rounded down, so that they stay a share.
    """
    nodes = [
        helper.make_node("Gather", ["weights", "symbol"], ["shares"], name="weights_of_symbol", axis=0),
        helper.make_node("Mul", ["scores", "shares"], ["parts"], name="weigh"),
        helper.make_node("ReduceSum", ["parts", "axis"], ["score"], name="blend", keepdims=1),
    ]
    constants = {"weights": floor_float32(table), "axis": np.array([1], np.int64)}
    taken = [
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2]),
        helper.make_tensor_value_info("symbol", TensorProto.INT64, ["N"]),
    ]
    data = _model("blend", nodes, constants, taken, trees=False)
    symbol = np.arange(len(table), dtype=np.int64)
    scores = np.stack([np.linspace(-1.0, 1.0, len(table)), np.linspace(1.0, -1.0, len(table))], axis=1)
    wanted = (table * scores).sum(axis=1)
    return Exported(
        data, _ops(nodes), _parity(asker(data)({"scores": scores.astype(np.float32), "symbol": symbol}), wanted)
    )


def asker(data: bytes) -> Callable[[dict[str, Any]], Float64s]:
    """A loaded model: from inputs by name to scores, (rows,); onnxruntime on one thread."""
    import onnxruntime as untyped  # noqa: PLC0415 -- heavy

    runtime: Any = untyped
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def ask(inputs: dict[str, Any]) -> Float64s:
        (scores,) = session.run(["score"], inputs)
        said: Float64s = np.asarray(scores, dtype=np.float64)[:, 0]
        return said

    return ask


def _parity(said: Float64s, wanted: Float64s) -> int:
    apart = int(np.abs(quantised(said) - quantised(wanted)).max()) if len(said) else 0
    if not np.isfinite(said).all() or apart > PARITY_MILLIONTHS:
        raise Unverified(
            "export_differs_from_model",
            f"The exported model is up to {apart} millionths away from the trained one.",
            money="No bundle can be made of it.",
            todo="Train with other trees, and report this.",
        )
    return apart


def _trees(text: str, features: int) -> Any:
    """The node of the raw sums, by the converter, on the model's own text with float32 thresholds."""
    with warnings.catch_warnings():
        # The converter imports and calls what onnx and scikit-learn call deprecated; nothing of ours is hushed.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        import onnxmltools as untyped  # noqa: PLC0415 -- heavy
        from onnxmltools.convert.common.data_types import FloatTensorType  # noqa: PLC0415

        converter: Any = untyped
        tensor: Any = FloatTensorType
        made = converter.convert_lightgbm(
            _booster(_as_regression(_float32_thresholds(text))),
            initial_types=[("features", tensor([None, features]))],
            target_opset=OPSET,
        )
    (node,) = (node for node in made.graph.node if node.op_type == "TreeEnsembleRegressor")
    kept = onnx.NodeProto()
    kept.CopyFrom(node)
    del kept.input[:], kept.output[:]
    kept.input.append("features")
    kept.output.append("raw")
    kept.name = "trees"
    return kept


def _as_regression(text: str) -> str:
    """The same trees, called a regression: the converter knows no cross entropy, and the sums are what is wanted."""
    text = text.replace("\nobjective=cross_entropy\n", "\nobjective=regression\n", 1)
    return text.replace("[objective: cross_entropy]", "[objective: regression]", 1)


def _float32_thresholds(text: str) -> str:
    # The sizes of the trees' texts change; without them LightGBM reads one tree after the other.
    lines = [line for line in text.split("\n") if not line.startswith("tree_sizes=")]
    for place, line in enumerate(lines):
        if line.startswith("threshold="):
            values = np.array(line.removeprefix("threshold=").split(), np.float64)
            lines[place] = "threshold=" + " ".join(repr(float(value)) for value in floor_float32(values))
    return "\n".join(lines)


def floor_float32(values: Float64s) -> Float32s:
    """The largest float32 that is not above each value."""
    near = values.astype(np.float32)
    below: Float32s = np.where(near.astype(np.float64) > values, np.nextafter(near, np.float32(-np.inf)), near)
    return below


def _booster(text: str) -> Any:
    import lightgbm  # noqa: PLC0415 -- heavy

    return lightgbm.Booster(model_str=text)


def _model(name: str, nodes: list[Any], constants: dict[str, Any], taken: list[Any], *, trees: bool) -> bytes:
    graph = helper.make_graph(
        nodes,
        name,
        taken,
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), *([helper.make_opsetid("ai.onnx.ml", TREE_OPSET)] if trees else [])]
    model = helper.make_model(graph, producer_name=PRODUCER, opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _ops(nodes: list[Any]) -> tuple[str, ...]:
    return tuple(sorted({node.op_type for node in nodes}))
