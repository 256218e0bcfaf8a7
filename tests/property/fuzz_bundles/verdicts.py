"""What becomes of one mutant: whoever could have let it in says no in a typed way, or it is a finding."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import rfc8785

from mooring.bundles.format import lint, manifest
from mooring.bundles.format.build import build_bundle
from mooring.bundles.format.unpack import Caps, unpack
from mooring.errors import MooringError
from tests.support import bundle_models as bm

MEMORY: Final = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True)
class Original:
    """A good bundle, from which mutants are made. files: of the run, without run.json."""

    archive: bytes
    custom: Mapping[str, Any]
    manifest_bytes: bytes
    files: Mapping[str, bytes]

    @property
    def document(self) -> dict[str, Any]:
        """The manifest as plain data, a fresh copy."""
        return dict(json.loads(self.manifest_bytes))


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One mutation. name: of the kind. judge: lets it in (returns True) or raises what it is refused with."""

    name: str
    judge: Callable[[], bool]


@dataclass(kw_only=True)
class Tally:
    """What became of the mutants: by kind how many, by code how many, and what must not be."""

    kinds: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    harmless: int = 0

    @property
    def total(self) -> int:
        return sum(self.kinds.values())

    def judge(self, number: int, mutant: Mutant | None) -> None:
        """Judge one; `number` is what finds it again. None: the mutation changed nothing that counts."""
        if mutant is None:
            self.harmless += 1
            return
        self.kinds[mutant.name] = self.kinds.get(mutant.name, 0) + 1
        code = "accepted"
        try:
            mutant.judge()
            self.accepted.append(f"{number}: {mutant.name}")
        except MooringError as error:
            code = error.code
        except Exception as error:  # noqa: BLE001 -- whatever else comes is what is looked for
            code = type(error).__name__
            self.crashed.append(f"{number}: {mutant.name}: {code}")
        self.codes[code] = self.codes.get(code, 0) + 1


@contextmanager
def originals(inside: Path | None = None) -> Iterator[tuple[list[Original], Path]]:
    """Good bundles of several shapes, and a folder inside of one, by default in memory where there is such a thing."""
    inside = inside or (MEMORY if MEMORY.is_dir() else None)
    folder = Path(tempfile.mkdtemp(prefix="mooring-fuzz-", dir=inside))
    try:
        alone = {"models/global.onnx": bm.trees()}
        yield [_made(folder / "all", bm.run_files()), _made(folder / "alone", bm.run_files(alone))], folder
    finally:
        shutil.rmtree(folder)


def _made(folder: Path, files: Mapping[str, bytes]) -> Original:
    run = bm.write_run(folder / "run", files)
    built = build_bundle(
        run, channel="stable", seq=3, created_at=bm.CREATED, valid_until=bm.VALID_UNTIL, out=folder / "bundle.zip"
    )
    return Original(
        archive=built.path.read_bytes(),
        custom=built.custom,
        manifest_bytes=bm.manifest_bytes(files, seq=3),
        files={path: data for path, data in files.items() if path != "run.json"},
    )


def judge_archive(data: bytes, custom: Mapping[str, Any], folder: Path) -> bool:
    """Unpack an archive in the way the store does, but for the hash over all of it, which would refuse every mutant."""
    into = folder / "slot"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(mode=0o700)
    before = sorted(folder.iterdir())
    archive = folder / "mutant.zip"
    archive.write_bytes(data)
    descriptor = os.open(archive, os.O_RDONLY)
    try:
        unpack(descriptor, offer_custom=custom, into=into, caps=Caps(free_bytes=0))
    finally:
        os.close(descriptor)
        archive.unlink()
        assert sorted(folder.iterdir()) == before, "something was written beside the folder"
    return True


def judge_manifest(data: bytes) -> bool:
    """Read a manifest as if it had been signed as it is."""
    manifest.parse_manifest(data)
    return True


def judge_model(data: bytes, model: Mapping[str, Any]) -> bool:
    """Look at a model whose hash is right: as if it had been signed as it is."""
    lint.lint_model(data, manifest.Model.model_validate_json(json.dumps(model)))
    return True


def custom_for(original: Original, manifest_bytes: bytes) -> dict[str, Any]:
    """The offer of another manifest, as whoever has all the keys would sign it."""
    document = json.loads(manifest_bytes)
    return {
        **original.custom,
        "manifest_sha256": hashlib.sha256(manifest_bytes).hexdigest(),
        "unpacked_size": len(manifest_bytes) + sum(entry["size"] for entry in document["files"].values()),
    }


def canonical(value: Any) -> bytes:
    """Canonical JSON by the library itself."""
    return bytes(rfc8785.dumps(value))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in plain data."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """What is at a place."""
    for key in path:
        value = value[key]
    return value


def pick(chance: random.Random, of: Any) -> Any:
    """One of several, in an order that does not depend on hashes."""
    return chance.choice(list(of))
