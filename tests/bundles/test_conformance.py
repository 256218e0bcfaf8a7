"""The command line that the public conformance suite drives: exit codes, and what it shows."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from mooring.bundles import conformance
from tests.support.bundle_repository import NOW, BundleRepository


@pytest.fixture
def source():
    return BundleRepository()


@pytest.fixture
def run(tmp_path, source, monkeypatch):
    (tmp_path / "given.json").write_bytes(source.root)
    (tmp_path / "targets").mkdir()
    monkeypatch.setenv("CONFORMANCE_NOW", NOW.isoformat())

    def run(url, *command):
        base = ["--metadata-dir", str(tmp_path / "d"), "--metadata-url", f"{url}/metadata"]
        targets = ["--target-dir", str(tmp_path / "targets"), "--target-base-url", f"{url}/targets/"]
        return conformance.main([*base, *targets, *command])

    assert conformance.main(["--metadata-dir", str(tmp_path / "d"), "init", str(tmp_path / "given.json")]) == 0
    return run


def versions(folder: Path):
    return {file.stem: json.loads(file.read_bytes())["signed"]["version"] for file in folder.glob("*.json")}


def test_refresh_shows_the_top_level_alone_and_download_what_it_needed(run, source, tmp_path):
    name = source.add_bundle("canary", "trend", 1, b"data")
    with source.served() as url:
        assert run(url, "refresh") == 0
        assert versions(tmp_path / "d").keys() == {"root", "timestamp", "snapshot", "targets"}
        assert run(url, "--target-name", name, "download") == 0
        assert [file.read_bytes() for file in (tmp_path / "targets").iterdir()] == [b"data"]
        assert versions(tmp_path / "d")["models-canary"] == 2
        assert run(url, "--target-name", "not/there", "download") == 1


def test_what_was_verified_before_a_failure_is_shown(run, source, tmp_path):
    with source.served() as url:
        assert run(url, "refresh") == 0
        source.publish()
        source.files["metadata/2.snapshot.json"] = b"{}"
        assert run(url, "refresh") == 1
    assert versions(tmp_path / "d") == {"root": 1, "timestamp": 2, "snapshot": 1, "targets": 1}


def test_the_clock_is_the_one_that_is_given(run, source, monkeypatch):
    with source.served() as url:
        monkeypatch.setenv("CONFORMANCE_NOW", (NOW + timedelta(days=8)).isoformat())
        assert run(url, "refresh") == 1
        monkeypatch.setenv("CONFORMANCE_NOW", (NOW + timedelta(days=6)).isoformat())
        assert run(url, "refresh") == 0
