"""Names that nobody answers for: they keep neither what else the loop has done in threads, nor the loop's own end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from mooring.daemon import name_lookups
from mooring.daemon.loop_thread import LoopThread
from mooring.daemon.name_lookups import Loop, run


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """A resolver that answers nobody; each lookup that begins is counted."""
    begun, let_go = threading.Semaphore(0), threading.Event()

    def getaddrinfo(*_: object) -> list[object]:
        begun.release()
        let_go.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield begun
    let_go.set()


async def look(name: str = "api.kraken.com") -> list[object]:
    return await asyncio.get_running_loop().getaddrinfo(name, 443)


def test_a_name_is_found_and_one_that_is_none_is_said_as_ever() -> None:
    assert run(look("localhost")) == socket.getaddrinfo("localhost", 443)
    with pytest.raises(OSError, match=r"."):
        run(look("no such name.invalid"))


def test_silence_keeps_no_thread_of_the_pool_and_no_end(silent: threading.Semaphore) -> None:
    loop = LoopThread("test")
    loop.start()
    waiting = [loop.submit(look()) for _ in range(name_lookups.LOOKUPS_MAX)]
    for _ in waiting:
        assert silent.acquire(timeout=30)
    assert loop.call(asyncio.to_thread(lambda: "done"), seconds=30) == "done"
    assert loop.stop(30)
    assert all(one.cancelled() for one in waiting)
    lookups = [one for one in threading.enumerate() if one.name == "name-lookup"]
    assert len(lookups) == len(waiting)
    assert all(one.daemon for one in lookups), "Python would wait for it"


def test_no_more_names_are_looked_up_at_once_than_may_be(silent: threading.Semaphore) -> None:
    async def many() -> None:
        waiting = [asyncio.ensure_future(look()) for _ in range(name_lookups.LOOKUPS_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(socket.gaierror, match="too many"):
            await look()
        for one in waiting:
            one.cancel()

    run(many())


def test_an_answer_that_comes_after_the_loops_end_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: let_go.wait() and [])
    loop = Loop()
    task = loop.create_task(look())
    loop.call_soon(loop.stop)
    loop.run_forever()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    let_go.set()
    for one in threading.enumerate():
        if one.name == "name-lookup":
            one.join(30)
            assert not one.is_alive()
