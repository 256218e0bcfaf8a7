"""What happens to positions and orders where something fails, ends or restarts between two words of the venue."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from mooring.errors import Denied, Halt, Unknown
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import GONE, Status
from mooring.runtime.engine.gates import PHRASE
from mooring.runtime.execution.ports import Movement, Reconciled
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import core, live, runs
from tests.support.plain_outlet import Plain, until_entry

BARS = core.random_bars(21, 90, 3)


@pytest.fixture
def told():
    return runs.Told()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened
    report = verify(tmp_path / "m.db")
    assert report.ok, report.breaks


def begin(store, told, **more):
    engine = live.live_engine(store, BARS, told=told, **more)
    outlet = Plain(engine)
    engine.arm(PHRASE)
    return engine, outlet


@contextmanager
def failing(store, error, *, after=False, times=1):
    """The next commits fail; with `after` they are stored all the same."""
    real, left = store.commit, [times]

    def commit(batch):
        if left[0] and (batch.rows or batch.control is not None):
            left[0] -= 1
            if after:
                real(batch)
            raise error
        return real(batch)

    store.commit = commit
    try:
        yield
    finally:
        store.commit = real


def disk_full():
    return Halt("disk_full", "The disk is full.", money="x", todo="y")


def codes(told):
    return [code for _severity, code in told.alerts]


def bought(engine, outlet):
    """A position whose stop rests at the venue."""
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    outlet.filled(entry)
    stop = outlet.last(Role.STOP)
    outlet.open(stop)
    assert stop.symbol == entry.symbol
    return stop


@pytest.mark.parametrize("act", ["stop", "disarm"])
def test_entries_are_taken_back_before_a_person_s_word_ends(store, told, act):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    getattr(engine, act)()
    assert entry in outlet.cancels


def test_while_a_kill_waits_to_be_taken_up_no_entry_and_no_stop_leaves_but_sales_do(store, told):
    asked = []
    engine, outlet = begin(store, told, kill_asked=lambda: bool(asked))
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    outlet.filled(entry)
    stop = outlet.last(Role.STOP)
    asked.append("noted in the home")
    assert engine.killed
    assert not engine.status.kill_active, "it is not taken up yet"
    assert not outlet.open(stop)
    before = len(outlet.submitted)
    runs.ahead(engine, 12)
    assert {order.role for order in outlet.submitted[before:]} <= {Role.EXIT}
    assert store.reader().page("cycles", limit=1).items[0]["kill"] == 1
    with pytest.raises(Denied) as refused:
        engine.arm(PHRASE)
    assert refused.value.code == "kill_switch"
    asked.clear()
    engine.arm(PHRASE)
    runs.ahead(engine, 1)
    assert outlet.open(outlet.last(Role.STOP)), "what waited never released anything, and holds nothing back once gone"


def test_entries_of_an_earlier_process_are_taken_back_since_no_stop_could_follow_them(store, told):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    again = Plain(live.live_engine(store, BARS, told=told))
    assert [order.client_id for order in again.cancels] == [entry.client_id]


def test_a_fill_that_no_stop_may_follow_is_told_at_once_and_only_once(store, told):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    engine.disarm()
    outlet.filled(entry)
    assert codes(told).count("position_without_stop") == 1
    assert "position_without_stop" in {row["code"] for row in store.reader().open_alerts()}
    engine.arm(PHRASE)
    runs.ahead(engine, 1)
    assert outlet.last(Role.STOP).symbol == entry.symbol
    assert codes(told).count("position_without_stop") == 1


def test_a_commit_that_was_not_answered_and_is_there_hands_its_orders_over_once_it_is_known(store, told):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    unanswered = Unknown("commit_unanswered", "No answer.", money="x", todo="y")
    with failing(store, unanswered, after=True), pytest.raises(Unknown):
        outlet.tell(entry, Status.FILLED, filled=entry.quantity, fills=(outlet.fill(entry, entry.quantity),))
    assert engine.status.state == "halted"
    before = len(outlet.submitted)
    outlet.tell(entry, Status.FILLED, filled=entry.quantity)  # whatever is told next finds out
    (stop,) = outlet.submitted[before:]
    assert (stop.role, stop.quantity) == (Role.STOP, entry.quantity)


def test_a_halted_engine_books_what_the_venue_tells_and_takes_entries_back(store, told):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    with failing(store, disk_full()), pytest.raises(Halt):
        outlet.tell(entry, Status.PARTIAL, filled=1, fills=(outlet.fill(entry, 1),))
    assert engine.status.state == "halted"
    assert entry in outlet.cancels
    outlet.filled(entry)
    assert outlet.last(Role.STOP).quantity == entry.quantity
    assert outlet.open(outlet.last(Role.STOP))


def test_a_halted_engine_lets_no_entry_leave(store, told):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    with failing(store, disk_full()), pytest.raises(Halt):
        outlet.open(entry)
    assert not outlet.open(entry)


def test_the_kill_switch_asks_the_venue_before_the_disk(store, told):
    engine, outlet = begin(store, told)
    stop = bought(engine, outlet)
    outlet.cancels.clear()
    with failing(store, disk_full(), times=99), pytest.raises(Halt):
        engine.kill("enough")
    assert stop in outlet.cancels


@pytest.mark.parametrize(
    ("status", "reason", "again"), [("CANCELLED", GONE, True), ("CANCELLED", "User requested", False)]
)
def test_a_stop_that_the_venue_lost_is_placed_again_and_one_that_a_person_took_off_is_not(
    store, told, status, reason, again
):
    engine, outlet = begin(store, told)
    stop = bought(engine, outlet)
    before = len(outlet.submitted)
    outlet.tell(stop, Status(status), reason=reason)
    placed = [order for order in outlet.submitted[before:] if order.role is Role.STOP]
    assert bool(placed) is again
    assert ("position_without_stop" in codes(told)) is not again


def test_a_stop_is_not_taken_off_for_a_larger_one_while_that_may_not_be_placed(store, told):
    engine, outlet = begin(store, told)
    stop = bought(engine, outlet)
    engine._cycle.world.account.quantity[engine._cycle.desk._index[stop.symbol]] += 1
    engine.disarm()
    outlet.cancels.clear()
    engine._send(engine._cycle.asked)
    assert engine._cycle.cover() == [stop]
    engine._renew()
    assert stop not in outlet.cancels


def test_an_entry_that_waited_too_long_never_leaves(store, told):
    engine, outlet = begin(store, told)
    engine._late_seconds = 300
    entry = until_entry(engine, outlet)
    engine._clock = ManualClock(engine._cycle.last_close_ts + 301)
    assert not outlet.open(entry)
    events = [row for row in store.reader().scan("order_events", engine.status.run_id) if row["status"] == "WITHHELD"]
    assert [row["reason"] for row in events] == ["too_late"]


@pytest.mark.parametrize(("before", "after"), [(1, 10**6), (10**6, 1)])
def test_minimums_that_moved_between_two_starts_change_nothing_that_was_done(store, told, monkeypatch, before, after):
    """Moved by the venue in the hour of a fill: the stop that was made, or not made, stays as it was."""

    def with_minimum(minimum):
        plan = original(3, mode="live")
        listed = tuple(replace(one, order_min=minimum) for one in plan.instruments)
        return replace(plan, instruments=listed, machine=core.machine(listed, **core.BUSY))

    original = runs.plan
    monkeypatch.setattr(runs, "plan", lambda *_args, **_more: with_minimum(1))
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    monkeypatch.setattr(runs, "plan", lambda *_args, **_more: with_minimum(min(before, entry.quantity)))
    engine, outlet = begin(store, told)
    part = max(1, entry.quantity // 10)
    outlet.filled(entry, part)
    stops = [order for order in outlet.submitted if order.role is Role.STOP]
    assert len(stops) == (1 if before == 1 else 0)
    known = engine.now().working
    monkeypatch.setattr(runs, "plan", lambda *_args, **_more: with_minimum(min(after, entry.quantity)))
    again = live.live_engine(store, BARS, told=told)
    assert again.now().working == known
    runs.ahead(again, 1)
    Plain(live.live_engine(store, BARS, told=told))


def test_an_account_that_holds_something_is_not_left_behind_and_one_with_dust_is(store, told):
    engine, outlet = begin(store, told)
    stop = bought(engine, outlet)
    with pytest.raises(Denied) as caught:
        live.live_engine(store, BARS, told=told, cash=5_000 * 10**8)
    assert caught.value.code == "live_account_not_empty"
    outlet.tell(stop, Status.CANCELLED, reason="User requested")
    with pytest.raises(Denied):
        live.live_engine(store, BARS, told=told, cash=5_000 * 10**8)


def test_another_account_number_leaves_what_is_held_to_the_person_and_says_so(store, told, monkeypatch):
    engine, outlet = begin(store, told)
    stop = bought(engine, outlet)
    original = runs.plan
    monkeypatch.setattr(runs, "plan", lambda *args, **more: replace(original(*args, **more), seed=2))
    again = live.live_engine(store, BARS, told=told)
    assert again.now().working == ()
    assert set(again.now().positions.values()) == {0}
    alert = store.reader().find("alerts", code="new_account")
    assert alert["severity"] == "critical"
    assert "number of the live account changed" in alert["text"]
    assert stop.client_id in {row["client_order_id"] for row in store.reader().unresolved_intents(engine.status.run_id)}


def test_two_alerts_of_one_code_in_one_hour_are_both_recorded(store, told):
    engine, _outlet = begin(store, told)
    engine.alert("critical", "order_not_sent", "One.")
    engine.alert("critical", "order_not_sent", "Two.")
    engine.alert("critical", "order_not_sent", "Two.")
    assert [row["text"] for row in store.reader().open_alerts()] == ["Two.", "One."]


def test_a_start_after_a_halt_between_two_hours_goes_on_though_the_thread_still_waits(store, told):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    engine._worker = Waiting()
    with failing(store, disk_full()), pytest.raises(Halt):
        outlet.tell(entry, Status.PARTIAL, filled=1, fills=(outlet.fill(entry, 1),))
    assert engine.status.state == "halted"
    engine.start()
    assert engine.status.state == "running"
    engine._worker = None
    runs.ahead(engine, 1)


class Waiting:
    """A thread of the engine that waits for the next close."""

    def __init__(self):
        self.stop = threading.Event()


def test_an_order_of_a_step_that_failed_is_not_cancelled_as_it_may_never_have_been_stored(store, told):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    with failing(store, disk_full(), times=99), pytest.raises(Halt):
        outlet.tell(entry, Status.FILLED, filled=entry.quantity, fills=(outlet.fill(entry, entry.quantity),))
    with failing(store, disk_full(), times=99), pytest.raises(Halt):
        engine.cancel_all()
    stored = {row["client_order_id"] for row in store.reader().scan("order_intents", engine.status.run_id)}
    assert {order.client_id for order in outlet.cancels} <= stored


def test_a_stop_that_is_tried_again_asks_the_gates_again(store, told):
    engine, outlet = begin(store, told)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    outlet.filled(entry)
    stop = outlet.last(Role.STOP)
    assert engine.books.release([stop]) == (stop,)
    assert engine.books.release([stop]) == (stop,)
    engine.disarm()
    assert engine.books.release([stop]) == ()
    events = store.reader().scan("order_events", engine.status.run_id)
    assert [row["status"] for row in events if row["client_order_id"] == stop.client_id] == [
        "INTENT",
        "SUBMITTING",
        "CANCELLED",
    ]


def test_a_comparison_that_was_not_answered_and_is_there_can_be_made_again(store, told):
    engine, _outlet = begin(store, told)
    found = Reconciled(
        trigger="schedule",
        at_ms=5,
        movements=(Movement(kind="deposit", asset="USD", amount=Decimal(7), text="seven", entry=None),),
    )
    unanswered = Unknown("commit_unanswered", "No answer.", money="x", todo="y")
    with failing(store, unanswered, after=True), pytest.raises(Unknown):
        engine.reconciled(found)
    assert engine.now().outside == {"USD": Decimal(7)}
    engine.reconciled(found)  # as execution does where it got no answer
    assert engine.now().outside == {"USD": Decimal(7)}
    engine.reconciled(Reconciled(trigger="schedule", at_ms=6))
    assert engine.status.blocked == ""
