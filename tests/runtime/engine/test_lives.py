"""A run is taken up by a process and laid down again; where the process crashed instead, the next one says so."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.engine.run import open_run
from mooring.runtime.store.store import Store
from tests.support import core, runs

BARS = core.random_bars(11, 20, 3)
SINCE = "started at 2027-01-15T08:00:00Z and never ended"


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


def events(store, run_id):
    return [(row["kind"], row["at"], row["detail"]) for row in store.reader().scan("run_events", run_id)]


def status(store, run_id):
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute("SELECT status FROM runs_now WHERE run_id = ?", (run_id,)).fetchone()[0]


def test_a_run_is_started_by_each_process_and_ended_by_an_orderly_one(store):
    for second in (0, 10):
        made = runs.make_engine(store, BARS, clock=runs.ManualClock(runs.NOW + second))
        assert status(store, made.status.run_id) == "started"
        runs.ahead(made, 2)
        made.note("ended", "")
        assert status(store, made.status.run_id) == "ended"
    assert events(store, made.status.run_id) == [
        ("started", runs.NOW, "mooring test"),
        ("ended", runs.NOW, ""),
        ("started", runs.NOW + 10, "mooring test"),
        ("ended", runs.NOW + 10, ""),
    ]


def test_after_a_crash_the_next_process_says_since_when_before_it_starts(store):
    first = open_run(runs.plan(), store, now=runs.NOW)
    for later in (50, 70):
        open_run(runs.plan(), store, now=runs.NOW + later)
    found = events(store, first.run_id)
    assert [kind for kind, _, _ in found] == ["started", *("crash_recovered", "started") * 2]
    assert found[1] == ("crash_recovered", runs.NOW + 50, SINCE)
    assert found[3] == ("crash_recovered", runs.NOW + 70, SINCE.replace("08:00:00", "08:00:50"))


@pytest.mark.parametrize("crashed", [True, False], ids=["crashed", "ended in order"])
def test_a_run_whose_place_another_takes_is_never_left_as_started(store, crashed):
    before = runs.make_engine(store, BARS)
    if not crashed:
        before.note("ended", "")
    after = open_run(runs.plan(cooldown_bars=3), store, now=runs.NOW + 9)
    found = events(store, before.status.run_id)[1:]
    wanted = [("crash_recovered", runs.NOW + 9, SINCE), ("ended", runs.NOW + 9, f"run {after.run_id} took its place")]
    assert found == (wanted if crashed else [("ended", runs.NOW, "")])
    assert status(store, before.status.run_id) == "ended"
    assert events(store, after.run_id) == [("started", runs.NOW + 9, "mooring test")]


def test_other_events_of_the_run_are_no_end_of_it(store):
    made = runs.make_engine(store, BARS)
    made.note("restored", "from a file")
    open_run(runs.plan(), store, now=runs.NOW + 1)
    assert [kind for kind, _, _ in events(store, made.status.run_id)] == [
        "started",
        "restored",
        "crash_recovered",
        "started",
    ]


def test_a_run_of_another_mode_is_left_as_it_is(store):
    paper = open_run(runs.plan(), store, now=runs.NOW)
    open_run(dataclasses.replace(runs.plan(), mode="shadow"), store, now=runs.NOW + 1)
    assert [kind for kind, _, _ in events(store, paper.run_id)] == ["started"]
