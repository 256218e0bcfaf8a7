"""A training run as a folder, which a bundle is built from: models, features, golden vectors, evidence, run.json.

The same training gives the same bytes. The folder gets its name only when it is whole.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mooring import durable
from mooring.errors import Conflict, Unverified
from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES, PIPELINE
from mooring.runtime.domain.bars import HOUR_SECONDS, Float64s, Int64s
from mooring.runtime.domain.scores import Float32s
from mooring.runtime.market.times import utc_text
from mooring.runtime.models.predictor import quantised
from mooring.runtime.research.training.dataset import Dataset
from mooring.runtime.research.training.evaluate import Bench as Judging
from mooring.runtime.research.training.evaluate import Evidence, parameters_of
from mooring.runtime.research.training.export import OPSET, Exported, asker, export_blend, export_trees
from mooring.runtime.research.training.gates import Verdict, figures
from mooring.runtime.research.training.plan import canonical
from mooring.runtime.research.training.report import About, as_data, as_markdown, notes, summary
from mooring.runtime.research.training.spread import decimal_text, spread, widest_drift
from mooring.runtime.research.training.walk import Learned

Ask = Callable[[dict[str, Any]], Float64s]

FORMAT: Final = "mooring-bundle/1"
GOLDEN_ROWS: Final = 256
COMPARED_ROWS: Final = 20_000
TOLERANCE: Final = 5  # millionths; another processor may add float32 in another order
PROBATION: Final = {"min_bars": 24, "min_minutes": 60, "max_errors": 0, "p99_us": 50_000}
DRIFT_ROOM: Final = 1.25  # a trial may drift a quarter further than its like ever did in training
DRIFT_LEAST: Final = 0.25
DRIFT_MOST: Final = 10.0
DRIFT_PLACES: Final = 3
REQUIRES: Final = {
    "app": ">=0.1,<1",
    "feature_pipeline": PIPELINE,
    "onnxruntime": ">=1.20",
    "platform": ["any"],
    "python": ">=3.11",
}


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the bundle is called. commit: of the code, 7 to 64 hex digits."""

    bundle_id: str
    version: str
    commit: str


@dataclass(frozen=True, kw_only=True)
class Made:
    """Models as files. models: what the manifest says of each; parity: the furthest of all."""

    files: Mapping[str, bytes]
    models: list[dict[str, Any]]
    parity: int


def export_all(made: Learned, symbols: tuple[str, ...], data: Dataset) -> Made:
    """Every model of the last lap as ONNX.

    Raises:
        Unverified: an exported model differs from the trained one.
    """
    files: dict[str, bytes] = {}
    models: list[dict[str, Any]] = []
    parity = 0
    step = max(1, len(data.row) // COMPARED_ROWS)
    rows = np.ascontiguousarray(data.features[::step])
    found: list[tuple[str, str | None, str, Exported]] = [
        ("global", None, "models/global.onnx", export_trees(made.general, rows))
    ]
    for place, piece in made.special.items():
        symbol = symbols[place]
        found.append(("specialist", symbol, f"models/specialist-{symbol.lower()}.onnx", export_trees(piece, rows)))
    found.append(("ensemble", None, "models/ensemble.onnx", export_blend(made.table)))
    for role, symbol_or_none, path, exported in found:
        files[path] = exported.data
        models.append(_model(role, symbol_or_none, path, exported, rows.shape[1]))
        parity = max(parity, exported.parity_millionths)
    return Made(files=files, models=models, parity=parity)


def _model(role: str, symbol: str | None, path: str, exported: Exported, features: int) -> dict[str, Any]:
    takes: list[dict[str, Any]] = [
        {"name": "features", "dtype": "float32", "shape": ["N", features], "source": "features"}
    ]
    if role == "ensemble":
        takes = [
            {"name": "scores", "dtype": "float32", "shape": ["N", 2], "source": "scores"},
            {"name": "symbol", "dtype": "int64", "shape": ["N"], "source": "symbol"},
        ]
    return {
        "role": role,
        "symbol": symbol,
        "path": path,
        "opset": OPSET,
        "inputs": takes,
        "outputs": [{"name": "score", "dtype": "float32", "shape": ["N", 1]}],
        "ops": list(exported.ops),
    }


def golden(made: Made, symbols: tuple[str, ...], data: Dataset) -> dict[str, bytes]:
    """Inputs from the whole history with what the exported models say of them.

    Raises:
        Unverified: a model says something else of a row alone than of the same row among others.
    """
    rows = np.unique(np.linspace(0, len(data.row) - 1, GOLDEN_ROWS).astype(np.int64))
    features = np.ascontiguousarray(data.features[rows], dtype=np.float32)
    symbol = data.symbol[rows].astype(np.int64)
    ask = {path: asker(model) for path, model in made.files.items()}
    outputs = _said(ask, symbols, features, symbol)
    for row in range(len(rows)):
        alone = slice(row, row + 1)
        if not np.array_equal(_said(ask, symbols, features[alone], symbol[alone])[0], outputs[row]):
            raise Unverified(
                "export_differs_from_model",
                "An exported model says something else of an hour alone than of the same hour among others.",
                money="No bundle can be made of it.",
                todo="Train with other trees, and report this.",
            )
    return {
        "golden/inputs.f32": features.astype("<f4").tobytes(),
        "golden/symbols.i64": symbol.astype("<i8").tobytes(),
        "golden/outputs.i64": outputs.astype("<i8").tobytes(),
    }


def _said(ask: Mapping[str, Ask], symbols: tuple[str, ...], features: Float32s, symbol: Int64s) -> Int64s:
    """(rows, 3): millionths of global, specialist (0 where there is none) and ensemble."""
    scores = np.zeros((len(features), 2), np.float32)
    scores[:, 0] = ask["models/global.onnx"]({"features": features})
    for place in np.unique(symbol):
        path = f"models/specialist-{symbols[place].lower()}.onnx"
        mine = symbol == place
        if path in ask:
            scores[mine, 1] = ask[path]({"features": np.ascontiguousarray(features[mine])})
    said = np.zeros((len(features), 3), np.int64)
    said[:, :2] = quantised(scores.astype(np.float64))
    said[:, 2] = quantised(ask["models/ensemble.onnx"]({"scores": scores, "symbol": symbol}))
    return said


def write_run(
    out: Path,
    *,
    identity: Identity,
    made: Learned,
    judging: Judging,
    evidence: Evidence,
    verdicts: Sequence[Verdict],
    dataset_sha256: str,
) -> About:
    """Write the whole folder; `out` is not there before, and is there whole afterwards.

    Raises:
        Conflict: another run is at `out`. Unverified: a model did not survive its export. OSError: the disk refuses.
    """
    symbols = tuple(listed.symbol for listed in judging.instruments)
    data, plan = judging.data, judging.plan
    exported = export_all(made, symbols, data)
    train = made.lap.general.train
    about = About(
        version=identity.version,
        symbols=symbols,
        data_from=utc_text(int(data.ts[train.first])),
        data_to=utc_text(int(data.ts[-1]) + HOUR_SECONDS),
        dataset_sha256=dataset_sha256,
        plan=plan,
        parity=exported.parity,
        weights={symbol: (float(row[0]), float(row[1])) for symbol, row in zip(symbols, made.table, strict=True)},
        parameters=parameters_of(made, judging),
    )
    files = dict(exported.files) | golden(exported, symbols, data)
    names = list(MODEL_FEATURE_NAMES)
    files["features.json"] = canonical({"id": PIPELINE, "names": names, "dtype": "float32"})
    learned_from = data.within(train)
    reference = spread(data.features[learned_from], names, PIPELINE)
    drift = widest_drift(reference, data.features[learned_from], data.row[learned_from], PROBATION["min_bars"])
    files["features_reference.json"] = canonical(reference)
    files["report/evaluation.json"] = canonical(as_data(about, evidence, verdicts))
    files["report/evaluation.md"] = as_markdown(about, evidence, verdicts).encode()
    rows = len(files["golden/symbols.i64"]) // 8
    said = _manifest(identity, about, exported, evidence, verdicts, rows) | {
        "probation": PROBATION
        | {"psi_max": decimal_text(min(DRIFT_MOST, max(DRIFT_LEAST, DRIFT_ROOM * drift)), DRIFT_PLACES)}
    }
    files["run.json"] = canonical(said)
    _put(out, files)
    return about


def _manifest(
    identity: Identity,
    about: About,
    exported: Made,
    evidence: Evidence,
    verdicts: Sequence[Verdict],
    golden_rows: int,
) -> dict[str, Any]:
    """Everything of the manifest that is known before a bundle is built."""
    folds = [dict(fold.figures) for fold in evidence.folds]
    return {
        "format": FORMAT,
        "bundle_id": identity.bundle_id,
        "version": identity.version,
        "notes": notes(about, evidence, verdicts),
        "models": exported.models,
        "feature_schema": {
            "path": "features.json",
            "id": PIPELINE,
            "order_sha256": list_sha256(MODEL_FEATURE_NAMES),
            "dtypes": "float32",
        },
        "psi_reference": "features_reference.json",
        "strategy": {"parameters": dict(about.parameters)},
        "requires": REQUIRES,
        "universe": {
            "venue": "kraken",
            "symbols": list(about.symbols),
            "symbols_sha256": list_sha256(about.symbols),
            "timeframe": "1h",
        },
        "training": {
            "data_from": about.data_from,
            "data_to": about.data_to,
            "embargo_bars": about.plan.folds.embargo_bars,
            "commit": identity.commit,
            "dataset_sha256": about.dataset_sha256,
            "seed": about.plan.seed,
        },
        "eval": {
            "protocol": "walk-forward",
            "folds": folds,
            "metrics": figures(folds),
            "baseline": "buy and hold, equal money in every symbol, after costs",
            "gates": [verdict.gate._asdict() for verdict in verdicts],
            "summary": summary(evidence, verdicts),
        },
        "golden": {
            "inputs": "golden/inputs.f32",
            "outputs": "golden/outputs.i64",
            "symbols": "golden/symbols.i64",
            "rows": golden_rows,
            "tolerance": TOLERANCE,
        },
        "rollback": {"min_seq": 1},
    }


def list_sha256(names: Sequence[str]) -> str:
    """sha256 (hex) of the canonical JSON list of names: their order counts."""
    return hashlib.sha256(canonical(list(names))).hexdigest()


def _put(out: Path, files: Mapping[str, bytes]) -> None:
    fresh = out.with_name(f"{out.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    for path, content in sorted(files.items()):
        file = fresh / path
        file.parent.mkdir(mode=0o700, exist_ok=True)
        durable.replace_file(file, content)
    if out.exists():
        same = _contents(out) == _contents(fresh)
        shutil.rmtree(fresh)
        if not same:
            raise Conflict(
                "training_run_exists",
                f"There is another training run, or something else, at {out}.",
                money="It was left as it is.",
                todo="Name another place with --out, or remove it.",
            )
        return
    fresh.rename(out)
    durable.sync_folder(out.parent)


def _contents(folder: Path) -> dict[str, str] | None:
    """sha256 of every file below a folder; None where it is none."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
