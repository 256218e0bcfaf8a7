"""One private call at a time; the most important waits the least, and who gives up leaves no trace."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.venues.kraken.lanes import LaneLock
from mooring.runtime.venues.kraken.limits import Lane


def test_the_highest_lane_goes_first_and_within_a_lane_who_came_first() -> None:
    async def run() -> list[str]:
        lock, order = LaneLock(), []
        started = asyncio.Event()

        async def hold(name: str, lane: Lane) -> None:
            async with lock.held(lane, 10):
                order.append(name)
                if name == "first":
                    await started.wait()

        tasks = [asyncio.create_task(hold("first", Lane.HISTORY))]
        for name, lane in (("h", Lane.HISTORY), ("e1", Lane.ENTRY), ("x1", Lane.EXIT), ("e2", Lane.ENTRY)):
            await asyncio.sleep(0)
            tasks.append(asyncio.create_task(hold(name, lane)))
        await asyncio.sleep(0)
        started.set()
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(run()) == ["first", "x1", "e1", "e2", "h"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Lane)), st.booleans(), st.integers(0, 3)), max_size=12))
def test_never_two_at_once_and_always_free_in_the_end(plan) -> None:
    async def run() -> None:
        lock, inside, most = LaneLock(), 0, 0

        async def hold(lane: Lane, turns: int) -> None:
            nonlocal inside, most
            async with lock.held(lane, 10):
                inside += 1
                most = max(most, inside)
                try:
                    for _ in range(turns):
                        await asyncio.sleep(0)
                finally:
                    inside -= 1

        tasks = [asyncio.create_task(hold(lane, turns)) for lane, _, turns in plan]
        await asyncio.sleep(0)
        for task, (_, cancelled, _) in zip(tasks, plan, strict=True):
            if cancelled:
                task.cancel()
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        async with lock.held(Lane.HISTORY, 0.0):
            assert most <= 1

    asyncio.run(run())


def test_who_waits_too_long_is_told_and_is_not_in_the_way() -> None:
    async def run() -> None:
        lock = LaneLock()
        async with lock.held(Lane.EXIT, 1):
            with pytest.raises(TimeoutError):
                async with lock.held(Lane.EXIT, 0.0):
                    raise AssertionError("held twice")
        async with lock.held(Lane.EXIT, 0.0):
            pass

    asyncio.run(run())
