"""Tiny ONNX models with the signatures of a bundle's, good ones and bad ones, and training runs around them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
import rfc8785
from onnx import TensorProto, helper, numpy_helper

FEATURES: Final = ("ret_1h", "ret_6h", "vol_24h", "rsi_14")
SYMBOLS: Final = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
OPSET: Final = 15
CREATED: Final = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
VALID_UNTIL: Final = datetime(2027, 2, 19, 12, 0, 0, tzinfo=UTC)
ROWS: Final = 8


def model_bytes(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, int, Sequence[str | int]]],
    constants: Mapping[str, np.ndarray] | None = None,
    *,
    score: Sequence[str | int] = ("N", 1),
    ml: bool = False,
) -> bytes:
    """A model that gives `score`, written as every exporter of ours writes it."""
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info(name, kind, list(shape)) for name, kind, shape in inputs],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, list(score))],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", OPSET), *([helper.make_opsetid("ai.onnx.ml", 3)] if ml else [])]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="mooring-test")
    return bytes(proto.SerializeToString(deterministic=True))


def linear(weights: Sequence[float], bias: float = 0.0) -> bytes:
    """tanh(features @ weights + bias): for a global model or a specialist."""
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["score"]),
    ]
    constants = {
        "weights": np.array(weights, dtype=np.float32).reshape(-1, 1),
        "bias": np.array([bias], dtype=np.float32),
    }
    return model_bytes(nodes, [("features", TensorProto.FLOAT, ("N", len(weights)))], constants)


def constant(score: float, features: int = len(FEATURES)) -> bytes:
    """Gives the same score for everything; NaN and what is out of range, too: features * 0 + score."""
    nodes = [
        helper.make_node("MatMul", ["features", "zeros"], ["nothing"]),
        helper.make_node("Add", ["nothing", "value"], ["score"]),
    ]
    constants = {
        "zeros": np.zeros((features, 1), dtype=np.float32),
        "value": np.array([score], dtype=np.float32),
    }
    return model_bytes(nodes, [("features", TensorProto.FLOAT, ("N", features))], constants)


def trees(
    features: int = len(FEATURES), *, split: float = 0.0, low: float = -0.25, high: float = 0.5, feature: int = 0
) -> bytes:
    """One tree with one split, as LightGBM exports it: `high` above `split` of a feature, else `low`."""
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[feature, 0, 0],
        nodes_values=[split, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[low, high],
        post_transform="NONE",
    )
    return model_bytes([node], [("features", TensorProto.FLOAT, ("N", features))], ml=True)


def ensemble(weights: Sequence[tuple[float, float]] = ((0.6, 0.4), (1.0, 0.0), (0.5, 0.5))) -> bytes:
    """Weights of global and specialist for each symbol, by its place in the universe."""
    nodes = [
        helper.make_node("Gather", ["weights", "symbol"], ["mine"], axis=0),
        helper.make_node("Mul", ["scores", "mine"], ["weighed"]),
        helper.make_node("ReduceSum", ["weighed", "axes"], ["score"], keepdims=1),
    ]
    constants = {"weights": np.array(weights, dtype=np.float32), "axes": np.array([1], dtype=np.int64)}
    inputs = [("scores", TensorProto.FLOAT, ("N", 2)), ("symbol", TensorProto.INT64, ("N",))]
    return model_bytes(nodes, inputs, constants)


def with_external_data(data: bytes) -> bytes:
    """The same model with its first constant in a file beside it."""
    proto = onnx.ModelProto.FromString(data)
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    tensor.ClearField("raw_data")
    return bytes(proto.SerializeToString(deterministic=True))


def with_unknown_operator(data: bytes) -> bytes:
    """The same model with an operator that exists and that no model of ours needs."""
    proto = onnx.ModelProto.FromString(data)
    proto.graph.node.insert(0, helper.make_node("RandomUniform", [], ["noise"], shape=[1]))
    return bytes(proto.SerializeToString(deterministic=True))


GOOD: Final[Mapping[str, Callable[[], bytes]]] = {
    "models/global.onnx": lambda: linear([0.3, -0.2, 0.1, 0.4]),
    "models/specialist-btc-usdt.onnx": trees,
    "models/ensemble.onnx": ensemble,
}


def declared(path: str, data: bytes) -> dict[str, Any]:
    """What a manifest says about a model: role and symbol by its path, the rest by its content."""
    proto = onnx.ModelProto.FromString(data)
    role = path.removeprefix("models/").removesuffix(".onnx").partition("-")
    sources = {"features": "features", "scores": "scores", "symbol": "symbol"}
    names = {TensorProto.FLOAT: "float32", TensorProto.INT64: "int64"}

    def said(value: onnx.ValueInfoProto) -> dict[str, Any]:
        kind = value.type.tensor_type
        shape = [one.dim_value or "N" for one in kind.shape.dim]
        return {"name": value.name, "dtype": names[kind.elem_type], "shape": shape}

    return {
        "role": role[0],
        "symbol": role[2].upper() or None,
        "path": path,
        "opset": next(one.version for one in proto.opset_import if not one.domain),
        "inputs": [{**said(value), "source": sources[value.name]} for value in proto.graph.input],
        "outputs": [said(value) for value in proto.graph.output],
        "ops": sorted({node.op_type for node in proto.graph.node}),
    }


def scores(models: Mapping[str, bytes], features: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Millionths of global, specialist and ensemble for each row, by plain sessions, one row at a time."""

    def run(path: str, **given: np.ndarray) -> np.float32:
        session = ort.InferenceSession(models[path], providers=["CPUExecutionProvider"])
        return np.float32(session.run(None, given)[0][0, 0])

    rows = []
    for row, place in zip(features, symbols, strict=True):
        own = f"models/specialist-{SYMBOLS[int(place)].lower()}.onnx"
        general = run("models/global.onnx", features=row[None, :])
        special = run(own, features=row[None, :]) if own in models else np.float32(0)
        last = special if own in models else general
        if "models/ensemble.onnx" in models:
            both = np.array([[general, special]], dtype=np.float32)
            last = run("models/ensemble.onnx", scores=both, symbol=np.array([place], dtype=np.int64))
        rows.append(
            [int(np.floor(float(score) * 1e6 + 0.5)) if abs(score) <= 1 else 0 for score in (general, special, last)]
        )
    return np.array(rows, dtype=np.int64)


def sha(value: Any) -> str:
    """sha256 of canonical JSON."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def fold(year: int, **figures: str) -> dict[str, str]:
    """A year of evaluation that went well."""
    return {
        "from": f"{year}-01-01T00:00:00Z", "to": f"{year + 1}-01-01T00:00:00Z", "net_return": "0.12",
        "baseline_return": "0.03", "classical_return": "0.02", "max_drawdown": "0.1", "trades": "40", "auc": "0.55", **figures,
    }  # fmt: skip


def run_document(
    models: Mapping[str, bytes], features: Sequence[str] = FEATURES, *, rows: int = ROWS
) -> dict[str, Any]:
    """run.json: a manifest without what is only known when a bundle is built."""
    return {
        "format": "mooring-bundle/1",
        "bundle_id": "core",
        "version": "2026-11",
        "notes": "For tests.\nNothing is promised.",
        "models": [declared(path, data) for path, data in sorted(models.items())],
        "feature_schema": {
            "path": "features.json", "id": "core-1", "order_sha256": sha(list(features)), "dtypes": "float32",
        },
        "psi_reference": "features_reference.json",
        "strategy": {"parameters": {"signals.model_weight": 50, "risk.position_ppm": 100_000}},
        "requires": {
            "app": ">=0.1,<1", "feature_pipeline": "core-1", "onnxruntime": ">=1.20", "platform": ["any"],
            "python": ">=3.11",
        },
        "universe": {
            "venue": "kraken", "symbols": list(SYMBOLS), "symbols_sha256": sha(list(SYMBOLS)), "timeframe": "1h",
        },
        "training": {
            "data_from": "2021-05-12T00:00:00Z", "data_to": "2026-01-01T00:00:00Z", "embargo_bars": 24,
            "commit": "0123456789abcdef", "dataset_sha256": sha("bars"), "seed": 7,
        },
        "eval": {
            "protocol": "walk-forward",
            "folds": [fold(2022), fold(2023, net_return="-0.02", trades="31"), fold(2024), fold(2025)],
            "metrics": {"net_return.mean": "0.085", "trades.sum": "151", "folds.count": "4"},
            "baseline": "buy-and-hold",
            "gates": [{"metric": "auc.mean", "op": ">=", "limit": "0.5"}],
            "summary": {"net_return": "8.5 % a year after costs", "folds": "4"},
        },
        "golden": {
            "inputs": "golden/inputs.f32", "outputs": "golden/outputs.i64", "symbols": "golden/symbols.i64",
            "rows": rows, "tolerance": 2,
        },
        "probation": {"min_bars": 24, "min_minutes": 60, "max_errors": 0, "p99_us": 5_000_000, "psi_max": "0.25"},
        "rollback": {"min_seq": 1},
    }  # fmt: skip


def run_files(
    models: Mapping[str, bytes] | None = None,
    *,
    features: Sequence[str] = FEATURES,
    change: Callable[[dict[str, Any]], object] = lambda _document: None,
    seed: int = 7,
) -> dict[str, bytes]:
    """Every file of a training run by its path. `change` may alter run.json's content before it is written."""
    models = {path: make() for path, make in GOOD.items()} if models is None else dict(models)
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(ROWS, len(features))).astype("<f4")
    places = (np.arange(ROWS) % len(SYMBOLS)).astype("<i8")
    document = run_document(models, features)
    change(document)
    spread = {"edges": ["-1", "0", "1"], "shares": ["0.16", "0.34", "0.34", "0.16"]}
    return {
        **models,
        "features.json": rfc8785.dumps({"id": "core-1", "names": list(features), "dtype": "float32"}),
        "features_reference.json": rfc8785.dumps(
            {"id": "core-1", "features": [{"name": name, **spread} for name in features]}
        ),
        "golden/inputs.f32": inputs.tobytes(),
        "golden/symbols.i64": places.tobytes(),
        "golden/outputs.i64": scores(models, inputs, places).astype("<i8").tobytes(),
        "report/evaluation.json": rfc8785.dumps({"folds": 4}),
        "report/evaluation.md": b"# Evaluation\n\nFor tests.\n",
        "run.json": rfc8785.dumps(document),
    }


def write_run(folder: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """A training run on disk, by default a good one."""
    for path, data in (run_files() if files is None else files).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


def manifest_bytes(files: Mapping[str, bytes], *, channel: str = "stable", seq: int = 1) -> bytes:
    """The manifest of a run's files, made without the builder: also of what the builder refuses."""
    document = json.loads(files["run.json"])
    contents = {path: data for path, data in files.items() if path != "run.json"}
    return rfc8785.dumps(
        {
            **document,
            "channel": channel,
            "seq": seq,
            "created_at": CREATED.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "valid_until": VALID_UNTIL.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "files": {
                path: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in contents.items()
            },
        }
    )
