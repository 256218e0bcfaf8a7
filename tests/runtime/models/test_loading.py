"""Models that load beside: whoever wants them looks, and waits for nothing that hangs."""

from __future__ import annotations

import threading

import pytest

from mooring.errors import Unverified
from mooring.runtime.models.bounded import Bounded
from mooring.runtime.models.loading import Loading
from tests.support.models import Scripted


class Left(Bounded):
    """Says that it was let go."""

    def __init__(self):
        super().__init__(Scripted())
        self.gone = threading.Event()

    def leave(self):
        self.gone.set()


def test_what_loads_is_handed_on_and_what_fails_says_why():
    made = Left()
    loading = Loading(lambda: made, 60)
    assert loading.wait(60)
    assert loading.models() is made
    failing = Loading(lambda: 1 // 0, 60)
    assert failing.wait(60)
    with pytest.raises(ZeroDivisionError):
        failing.models()
    assert not made.gone.is_set()


def test_one_that_hangs_is_unusable_once_its_time_is_over_and_what_comes_then_is_let_go():
    let, now, made, seen = threading.Event(), [0.0], Left(), []

    def hangs():
        seen.append(threading.current_thread())
        assert let.wait(60)
        return made

    loading = Loading(hangs, 30, lambda: now[0])
    assert not loading.wait(0.01)
    now[0] = 30.0
    assert loading.wait(0.01)
    with pytest.raises(Unverified, match="did not load within 30 s"):
        loading.models()
    let.set()
    assert made.gone.wait(60)
    assert seen[0].daemon, "a process ends without it"


@pytest.mark.parametrize("there", [True, False])
def test_what_nobody_wants_any_more_is_let_go_whether_it_is_there_or_comes_later(there):
    let, made = threading.Event(), Left()

    def load():
        assert let.wait(60)
        return made

    loading = Loading(load, 60)
    if there:
        let.set()
        assert loading.wait(60)
    loading.leave()
    let.set()
    assert made.gone.wait(60)


def no_room(self):
    raise RuntimeError("can't start new thread")


def test_where_there_is_no_room_for_a_thread_nobody_who_begins_a_load_fails_by_it(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", no_room)
    loading = Loading(Left, 60)
    assert loading.wait(0)
    with pytest.raises(MemoryError, match="can't start new thread"):
        loading.models()
    with pytest.raises(MemoryError, match="can't start new thread"):
        Bounded(Scripted()).warm(2, 3, 60)
