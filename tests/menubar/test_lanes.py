from __future__ import annotations

import threading

from mooring.menubar.lanes import Lane


def blocked_lane(most: int = 3) -> tuple[Lane, threading.Event, list[str]]:
    lane, go, done = Lane("test", most), threading.Event(), []
    begun = threading.Event()

    def first() -> None:
        begun.set()
        assert go.wait(20)
        done.append("first")

    assert lane.put(first)
    assert begun.wait(20)
    return lane, go, done


def settled(lane: Lane) -> None:
    ended = threading.Event()
    assert lane.put(ended.set)
    assert ended.wait(20)


def test_it_does_things_in_order_and_takes_no_more_than_its_limit():
    lane, go, done = blocked_lane(3)
    assert lane.put(lambda: done.append("second"))
    assert lane.put(lambda: done.append("third"), go.set)
    assert not lane.put(lambda: done.append("too much"))
    go.set()
    while len(done) < 3:
        threading.Event().wait(0.001)
    assert done == ["first", "second", "third"]


def test_what_was_dropped_is_not_done_and_what_runs_ends():
    lane, go, done = blocked_lane()
    over = threading.Event()
    lane.put(lambda: done.append("dropped"), over.set)
    lane.drop()
    assert over.wait(20), "whoever waits for the end of it is told, also where it was dropped"
    go.set()
    settled(lane)
    assert done == ["first"]


def test_closed_it_takes_nothing_and_finishes_or_drops_what_waits():
    for finish, wanted in ((True, ["first", "second"]), (False, ["first"])):
        lane, go, done = blocked_lane()
        over = threading.Event()
        lane.put(lambda done=done: done.append("second"), over.set)
        lane.close(finish=finish)
        assert not lane.put(lambda: None)
        go.set()
        assert over.wait(20)
        while done[:1] != ["first"]:
            threading.Event().wait(0.001)
        assert done == wanted
