"""Replay over a real PostgreSQL server: the same hours, the same answers."""

from __future__ import annotations

from contextlib import closing

import pytest

from mooring.daemon.replays import executed_hour, hour_manifest, replayed_hour, verified_history
from mooring.runtime.store.reader import Reader
from tests.support import core, pasts

BARS = core.random_bars(61, 400, 2)
T = int(BARS.ts[20]) + 3600


@pytest.fixture(scope="module")
def place(postgres):
    """A database with everything in it."""
    made = postgres.place(postgres.database())
    pasts.eventful(made, BARS)
    return made


def first_run(place):
    with closing(Reader.open(place)) as reader:
        return reader.page("runs", limit=500).items[-1]["run_id"]


def test_every_run_comes_out_again(place):
    found = pasts.replayed(place)
    assert [str(one) for run in found for one in run.differences] == []
    assert sum(run.hours for run in found) > 200
    said = verified_history(place, first=None, last=None, compiled=False, tell=lambda done, of: None)
    assert said["ok"], (said["breaks"], said["differences"])


def test_an_hour_its_root_and_its_graph_come_out_again(place):
    run_id = first_run(place)
    found = replayed_hour(place, T, run_id=run_id)
    assert found["ok"]
    assert found["recorded"] == found["recomputed"]
    done = executed_hour(place, T, run_id=run_id)
    graph = hour_manifest(place, T, run_id=run_id)
    inside = [node for node in graph["nodes"] if not node["outside"]]
    assert {row["table"] for row in done["rows"]} <= {node["table"] for node in inside}
    assert {edge["to"] for edge in graph["edges"]} == {node["id"] for node in inside if node["parent"] is not None}


def test_a_changed_row_is_named_with_both_values(place, postgres):
    run_id = first_run(place)
    with postgres.admin(place) as connection:
        connection.execute("ALTER TABLE equity DISABLE TRIGGER ALL")
        connection.execute(
            "UPDATE equity SET fees_paid = fees_paid + 1 WHERE run_id = %s AND hour_ts_utc = %s", [run_id, T]
        )
    (found,) = replayed_hour(place, T, run_id=run_id)["differences"]
    assert (found["table"], found["field"], found["recorded"]) == ("equity", "fees_paid", found["recomputed"] + 1)
