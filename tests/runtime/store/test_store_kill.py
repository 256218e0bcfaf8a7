"""Die by SIGKILL at each point of a write, then start again: nothing lost, nothing doubled, nothing torn."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.runtime.store import book

ROOT = Path(__file__).parents[3]
WRITTEN = {table for table, _row in book.hour(2).rows} | {"manifests", "snapshots"}
POINTS = [
    "before-begin",
    *(f"after-table:{t.name}" for t in EVIDENCE if t.name in WRITTEN),
    "before-commit",
    "after-commit",
]
# One interpreter forks a victim for each point: starting Python anew each time would take most of the test.
CHILD = """
import os, pathlib, sys
from mooring.runtime.store.store import Store
from tests.runtime.store import book
for path in map(pathlib.Path, sys.argv[1:]):
    point = path.parent.name
    if (victim := os.fork()) == 0:
        fault = lambda at: os.kill(os.getpid(), 9) if at == point else None
        Store.open(path, fault=fault).commit(book.hour(2, snapshot=True))
        os._exit(0)
    print(point, os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1]))
"""


@pytest.fixture(scope="module")
def two_hours(tmp_path_factory):
    path = tmp_path_factory.mktemp("two_hours") / "m.db"
    with Store.open(path) as store:
        store.commit(book.begin())
        for n in range(2):
            store.commit(book.hour(n, snapshot=True))
    return path


@pytest.fixture(scope="module")
def undisturbed(two_hours, tmp_path_factory):
    with Store.open(Path(shutil.copy(two_hours, tmp_path_factory.mktemp("undisturbed")))) as store:
        for n in range(2, 4):
            store.commit(book.hour(n, snapshot=True))
        return store.reader().heads()


@pytest.fixture(scope="module")
def killed(two_hours, tmp_path_factory):
    """For each point, the database of a process that died there, and how it ended."""
    root = tmp_path_factory.mktemp("killed")
    paths = {}
    for point in POINTS:
        (root / point).mkdir()
        paths[point] = Path(shutil.copy(two_hours, root / point))
    command = [sys.executable, "-c", CHILD, *map(str, paths.values())]
    child = subprocess.run(command, cwd=ROOT, timeout=240, check=True, capture_output=True, text=True)
    ends = dict(line.split() for line in child.stdout.splitlines())
    return {point: (paths[point], ends[point]) for point in POINTS}


FOREIGN = """
import os, pathlib, sqlite3, subprocess, sys
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.runtime.store import book
path = pathlib.Path(sys.argv[1])
store = Store.open(path)
store.commit(book.begin())
store.commit(book.hour(0))
# What a doctor, a summary or a second reader do in the daemon's own process must not cost it its locks.
assert verify(path).ok
Reader.open(path).close()
visit = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM bars').fetchone(); c.close()"
for n in range(1, 4):
    subprocess.run([sys.executable, "-c", visit, str(path)], check=True)
    store.commit(book.hour(n))
os.kill(os.getpid(), 9)
"""


def test_another_program_that_opens_and_closes_the_database_costs_no_committed_hour(tmp_path):
    path = tmp_path / "m.db"
    child = subprocess.run([sys.executable, "-c", FOREIGN, str(path)], cwd=ROOT, timeout=120, check=False)
    assert child.returncode == -9
    with Store.open(path) as store:
        assert store.reader().count("manifests") == 4
    assert verify(path).ok


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_a_point_of_an_hour_then_going_on_equals_an_undisturbed_run(killed, undisturbed, point):
    path, end = killed[point]
    assert end == "-9"
    stored = 3 if point == "after-commit" else 2
    with Store.open(path) as store:
        assert store.reader().latest_state(book.RUN).cycles == stored
        assert store.reader().count("manifests") == stored
        for n in range(stored, 4):
            store.commit(book.hour(n, snapshot=True))
        assert store.reader().heads() == undisturbed
    report = verify(path)
    assert report.ok, report.breaks
