"""A repository in one file, for a machine without a network: the newest metadata, and one bundle."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata

from mooring import durable
from mooring.bundles.publisher.drafts import not_published
from mooring.bundles.publisher.roles import REVOCATIONS, ROOT, SNAPSHOT, TARGETS
from mooring.bundles.publisher.workshop import Workshop
from mooring.bundles.trust.packed import pack as write_packed
from mooring.errors import Conflict


def pack(workshop: Workshop, target: str, out: Path) -> int:
    """Write a `.mbundle`; the same repository and bundle give the same bytes. Returns how many.

    Args:
        target: the bundle's name in the repository, like `bundles/stable/core-3.zip`.

    Raises:
        NotFound: `bundle_not_published`, it is not published. Conflict: `bundle_exists`, there is something at `out`.
        Unverified: `repository_damaged`. OSError: it cannot be written.
    """
    if out.exists() or out.is_symlink():
        raise Conflict(
            "bundle_exists",
            f"There is a file {out.name} already.",
            money="Nothing was changed.",
            todo="Name another file, or remove it.",
        )
    made = io.BytesIO()
    size = write_packed({name: (workshop.public / name).read_bytes() for name in _names(workshop, target)}, made)
    durable.replace_file(out, made.getvalue(), mode=0o644)
    return size


def _names(workshop: Workshop, target: str) -> Iterator[str]:
    published = workshop.published()
    owner = next((part for part in published.delegated.values() if target in part.signed.targets), None)
    if owner is None or published.snapshot is None or published.targets is None or published.root is None:
        raise not_published()
    yield "metadata/timestamp.json"
    for version in range(1, published.root.signed.version + 1):
        yield f"metadata/{version}.{ROOT}.json"
    parts: dict[str, Metadata[Any]] = {SNAPSHOT: published.snapshot, TARGETS: published.targets, **published.delegated}
    for role, part in sorted(parts.items()):
        yield f"metadata/{part.signed.version}.{role}.json"
    if REVOCATIONS in published.targets.signed.targets:
        sha256 = published.targets.signed.targets[REVOCATIONS].hashes["sha256"]
        yield f"targets/{sha256}.{REVOCATIONS}"
    folder, _, base = target.rpartition("/")
    yield f"targets/{folder}/{owner.signed.targets[target].hashes['sha256']}.{base}"
