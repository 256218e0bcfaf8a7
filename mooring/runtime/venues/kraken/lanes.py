"""One at a time, the most important first: private calls must reach Kraken in the order of their nonces."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mooring.runtime.venues.kraken.limits import Lane

WAITING_MAX: Final = 1_000


class LaneLock:
    """A lock that hands itself to the waiter in the highest lane, and within a lane to who came first."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: list[tuple[Lane, int, asyncio.Future[None]]] = []
        self._count = 0

    @asynccontextmanager
    async def held(self, lane: Lane, seconds: float) -> AsyncIterator[None]:
        """Hold it.

        Raises:
            TimeoutError: it was not free in time, or too many wait already; it is not held then.
        """
        await self._take(lane, seconds)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, lane: Lane, seconds: float) -> None:
        if not self._taken:
            self._taken = True
            return
        if len(self._waiting) >= WAITING_MAX:
            raise TimeoutError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiting, (lane, self._count, turn))
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._pass_on()  # it became ours at the very moment we gave up
            else:
                self._waiting = [each for each in self._waiting if each[2] is not turn]
                heapq.heapify(self._waiting)
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False
