"""An hour is whole or it never was: what happens when it fails."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from structlog.testing import capture_logs

from mooring.errors import Denied, Halt, Unknown, Unverified
from mooring.runtime.domain.bars import bar_at
from mooring.runtime.engine.cycle import SNAPSHOT_EVERY, Cycle
from mooring.runtime.engine.run import open_run
from mooring.runtime.replay.recompute import recompute
from mooring.runtime.store.hashing import HASH_COLUMNS
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow
from tests.support import core, runs

BARS = core.random_bars(41, 90, 3)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    return runs.undisturbed(tmp_path_factory.mktemp("undisturbed") / "m.db", BARS)


@pytest.fixture(autouse=True)
def logged():
    with capture_logs() as entries:
        yield entries


class Failing:
    """A fault of the store: raises at a point of the nth write after it was armed."""

    def __init__(self):
        self.left, self.point, self.error = 0, "", None

    def arm(self, error, *, point="before-commit", write=1):
        self.left, self.point, self.error = write, point, error

    def __call__(self, at):
        if self.left and at == self.point:
            self.left -= 1
            if not self.left:
                raise self.error


class Silent:
    """A store that does not answer: what it is given waits in line until it answers again."""

    def __init__(self, inner, *, lost=False):
        self.inner, self.lost = inner, lost
        self.silent_for, self.waiting = 0, []

    def reader(self):
        return self.inner.reader()

    def commit(self, batch):
        if self.silent_for:
            self.silent_for -= 1
            if not self.lost:
                self.waiting.append(batch)
            raise Unknown("commit_unanswered", "No answer.")
        while self.waiting:
            self.inner.commit(self.waiting.pop(0))
        return self.inner.commit(batch)


@pytest.fixture
def failing():
    return Failing()


@pytest.fixture
def store(tmp_path, failing):
    with Store.open(tmp_path / "m.db", fault=failing) as opened:
        yield opened


def same_but_alerts(found, wanted):
    """Equal in everything but the alerts that say what happened; those are counted apart."""
    rest = [{name: n for name, n in outcome["counts"].items() if name != "alerts"} for outcome in (found, wanted)]
    assert rest[0] == rest[1]
    for name in ("hours", "decision_hash", "state_hash", "ledger"):
        assert found[name] == wanted[name], name


FAILURES = {
    "full disk": sqlite3.OperationalError("database or disk is full"),
    "halt": Halt("test", "An invariant is broken."),
    "bug": RuntimeError("nobody foresaw this"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["before-begin", "after-table:bars", "after-table:ledger", "before-commit"])
def test_an_hour_that_cannot_be_stored_halts_leaves_nothing_and_start_goes_on(
    tmp_path, store, failing, wanted, failure, point
):
    told = runs.Told()
    made = runs.make_engine(store, BARS, told=told)
    failing.arm(FAILURES[failure], point=point, write=10 if point == "after-table:ledger" else 30)
    runs.run_out(made)
    seen = made.status
    assert seen.state == "halted"
    assert not seen.deciding
    assert seen.state_reason
    assert told.alerts[0][0] == "critical"
    assert seen.alerts_open == 1
    assert store.reader().count("alerts") == 1
    manifest = store.reader().find("manifests", run_id=seen.run_id)
    assert 0 < seen.hours < 90
    assert (seen.last_cycle, seen.decision_hash) == (manifest["hour_ts_utc"], manifest["decision_hash"])
    assert seen.state_hash == manifest["state_hash"]
    assert seen.working_orders == len(store.reader().unresolved_intents(seen.run_id))
    runs.assert_sound(tmp_path / "m.db", store)
    with pytest.raises(Denied):
        made.scan()
    runs.run_out(made)
    same_but_alerts(runs.outcome(store, made), wanted)
    assert made.status.state == "stopped"
    runs.assert_sound(tmp_path / "m.db", store)


@pytest.mark.parametrize("error", [OverflowError("a product left int64"), ValueError("more than is held")])
def test_an_error_in_the_hour_itself_halts_before_anything_is_stored(store, wanted, error):
    made = runs.make_engine(store, BARS)
    runs.ahead(made, 30)
    machine = made._run.machine

    def fails(world, *_):
        world.account.cash[0] -= 1  # as far as it came
        raise error

    object.__setattr__(machine, "hour", fails)
    before = made.status
    with pytest.raises(type(error)):
        runs.ahead(made, 1)
    assert made.status.state == "halted"
    assert type(error).__name__ in made.status.state_reason
    assert (made.status.cash, made.status.state_hash) == (before.cash, before.state_hash)
    object.__setattr__(machine, "hour", runs.plan(3).machine.hour)
    runs.run_out(made)
    same_but_alerts(runs.outcome(store, made), wanted)


@pytest.mark.parametrize("lost", [False, True], ids=["stored after all", "never stored"])
@pytest.mark.parametrize("hour", [1, 40])
def test_after_a_write_that_was_never_answered_nothing_goes_on_until_it_is_known_whether_it_is_stored(
    tmp_path, store, wanted, hour, lost
):
    silent = Silent(store, lost=lost)
    made = runs.make_engine(silent, BARS)
    runs.ahead(made, hour)
    silent.silent_for = 2  # the hour, and the alert about it
    before = made.status
    with pytest.raises(Unknown):
        runs.ahead(made, 1)
    seen = made.status
    assert seen.state == "halted"
    assert (seen.hours, seen.decision_hash, seen.equity) == (before.hours, before.decision_hash, before.equity)
    with pytest.raises(Denied):
        made.scan()
    runs.run_out(made)
    same_but_alerts(runs.outcome(store, made), wanted)
    assert recompute(made._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)


def test_start_stays_halted_while_the_store_still_does_not_answer(store):
    silent = Silent(store)
    made = runs.make_engine(silent, BARS)
    runs.ahead(made, 3)
    silent.silent_for = 4
    with pytest.raises(Unknown):
        runs.ahead(made, 1)
    for _ in range(2):
        with pytest.raises(Unknown):
            made.start()
        assert made.status.state == "halted"
    runs.run_out(made)
    assert made.status.hours == 90


@pytest.mark.parametrize("error", [FAILURES["halt"], FAILURES["full disk"]])
def test_a_kill_that_cannot_be_stored_blocks_entries_says_so_and_takes_at_the_next_press(
    tmp_path, store, failing, error
):
    made = runs.make_engine(store, BARS)
    while not made.status.working_orders:
        runs.ahead(made, 1)
    works = made.status.working_orders
    failing.arm(error)
    with pytest.raises(Halt):
        made.kill("test")
    assert made.status.kill_active
    assert made.status.state == "halted"
    assert made.status.working_orders == works
    assert not store.reader().control_state().kill_active
    assert made.kill("again") == works
    assert made.status.working_orders == 0
    assert made.status.kill_reason == "test"
    assert store.reader().control_state().kill_active
    assert store.reader().unresolved_intents(made.status.run_id) == []
    with runs.stopping(made):
        made.start()
    assert recompute(made._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)


def test_starting_after_a_kill_that_was_never_answered_cancels_what_still_works(tmp_path, store):
    silent = Silent(store, lost=True)
    made = runs.make_engine(silent, BARS)
    while not made.status.working_orders:
        runs.ahead(made, 1)
    silent.silent_for = 2
    with pytest.raises(Unknown):
        made.kill("test")
    runs.run_out(made)
    assert store.reader().control_state().kill_active
    cancelled = [row for row in runs.rows(store, "order_events", made) if row["status"] == "CANCELLED"]
    assert cancelled
    last = runs.rows(store, "cycles", made)[-1]
    assert last["kill"] == 1
    assert recompute(made._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)


def test_the_kill_switch_works_while_halted_by_a_failed_hour(tmp_path, store, failing):
    made = runs.make_engine(store, BARS)
    while not made.status.working_orders:
        runs.ahead(made, 1)
    works = made.status.working_orders
    failing.arm(FAILURES["bug"])
    with pytest.raises(RuntimeError):
        runs.ahead(made, 1)
    assert made.kill("test") == works
    assert made.status.state == "halted"
    assert store.reader().control_state().kill_active
    runs.run_out(made)
    assert made.status.hours == 90
    assert recompute(made._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)


def test_a_pause_that_cannot_be_stored_pauses_all_the_same_and_says_so(store, failing):
    made = runs.make_engine(store, BARS)
    failing.arm(FAILURES["halt"])
    with pytest.raises(Halt):
        made.pause("test")
    runs.ahead(made, 40)
    assert {row["paused"] for row in runs.rows(store, "cycles", made)} == {1}


def test_a_release_that_cannot_be_stored_leaves_the_switch_on(store, failing):
    made = runs.make_engine(store, BARS)
    made.kill("test")
    failing.arm(FAILURES["halt"])
    with pytest.raises(Halt):
        made.release()
    assert made.status.kill_active
    assert store.reader().control_state().kill_active


def cycle_of(store):
    return Cycle(open_run(runs.plan(3), store, now=1), store)


def test_a_torn_cycle_moves_no_more(store, failing):
    cycle = cycle_of(store)
    nothing = core.controls()
    cycle.advance(bar_at(BARS, 0), nothing)
    hashes = cycle.decision_hash, cycle.state_hash
    failing.arm(FAILURES["halt"])
    with pytest.raises(Halt, match="invariant"):
        cycle.advance(bar_at(BARS, 1), nothing)
    assert cycle.torn
    assert (cycle.decision_hash, cycle.state_hash, cycle.hours) == (*hashes, 1)
    for call in (lambda: cycle.advance(bar_at(BARS, 1), nothing), lambda: cycle.cancel_working(9, ControlRow())):
        with pytest.raises(Halt, match="failed before"):
            call()
    again = cycle_of(store)
    assert again.advance(bar_at(BARS, 1), nothing).close_ts == int(BARS.ts[1]) + 3600


def test_time_that_goes_back_is_refused(store):
    cycle = cycle_of(store)
    cycle.advance(bar_at(BARS, 1), core.controls())
    for row in (1, 0):
        with pytest.raises(Halt):
            cycle.advance(bar_at(BARS, row), core.controls())
        cycle = cycle_of(store)
        assert cycle.hours == 1


def test_books_that_differ_from_the_account_are_not_stored(store):
    cycle = cycle_of(store)
    hour = cycle.run.machine.hour

    def miscounts(world, params, paper_params, bar, controls, said, room):
        hour(world, params, paper_params, bar, controls, said, room)
        world.account.cash[0] += 1

    object.__setattr__(cycle.run.machine, "hour", miscounts)
    with pytest.raises(Halt) as caught:
        cycle.advance(bar_at(BARS, 0), core.controls())
    assert caught.value.code == "books_differ"
    assert store.reader().count("manifests") == 0


def test_a_stored_state_that_its_manifest_does_not_name_is_refused(tmp_path):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        cycle = cycle_of(store)
        for row in range(2):
            cycle.advance(bar_at(BARS, row), core.controls())
    runs.spoil(path, "UPDATE state_latest SET hour_ts_utc = hour_ts_utc - 3600")
    with Store.open(path) as store, pytest.raises(Halt, match="last hour's manifest"):
        cycle_of(store)


def test_hours_without_their_state_are_refused_not_begun_anew(tmp_path):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        cycle_of(store).advance(bar_at(BARS, 0), core.controls())
    runs.spoil(path, "DELETE FROM state_latest")
    with Store.open(path) as store, pytest.raises(Unverified, match="state after the last one is not there"):
        cycle_of(store)


def test_an_order_recorded_as_working_that_the_state_does_not_have_is_refused(store):
    made = runs.make_engine(store, BARS)
    while not made.status.working_orders:
        runs.ahead(made, 1)
    intent = store.reader().unresolved_intents(made.status.run_id)[0]
    other = next(f"S{i}-USD" for i in range(3) if f"S{i}-USD" != intent["symbol"])
    row = {
        name: value
        for name, value in intent.items()
        if name not in {"seq", "status", "status_reason", "filled_quantity"} | HASH_COLUMNS
    }
    row |= {"client_order_id": "never-placed", "order_type": "market", "side": "sell", "symbol": other}
    event = {
        "run_id": row["run_id"],
        "hour_ts_utc": row["hour_ts_utc"],
        "client_order_id": "never-placed",
        "status": "OPEN",
    }
    rows = [("order_intents", row), ("order_events", event | {"filled_quantity": 0, "reason": ""})]
    store.commit(Batch(rows=rows))
    with pytest.raises(Halt, match="paper venue does not have it"):
        runs.make_engine(store, BARS)


def test_states_are_kept_as_evidence_once_a_day(store):
    made = runs.run_out(runs.make_engine(store, BARS))
    kept = [row["hour_ts_utc"] for row in runs.rows(store, "snapshots", made)]
    assert kept == [int(ts) + 3600 for ts in BARS.ts[::SNAPSHOT_EVERY]]


def test_the_cycle_row_says_what_went_into_the_step(store):
    made = runs.run_out(runs.make_engine(store, BARS))
    rows = runs.rows(store, "cycles", made)
    assert [row["bars_present"] for row in rows] == np.sum(BARS.present, axis=1).tolist()
    assert rows[0]["warmed_up"] == 0
    assert rows[-1]["warmed_up"] == 3
    assert len(runs.rows(store, "bars", made)) == int(BARS.present.sum())
    assert len(runs.rows(store, "signals", made)) == 90 * 3 * 3
