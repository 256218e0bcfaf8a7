"""Threads for the runtime's blocking calls, in lanes, so that slow reads can never keep a kill waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal, TypeVar

from mooring.errors import Retry

T = TypeVar("T")
Lane = Literal["read", "change", "safety", "files", "doctor"]

_THREADS: Final[dict[Lane, int]] = {"read": 4, "change": 2, "safety": 2, "files": 2, "doctor": 1}


class Lanes:
    """The lanes; threads are made when first needed. Used on the event loop only.

    Args:
        pending: how many calls of one lane may run or wait; the safety lane takes more, as it is what stops things,
            and those of files and of the doctor far fewer: each file is a process that reads a whole history, and
            each visit of the doctor asks keychain, database and venue.
    """

    def __init__(self, *, pending: int) -> None:
        self._limits: dict[Lane, int] = {
            "read": pending,
            "change": pending,
            "safety": pending * 8,
            "files": max(1, pending // 16),
            "doctor": max(1, pending // 16),
        }
        self._pending: dict[Lane, int] = dict.fromkeys(_THREADS, 0)
        self._running: set[asyncio.Future[Any]] = set()
        self._pools = {
            lane: ThreadPoolExecutor(threads, thread_name_prefix=f"api-{lane}") for lane, threads in _THREADS.items()
        }

    def submit(self, lane: Lane, call: Callable[[], T]) -> asyncio.Future[T]:
        """Begin a call; it runs to its end, and `drain` waits for it, even if nobody else does any more.

        Raises:
            Retry: too many calls wait in this lane.
        """
        if self._pending[lane] >= self._limits[lane]:
            raise Retry(
                "busy",
                "The daemon has too many calls to answer at this moment.",
                money="Nothing was changed.",
                todo="Ask again in a moment.",
            )
        future = asyncio.get_running_loop().run_in_executor(self._pools[lane], call)
        self._pending[lane] += 1
        self._running.add(future)
        future.add_done_callback(lambda done: self._done(lane, done))
        # Whoever waits may be cancelled, as at the server's end: that must not make a call look ended that runs on.
        return asyncio.shield(future)

    async def drain(self, seconds: float) -> None:
        """Wait for the calls that run, so that nobody takes the runtime away under them."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

    def close(self) -> None:
        """Take no more calls; those that run go on to their end."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, lane: Lane, future: asyncio.Future[Any]) -> None:
        self._pending[lane] -= 1
        self._running.discard(future)
