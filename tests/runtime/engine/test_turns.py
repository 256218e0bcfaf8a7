"""The line that everybody who moves the run stands in."""

from __future__ import annotations

import threading
import time

import pytest

from mooring.runtime.engine.turns import Turns

WAIT_S = 60.0


def stand_in_line(turns, place, order, *, patient=False):
    """A thread that is certainly waiting when this returns."""
    before = len(turns._waiting)

    def wait():
        with turns.patiently() if patient else turns:
            order.append(place)

    thread = threading.Thread(target=wait)
    thread.start()
    deadline = time.monotonic() + WAIT_S
    while len(turns._waiting) == before:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return thread


def test_those_who_wait_are_served_in_the_order_of_asking():
    turns, order = Turns(), []
    with turns:
        threads = [stand_in_line(turns, place, order) for place in range(8)]
    for thread in threads:
        thread.join(WAIT_S)
    assert order == list(range(8))


def test_one_who_asks_while_another_comes_back_at_once_is_served_next():
    turns, order = Turns(), []
    with turns:
        thread = stand_in_line(turns, "kill", order)
    with turns:  # the loop of hours, which asks again at once
        order.append("hour")
    thread.join(WAIT_S)
    assert order == ["kill", "hour"]


def test_an_error_inside_gives_the_turn_back():
    turns = Turns()
    with pytest.raises(ValueError, match="inside"), turns:
        raise ValueError("inside")
    with turns:
        pass


def test_no_two_are_ever_inside_together():
    turns, inside, most = Turns(), [], []

    def come_and_go():
        for _ in range(200):
            with turns:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert len(most) == 800
    assert max(most) == 1


class Interrupted(threading.Event):
    """A wait that a signal's handler ends, before or after the turn has come."""

    def __init__(self, turns, come_first):
        super().__init__()
        self._turns, self._come_first = turns, come_first

    def wait(self, timeout=None):
        if self._come_first:
            self._turns.__exit__(None, None, None)
            assert self.is_set()
        raise KeyboardInterrupt


@pytest.mark.parametrize("come_first", [False, True])
def test_one_who_is_interrupted_while_waiting_leaves_the_line_to_the_others(monkeypatch, come_first):
    turns, order = Turns(), []
    turns.__enter__()
    with monkeypatch.context() as patch:
        patch.setattr("mooring.runtime.engine.turns.threading.Event", lambda: Interrupted(turns, come_first))
        with pytest.raises(KeyboardInterrupt):
            turns.__enter__()
    if not come_first:
        thread = stand_in_line(turns, "next", order)
        turns.__exit__(None, None, None)
        thread.join(WAIT_S)
        assert order == ["next"]
    with turns:
        pass


def test_who_has_the_turn_sees_that_somebody_waits_for_it():
    turns, order = Turns(), []
    with turns:
        assert not turns.awaited
        thread = stand_in_line(turns, "next", order)
        assert turns.awaited is True
    thread.join(WAIT_S)
    assert (order, turns.awaited) == (["next"], False)


def test_who_is_patient_is_served_in_order_and_nobody_hurries_for_them():
    turns, order = Turns(), []

    with turns:
        first = stand_in_line(turns, "patient", order, patient=True)
        assert not turns.awaited
        second = stand_in_line(turns, "kill", order)
        assert turns.awaited is True
    first.join(WAIT_S)
    second.join(WAIT_S)
    assert (order, turns.awaited, turns._patient) == (["patient", "kill"], False, set())
    with turns.patiently():
        assert not turns.awaited
        third = stand_in_line(turns, "next", order)
        assert turns.awaited is True
    third.join(WAIT_S)
    assert order[2:] == ["next"]


def test_who_waits_no_longer_is_in_line_no_longer():
    turns, order = Turns(), []
    with turns:
        with pytest.raises(TimeoutError), turns.within(0.0):
            order.append("never")
        thread = stand_in_line(turns, "next", order)
    thread.join(WAIT_S)
    with turns.within(WAIT_S):
        order.append("last")
    with turns.within(0.0):
        pass
    assert order == ["next", "last"]
