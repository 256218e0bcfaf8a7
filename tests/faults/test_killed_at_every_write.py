"""Die by SIGKILL at each change that SQLite or we make to a file: in a commit, in a checkpoint, in a restore."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mooring.runtime.store.backup import back_up
from mooring.runtime.store.restore import Wish, restore
from tests.faults import broken
from tests.support import dying, history

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if why := dying.why_not():
        pytest.skip(why)
    return dying.build(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def twelve_hours(tmp_path_factory):
    """A database, and a backup of its first eight."""
    folder = tmp_path_factory.mktemp("twelve")
    history.go_on(folder / "mooring.db", 8)
    back_up(folder / "mooring.db", folder / "eight.db", now=0)
    history.go_on(folder / "mooring.db", 4)
    return folder / "mooring.db"


def victims(library, tmp_path, first, what, *, step, torn, most):
    """The databases of those who died, in the order of their deaths."""
    places = []
    for number in range(most):
        (tmp_path / str(number)).mkdir()
        places.append(history.copied(first, tmp_path / str(number)))
    command = [sys.executable, "-m", "tests.faults.writes", what, str(step), str(int(torn))]
    command += [str(first.parent / "eight.db"), *map(str, places)]
    environ = os.environ | {"LD_PRELOAD": str(library)}
    done = subprocess.run(command, cwd=ROOT, env=environ, timeout=280, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ends = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("end ")]
    assert ends[-1] == "0", "there were more changes than places"
    assert set(ends[:-1]) == {"-9"}
    return places[: len(ends) - 1]


@pytest.mark.parametrize("torn", [False, True], ids=["before it", "half done"])
def test_kill_9_at_changes_of_commits_and_checkpoints_costs_no_hour_that_was_stored(
    library, tmp_path, twelve_hours, wanted, torn
):
    died = victims(library, tmp_path, twelve_hours, "hours", step=7, torn=torn, most=120)
    assert len(died) > 20
    found = [broken.hours_of(place) for place in died]
    assert found == sorted(found)
    assert set(found) == {12, 13, 14, 15}
    for place in died[:: len(died) // 8]:
        assert broken.end_of(place) == wanted


def test_kill_9_at_each_change_of_a_restore_leaves_the_old_or_the_new_database_and_the_next_one_works(
    library, tmp_path, twelve_hours
):
    died = victims(library, tmp_path, twelve_hours, "restore", step=1, torn=False, most=160)
    assert len(died) > 40
    found = [broken.hours_of(place) for place in died]
    assert found == sorted(found, reverse=True)
    assert set(found) == {12, 8}
    for place in died[::4]:
        restore(twelve_hours.parent / "eight.db", place, Wish(now=6, actor="test", older=True))
        assert broken.hours_of(place) == 8
        assert [one for one in place.parent.iterdir() if one.stat().st_nlink > 1 or ".restoring" in one.name] == []
