"""Looking at a bundle's file before it is signed or published, as strictly as whoever will install it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from mooring.bundles.format.agree import custom_of
from mooring.bundles.format.archive import Archive, Place, open_archive
from mooring.bundles.format.build import RUN_NAME, check
from mooring.bundles.format.fields import MANIFEST_BYTES_MAX
from mooring.bundles.format.manifest import Manifest
from mooring.bundles.publisher.drafts import BundleFile, text_of
from mooring.errors import Invalid

CHUNK: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A bundle's file whose every byte was checked: archive, manifest, models, golden vectors and gates."""

    bundle: BundleFile
    manifest: Manifest
    manifest_sha256: str


def look(path: Path, now: datetime) -> Looked:
    """Check a bundle as a client will.

    Args:
        now: what its offer says as the time of its release.

    Raises:
        Invalid: `bundle_unreadable`. Unverified, Denied: as the reader of the format says.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be read") from None
    try:
        archive = open_archive(descriptor, manifest_sha256=None)
        check(archive.manifest, _contents(archive))
        sha256, size = _sha256(descriptor)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be read") from None
    finally:
        os.close(descriptor)
    custom = custom_of(
        archive.manifest,
        manifest_sha256=archive.manifest_sha256,
        manifest_size=len(archive.manifest_bytes),
        released_at=text_of(now),
    )
    return Looked(
        bundle=BundleFile(sha256=sha256, size=size, custom=custom),
        manifest=archive.manifest,
        manifest_sha256=archive.manifest_sha256,
    )


def bundle_id_of(run: Path) -> str:
    """What a training run's bundle is called.

    Raises:
        Invalid: `bundle_unreadable`: it is no training run.
    """
    path = run / RUN_NAME
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(MANIFEST_BYTES_MAX))["bundle_id"]
    except (OSError, ValueError, KeyError, TypeError):
        said = None
    if not isinstance(said, str):
        raise _unreadable(path, "it is no training run")
    return said


def _contents(archive: Archive) -> dict[str, bytes]:
    parts: dict[str, bytearray] = {}

    def sink(place: Place) -> Callable[[memoryview], None]:
        return parts.setdefault(place.path, bytearray()).extend

    archive.read(sink)
    return {path: bytes(data) for path, data in parts.items()}


def _sha256(descriptor: int) -> tuple[str, int]:
    digest, offset = hashlib.sha256(), 0
    while chunk := os.pread(descriptor, CHUNK, offset):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest(), offset


def _unreadable(path: Path, why: str) -> Invalid:
    return Invalid(
        "bundle_unreadable",
        f"{path} cannot be read as a bundle: {why}.",
        money="Nothing was changed.",
        todo="Name a bundle that `mooring bundle build` made, or a folder with a run.json.",
    )
