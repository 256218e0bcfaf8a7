from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mooring.daemon import loop_thread
from mooring.daemon.loop_thread import LoopThread
from mooring.errors import Conflict


@pytest.fixture
def loop():
    made = LoopThread("test")
    made.start()
    yield made
    assert made.stop()


async def name_of_thread() -> str:
    return threading.current_thread().name


async def fail() -> None:
    raise ValueError("as it should")


def test_work_runs_in_its_thread_and_gives_back_what_came_of_it(loop: LoopThread) -> None:
    assert loop.call(name_of_thread(), seconds=10) == "test"
    assert loop.submit(name_of_thread()).result(10) == "test"
    with pytest.raises(ValueError, match="as it should"):
        loop.call(fail(), seconds=10)


def test_what_takes_too_long_is_cancelled(loop: LoopThread) -> None:
    ended = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        loop.call(wait(), seconds=0.01)
    assert ended.wait(10)


def test_who_is_in_a_hurry_ends_the_calls_that_wait_and_later_ones_have_little_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_thread, "HURRIED_SECONDS", 0.01)
    loop = LoopThread("test")
    loop.hurry()
    loop.start()
    with pytest.raises(TimeoutError):  # also where it was said before the loop began
        loop.call(asyncio.sleep(3600), seconds=3600)
    assert loop.call(name_of_thread(), seconds=10) == "test"
    assert loop.stop()
    loop.hurry()


def test_a_call_under_way_gives_up_once_somebody_is_in_a_hurry(loop: LoopThread) -> None:
    begun = threading.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.sleep(3600)

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(loop.call, wait(), seconds=3600)
        assert begun.wait(10)
        loop.hurry()
        with pytest.raises(TimeoutError):
            waiting.result(10)


def test_stop_cancels_what_runs_lets_it_tidy_up_and_may_be_called_twice() -> None:
    loop = LoopThread("test")
    loop.start()
    begun, tidied = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            tidied.set()

    future = loop.submit(wait())
    assert begun.wait(10)
    assert loop.stop()
    assert tidied.is_set()
    assert future.cancelled()
    assert loop.stop()
    assert not loop.running


def test_work_that_refuses_to_end_does_not_keep_who_stops() -> None:
    loop = LoopThread("test")
    loop.start()
    begun, let_go = threading.Event(), threading.Event()

    async def block() -> None:
        begun.set()
        let_go.wait()

    loop.submit(block())
    assert begun.wait(10)
    assert loop.stop(0.01) is False
    let_go.set()
    assert loop.stop(10) is True


def test_nothing_is_taken_before_the_start_or_after_the_end() -> None:
    loop = LoopThread("test")
    with pytest.raises(Conflict):
        loop.submit(name_of_thread())
    loop.start()
    with pytest.raises(Conflict):
        loop.start()
    assert loop.stop()
    with pytest.raises(Conflict):
        loop.submit(name_of_thread())
    with pytest.raises(Conflict):
        loop.start()


def test_a_loop_that_never_began_is_stopped_at_once() -> None:
    loop = LoopThread("test")
    assert loop.stop()
    with pytest.raises(Conflict):
        loop.start()
