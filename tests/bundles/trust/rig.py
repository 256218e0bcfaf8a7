"""A client of a repository in memory, with a clock that goes where it is told."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mooring.bundles.trust import Offer, Repository
from tests.support.bundle_repository import NOW, BundleRepository

BUILT_AT = datetime(2026, 1, 1, tzinfo=UTC)


class Machine:
    """What is on one machine; `client` is its daemon, made anew by each call as after a restart."""

    def __init__(self, folder: Path, root: bytes, **terms: Any) -> None:
        self.now = NOW
        self.folder = folder / "repository"
        self._root = root
        self._terms = {"built_at": BUILT_AT, **terms}

    def client(self, **terms: Any) -> Repository:
        return Repository(self.folder, self._root, clock=lambda: self.now, **{**self._terms, **terms})


def downloaded(client: Repository, offer: Offer, source: BundleRepository) -> bytes:
    into = io.BytesIO()
    client.download(offer, source, into)
    return into.getvalue()
