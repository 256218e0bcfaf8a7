"""A recomputation names the hour in which the evidence is not what the bars and controls give."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.engine.run import open_run
from mooring.runtime.replay.recompute import recompute
from mooring.runtime.replay.recorded import bar_of, controls_of, recorded_hours
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.spans import Spans
from mooring.runtime.store.store import Store
from tests.support import core, runs

HOURS = 80
BARS = core.random_bars(61, HOURS, 3)
MIDDLE = int(BARS.ts[40]) + 3600
LAST = int(BARS.ts[-1]) + 3600


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(file, run) of a run with a kill and a pause in it, closed."""
    path = tmp_path_factory.mktemp("finished") / "m.db"
    with Store.open(path) as store:
        made = runs.make_engine(store, BARS)
        runs.ahead(made, 25)
        made.kill("test")
        runs.ahead(made, 4)
        made.release()
        runs.ahead(made, 20)
        made.cancel_all()
        runs.run_out(made)
        return path, made._run


@pytest.fixture
def spoiled(finished, tmp_path):
    """Recompute a copy after SQL was run on it past the triggers."""

    def run(*statements):
        path = runs.copied(finished[0], tmp_path)
        runs.spoil(path, *statements)
        reader = Reader.open(path)
        try:
            return recompute(finished[1], reader)
        finally:
            reader.close()

    return run


def test_an_untouched_run_agrees_and_gives_its_own_hashes(finished):
    reader = Reader.open(finished[0])
    try:
        found = recompute(finished[1], reader)
        last = reader.find("manifests", run_id=finished[1].run_id)
    finally:
        reader.close()
    assert found.agrees
    assert (found.hours, found.differs_at, found.what) == (HOURS, None, "")
    assert (found.decision_hash, found.state_hash) == (last["decision_hash"], last["state_hash"])


def at(hour):
    return f"hour_ts_utc = {hour}"


CHANGES = {
    "the close of a bar": (f"UPDATE bars SET close = close + 1, high = high + 1 WHERE {at(MIDDLE)}", "features"),
    "a bar taken away": (f"DELETE FROM bars WHERE symbol = 'S0-USD' AND {at(MIDDLE)}", "cycles"),
    "a bar of another symbol": (
        f"UPDATE bars SET symbol = 'ZZZ-USD' WHERE symbol = 'S1-USD' AND {at(MIDDLE)}",
        "bars",
    ),
    "a switch that was off": (f"UPDATE cycles SET cancel_all = 1, kill = 1, flatten = 1 WHERE {at(MIDDLE)}", None),
    "the action of a decision": (
        f"UPDATE decisions SET action = 'hold' WHERE symbol = 'S2-USD' AND {at(MIDDLE)}",
        "decisions",
    ),
    "the score of a decision": (f"UPDATE decisions SET score = score + 1 WHERE {at(MIDDLE)}", "decisions"),
    "a decision taken away": (f"DELETE FROM decisions WHERE symbol = 'S0-USD' AND {at(MIDDLE)}", "decisions"),
    "a signal": (f"UPDATE signals SET conviction = conviction + 1 WHERE {at(MIDDLE)}", "signals"),
    "the equity": (f"UPDATE equity SET equity = equity + 1, cash = cash + 1 WHERE {at(MIDDLE)}", "equity"),
    "the decision hash of a manifest": (
        f"UPDATE manifests SET decision_hash = substr(decision_hash, 2) || 'x' WHERE {at(MIDDLE)}",
        "decision_hash",
    ),
    "the state hash of a manifest": (
        f"UPDATE manifests SET state_hash = substr(state_hash, 2) || 'x' WHERE {at(MIDDLE)}",
        "state_hash",
    ),
    "the hour of a manifest": (f"UPDATE manifests SET hour_ts_utc = hour_ts_utc + 1 WHERE {at(MIDDLE)}", "manifests"),
    "a manifest taken away": (f"DELETE FROM manifests WHERE {at(MIDDLE)}", "manifests"),
    "an hour taken away": (f"DELETE FROM cycles WHERE {at(MIDDLE)}", "cycles"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_row_is_seen_and_its_hour_named(spoiled, change):
    sql, what = CHANGES[change]
    found = spoiled(sql)
    assert not found.agrees
    assert found.differs_at == MIDDLE
    if what is not None:
        assert found.what == what
    assert found.hours <= HOURS


def test_a_position_that_was_never_held_is_seen(finished, spoiled):
    with closing(sqlite3.connect(finished[0])) as connection:
        (hour,) = connection.execute("SELECT min(hour_ts_utc) FROM positions").fetchone()
    found = spoiled(f"UPDATE positions SET quantity = quantity + 1 WHERE {at(hour)}")
    assert (found.differs_at, found.what) == (hour, "positions")


def test_hours_cut_off_at_the_end_are_seen(spoiled):
    found = spoiled(f"DELETE FROM cycles WHERE {at(LAST)}")
    assert (found.agrees, found.differs_at, found.what) == (False, LAST, "cycles")


def test_bars_that_no_account_could_have_traded_name_their_hour(spoiled):
    # A price past int64 once multiplied by a quantity.
    found = spoiled(
        f"UPDATE bars SET open = {2**62}, high = {2**62}, low = {2**62}, close = {2**62} WHERE {at(MIDDLE)}"
    )
    assert not found.agrees
    assert found.differs_at == MIDDLE


def test_recorded_hours_are_the_bars_that_were_fed_and_the_switches_that_were_set(finished):
    run, reader = finished[1], Reader.open(finished[0])
    try:
        hours = list(recorded_hours(Spans(reader, run_id=run.run_id, account_id=run.account_id)))
    finally:
        reader.close()
    assert [hour.close_ts for hour in hours] == (BARS.ts + 3600).tolist()
    for row, hour in enumerate(hours):
        bar = bar_of(hour, run.instruments)
        assert bar.present.tolist() == BARS.present[row].tolist()
        for name in ("open", "high", "low", "close", "volume"):
            assert getattr(bar, name).tolist() == getattr(BARS, name)[row].tolist()
    assert [int(controls_of(hour.one("cycles"))[0]) for hour in hours] == [0] * 25 + [1] * 4 + [0] * (HOURS - 29)


def test_a_run_without_hours_agrees(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        found = recompute(open_run(runs.plan(3), store, now=1), store.reader())
    assert found.agrees
    assert (found.hours, found.decision_hash) == (0, "0" * 64)


def test_the_run_is_left_as_it_was(finished):
    before = finished[1].opening.world.account.cash.copy()
    reader = Reader.open(finished[0])
    try:
        first, again = recompute(finished[1], reader), recompute(finished[1], reader)
    finally:
        reader.close()
    assert first == again
    assert finished[1].opening.world.account.cash == before
