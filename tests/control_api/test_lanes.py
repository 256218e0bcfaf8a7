"""Threads for blocking calls: what runs is waited for, and slow lanes keep nobody else waiting."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from mooring.control_api.lanes import Lanes
from tests.control_api.api_harness import Running


def test_a_change_whose_caller_was_cancelled_is_still_waited_for() -> None:
    """As the server cancels what it answers at its end; the store must not be taken away under the change."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def change() -> None:
        begun.set()
        assert go_on.wait(20)
        ended.set()

    async def stopping() -> None:
        lanes = Lanes(pending=4)

        async def answer() -> None:
            await lanes.submit("change", change)

        caller = asyncio.ensure_future(answer())
        await asyncio.to_thread(begun.wait, 20)
        caller.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await caller
        drained = asyncio.ensure_future(lanes.drain(20))
        await asyncio.sleep(0)
        assert not drained.done()
        go_on.set()
        await drained
        assert ended.is_set()
        lanes.close()

    asyncio.run(stopping())


def test_visits_of_the_doctor_keep_no_list_waiting(fresh: Running) -> None:
    held, go_on = threading.Semaphore(0), threading.Event()

    def doctor() -> list[object]:
        held.release()
        go_on.wait(20)
        return []

    fresh.runtime.doctor = doctor  # type: ignore[method-assign, assignment]
    try:
        with contextlib.ExitStack() as closing:
            for _ in range(6):  # more than the threads that lists have
                fresh.raw(unix=True).sendall(fresh.request(path="/v1/doctor"))
            assert held.acquire(timeout=20)
            client = closing.enter_context(fresh.uds())
            assert client.get("/v1/positions", timeout=10).status_code == 200
            assert client.get("/v1/doctor").json()["code"] == "busy"
            assert not held.acquire(blocking=False)  # one at a time, whoever asks
    finally:
        go_on.set()
