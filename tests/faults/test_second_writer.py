"""Somebody else writes to the daemon's database: nothing is mixed, and the daemon halts until a person looked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mooring.runtime.store.store import Store
from tests.faults import broken
from tests.support import history, runs

ROOT = Path(__file__).parents[2]
OTHER = """
import pathlib, sys
from mooring.runtime.store.store import Store
from tests.support import history, runs
with Store.open(pathlib.Path(sys.argv[1])) as store:
    made = history.engine(store)
    print("ready", flush=True)
    for line in sys.stdin:
        runs.ahead(made, int(line))
        print(made.status.hours, flush=True)
"""
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


def begin(code, path):
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    )
    return child, child.stdout.readline()


def test_of_two_processes_that_trade_one_account_the_one_that_finds_out_stops_and_nothing_is_mixed(tmp_path, wanted):
    path = tmp_path / "mooring.db"
    history.go_on(path, 10)
    told = runs.Told()
    with Store.open(path) as store:
        made = history.engine(store, told=told)
        runs.ahead(made, 2)
        child, ready = begin(OTHER, path)
        try:
            assert ready == "ready\n"
            child.stdin.write("3\n")
            assert child.stdout.readline() == "15\n"
            broken.run_into_a_halt(made, told, "second_writer")
            assert made.status.hours == 12
            # Nothing of the one that lost its place is in the database, not even its alert: the other one goes on alone.
            child.stdin.write("1\n")
            assert child.stdout.readline() == "16\n"
            child.stdin.close()
            assert child.wait(60) == 0
        finally:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()
        made.stop()
    assert broken.hours_of(path) == 16
    assert broken.end_of(path) == wanted


def test_another_program_that_holds_the_database_halts_and_without_it_the_run_comes_to_the_same_end(tmp_path, wanted):
    path = tmp_path / "mooring.db"
    told = runs.Told()
    with Store.open(path, busy_timeout_ms=50) as store:
        made = history.engine(store, told=told)
        runs.ahead(made, 10)
        child, ready = begin(HOLDER, path)
        try:
            assert ready == "held\n"
            broken.run_into_a_halt(made, told, "database_locked")
            child.stdin.write("\n")
            child.stdin.close()
            assert child.wait(60) == 0
        finally:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()
        runs.run_out(made)
        assert made.status.ended
    assert broken.end_of(path) == wanted
