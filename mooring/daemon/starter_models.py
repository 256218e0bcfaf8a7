"""The demo's bundle: least squares over a market that is made up so that there is something to learn.

It shows how a bundle is made, signed, tried and taken back, and says nothing about any real market. Nothing here is
trained for longer than a blink: the model looks at three of the pipeline's features, and all other weights are zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import rfc8785

from mooring.runtime.decision.model_features import (
    M_RETURN_1,
    M_RETURN_8,
    M_RETURN_24,
    MODEL_FEATURE_NAMES,
    MODEL_FEATURES,
    MODEL_WARMUP_BARS,
    PIPELINE,
    fill_matrix,
    init_model_features,
)
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import instruments

Floats = npt.NDArray[np.float64]

BUNDLE_ID: Final = "starter"
TRAINING_SEED: Final = 20_261_121
SEEN: Final = {M_RETURN_1: 1, M_RETURN_8: 8, M_RETURN_24: 24}  # hours that each return looks back
HOURS: Final = 8_000
PATHS: Final = 8  # half of them are mirror images
FIRST_FOLD: Final = 4_000
FOLDS: Final = 4
HORIZON: Final = 12
EMBARGO: Final = 24
REGIME: Final = 64
DRIFT: Final = 0.0015  # an hour, up or down, for as long as a regime lasts
NOISE: Final = 0.005
COST: Final = 0.0052  # both ways, as at Kraken
ENTER: Final = 0.25
RIDGE: Final = 100.0
REFERENCE_HOURS: Final = 320
GOLDEN_ROWS: Final = 32
BINS: Final = 8
BEGUN: Final = datetime(2024, 1, 1, tzinfo=UTC)
ONNX_IR: Final = 8
OPSET: Final = 15
FAULTY_MOVE: Final = 0.003
MILLION: Final = 1_000_000
TOLERANCE: Final = 5  # millionths


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Weights of the pipeline's features, and what they would have earned in each fold."""

    weights: Floats
    folds: Sequence[Mapping[str, str]]

    @property
    def mean(self) -> float:
        """Mean net return of the folds."""
        return sum(float(fold["net_return"]) for fold in self.folds) / len(self.folds)


def write_run(
    run: Path, *, version: str, symbols: Sequence[str], lean: float = 0.0, faulty: bool = False, trial_bars: int = 6
) -> None:
    """Write a training run, as `mooring bundle build` takes it.

    Args:
        run: a folder that is not there yet.
        lean: added before the score is taken: another version with other answers.
        faulty: the model answers NaN once a price has moved by more than FAULTY_MOVE in an hour, which none of its
            golden vectors does; so it looks well until it is used.
        trial_bars: hours that it asks to be on trial.
    """
    learned = _learn()
    rows = _rows(symbols)
    calm = rows[np.abs(rows[:, M_RETURN_1]) < FAULTY_MOVE / 2]
    golden = calm[:GOLDEN_ROWS].astype("<f4")
    model = _model(learned.weights, lean, faulty=faulty)
    places = (np.arange(len(golden)) % len(symbols)).astype("<i8")
    scores = _millionths(model, golden)
    features: Any = {"id": PIPELINE, "names": list(MODEL_FEATURE_NAMES), "dtype": "float32"}
    files = {
        "models/global.onnx": model,
        "features.json": rfc8785.dumps(features),
        "features_reference.json": rfc8785.dumps(_reference(rows)),
        "golden/inputs.f32": golden.tobytes(),
        "golden/symbols.i64": places.tobytes(),
        "golden/outputs.i64": scores.astype("<i8").tobytes(),
        "report/evaluation.json": rfc8785.dumps([dict(fold) for fold in learned.folds]),
    }
    document = _document(learned, version, symbols, model, len(golden))
    document["probation"] |= {"min_bars": trial_bars}
    files["run.json"] = rfc8785.dumps(document)
    for name, data in files.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _learn() -> Learned:
    """Ridge regression, anew for each fold on what came before it; the last weights are those of all hours."""
    random = np.random.default_rng(TRAINING_SEED)
    drift = np.repeat(random.choice([-DRIFT, 0.0, DRIFT], (HOURS // REGIME, PATHS // 2)), REGIME, axis=0)
    steps = drift + random.normal(0.0, NOISE, drift.shape)
    # Each path has its mirror image, so that holding all of them earns next to nothing, whatever was drawn.
    closes = np.exp(np.cumsum(np.concatenate([steps, -steps], axis=1), axis=0))
    seen = np.full((*closes.shape, len(SEEN)), np.nan)
    for place, hours in enumerate(SEEN.values()):
        seen[hours:, :, place] = closes[hours:] / closes[:-hours] - 1
    ahead = np.full(closes.shape, np.nan)
    ahead[:-HORIZON] = closes[HORIZON:] / closes[:-HORIZON] - 1
    size = (HOURS - FIRST_FOLD) // FOLDS
    folds = []
    for number in range(FOLDS):
        first = FIRST_FOLD + number * size
        weights = _fit(seen[: first - HORIZON - EMBARGO], ahead[: first - HORIZON - EMBARGO])
        last = min(first + size, HOURS - HORIZON)
        folds.append(_judge(np.tanh(seen @ weights), seen[:, :, -1], ahead, closes, slice(first, last)))
    whole = np.zeros(MODEL_FEATURES)
    whole[list(SEEN)] = _fit(seen, ahead)
    return Learned(weights=whole, folds=folds)


def _fit(seen: Floats, ahead: Floats) -> Floats:
    known = np.isfinite(seen).all(axis=2) & np.isfinite(ahead)
    spread = seen[known].std(axis=0)
    scaled = seen[known] / spread
    wanted = np.tanh(ahead[known] / (2 * NOISE * np.sqrt(HORIZON)))
    found = np.linalg.solve(scaled.T @ scaled + RIDGE * np.eye(len(SEEN)), scaled.T @ wanted)
    weights: Floats = np.round(found / spread, 3)  # so that every machine's arithmetic comes to the same ones
    return weights


class _Traded(NamedTuple):
    """net, drawdown: fractions. hits: trades that earned something."""

    net: float
    drawdown: float
    trades: int
    hits: int


def _traded(wanted: npt.NDArray[np.bool_], ahead: Floats) -> _Traded:
    """Buying wherever it is wanted, for HORIZON hours, with an equal part for each path; (hours, paths)."""
    gained, trades, hits = np.zeros(len(wanted)), 0, 0
    for path in range(wanted.shape[1]):
        hour = 0
        while hour < len(wanted) - HORIZON:
            if wanted[hour, path]:
                net = ahead[hour, path] - COST
                gained[hour + HORIZON] += net / wanted.shape[1]
                trades, hits, hour = trades + 1, hits + int(net > 0), hour + HORIZON
            else:
                hour += 1
    equity = 1 + np.cumsum(gained)
    fall = float(np.max(1 - equity / np.maximum.accumulate(equity)))
    return _Traded(net=float(equity[-1] - 1), drawdown=fall, trades=trades, hits=hits)


def _judge(scores: Floats, day: Floats, ahead: Floats, closes: Floats, hours: slice) -> dict[str, str]:
    """What buying at each high score would have earned; beside it holding, and buying what rose for a day."""
    own = _traded(scores[hours] > ENTER, ahead[hours])
    classical = _traded(day[hours] > 0, ahead[hours])
    held = float(np.mean(closes[hours.stop - 1] / closes[hours.start] - 1))
    return {
        "from": _time(BEGUN + timedelta(hours=hours.start)),
        "to": _time(BEGUN + timedelta(hours=hours.stop)),
        "net_return": f"{own.net:.4f}",
        "baseline_return": f"{held:.4f}",
        "classical_return": f"{classical.net:.4f}",
        "max_drawdown": f"{own.drawdown:.4f}",
        "trades": str(own.trades),
        "hit_rate": f"{own.hits / max(own.trades, 1):.4f}",
    }


def _rows(symbols: Sequence[str]) -> Floats:
    """The pipeline's rows over a made-up market that is not the demo's, where they have warmed up."""
    few = instruments(tuple(symbols[:2]))
    bars = SyntheticMarket(few, seed=TRAINING_SEED, start_ts=int(BEGUN.timestamp())).bars(0, REFERENCE_HOURS)
    matrix = np.empty((REFERENCE_HOURS, len(few), MODEL_FEATURES))
    fill_matrix(init_model_features(len(few)), bars, 0, REFERENCE_HOURS, matrix)
    rows = matrix[MODEL_WARMUP_BARS:].reshape(-1, MODEL_FEATURES)
    known: Floats = rows[np.isfinite(rows).all(axis=1)]
    return known


def _reference(rows: Floats) -> Any:
    features = []
    for place, name in enumerate(MODEL_FEATURE_NAMES):
        inner = sorted(
            {round(float(edge), 6) for edge in np.quantile(rows[:, place], np.linspace(0, 1, BINS + 1)[1:-1])}
        )
        counts = np.bincount(np.searchsorted(inner, rows[:, place], side="left"), minlength=len(inner) + 1)
        marks = [
            round(sum(counts[:n]) * MILLION / len(rows)) for n in range(len(counts) + 1)
        ]  # so that they are a whole
        shares = [f"{(last - first) / MILLION:.6f}" for first, last in pairwise(marks)]
        features.append({"name": name, "edges": [f"{edge:.6f}" for edge in inner], "shares": shares})
    return {"id": PIPELINE, "features": features}


def _model(weights: Floats, lean: float, *, faulty: bool) -> bytes:
    """tanh(features @ weights + lean) as ONNX."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 -- heavy, and only for the demo's bundle

    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["weighed"]),
        helper.make_node("Add", ["weighed", "lean"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["said" if faulty else "score"]),
    ]
    constants = {
        "weights": weights.astype(np.float32).reshape(-1, 1),
        "lean": np.array([lean], np.float32),
    }
    if faulty:  # said + 0 * sqrt(limit - |last move|): the root of less than nothing is no number
        one = np.zeros((MODEL_FEATURES, 1), np.float32)
        one[M_RETURN_1, 0] = 1.0
        constants |= {"move": one, "limit": np.array([FAULTY_MOVE], np.float32), "none": np.array([0.0], np.float32)}
        nodes += [
            helper.make_node("MatMul", ["features", "move"], ["moved"]),
            helper.make_node("Abs", ["moved"], ["size"]),
            helper.make_node("Sub", ["limit", "size"], ["left"]),
            helper.make_node("Sqrt", ["left"], ["root"]),
            helper.make_node("Mul", ["root", "none"], ["nothing"]),
            helper.make_node("Add", ["said", "nothing"], ["score"]),
        ]
    graph = helper.make_graph(
        nodes,
        "starter",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", MODEL_FEATURES])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=ONNX_IR)
    return bytes(model.SerializeToString(deterministic=True))


def _millionths(model: bytes, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """What the model says of each row, in the columns global, specialist, ensemble: only the first one speaks."""
    import onnxruntime  # noqa: PLC0415

    from mooring.bundles.format.golden import quantised  # noqa: PLC0415

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    said = np.asarray(session.run(["score"], {"features": rows})[0], np.float32)[:, 0]
    outputs = np.zeros((len(rows), 3), np.int64)
    outputs[:, 0] = outputs[:, 2] = quantised(said)
    return outputs


def _document(learned: Learned, version: str, symbols: Sequence[str], model: bytes, rows: int) -> Any:
    """What run.json says: a manifest without what is only known when a bundle is built."""
    requires = {"app": ">=0.1,<1", "feature_pipeline": PIPELINE, "onnxruntime": ">=1.20", "python": ">=3.11"}
    return {
        "format": "mooring-bundle/1",
        "bundle_id": BUNDLE_ID,
        "version": version,
        "notes": "Made by the demo, from made-up prices in which something can be learned.\n"
        "It says nothing about any real market.",
        "models": [_declared(model)],
        "feature_schema": {
            "path": "features.json",
            "id": PIPELINE,
            "order_sha256": _sha256(list(MODEL_FEATURE_NAMES)),
            "dtypes": "float32",
        },
        "psi_reference": "features_reference.json",
        "strategy": {"parameters": {}},
        "requires": requires | {"platform": ["any"]},
        "universe": {
            "venue": "kraken",
            "symbols": list(symbols),
            "symbols_sha256": _sha256(list(symbols)),
            "timeframe": "1h",
        },
        "training": {
            "data_from": _time(BEGUN),
            "data_to": _time(BEGUN + timedelta(hours=HOURS)),
            "embargo_bars": EMBARGO,
            "commit": "0" * 16,
            "dataset_sha256": _sha256([TRAINING_SEED, HOURS, PATHS]),
            "seed": TRAINING_SEED,
        },
        "eval": _evaluation(learned),
        "golden": {
            "inputs": "golden/inputs.f32",
            "outputs": "golden/outputs.i64",
            "symbols": "golden/symbols.i64",
            "rows": rows,
            "tolerance": TOLERANCE,
        },
        "probation": {"min_bars": 1, "min_minutes": 0, "max_errors": 0, "p99_us": 1_000_000, "psi_max": "10"},
        "rollback": {"min_seq": 1},
    }


def _declared(model: bytes) -> dict[str, Any]:
    from onnx import ModelProto  # noqa: PLC0415

    features = {"name": "features", "dtype": "float32", "shape": ["N", MODEL_FEATURES], "source": "features"}
    return {
        "role": "global",
        "symbol": None,
        "path": "models/global.onnx",
        "opset": OPSET,
        "inputs": [features],
        "outputs": [{"name": "score", "dtype": "float32", "shape": ["N", 1]}],
        "ops": sorted({node.op_type for node in ModelProto.FromString(model).graph.node}),
    }


def _evaluation(learned: Learned) -> dict[str, Any]:
    worst = max(float(fold["max_drawdown"]) for fold in learned.folds)
    return {
        "protocol": "walk-forward",
        "folds": [dict(fold) for fold in learned.folds],
        "metrics": {},
        "baseline": "buy-and-hold",
        "gates": [],
        "summary": {
            "net_return": f"{learned.mean:+.1%}",
            "worst_drawdown": f"{-worst:.1%}",
            "folds": str(len(learned.folds)),
            "baseline": "buy-and-hold",
            "market": "made up",
        },
    }


def _sha256(value: Any) -> str:
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
