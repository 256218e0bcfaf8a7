"""An event loop whose time is virtual: when nobody has anything to do, time goes to the next timer at once.

`asyncio.sleep`, `timeout` and `wait_for` just work, an hour takes milliseconds, and two runs of the same program are the
same. With a world (a simulated venue) its happenings between two timers come at their own times. While a thread works
for the loop (`asyncio.to_thread`), time stands still. A program in which everybody waits for nothing ends with `Stuck`.

A quiet hour is thousands of heartbeats and looks at the time. Where nobody looks, `VirtualLoop.quiet` lets the loop be a
slow computer: timers come some seconds late, and all that came meanwhile comes at once.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from mooring.runtime.venues.simulator.transport import VirtualVenue

NANO = 1_000_000_000
START = 1_706_659_200 * NANO  # 2024-01-31 00:00 UTC, where a simulation begins too


class Stuck(RuntimeError):  # noqa: N818 -- says what is the matter
    """Nothing is ready, nothing is scheduled, and the main task has not ended."""


class World(Protocol):
    """What happens by itself while time passes."""

    def now(self) -> int:
        """UTC ns."""
        ...

    def run(self, until: int) -> None:
        """Go on to a moment (ns) that is not before now, or stop earlier at a happening that wakes somebody."""
        ...

    def leap(self, until: int) -> None:
        """Go on to a moment (ns) in one go, whoever is to be woken on the way."""
        ...


class Empty:
    """A world in which nothing happens."""

    def __init__(self, start: int = START) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def run(self, until: int) -> None:
        self._now = max(self._now, until)

    leap = run


class LookAlike:
    """A simulated venue as a world: where anybody is connected, it happens in steps of at most a second.

    Heartbeats come when they are due then.
    """

    STEP = NANO

    def __init__(self, virtual: VirtualVenue) -> None:
        self._virtual = virtual

    def now(self) -> int:
        return self._virtual.simulation.venue.now

    def run(self, until: int) -> None:
        venue, now = self._virtual.simulation.venue, self.now()
        frames = [socket._session.next_due for socket in self._virtual._sockets if not socket.closed]
        comes = [venue.market.next_at, venue.exchange.next_timer(), venue._next_later(), *frames]
        steps = [now + self.STEP] if frames else []
        self._virtual.run(min([until, *steps, *(max(at, now + 1) for at in comes if at)]))

    def leap(self, until: int) -> None:
        self._virtual.run(until)


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `limit` bounds the virtual seconds that it may live, so that a program that polls for ever ends.

    `quiet` says by how many seconds timers may come late now.
    """

    quiet: Callable[[], float] = float

    def __init__(self, world: World, *, limit: float = 400 * 86_400) -> None:
        self.world = world
        self._begun = world.now()
        self._limit = limit
        self._working = 0
        super().__init__(_Selector(self))
        self._clock_resolution = 2e-6  # of a float that counts seconds, with room

    def time(self) -> float:
        return (self.world.now() - self._begun) / NANO

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._working += 1
        future.add_done_callback(self._worked)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        self._working += 1
        await super().shutdown_default_executor(*args)
        self._working -= 1

    def _worked(self, _future: object) -> None:
        self._working -= 1

    def pass_time(self, seconds: float | None) -> None:
        """Let time go on until somebody has something to do, at the latest in so many seconds."""
        if seconds is None:
            raise Stuck(f"everybody waits, and nothing is scheduled: {self._who_waits()}")
        if self.time() > self._limit:
            raise Stuck(f"not done after {self._limit} virtual seconds: {self._who_waits()}")
        if (late := self.quiet()) > seconds:
            self.world.leap(self.world.now() + round(late * NANO))
            return
        until = self.world.now() + math.ceil(seconds * NANO)
        while not self._ready and self.world.now() < until:
            self.world.run(until)

    def _who_waits(self) -> str:
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        lines = []
        for task in tasks:
            stack = task.get_stack(limit=1)
            at = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "?"
            lines.append(f"{task.get_name()} in {task.get_coro().__qualname__} at {at}")
        return "; ".join(lines)


class _Selector(selectors.SelectSelector):
    """Looks at real sockets without waiting, and lets virtual time pass instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if self._loop._working:
            found = super().select(0)
            return found or (super().select(None) if not self._loop._ready else [])
        if timeout is None or timeout > 0:
            found = super().select(0)
            if not found:
                self._loop.pass_time(timeout)
            return found
        return super().select(timeout)


class LoopClock:
    """A Clock that shows the loop's time; `asleep` is what the wall clock ran on while the machine slept."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.asleep = 0.0

    def now(self) -> int:
        return self.now_ms() // 1000

    def now_ms(self) -> int:
        return self._loop.world.now() // 1_000_000 + round(self.asleep * 1000)

    def monotonic(self) -> float:
        return self._loop.time()

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        raise NotImplementedError("nobody may block the loop")

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        raise NotImplementedError("nobody may block the loop")


def live(main: Callable[[LoopClock], Coroutine[Any, Any, Any]], world: World | None = None, **options: Any) -> Any:
    """Run `main(clock)` to its end in virtual time; tasks that it leaves are cancelled.

    Raises:
        Stuck: everybody waits for nothing, or the virtual limit was reached.
    """
    loop = VirtualLoop(world or Empty(), **options)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(LoopClock(loop)))
