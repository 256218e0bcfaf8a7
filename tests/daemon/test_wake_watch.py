"""A sleep of the machine is noticed by its clocks, and whatever was connected before is connected anew."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mooring.daemon.wake_watch import LOOK_SECONDS, WakeWatch
from mooring.runtime.market.clock import ManualClock


def renewals(steps: Sequence[tuple[float, int]], *, failing: bool = False) -> int:
    """How often it had connections renewed while time passed by (seconds that passed, further seconds asleep)."""
    clock, count = ManualClock(1_000_000), 0
    left = iter(steps)

    async def renew() -> None:
        nonlocal count
        count += 1
        if failing:
            raise OSError("no network yet")

    async def sleep(seconds: float) -> None:
        assert seconds == LOOK_SECONDS
        step = next(left, None)
        if step is None:
            raise asyncio.CancelledError
        passed, asleep = step
        clock.advance(passed)
        clock.set(clock.now() + asleep)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(WakeWatch(clock, renew, sleep=sleep).run())
    return count


@pytest.mark.parametrize(
    ("steps", "times"),
    [
        ([(1, 0)] * 100, 0),
        ([(1, 0), (1, 5), (1, 0)], 0),
        ([(1, 0), (1, 6), (1, 0)], 1),
        ([(1, 3600), (1, 0), (1, 3600)], 2),
        ([(1, -60)], 1),
        ([(9, 0)], 0),
        ([(11, 0), (1, 0)], 1),
    ],
    ids=["awake", "five seconds", "more than five", "twice", "set back", "slow", "stood still"],
)
def test_a_jump_of_more_than_five_seconds_is_a_sleep_and_a_slow_machine_is_none(steps, times) -> None:
    assert renewals(steps) == times


def test_a_network_that_is_not_back_yet_does_not_end_the_watch() -> None:
    assert renewals([(1, 60), (1, 0), (1, 60)], failing=True) == 2
