"""Putting requests and bundles into the publisher's folder, and finding them there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from mooring import durable
from mooring.bundles.publisher.drafts import BundleFile
from mooring.bundles.publisher.requests import Request, Response, load_request, load_response
from mooring.bundles.publisher.roles import REVOCATIONS, TARGETS
from mooring.bundles.publisher.workshop import METADATA_MOST, Published, Workshop
from mooring.errors import Conflict, Invalid

REQUESTS_MOST: Final = 64
CHUNK: Final = 1 << 20


def pending(workshop: Workshop) -> list[Request]:
    """Requests that are not published yet, by name.

    Raises:
        Invalid: `signing_request_unusable`.
    """
    return [load_request(path) for path in sorted(workshop.requests.glob("*.json"))[:REQUESTS_MOST]]


def responses(workshop: Workshop) -> list[Response]:
    """Signatures that came back, by name.

    Raises:
        Invalid: `signing_request_unusable`.
    """
    return [load_response(path) for path in sorted(workshop.requests.glob("*.sig"))[: REQUESTS_MOST * 16]]


def stage(workshop: Workshop, requests: Sequence[Request]) -> list[Path]:
    """Write requests down; the files, in their order; errors as `require_free`."""
    require_free(workshop, requests)
    paths = []
    for request in requests:
        path = workshop.requests / f"{request.name}.json"
        durable.replace_file(path, request.to_bytes())
        paths.append(path)
    return paths


def require_free(workshop: Workshop, requests: Sequence[Request]) -> None:
    """See that nothing waits already that these requests would come in the way of.

    Raises:
        Conflict: `request_pending`: one of their roles, or one that goes with it, has another request already.
    """
    asked = {role for request in requests for role in (request.role, *request.together)}
    for other in pending(workshop):
        if {other.role, *other.together} & asked:
            path = workshop.requests / f"{other.name}.json"
            raise Conflict(
                "request_pending",
                f"{path} waits for its signatures or its publication.",
                money="Nothing was changed.",
                todo="Have it signed and publish it; or delete it and its signatures, to drop what it was for.",
            )


def revocations_of(workshop: Workshop, published: Published) -> str | None:
    """The published list of revocations; None where there is none.

    Raises:
        Invalid: `bundle_changed`: the file is not the one that was signed.
    """
    signed = published.signed(TARGETS)
    file = None if signed is None else signed.targets.get(REVOCATIONS)
    if file is None:
        return None
    path = workshop.targets / f"{file.hashes['sha256']}.{REVOCATIONS}"
    try:
        data = durable.read_private(path, METADATA_MOST) or b""
    except (OSError, ValueError):
        data = b""
    if hashlib.sha256(data).hexdigest() != file.hashes["sha256"]:
        raise _changed(path, "its bytes are not those that were signed for")
    return data.decode("utf-8")


def stage_file(workshop: Workshop, source: Path, bundle: BundleFile) -> Path:
    """Copy a bundle to where it waits for its signatures.

    Raises:
        Invalid: `bundle_changed`: its bytes are not those that its hash names, or it cannot be read.
    """
    return copy_checked(source, workshop.staged / bundle.sha256, bundle.sha256, bundle.size, mode=0o600)


def copy_checked(source: Path, into: Path, sha256: str, size: int, *, mode: int) -> Path:
    """Copy a file, durably, whole or not at all, and only where it is what it should be.

    Raises:
        Invalid: `bundle_changed`. OSError: the copy cannot be written.
    """
    fresh = into.with_name(into.name + ".new")
    fresh.unlink(missing_ok=True)
    try:
        file = source.open("rb")
    except OSError as error:
        raise _changed(source, error.strerror or "it cannot be read") from None
    with file:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as copy:
                found = _copy(file, copy, size)
                copy.flush()
                durable.sync(copy.fileno())
            if found == sha256:
                fresh.replace(into)
        finally:
            fresh.unlink(missing_ok=True)
    if found != sha256:
        raise _changed(source, "its bytes are not those that were signed for")
    durable.sync_folder(into.parent)
    return into


def _copy(file: BinaryIO, into: BinaryIO, size: int) -> str:
    """Copy up to so many bytes; the hash of all, empty where there are more or fewer."""
    digest, left = hashlib.sha256(), size
    while left >= 0 and (data := file.read(min(CHUNK, left + 1))):
        digest.update(data)
        left -= len(data)
        into.write(data)
    return digest.hexdigest() if left == 0 else ""


def _changed(path: Path, why: str) -> Invalid:
    return Invalid(
        "bundle_changed",
        f"{path} cannot be published: {why}.",
        money="Nothing was published.",
        todo="Build the bundle again, and have it signed again.",
    )
