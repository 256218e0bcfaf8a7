"""Die by SIGKILL before each statement that the writer executes, start again: the run is the undisturbed one.

On SQLite before each; on a server before each TESTS_EACH-th.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from mooring.runtime.store.place import Place
from tests.faults import statements
from tests.support import history

ROOT = Path(__file__).parents[2]
ON_A_SERVER = int(os.environ.get("TESTS_EACH", "1"))


def victims(part, step, places, *, first=1, checked=1):
    """What each of them said of itself."""
    numbers = [str(number) for number in (first, step, checked)]
    command = [sys.executable, "-m", "tests.faults.statements", part, *numbers, *map(str, places)]
    done = subprocess.run(command, cwd=ROOT, timeout=280, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def expect_the_undisturbed_run(said, wanted, *, at_least):
    ends = [one["end"] for one in said]
    assert ends[-1] == 0, "there were more statements than places"
    assert set(ends[:-1]) == {-9}
    assert len(ends) > at_least
    for number, one in enumerate(said):
        assert one["breaks"] == [], number
        assert one["heads"] == wanted, number


def on_sqlite(tmp_path, part, step, most):
    """A victim for each statement, each on a database of its own."""
    first = tmp_path / "first"
    first.mkdir()
    statements.begin(Place.of(first / "mooring.db"), part)
    places = []
    for number in range(most):
        folder = tmp_path / str(number)
        folder.mkdir()
        places.append(history.copied(first / "mooring.db", folder))
    found = statements.drive(Place.of(first / "mooring.db"), part)
    return victims(part, step, places), {name: list(vars(head).values()) for name, head in found.items()}


def test_kill_9_before_each_statement_of_hours_with_fills_a_cancellation_and_an_acknowledgement(tmp_path):
    said, wanted = on_sqlite(tmp_path, "busy hours", 1, 160)
    assert wanted["alert_acks"][0] == 1
    assert wanted["fills"][0] >= 2
    expect_the_undisturbed_run(said, wanted, at_least=80)


def test_kill_9_before_each_statement_of_opening_a_run_and_its_first_hour(tmp_path):
    said, wanted = on_sqlite(tmp_path, "opening a run", 1, 95)
    expect_the_undisturbed_run(said, wanted, at_least=35)


def test_kill_9_while_a_new_database_is_made(tmp_path):
    """Tables and triggers are made in one transaction, so that not each of its statements need be tried."""
    said, wanted = on_sqlite(tmp_path, "a new database", 9, 40)
    expect_the_undisturbed_run(said, wanted, at_least=20)


def on_postgres(server, part, step, statements_at_most):
    """As on SQLite, each victim on a copy of the database that holds the beginning; a whole check takes longer there."""
    begun = server.database()
    statements.begin(server.place(begun), part)
    names = [server.database(template=begun) for _ in range(statements_at_most // step + 2)]
    found = statements.drive(server.place(begun), part)
    places = [server.url(name) for name in names]
    try:
        return victims(part, step, places, checked=8), {name: list(vars(head).values()) for name, head in found.items()}
    finally:
        for name in [begun, *names]:
            server.drop(name)


def test_kill_9_before_statements_of_busy_hours_on_postgresql(postgres):
    said, wanted = on_postgres(postgres, "an hour or two", ON_A_SERVER, 160)
    assert wanted["alert_acks"][0] == 1
    assert wanted["fills"][0] >= 2
    expect_the_undisturbed_run(said, wanted, at_least=80 // ON_A_SERVER)


def test_kill_9_before_statements_of_opening_a_run_on_postgresql(postgres):
    said, wanted = on_postgres(postgres, "opening a run", ON_A_SERVER, 90)
    expect_the_undisturbed_run(said, wanted, at_least=35 // ON_A_SERVER)


def test_kill_9_while_a_new_schema_is_made_on_postgresql(postgres):
    said, wanted = on_postgres(postgres, "a new database", 37, 1000)
    expect_the_undisturbed_run(said, wanted, at_least=8)
