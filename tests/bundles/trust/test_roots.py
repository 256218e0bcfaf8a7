"""Roots that come with the program: read from the package, and held against their pins."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from mooring.bundles.trust import BUILT_AT, SHIPPED, Pinned, roots, shipped_root
from mooring.errors import NotFound, Unverified
from tests.support.bundle_repository import BundleRepository


def test_a_shipped_root_is_read_from_the_package_and_held_against_its_pin(tmp_path, monkeypatch):
    root = BundleRepository().root
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "official.json").write_bytes(root)
    monkeypatch.setattr(roots.resources, "files", lambda package: tmp_path)
    table = {"official": Pinned(sha256=hashlib.sha256(root).hexdigest(), former=("0" * 64,))}
    found = shipped_root("official", table)
    assert (found.data, found.former) == (root, ("0" * 64,))
    (tmp_path / "roots" / "official.json").write_bytes(root.replace(b"official", b"other") + b"\n")
    with pytest.raises(Unverified):
        shipped_root("official", table)


@pytest.mark.parametrize("name", ["", "Official", "../official", "a/b", "unknown"])
def test_no_other_name_leads_to_a_file(name):
    with pytest.raises(NotFound):
        shipped_root(
            name, {"official": Pinned(sha256="0" * 64)} if name == "unknown" else {name: Pinned(sha256="0" * 64)}
        )


def test_every_root_that_is_pinned_is_in_the_package_and_the_build_is_not_in_the_future():
    for name in SHIPPED:
        assert shipped_root(name).data
    assert datetime.now(UTC) >= BUILT_AT
