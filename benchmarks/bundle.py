"""A bundle of 50 MB: unpacking it onto the disk, and hashing all of a slot anew at a start."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.common import Result, seconds
from mooring.bundles.format.agree import custom_of
from mooring.bundles.format.archive import directory, layout, local_header
from mooring.bundles.format.canonical import canonical
from mooring.bundles.format.manifest import Manifest, list_sha256, parse_manifest
from mooring.bundles.format.slot import rehash
from mooring.bundles.format.unpack import Caps, unpack

NAME: Final = "bundle"
MEGABYTE: Final = 1_000_000
SYMBOLS: Final = tuple(f"S{number:02d}-USDT" for number in range(25))
FEATURES: Final = 25
ROWS: Final = 64
RUNS: Final = 7
REHASH_MS_MAX: Final = 100


def run() -> Iterator[Result]:
    """Unpack and hash a bundle of many files, then one whose bytes are nearly all in one file."""
    for shape, sizes in (("27 models", [1_920_000] * 26), ("one large model", [49_900_000])):
        manifest_bytes, files = contents(sizes)
        manifest = parse_manifest(manifest_bytes)
        note = f"{sum(map(len, files.values())) / MEGABYTE:.0f} MB, {len(files) + 1} files, {os.cpu_count()} processors"
        with tempfile.TemporaryDirectory(prefix="mooring-bench-") as folder:
            slot = Path(folder, "slot")
            took = _unpacked(Path(folder, "bundle.zip"), slot, manifest, manifest_bytes, files)
            yield Result(name=f"unpack, {shape}", value=took * 1000, unit="ms", note=f"{note}, fsync")
            digest = hashlib.sha256(manifest_bytes).hexdigest()
            again = seconds(lambda slot=slot, digest=digest: rehash(slot, digest), runs=RUNS)  # type: ignore[misc]
            target = float(REHASH_MS_MAX)
            yield Result(
                name=f"re-hash, {shape}",
                value=again * 1000,
                unit="ms",
                target=target,
                higher_is_better=False,
                note=note,
            )
    held = os.urandom(sum(map(len, files.values())))
    plain = seconds(lambda: hashlib.sha256(held).digest(), runs=RUNS)
    yield Result(name="sha256 of as much in memory", value=plain * 1000, unit="ms", note="one core, to compare with")
    yield Result(
        name="read a manifest", value=seconds(lambda: parse_manifest(manifest_bytes), runs=RUNS) * 1000, unit="ms"
    )


def contents(sizes: list[int]) -> tuple[bytes, dict[str, bytes]]:
    """A manifest and its files: a global model and specialists of these sizes, of noise; nobody loads them here."""
    paths = ["models/global.onnx", *(f"models/specialist-{symbol.lower()}.onnx" for symbol in SYMBOLS)]
    files = {path: os.urandom(size) for path, size in zip(paths, sizes, strict=False)}
    models = [_model(path) for path in files]
    files |= {
        "features.json": b"{}",
        "features_reference.json": b"{}",
        "golden/inputs.f32": bytes(ROWS * FEATURES * 4),
        "golden/symbols.i64": bytes(ROWS * 8),
        "golden/outputs.i64": bytes(ROWS * 3 * 8),
    }
    hashed = {
        path: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in sorted(files.items())
    }
    return canonical({**_document(), "files": hashed, "models": models}), files


def _model(path: str) -> dict[str, Any]:
    symbol = path.removeprefix("models/specialist-").removesuffix(".onnx").upper()
    special = symbol in SYMBOLS
    return {
        "role": "specialist" if special else "global",
        "symbol": symbol if special else None,
        "path": path,
        "opset": 15,
        "inputs": [{"name": "features", "dtype": "float32", "shape": ["N", FEATURES], "source": "features"}],
        "outputs": [{"name": "score", "dtype": "float32", "shape": ["N", 1]}],
        "ops": ["Sigmoid", "TreeEnsembleRegressor"],
    }


def _document() -> dict[str, Any]:
    figures = {"net_return": "0.1", "baseline_return": "0", "max_drawdown": "0.1", "trades": "40"}
    fold = {"from": "2024-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z", **figures}
    return {
        "format": "mooring-bundle/1", "bundle_id": "core", "channel": "stable", "seq": 1, "version": "1",
        "created_at": "2026-11-21T12:00:00Z", "valid_until": "2027-02-21T12:00:00Z", "notes": "For a benchmark.",
        "feature_schema": {"path": "features.json", "id": "core-1", "order_sha256": "0" * 64, "dtypes": "float32"},
        "psi_reference": "features_reference.json",
        "strategy": {"parameters": {}},
        "requires": {
            "app": ">=0.1", "feature_pipeline": "core-1", "onnxruntime": ">=1", "platform": ["any"], "python": ">=3.11",
        },
        "universe": {
            "venue": "kraken", "symbols": list(SYMBOLS), "symbols_sha256": list_sha256(SYMBOLS), "timeframe": "1h",
        },
        "training": {
            "data_from": "2021-01-01T00:00:00Z", "data_to": "2026-01-01T00:00:00Z", "embargo_bars": 24,
            "commit": "0" * 40, "dataset_sha256": "0" * 64, "seed": 7,
        },
        "eval": {
            "protocol": "walk-forward", "folds": [fold], "metrics": {}, "baseline": "none", "gates": [], "summary": {},
        },
        "golden": {
            "inputs": "golden/inputs.f32", "outputs": "golden/outputs.i64", "symbols": "golden/symbols.i64",
            "rows": ROWS, "tolerance": 2,
        },
        "probation": {"min_bars": 24, "min_minutes": 60, "max_errors": 0, "p99_us": 3000, "psi_max": "0.25"},
        "rollback": {"min_seq": 1},
    }  # fmt: skip


def _unpacked(path: Path, slot: Path, manifest: Manifest, manifest_bytes: bytes, files: dict[str, bytes]) -> float:
    places = layout(len(manifest_bytes), manifest.files).places
    held = [manifest_bytes, *(files[place.path] for place in places[1:])]
    crcs = [zlib.crc32(data) for data in held]
    with path.open("wb") as file:
        for place, data, crc in zip(places, held, crcs, strict=True):
            file.write(local_header(place.path, crc=crc, size=place.size) + data)
        file.write(directory(places, crcs))
    custom = custom_of(
        manifest,
        manifest_sha256=hashlib.sha256(manifest_bytes).hexdigest(),
        manifest_size=len(manifest_bytes),
        released_at=manifest.created_at,
    )
    slot.mkdir(mode=0o700)
    with path.open("rb") as file:
        return seconds(lambda: unpack(file.fileno(), offer_custom=custom, into=slot, caps=Caps(free_bytes=0)), runs=1)
