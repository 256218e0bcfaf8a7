"""A process dies, or a disk fails, at changes all through an update: what decides afterwards is proved, or nothing does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bundles.store.store_rig import world
from tests.support import dying

ROOT = Path(__file__).parents[2]
STEP = 19  # with 1 every change is met once; it takes minutes


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if why := dying.why_not():
        pytest.skip(why)
    return dying.build(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose first bundle was accepted, and a publisher with a second one."""
    folder = tmp_path_factory.mktemp("accepted")
    made = world(folder)
    made.commit(1)
    made.release(2)
    made.root.rename(folder / "home")
    return folder


def ended(library: Path, folder: Path, how: str, first: int, step: int = STEP) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.faults.bundle_lives", str(folder), how, str(first), str(step)]
    environ = os.environ | {"LD_PRELOAD": str(library)}
    done = subprocess.run(command, cwd=ROOT, env=environ, timeout=280, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(("how", "first"), [("kill", 1), ("torn", 4)])
def test_kill_9_at_changes_of_an_update(library: Path, accepted: Path, how: str, first: int) -> None:
    found = ended(library, accepted, how, first)
    died = [one for one in found if one["end"] == -9]
    assert len(died) > 5
    for one in found:
        assert one["decides"] in {1, 2}, f"never an unproved one, and never none: {one}"
        assert one["last_good"] == 1, f"the last known good one is not lost: {one}"
        assert one["again"], f"a start after a start finds the same: {one}"
        assert one["rejected"] == 0, f"a crash alone is no verdict: {one}"
    assert {one["active"] for one in found} == {1, 2}, "some died before it was accepted, and some after"
    assert any(one["phase"] == "trying" for one in died), "some died on trial, and it goes on"


@pytest.mark.parametrize(("how", "first"), [("ENOSPC", 2), ("EIO", 5), ("EROFS", 7)])
def test_a_disk_that_fails_all_through_an_update(library: Path, accepted: Path, how: str, first: int) -> None:
    found = ended(library, accepted, how, first, step=2 * STEP)
    assert len(found) > 2
    for one in found[:-1]:
        assert one["end"] == 0, f"what decided was proved, with the disk still failing: {one}"
    for one in found:
        assert one["decides"] in {1, 2}
        assert one["last_good"] == 1
        assert one["again"]
