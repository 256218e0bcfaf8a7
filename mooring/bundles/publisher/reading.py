"""Looking at a bundle's file before it is signed or published, as strictly as whoever will install it.

Whoever looks may hold a signing key afterwards, and the models are somebody else's: so only the examination's own
process ever loads them, with limits, and ends before any key is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mooring.bundles.format.agree import custom_of
from mooring.bundles.format.archive import Archive, open_archive
from mooring.bundles.format.features import read_reference
from mooring.bundles.format.fields import MANIFEST_BYTES_MAX, RUN_NAME
from mooring.bundles.format.gates import check_baselines, check_gates
from mooring.bundles.format.manifest import Manifest
from mooring.bundles.format.slot import read_verified
from mooring.bundles.format.unpack import unpack
from mooring.bundles.publisher.drafts import BundleFile, text_of
from mooring.bundles.publisher.roles import STABLE
from mooring.bundles.store.examining import ChildExaminer
from mooring.errors import Denied, Halt, Invalid, MooringError, Unverified

CHUNK: Final = 1 << 20
NOTHING: Final = "Nothing of it was used, signed or published."
# Given a folder and the sha256 of the manifest in it: runs its models elsewhere. `ChildExaminer` is the real one.
Examine = Callable[[Path, str], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A bundle's file whose every byte was checked: archive, manifest, models, golden vectors and gates."""

    bundle: BundleFile
    manifest: Manifest
    manifest_sha256: str


def look(path: Path, now: datetime, examine: Examine | None = None, *, to_publish: bool = False) -> Looked:
    """Check a bundle as a client will; its models are loaded by a process of their own, never by this one.

    Args:
        now: what its offer says as the time of its release.
        examine: runs its models; None: a `ChildExaminer`.
        to_publish: ask of a bundle for everybody what its builder has to ask, too: that it beats the baselines.

    Raises:
        Invalid: `bundle_unreadable`. Unverified, Denied: as the reader of the format and the examination say.
        Halt: `bundle_not_examined`, no process could be started.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be read") from None
    try:
        archive = open_archive(descriptor, manifest_sha256=None)
        custom = custom_of(
            archive.manifest,
            manifest_sha256=archive.manifest_sha256,
            manifest_size=len(archive.manifest_bytes),
            released_at=text_of(now),
        )
        check_gates(archive.manifest.eval_)
        if to_publish and archive.manifest.channel == STABLE:
            check_baselines(archive.manifest.eval_)
        _examine(archive, custom, examine or ChildExaminer())
        sha256, size = _sha256(descriptor)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be read") from None
    finally:
        os.close(descriptor)
    return Looked(
        bundle=BundleFile(sha256=sha256, size=size, custom=custom),
        manifest=archive.manifest,
        manifest_sha256=archive.manifest_sha256,
    )


def _examine(archive: Archive, custom: Mapping[str, Any], examine: Examine) -> None:
    """Unpack it into a folder that is thrown away, and have its models run there."""
    with tempfile.TemporaryDirectory(prefix="mooring-look-") as name:
        folder = Path(name)
        manifest = unpack(archive.descriptor, offer_custom=custom, into=folder)
        read_reference(manifest, lambda path: read_verified(folder, manifest, path))
        try:
            examine(folder, archive.manifest_sha256)
        except (Denied, Halt) as error:
            raise _told(error) from None


def _told(error: MooringError) -> MooringError:
    """The examination's word, as it is for who signs and not for who installs."""
    todo = "Do not use, sign or publish it; ask whoever built it."
    if not isinstance(error, (Denied, Unverified)):  # nothing was found out about the bundle
        todo = "Run the command again; if it comes again, see `mooring doctor`."
    return type(error)(error.code, error.what, money=NOTHING, todo=todo)


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
