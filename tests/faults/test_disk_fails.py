"""A disk that refuses writes and syncs, from any moment on: a halt that names it, nothing half stored, the same end."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import broken
from tests.support import dying, history

ROOT = Path(__file__).parents[2]
# The database's words for what the disk says.
CODES = {
    errno.EIO: {"database_failed", "commit_unanswered"},
    errno.EROFS: {"database_failed", "database_read_only", "commit_unanswered"},
    errno.ENOSPC: {"disk_full", "database_failed", "commit_unanswered"},
    errno.EDQUOT: {"disk_full", "database_failed", "commit_unanswered"},
}


@pytest.fixture(scope="module")
def fourteen_hours(tmp_path_factory):
    if why := dying.why_not():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("fourteen")
    history.go_on(folder / "mooring.db", 14)
    return folder / "mooring.db", dying.build(folder)


def engines(tmp_path, fourteen_hours, then, error, counts, *, syncs=False):
    """(what each engine said, where its database is)"""
    first, library = fourteen_hours
    given, places = [], []
    for changes in counts:
        (tmp_path / str(changes)).mkdir()
        places.append(history.copied(first, tmp_path / str(changes)))
        given += [str(places[-1]), str(error), str(changes)]
    command = [sys.executable, "-m", "tests.faults.failing", then, str(int(syncs)), *given]
    environ = os.environ | {"LD_PRELOAD": str(library)}
    done = subprocess.run(command, cwd=ROOT, env=environ, timeout=240, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(said) == len(places)
    for one in said:
        assert one["state"] == "halted"
        assert one["alerts"][-1][0] == "critical"
        assert one["alerts"][-1][1] in CODES[error], one
        assert one["stored"] == one["hours"]
    return said, places


@pytest.mark.parametrize("error", list(CODES), ids=errno.errorcode.get)
def test_a_disk_that_fails_halts_and_once_it_works_again_the_run_comes_to_the_same_end(
    tmp_path, fourteen_hours, wanted, error
):
    said, places = engines(tmp_path, fourteen_hours, "goes-on", error, (0, 1, 5, 17, 30, 43, 61, 90))
    assert {one["ended"] for one in said} == {60}
    for place in places[::3]:
        assert broken.end_of(place) == wanted


def test_an_hour_whose_sync_failed_is_unknown_and_where_a_crash_brings_it_back_it_is_whole(
    tmp_path, fourteen_hours, wanted
):
    """SQLite takes back a commit that it could not sync; all of it is in the log, where the next process finds it."""
    said, places = engines(tmp_path, fourteen_hours, "dies", errno.EIO, (0, 1, 2), syncs=True)
    for hours, (one, place) in enumerate(zip(said, places, strict=True), start=14):
        assert one["stored"] == hours
        assert one["alerts"] == [["critical", "commit_unanswered"]]
        assert broken.hours_of(place) == hours + 1
        assert broken.end_of(place) == wanted
