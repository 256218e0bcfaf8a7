"""Virtual time: what tests of execution stand on."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.transport import VirtualVenue
from tests.support.virtual_loop import START, LookAlike, Stuck, live


def test_sleeps_timeouts_and_order_are_those_of_real_time():
    async def main(clock):
        seen = []

        async def one(name, seconds):
            await asyncio.sleep(seconds)
            seen.append((name, clock.now_ms()))

        begun = clock.now_ms()
        async with asyncio.TaskGroup() as group:
            group.create_task(one("late", 86_400))
            group.create_task(one("soon", 0.5))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.sleep(100)
        return [(name, at - begun) for name, at in seen], clock.now_ms() - begun, begun

    assert live(main) == ([("soon", 500), ("late", 86_400_000)], 86_403_000, START // 10**6)


def test_time_stands_still_while_a_thread_works():
    async def main(clock):
        before = clock.now_ms()
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(time.sleep, 0.02)
        return clock.now_ms() - before

    assert live(main) == 0


def test_a_deadlock_is_said_and_names_who_waits():
    async def main(_clock):
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match="main"):
        live(main)


def test_a_program_that_polls_for_ever_ends():
    async def main(_clock):
        for _ in range(1000):
            await asyncio.sleep(1)

    with pytest.raises(Stuck, match="100"):
        live(main, limit=100)


def test_frames_of_the_look_alike_come_at_their_own_times():
    virtual = VirtualVenue(Simulation(["BTC-USD"]))

    async def main(clock):
        socket = virtual.connect("ws://127.0.0.1/v2")
        seen = []

        async def listen():
            while True:
                seen.append((clock.now_ms(), await socket.recv()))

        task = asyncio.create_task(listen())
        await socket.send('{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}')
        await asyncio.sleep(3600)
        task.cancel()
        await socket.close()
        return [at for at, text in seen if '"channel":"trade","type":"update"' in text.replace(" ", "")]

    times = live(main, LookAlike(virtual))
    assert len(times) > 3
    assert len(set(times)) == len(times)
    assert times[-1] < START // 10**6 + 3600_000
    assert virtual.simulation.venue.now == START + 3600 * 10**9


def test_a_quiet_loop_is_late_by_what_was_said_and_loses_nothing_that_came_meanwhile():
    virtual = VirtualVenue(Simulation(["BTC-USD"]))

    async def main(clock, seconds):
        socket = virtual.connect("ws://127.0.0.1/v2")
        trades, looks = [], []

        async def listen():
            while True:
                text = await socket.recv()
                if '"channel":"trade","type":"update"' in text.replace(" ", ""):
                    trades.append(text)

        async def look():
            while True:
                await asyncio.sleep(1)
                looks.append(clock.now_ms())

        tasks = [asyncio.create_task(listen()), asyncio.create_task(look())]
        await socket.send('{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}')
        asyncio.get_running_loop().quiet = lambda: seconds
        await asyncio.sleep(1800)
        asyncio.get_running_loop().quiet = float
        exact = clock.now_ms()
        await asyncio.sleep(60)
        for task in tasks:
            task.cancel()
        await socket.close()
        return trades, [at for at in looks if at < exact], [at for at in looks if at >= exact]

    trades, looks, after = live(lambda clock: main(clock, 8.0), LookAlike(virtual))
    assert max(b - a for a, b in pairwise(looks)) == 8000
    assert len(looks) < 300
    assert len(after) in (60, 61)
    virtual = VirtualVenue(Simulation(["BTC-USD"]))
    exact, every, _ = live(lambda clock: main(clock, 0.0), LookAlike(virtual))
    assert len(every) in (1799, 1800)
    assert len(trades) >= len(exact) > 3
    assert trades[: len(exact)] == exact
