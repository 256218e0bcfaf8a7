"""Models of the size that training makes, drawn at random: speed and weight hang on their shape alone."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES, MODEL_FEATURES, PIPELINE
from mooring.runtime.models.model_set import Model, ModelSet
from mooring.runtime.models.predictor import Predictor

SYMBOLS: Final = tuple(f"S{n}-USD" for n in range(30))
GLOBAL_TREES: Final = 300
SPECIALIST_TREES: Final = 100
DEPTH: Final = 5  # 32 leaves; LightGBM's default is 31


def made() -> ModelSet:
    """A global model, a specialist of each symbol, and an ensemble of weights."""
    return as_set([forest(GLOBAL_TREES, 0), *(forest(SPECIALIST_TREES, 1 + n) for n in range(len(SYMBOLS))), weights()])


def as_set(data: list[bytes]) -> ModelSet:
    """The models in the order in which `made` makes them."""
    models = (
        Model(role="global", data=data[0]),
        *(Model(role="specialist", symbol=symbol, data=one) for symbol, one in zip(SYMBOLS, data[1:-1], strict=True)),
        Model(role="ensemble", data=data[-1]),
    )
    return ModelSet(
        reference="benchmark@1:0", pipeline=PIPELINE, features=MODEL_FEATURE_NAMES, symbols=SYMBOLS, models=models
    )


def loading(models: ModelSet) -> Predictor:
    """A predictor over them."""
    return Predictor(
        models, pipeline=PIPELINE, features=MODEL_FEATURE_NAMES, symbols=SYMBOLS, monotonic=time.perf_counter
    )


def forest(trees: int, seed: int) -> bytes:
    """Full trees over every feature, whose sum is tamed by tanh, as exporters of LightGBM write them."""
    rng = np.random.default_rng(seed)
    inner = 2**DEPTH - 1
    nodes = 2 * inner + 1
    place = np.tile(np.arange(nodes), trees)
    tree = np.repeat(np.arange(trees), nodes)
    branch = place < inner
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["sum"],
        domain="ai.onnx.ml",
        n_targets=1,
        post_transform="NONE",
        nodes_treeids=tree.tolist(),
        nodes_nodeids=place.tolist(),
        nodes_featureids=np.where(branch, rng.integers(0, MODEL_FEATURES, len(place)), 0).tolist(),
        nodes_values=np.where(branch, rng.normal(0, 0.4, len(place)), 0.0).tolist(),
        nodes_modes=np.where(branch, "BRANCH_LEQ", "LEAF").tolist(),
        nodes_truenodeids=np.where(branch, 2 * place + 1, 0).tolist(),
        nodes_falsenodeids=np.where(branch, 2 * place + 2, 0).tolist(),
        target_treeids=tree[~branch].tolist(),
        target_nodeids=place[~branch].tolist(),
        target_ids=np.zeros(int((~branch).sum()), np.int64).tolist(),
        target_weights=rng.normal(0, 1.0 / trees, int((~branch).sum())).tolist(),
    )
    return _model(
        [node, helper.make_node("Tanh", ["sum"], ["score"])], {"features": (TensorProto.FLOAT, MODEL_FEATURES)}
    )


def weights() -> bytes:
    """Weights of global and specialist for each symbol."""
    nodes = [
        helper.make_node("Gather", ["weights", "symbol"], ["mine"], axis=0),
        helper.make_node("Mul", ["scores", "mine"], ["weighed"]),
        helper.make_node("ReduceSum", ["weighed", "axes"], ["score"], keepdims=1),
    ]
    constants: dict[str, Any] = {
        "weights": np.full((len(SYMBOLS), 2), 0.5, np.float32),
        "axes": np.array([1], np.int64),
    }
    return _model(nodes, {"scores": (TensorProto.FLOAT, 2), "symbol": (TensorProto.INT64, None)}, constants)


def _model(
    nodes: list[NodeProto],
    inputs: dict[str, tuple[int, int | None]],
    constants: dict[str, Any] | None = None,
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "model",
        [
            helper.make_tensor_value_info(name, kind, ["N", *([width] * bool(width))])
            for name, (kind, width) in inputs.items()
        ],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
