"""Execution before the look-alike through the real adapter, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal

from mooring.errors import Retry
from mooring.runtime.domain.orders import ENDED
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.service import Execution
from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.transport import VirtualVenue
from mooring.runtime.venues.simulator.venue import Config
from tests.support.execution_rig import direct
from tests.support.kraken_venue import Stage
from tests.support.memory_books import MemoryBooks
from tests.support.virtual_loop import LookAlike, live


class Desk:
    """Books, and one process after the other that trades for them at one look-alike."""

    def __init__(self, virtual: VirtualVenue, clock, **options) -> None:
        self.virtual = virtual
        self.venue = virtual.simulation.venue
        self.clock = clock
        self.options = Options(**options)
        self.books = MemoryBooks(cash="9000000")
        self.stage: Stage | None = None
        self.execution: Execution | None = None

    @contextlib.asynccontextmanager
    async def process(self, *, ready: bool = True):
        """A process from its start to its death."""
        self.stage = Stage(self.virtual, self.clock)
        self.stage.venue.key.window = 10**15  # nonces begin anew with each process here
        while True:  # as a daemon would
            try:
                await self.stage.kraken.open()
                break
            except Retry as error:
                await asyncio.sleep(error.retry_after_seconds)
        self.execution = Execution(self.stage.kraken, self.books, self.clock, options=self.options, call=direct)
        task = asyncio.create_task(self.execution.run(), name="execution")
        try:
            if ready:
                await asyncio.wait_for(self.execution.ready.wait(), 2000)
            yield self
        finally:
            assert not task.done(), task.exception()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.stage.close()

    def send(self, *texts: str, first: int = 1, **more) -> list:
        orders = [self.stage.order(first + n, text, **more) for n, text in enumerate(texts)]
        self.execution.submit(self.books.intend(*orders))
        return orders

    def status(self, order) -> str:
        return self.books.status(order).value

    async def until(self, test, seconds: float = 1800) -> None:
        for _ in range(int(seconds * 4)):
            if test():
                return
            await asyncio.sleep(0.25)
        raise AssertionError({name[-4:]: (line.status, line.filled) for name, line in self.books.lines.items()})

    async def reaches(self, order, *statuses: str, seconds: float = 1800) -> None:
        await self.until(lambda: self.status(order) in statuses, seconds)

    async def compared(self) -> None:
        """One more comparison, asked for now."""
        before = len(self.books.comparisons)
        self.execution.reconcile()
        await self.until(lambda: len(self.books.comparisons) > before)

    def at_venue(self, order) -> list:
        """What the look-alike truly has under an order's client id."""
        return [one for one in self.venue.account.orders() if one.ticket.cl_ord_id == order.client_id]

    def check(self) -> None:
        """What must hold between books and look-alike whatever went wrong between them."""
        for line in self.books.lines.values():
            there = self.at_venue(line.order)
            assert len(there) <= 1, "sent twice"
            if line.status in ENDED:
                assert not any(one.live for one in there), f"{line.status} and still open"
                assert line.filled == sum(one.filled for one in there)
        assert self.books.comparisons[-1].equal, self.books.comparisons[-1].breaks

    def rounding(self) -> Decimal:
        return sum((m.amount for m in self.books.movements if m.kind == "rounding"), Decimal(0))


def trade(use, *faults: dict, options: dict | None = None, **config) -> Desk:
    """A desk after `use(desk)`."""
    config = {"balances": {"USD": "10000000", "BTC": "2"}, "tier": "pro"} | config
    simulation = Simulation(
        ["BTC-USD", "SOL-USD", "XRP-USD"],
        config=Config(**config),
        scenario=parse_scenario({"fault": list(faults)}, "test") if faults else None,
    )
    virtual = VirtualVenue(simulation)

    async def main(clock):
        desk = Desk(virtual, clock, **(options or {}))
        await use(desk)
        return desk

    return live(main, LookAlike(virtual))
