"""Offers whose description is signed, and is still none of their channel."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mooring.bundles.store.books import Books
from mooring.bundles.store.bringing import Bringer, Floors
from mooring.bundles.store.reading import FormatReader
from mooring.bundles.store.revocation import NONE
from mooring.bundles.store.slots import Slots
from mooring.bundles.trust import Repository
from tests.bundles.store.store_rig import HOST, build
from tests.support.bundle_repository import NOW, BundleRepository


def offered(tmp_path: Path, line: str, **said: Any) -> list[str]:
    """What a channel comes to that offers one bundle, described as it is but for what is said."""
    built = build(tmp_path / "runs", 1, channel=line)
    source = BundleRepository()
    source.add_bundle(line, "core", 1, built.path.read_bytes(), {**built.custom, **said})
    trust = Repository(tmp_path / "trust", source.root, clock=lambda: NOW, built_at=NOW - timedelta(days=1))
    trust.refresh(source)
    books = Books(Slots(tmp_path / "slots"), now=lambda: int(NOW.timestamp()), tell=lambda _told: None)
    bringer = Bringer(books, FormatReader(HOST, tuple), Floors)
    return [one.reference for one in bringer.offered(trust, line, NONE)]


def test_what_is_described_as_it_is_is_offered(tmp_path: Path) -> None:
    assert len(offered(tmp_path, "canary")) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"channel": "stable"},
        {"bundle_id": "\x1b[2Jcore"},
        {"manifest_sha256": "/../" * 16},
        {"seq": 2**60},
        {"notes": "x" * 5000},
        {"evaluation": {"net_return": 1}},
        {"more": "x"},
    ],
    ids=lambda said: next(iter(said)),
)
def test_what_is_described_as_another_channels_or_as_no_bundle_is_not_offered(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    assert offered(tmp_path, "canary", **said) == []
