"""Execution between books in memory and a scripted venue, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.domain.orders import Kind, Order, Side
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.service import Execution
from tests.support.memory_books import MemoryBooks
from tests.support.scripted_venue import ScriptedVenue
from tests.support.virtual_loop import LoopClock, live


async def direct(func, /, *args):
    return func(*args)


def entry(n: int = 1, *, lots: int = 100_000_000, expires_at: int | None = None, symbol: str = "BTC-USD") -> Order:
    return Order(
        client_id=derived_id("test-entry", n), role=Role.ENTRY, symbol=symbol, side=Side.BUY, kind=Kind.LIMIT,
        quantity=lots, limit=100_00, expires_at=expires_at,
    )  # fmt: skip


def stop(n: int = 1, *, lots: int = 100_000_000, after: tuple[str, ...] = ()) -> Order:
    return Order(
        client_id=derived_id("test-stop", n), role=Role.STOP, symbol="BTC-USD", side=Side.SELL, kind=Kind.STOP_LOSS,
        quantity=lots, trigger=90_00, after=after,
    )  # fmt: skip


def sale(n: int = 1, *, lots: int = 100_000_000, after: tuple[str, ...] = ()) -> Order:
    return Order(
        client_id=derived_id("test-exit", n), role=Role.EXIT, symbol="BTC-USD", side=Side.SELL, kind=Kind.MARKET,
        quantity=lots, after=after,
    )  # fmt: skip


class Rig:
    def __init__(self, clock: LoopClock, books: MemoryBooks | None = None, venue=None, **options) -> None:
        self.clock = clock
        self.books = books or MemoryBooks()
        self.venue = venue or ScriptedVenue(clock)
        self.options = Options(**options)
        self.call = direct
        self.renew = None
        self.execution = self._new()

    def _new(self) -> Execution:
        return Execution(
            self.venue, self.books, self.clock, options=self.options, call=self.call, renew=self.renew
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def running(self, *, ready: bool = True):
        self.execution = self._new()
        task = asyncio.create_task(self.execution.run(), name="execution")
        try:
            if ready:
                async with asyncio.timeout(600):
                    await self.execution.ready.wait()
            yield self.execution
        finally:
            assert not task.done(), task.exception()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def send(self, *orders: Order) -> None:
        self.execution.submit(self.books.intend(*orders))

    def status(self, order: Order) -> str:
        return self.books.status(order).value

    async def until(self, test, seconds: float = 3600) -> None:
        """Wait for something to hold, looking every tenth of a virtual second."""
        for _ in range(int(seconds * 10)):
            if test():
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {seconds} virtual seconds: {self.books.lines}")

    async def reaches(self, order: Order, status: str, seconds: float = 3600) -> None:
        await self.until(lambda: self.status(order) == status, seconds)


async def bought(rig: Rig, buy: Order) -> None:
    rig.send(buy)
    await rig.reaches(buy, "OPEN")
    rig.venue.fill(buy, buy.quantity)
    await rig.reaches(buy, "FILLED")


def play(use, books: MemoryBooks | None = None, **options) -> Rig:
    async def main(clock: LoopClock) -> Rig:
        rig = Rig(clock, books, **options)
        await use(rig)
        return rig

    return live(main, limit=10 * 86_400)
