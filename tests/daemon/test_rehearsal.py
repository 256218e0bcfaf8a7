"""Execution, the venue and their options together at a look-alike over real sockets, many times as fast as real time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring.daemon.look_alike import look_alike_clock
from mooring.daemon.loop_thread import LoopThread
from mooring.daemon.venue import execution_options, kraken_venue_from
from mooring.home import Home
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.domain.orders import ENDED, Kind, Order, Side, Status
from mooring.runtime.execution.service import Execution
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.settings import load_settings
from tests.support.memory_books import MemoryBooks
from tests.support.served import Served, served

PATIENCE_SECONDS = 30
LOTS = 1_000_000
TRIES = 5


class Rehearsal:
    """Execution in a loop of its own, as the daemon runs it."""

    def __init__(self, it: Served, home: Home, loop: LoopThread) -> None:
        self.it = it
        self.loop = loop
        settings = load_settings(home.root, {}, overrides={"venue.tier": "pro", **it.overrides})
        found = look_alike_clock(it.urls["rest"], SystemClock())
        assert found is not None
        self.clock = found
        self._held = contextlib.ExitStack()
        key = ApiKey.of(it.key, it.secret)
        self.venue = self._held.enter_context(kraken_venue_from(settings, home, key, found))
        self.books = MemoryBooks(cash="5000")
        self.execution = Execution(self.venue, self.books, found, options=execution_options(settings, found))
        self.held = 0  # how often entries were found waiting, after the first comparison
        loop.call(self.venue.open(), seconds=PATIENCE_SECONDS)
        self._running = loop.submit(self.execution.run())

    def close(self) -> None:
        self._running.cancel()
        self.loop.call(self.venue.close(), seconds=PATIENCE_SECONDS)
        self._held.close()

    def drain(self) -> None:
        assert not self._running.done()
        assert self.loop.call(self.execution.drain(), seconds=PATIENCE_SECONDS)

    def until(self, test) -> None:
        ticking = threading.Event()
        for _ in range(PATIENCE_SECONDS * 50):
            if test():
                return
            ticking.wait(0.02)
        raise AssertionError((self.books.lines, self.books.comparisons, self.books.alerts, self.execution.state))

    def send(self, role: Role, side: Side, kind: Kind, **more) -> Order:
        name = derived_id(f"test-{role}", len(self.books.lines))
        order = Order(client_id=name, role=role, symbol="BTC-USD", side=side, kind=kind, quantity=LOTS, **more)
        self.execution.submit(self.books.intend(order))
        return order

    def buy(self) -> None:
        """Buy; once more, as a strategy would, where a busy machine took longer than the minute that Kraken allows.

        At 600 times that is a tenth of a second. That nothing came of such an entry is told, and true.
        """
        for _ in range(TRIES):
            bought = self.send(Role.ENTRY, Side.BUY, Kind.LIMIT, limit=self.last * 11 // 10)
            if self.ends(bought) is Status.FILLED:
                return
            line = self.books.lines[bought.client_id]
            assert line.filled == 0, line
            assert "deadline" in line.reason or line.reason in {"not_sent", "never_arrived"}, line
        raise AssertionError(self.books.lines)

    def ends(self, order: Order) -> Status:
        self.until(lambda: self.books.status(order) in ENDED)
        return self.books.status(order)

    @property
    def last(self) -> int:
        """The last price, in ticks."""
        venue = self.it.simulation.venue
        return venue.market.last(venue.catalog.pairs["XXBTZUSD"])


@contextlib.contextmanager
def rehearsing(root: Path, *faults: dict, speed: float) -> Iterator[Rehearsal]:
    home = Home(root=root / "home")
    home.prepare()
    loop = LoopThread("venue")
    loop.start()
    with served(*faults, speed=speed, balances={"USD": "100000", "BTC": "2"}, tier="pro") as it:
        made = Rehearsal(it, home, loop)
        try:
            yield made
            made.drain()
        finally:
            made.close()
    assert loop.stop()


@pytest.mark.parametrize("speed", [20, 60, 600])
def test_a_position_is_bought_protected_and_sold_and_nothing_is_taken_for_sleep(speed: int, tmp_path: Path) -> None:
    with rehearsing(tmp_path, speed=speed) as it:
        it.until(it.execution.ready.is_set)
        it.buy()
        stop = it.send(Role.STOP, Side.SELL, Kind.STOP_LOSS, trigger=it.last // 2)
        it.until(lambda: it.books.status(stop) is Status.OPEN)
        seen = []
        asyncio.run(watch(it, seen))
        assert [state for state in seen if state.held or not state.linked] == []
        sold = it.send(Role.EXIT, Side.SELL, Kind.MARKET, after=(stop.client_id,))
        assert it.ends(sold) is Status.FILLED
        assert it.books.status(stop) is Status.CANCELLED
        compared = len(it.books.comparisons)
        it.execution.reconcile()
        it.until(lambda: len(it.books.comparisons) > compared)
        assert it.books.comparisons[-1].equal, it.books.comparisons[-1].breaks
        assert {each.trigger for each in it.books.comparisons} <= {"start", "schedule", "moved", "person", "reconnect"}
        assert it.books.alerts == []


async def watch(it: Rehearsal, seen: list) -> None:
    for _ in range(100):
        seen.append(it.execution.state)
        await asyncio.sleep(0.02)
