"""From a training run to a bundle: same inputs, same bytes, and nothing is written that a reader would refuse."""

from __future__ import annotations

import hashlib
import os
import stat
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from mooring.bundles.format import fields as f
from mooring.bundles.format.agree import custom_of
from mooring.bundles.format.archive import directory, layout, local_header, open_archive
from mooring.bundles.format.canonical import canonical, parse_canonical
from mooring.bundles.format.features import read_reference
from mooring.bundles.format.gates import check_baselines, check_gates
from mooring.bundles.format.golden import check as check_golden
from mooring.bundles.format.lint import lint_model
from mooring.bundles.format.manifest import Manifest, parse_manifest
from mooring.durable import sync, sync_folder
from mooring.errors import Conflict, Invalid, MooringError

FOR_EVERYBODY: Final = "stable"
GIVEN_AT_BUILD: Final = frozenset({"files", "seq", "channel", "created_at", "valid_until"})


@dataclass(frozen=True, kw_only=True)
class Built:
    """A bundle that was written.

    Attributes:
        path: of the archive. sha256: of all of it, in hex. size: in bytes.
        manifest_sha256: in hex.
        custom: the fields with which it has to be offered.
    """

    path: Path
    sha256: str
    size: int
    manifest_sha256: str
    custom: Mapping[str, Any]


def build_bundle(
    run: Path,
    *,
    channel: str,
    seq: int,
    created_at: datetime,
    valid_until: datetime,
    out: Path,
    unattended: bool = False,
) -> Built:
    """Make a bundle of a training run, after everything that a reader will check was checked here.

    Args:
        run: folder with run.json and the files; nothing else may be in it.
        channel: `stable` or `canary`. seq: its number; higher than any before under the same id.
        created_at: whole seconds. valid_until: after it.
        out: the file to write; its folder exists, it does not. Written whole or not at all.
        unattended: nobody looks at it before it is published, so it has to beat the baselines whatever its channel.

    Raises:
        Invalid: `training_run_refused`, a file is missing, too much, or not as the format says.
        Unverified, Denied: a model, the features, the golden vectors or a gate is refused: as the reader's errors;
            `bundle_beats_no_baseline` for the stable channel.
        Conflict: `bundle_exists`, there is something at `out`.
        OSError: reading or writing failed.
    """
    contents = _read_run(run)
    manifest_bytes = _manifest(contents, channel=channel, seq=seq, created_at=created_at, valid_until=valid_until)
    del contents[f.RUN_NAME]
    manifest = parse_manifest(manifest_bytes)
    check(manifest, contents)
    if unattended or manifest.channel == FOR_EVERYBODY:
        check_baselines(manifest.eval_)
    sha256, size = _write(out, manifest, manifest_bytes, contents)
    digest = hashlib.sha256(manifest_bytes).hexdigest()
    custom = custom_of(
        manifest, manifest_sha256=digest, manifest_size=len(manifest_bytes), released_at=manifest.created_at
    )
    return Built(path=out, sha256=sha256, size=size, manifest_sha256=digest, custom=custom)


def check(manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Everything that is asked of a bundle besides its archive: gates, features, models, golden vectors.

    Raises:
        Unverified, Denied: as the reader's errors.
    """
    check_gates(manifest.eval_)
    read_reference(manifest, contents.__getitem__)
    for model in manifest.models:
        lint_model(contents[model.path], model)
    check_golden(manifest, contents.__getitem__, clock_ns=time.perf_counter_ns)


def _manifest(
    contents: Mapping[str, bytes], *, channel: str, seq: int, created_at: datetime, valid_until: datetime
) -> bytes:
    if f.RUN_NAME not in contents:
        raise _refused(f"there is no {f.RUN_NAME}")
    said = parse_canonical(contents[f.RUN_NAME], most=f.MANIFEST_BYTES_MAX)
    if not isinstance(said, dict) or not GIVEN_AT_BUILD.isdisjoint(said):
        raise _refused(f"{f.RUN_NAME} says what is only known when a bundle is built")
    files = {
        path: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for path, data in contents.items()
        if path != f.RUN_NAME
    }
    try:
        times = {"created_at": f.moment_text(created_at), "valid_until": f.moment_text(valid_until)}
        return canonical({**said, **times, "files": files, "seq": seq, "channel": channel})
    except ValueError as error:
        raise _refused(str(error)) from error


def _read_run(run: Path) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    total = 0
    for folder, folders, names in os.walk(run, followlinks=False):
        for name in (*folders, *names):
            path = Path(folder, name)
            inside = path.relative_to(run).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                raise _refused("there is something in it that is no file")
            with suppress(ValueError):
                contents[f.check_path(inside)] = b""
            total += path.lstat().st_size
            if inside not in contents or len(contents) > f.FILES_MAX + 1 or total > f.UNPACKED_BYTES_MAX:
                raise _refused("a file's name is none of a bundle's, or there is too much")
            contents[inside] = path.read_bytes()
    return contents


def _write(out: Path, manifest: Manifest, manifest_bytes: bytes, contents: Mapping[str, bytes]) -> tuple[str, int]:
    fresh = out.with_name(out.name + ".part")
    try:
        file = fresh.open("xb+")
    except FileExistsError:
        raise _in_the_way(fresh) from None
    try:
        with file:
            _put(file, manifest, manifest_bytes, contents)
            file.flush()
            archive = open_archive(file.fileno(), manifest_sha256=hashlib.sha256(manifest_bytes).hexdigest())
            archive.read(lambda _place: lambda _chunk: None)  # what was written is what a reader takes
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            sync(file.fileno())
        try:
            os.link(fresh, out)  # unlike a rename it replaces nothing
        except FileExistsError:
            raise _in_the_way(out) from None
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(out.parent)
    return sha256, size


def _put(file: BinaryIO, manifest: Manifest, manifest_bytes: bytes, contents: Mapping[str, bytes]) -> None:
    crcs = []
    places = layout(len(manifest_bytes), manifest.files).places
    for number, place in enumerate(places):
        data = contents[place.path] if number else manifest_bytes
        crcs.append(zlib.crc32(data))
        file.write(local_header(place.path, crc=crcs[-1], size=len(data)))
        file.write(data)
    file.write(directory(places, crcs))


def _in_the_way(path: Path) -> MooringError:
    return Conflict(
        "bundle_exists",
        f"There is a file {path.name} already.",
        money="Nothing was changed.",
        todo="Name another file, or remove it.",
    )


def _refused(why: str) -> Invalid:
    return Invalid(
        "training_run_refused",
        f"The training run cannot become a model bundle: {why}.",
        money="Nothing was written.",
        todo="Correct the run, or train again.",
    )
