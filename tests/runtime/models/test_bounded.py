"""A model that hangs is a fault in time, and holds nobody up twice."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mooring.errors import Unverified
from mooring.runtime.domain.scores import P_STATE
from mooring.runtime.models.bounded import Bounded
from tests.support.models import FAULT, OK, REFERENCE, Scripted, raising

VALUES, PRESENT = np.full((2, 3), 0.1), np.ones(2, np.bool_)


class Hanging:
    """Answers when it is let."""

    def __init__(self):
        self.let, self.asked = threading.Event(), []
        self.inner = Scripted()
        self.reference = REFERENCE

    def predict(self, values, present):
        self.asked.append(threading.current_thread())
        assert self.let.wait(60)
        return self.inner.predict(values, present)


def test_an_answer_in_time_is_handed_on_as_it_is_from_a_thread_of_its_own():
    made = Bounded(Scripted(), seconds=60)
    assert made.reference == REFERENCE
    expected = Scripted().predict(VALUES.copy(), PRESENT)
    for _ in range(3):
        assert made.predict(VALUES, PRESENT).outputs.tolist() == expected.outputs.tolist()
    made.close()
    assert not made._thread.is_alive()


def test_an_error_is_the_callers():
    made = Bounded(Scripted({0: raising}), seconds=60)
    with pytest.raises(RuntimeError, match="broke"):
        made.predict(VALUES, PRESENT)
    assert made.predict(VALUES, PRESENT).faults == ()
    made.close()


def test_one_that_hangs_is_a_fault_and_is_not_waited_for_again_until_it_has_come_back():
    inner = Hanging()
    made = Bounded(inner, seconds=0.02)
    late = made.predict(VALUES, PRESENT)
    assert late.outputs[:, P_STATE].tolist() == [FAULT] * 2
    assert late.faults == ("no answer within 0.02 s",)
    made._seconds = 60.0  # from now on a wait would be one of a minute
    again = made.predict(VALUES, PRESENT)
    assert (again.outputs[:, P_STATE].tolist(), again.latency_us) == ([FAULT] * 2, 0)
    assert len(inner.asked) == 1
    assert all(thread.daemon for thread in inner.asked)  # a process ends without it
    overdue = made._overdue
    inner.let.set()
    assert overdue.done.wait(60)
    fresh = made.predict(VALUES, PRESENT)
    assert fresh.outputs[:, P_STATE].tolist() == [OK] * 2
    assert len(inner.asked) == 2
    made.close()


def test_what_is_asked_is_a_copy_so_that_a_late_model_sees_no_other_hours_numbers():
    inner = Hanging()
    made = Bounded(inner, seconds=0.02)
    values = VALUES.copy()
    made.predict(values, PRESENT)
    values[:] = 99.0
    overdue = made._overdue
    inner.let.set()
    assert overdue.done.wait(60)
    assert inner.inner.asked[0][0].tolist() == VALUES.tolist()
    made.close()


def test_it_is_asked_once_about_zeros_in_the_thread_that_answers_later_and_whatever_is_said_is_thrown_away():
    inner = Hanging()
    inner.let.set()
    made = Bounded(inner, seconds=60)
    made.warm(2, 3, 60)
    assert inner.inner.asked[0][0].tolist() == [[0.0] * 3] * 2
    made.predict(VALUES, PRESENT)
    assert inner.asked[0] is inner.asked[1]
    broken = Bounded(Scripted({0: raising}), seconds=60)
    broken.warm(2, 3, 60)
    assert broken.predict(VALUES, PRESENT).faults == ()
    made.close()
    broken.close()


def test_one_that_does_not_answer_when_it_is_warmed_is_unusable():
    inner = Hanging()
    made = Bounded(inner, seconds=0.02)
    with pytest.raises(Unverified, match="did not answer"):
        made.warm(2, 3, 0.02)
    assert made._thread is not None
    inner.let.set()
    made._thread.join(60)
    assert not made._thread.is_alive(), "nobody has it who could close it"


class Counting:
    """What questions are asked within."""

    def __init__(self):
        self.told, self.left = [], threading.Event()

    def __enter__(self):
        self.told.append("begins")
        self.left.clear()

    def __exit__(self, *_):
        self.told.append("ends")
        self.left.set()


@pytest.mark.parametrize("scripted", [{}, {0: raising}])
def test_what_a_question_is_asked_within_is_entered_before_and_left_whether_it_answers_or_fails(scripted):
    made, around = Bounded(Scripted(scripted), seconds=60), Counting()
    made.warm(2, 3, 60)
    made.around = lambda: around
    try:
        made.predict(VALUES, PRESENT)
    except RuntimeError:
        assert scripted
    assert around.left.wait(60)
    assert around.told == ["begins", "ends"]
    made.close()


def test_it_is_left_only_once_an_overdue_answer_has_come():
    inner, around = Hanging(), Counting()
    made = Bounded(inner, seconds=0.02)
    made.around = lambda: around
    for _ in range(2):
        assert made.predict(VALUES, PRESENT).faults
    assert around.told == ["begins"]
    inner.let.set()
    assert around.left.wait(60)
    assert around.told == ["begins", "ends"]


def test_it_is_left_where_there_is_no_thread_to_ask(monkeypatch):
    def none(_):
        raise RuntimeError("can't start new thread")

    made, around = Bounded(Scripted()), Counting()
    made.around = lambda: around
    monkeypatch.setattr(threading.Thread, "start", none)
    with pytest.raises(MemoryError):
        made.predict(VALUES, PRESENT)
    assert around.told == ["begins", "ends"]
