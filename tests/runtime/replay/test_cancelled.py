"""Orders cancelled between hours and at the end of a run: each was working, none is missing, and no other was cancelled."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.store.store import Store
from tests.support import core, forge, pasts, runs

BARS = core.random_bars(61, 90, 3)
FAR = {"strategy": {"stop_atr_percent": 900, "target_atr_percent": 2000, "exit_score": -30}}
NEXT = {"strategy": FAR["strategy"] | {"cooldown_bars": 2}}
KILLED_BEFORE = int(BARS.ts[25]) + 3600


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run that is killed after 25 hours, ends with stops working, and has a successor of five hours."""
    path = tmp_path_factory.mktemp("made") / "m.db"
    with Store.open(path) as store:
        engine = pasts.engine(store, BARS, **FAR)
        pasts.ahead(engine, 25)
        assert engine.kill("test") > 0
        pasts.ahead(engine, 1)
        engine.release()
        pasts.ahead(engine, 10)
        assert engine.status.working_orders > 1
    with Store.open(path) as store:
        pasts.ahead(pasts.engine(store, BARS, **NEXT), 5)
    return path


@pytest.fixture
def forged(made, tmp_path):
    """(kind, table, field, hour) of the first difference after a forger's SQL, and all that differ."""

    def run(*statements):
        path = runs.copied(made, tmp_path)
        forge.forge(path, *statements)
        found = [one for run in pasts.replayed(path) for one in run.differences]
        assert found
        return found

    return run


def event(path, where):
    """The first event of an order that is so."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return dict(connection.execute(f"SELECT * FROM order_events WHERE {where} ORDER BY seq LIMIT 1").fetchone())


KILLED = f"status = 'CANCELLED' AND reason = '' AND hour_ts_utc = {KILLED_BEFORE}"
ENDED = "reason = 'run_ended'"


def test_as_it_is_all_of_it_comes_out_again(made):
    assert [str(one) for run in pasts.replayed(made) for one in run.differences] == []


@pytest.mark.parametrize("which", [KILLED, ENDED], ids=["by the kill switch", "at the end of the run"])
def test_a_cancellation_that_was_taken_away_is_missing(made, forged, which):
    gone = event(made, which)
    found = forged(f"DELETE FROM order_events WHERE seq = {gone['seq']}")
    named = [one for one in found if one.table == "order_events" and one.kind == "missing"]
    assert [one.key["client_order_id"] for one in named] == [gone["client_order_id"]]


@pytest.mark.parametrize("which", [KILLED, ENDED], ids=["by the kill switch", "at the end of the run"])
@pytest.mark.parametrize(
    ("field", "value", "right"),
    [("status", "'EXPIRED'", "CANCELLED"), ("filled_quantity", "7", 0), ("reason", "'because'", None)],
)
def test_a_cancellation_that_says_something_else_is_named(made, forged, which, field, value, right):
    changed = event(made, which)
    found = forged(f"UPDATE order_events SET {field} = {value} WHERE seq = {changed['seq']}")
    assert (found[0].table, found[0].field, found[0].seq) == ("order_events", field, changed["seq"])
    assert found[0].recomputed == (changed["reason"] if right is None else right)


@pytest.mark.parametrize("which", [KILLED, ENDED], ids=["by the kill switch", "at the end of the run"])
def test_a_cancellation_of_an_order_that_was_not_working_is_one_too_many(made, forged, which):
    changed = event(made, which)
    done = event(made, f"status = 'FILLED' AND hour_ts_utc < {changed['hour_ts_utc']}")
    found = forged(
        f"UPDATE order_events SET client_order_id = '{done['client_order_id']}' WHERE seq = {changed['seq']}"
    )
    named = {(one.kind, one.key["client_order_id"]) for one in found if one.table == "order_events"}
    assert {("extra", done["client_order_id"]), ("missing", changed["client_order_id"])} <= named


def test_an_hour_that_is_told_of_cancellations_that_were_none_says_so(forged):
    quiet = int(BARS.ts[2]) + 3600  # before the first order
    (found, *_) = forged(f"UPDATE cycles SET cancel_all = 1 WHERE hour_ts_utc = {quiet}")
    assert (found.table, found.field, found.recorded, found.recomputed) == ("cycles", "cancel_all", 1, 0)


def test_an_hour_that_is_not_told_of_cancellations_has_them_one_too_many(forged):
    found = forged(f"UPDATE cycles SET cancel_all = 0 WHERE hour_ts_utc = {KILLED_BEFORE}")
    assert found[0].hour_ts_utc == KILLED_BEFORE
    assert "extra" in {one.kind for one in found if one.table == "order_events"}


def test_rows_after_the_last_hour_that_cancel_nothing_are_one_too_many(made, forged):
    with closing(sqlite3.connect(made)) as connection:
        last, row = connection.execute("SELECT hour_ts_utc, seq FROM equity ORDER BY seq DESC LIMIT 1").fetchone()
    found = forged(f"UPDATE equity SET hour_ts_utc = {last + 3600} WHERE seq = {row}")
    assert {(one.kind, one.hour_ts_utc) for one in found if one.table == "equity"} == {
        ("missing", last),
        ("extra", last + 3600),
    }


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("UPDATE state_latest SET cycles = cycles + 1", "cycles"),
        ("UPDATE state_latest SET state = (SELECT state FROM snapshots WHERE seq = 1)", "state"),
        ("UPDATE state_latest SET state_hash = 'x'", "state_hash"),
        ("UPDATE state_latest SET hour_ts_utc = hour_ts_utc - 3600", "hour_ts_utc"),
        ("DELETE FROM state_latest", ""),
    ],
)
def test_the_state_that_a_run_goes_on_from_is_compared(made, tmp_path, statement, field):
    path = runs.copied(made, tmp_path)
    runs.spoil(path, statement)
    first, *_ = pasts.replayed(path)
    assert ("state_latest", field) in [(one.table, one.field) for one in first.differences]
