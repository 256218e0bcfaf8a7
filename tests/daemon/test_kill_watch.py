"""A kill that no daemon confirmed is taken up: at the start, by one that answers nobody, and before any release."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mooring.control_api.client import Client
from mooring.daemon import kill_press, kill_request
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.kill_request import FILE, UNREADABLE
from mooring.errors import Conflict, Halt
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from tests.daemon.daemons import Running, options, running

WAIT_SECONDS = 30.0


def until(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def kills(it: Running) -> list[dict[str, object]]:
    items = it.client.page("audit", limit=50).items
    return [one for one in items if one["action"] == "kill_switch"]


def test_a_kill_noted_while_it_was_off_is_on_before_the_first_hour_and_recorded_once(home: Home) -> None:
    home.prepare()
    now = SystemClock().now()
    kill_request.leave(home, actor="cli", reason="enough", now=now - 120)
    with running(home, autostart=True, hours=5) as it:
        status = it.client.status()
        assert status.kill_switch.active
        assert status.kill_switch.reason == "enough"
        since = status.kill_switch.since
        assert since is not None
        assert not kill_request.is_asked(home)
        assert it.daemon.trader.engine.wait_finished(60)
        reader = it.daemon.trader.store.reader()
        assert [row["kill"] for row in reader.page("cycles", limit=5).items] == [1] * 5
        (row,) = kills(it)
        assert (row["actor"], row["result"]) == ("cli", "ok")
        assert str(row["reason"]) == f"on: enough (noted in the home at {since})"
    with running(home, hours=5) as it:
        assert it.client.status().kill_switch.active
        assert len(kills(it)) == 1


@pytest.fixture
def it(home: Home) -> Iterator[Running]:
    with running(home, hours=None, speed=1.0) as running_one:
        yield running_one


def test_a_daemon_whose_loop_hangs_hears_it_all_the_same(home: Home) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        goes_on.wait(WAIT_SECONDS)

    thread = DaemonThread(options(home, hours=None, speed=1.0))
    with thread as daemon:
        assert thread._loop is not None
        thread._loop.call_soon_threadsafe(hang)
        assert hangs.wait(WAIT_SECONDS)
        pressed = kill_press.press(
            home,
            lambda _: Client.connect(home.run_dir, timeout_seconds=0.1),
            actor="cli",
            reason="enough",
            now=SystemClock().now,
        )
        assert pressed.noted
        assert pressed.then(runs=True) == kill_press.WHEN_ABLE
        until(lambda: daemon.trader.status.kill_active)  # while nobody is answered
        until(lambda: not kill_request.is_asked(home))
        goes_on.set()


def test_while_the_engine_is_stuck_nothing_may_leave_and_it_is_taken_up_once_it_goes_on(
    home: Home, it: Running
) -> None:
    engine = it.daemon.trader.engine
    with engine._turns:  # an hour that does not end
        kill_request.leave(home, actor="menubar", reason="", now=SystemClock().now())
        assert engine.killed
        assert not it.client.status().kill_switch.active
    until(lambda: it.client.status().kill_switch.active)
    until(lambda: not kill_request.is_asked(home))


def test_a_release_never_overtakes_a_kill_that_waits(home: Home, it: Running) -> None:
    it.daemon.kill_watch.close()
    it.daemon.kill_watch._thread.join(WAIT_SECONDS)
    it.client.kill_switch(active=True, reason="first")
    kill_request.leave(home, actor="cli", reason="second", now=SystemClock().now())
    with pytest.raises(Conflict) as refused:
        it.client.kill_switch(active=False)
    assert refused.value.code == "kill_was_noted"
    assert it.client.status().kill_switch.active
    assert not kill_request.is_asked(home)
    assert not it.client.kill_switch(active=False).kill_switch.active


def test_nor_one_that_is_being_taken_up_while_the_release_waits_for_it(
    home: Home, it: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, real, looked = it.daemon.kill_watch, kill_request.is_asked, threading.Event()

    def is_asked(place: Home) -> bool:
        if threading.current_thread() is releasing:
            looked.set()
        return real(place)

    released: list[str] = []
    refused: list[str] = []

    def release() -> None:
        try:
            watch.release(lambda: released.append("it"))
        except Conflict as error:
            refused.append(error.code)

    releasing = threading.Thread(target=release)
    monkeypatch.setattr(kill_request, "is_asked", is_asked)
    with it.daemon.trader.engine._turns:
        kill_request.leave(home, actor="cli", reason="enough", now=SystemClock().now())
        until(watch._lock.locked)
        releasing.start()
        looked.wait(0.5)  # without a look it is in line already
    releasing.join(WAIT_SECONDS)
    assert (released, refused) == ([], ["kill_was_noted"])
    assert it.client.status().kill_switch.active


def test_what_cannot_be_removed_keeps_the_switch_on_and_is_recorded_once(home: Home, it: Running) -> None:
    (home.run_dir / FILE).mkdir()
    until(lambda: it.client.status().kill_switch.active)
    assert it.client.status().kill_switch.reason == UNREADABLE
    for _ in range(2):
        with pytest.raises(Conflict) as refused:
            it.client.kill_switch(active=False)
        assert f"Remove {home.run_dir / FILE} by hand" in refused.value.todo
    assert len([row for row in kills(it) if "noted" in str(row["reason"])]) == 1
    (home.run_dir / FILE).rmdir()
    assert not it.client.kill_switch(active=False).kill_switch.active


def test_one_that_cannot_be_stored_stays_until_it_is(home: Home, it: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    store = it.daemon.trader.store
    real, tries = store.commit, []

    def commit(batch):  # type: ignore[no-untyped-def]
        if batch.control is not None and not tries:
            tries.append(kill_request.is_asked(home))
            raise Halt("disk_full", "The disk is full.")
        return real(batch)

    monkeypatch.setattr(store, "commit", commit)
    kill_request.leave(home, actor="cli", reason="enough", now=SystemClock().now())
    until(lambda: not kill_request.is_asked(home))
    assert tries == [True]
    assert store.reader().control_state().kill_active
