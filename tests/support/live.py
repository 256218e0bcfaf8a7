"""A live engine over bars, and an outlet that is a whole venue: it fills, refuses and forgets by the throw of a seed."""

from __future__ import annotations

from random import Random
from typing import Any

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.instruments import notional
from mooring.runtime.domain.money import PPM, mul_div_up
from mooring.runtime.domain.orders import Fill, Order, Status, Update
from mooring.runtime.engine.gates import PHRASE, Gates
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.engine.run import open_run
from mooring.runtime.execution.ports import Reconciled
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.market.feed import ReplayFeed
from tests.support import runs

FEE_PPM = 2500
OPEN_GATES = Gates(live=True, dry_run=False)


class Tossed:
    """An `Outlet`; nothing happens before `settle`. Resting orders are kept, and told of later."""

    def __init__(self, engine: LiveEngine, seed: int) -> None:
        self.engine = engine
        self.random = Random(seed)
        self.waiting: list[Order] = []
        self.cancels: list[Order] = []
        self.resting: dict[str, Order] = {}
        self.filled: dict[str, int] = {}
        self.sent: list[str] = []
        self.trades = 0
        engine.connect(self)

    def submit(self, orders: Any) -> None:
        self.waiting += orders

    def cancel(self, orders: Any) -> None:
        self.cancels += orders

    def settle(self) -> None:
        """Let everything happen that is due, until nothing more is asked for."""
        for _ in range(50):
            if not self.waiting and not self.cancels:
                return
            self._cancel()
            ready = [order for order in self.waiting if not set(order.after) & set(self.resting)]
            for order in [order for order in self.waiting if order not in ready]:
                self.cancels += [self.resting[name] for name in order.after if name in self.resting]
            self.waiting = [order for order in self.waiting if order not in ready]
            for order in self.engine.books.release(ready):
                assert order.client_id not in self.sent, "sent twice"
                self.sent.append(order.client_id)
                self._place(order)
        raise AssertionError("it never settles")

    def wander(self) -> None:
        """Some of what rests fills, in part or whole; some entries end."""
        for order in list(self.resting.values()):
            toss = self.random.random()
            if order.role is Role.ENTRY:
                self._fill(order) if toss < 0.5 else self._end(order, Status.EXPIRED)
            elif toss < 0.15:
                self._fill(order)
        self.settle()

    def _place(self, order: Order) -> None:
        toss = self.random.random()
        name = order.client_id
        if toss < 0.08:
            self._tell(name, Status.REJECTED, reason="EOrder:Insufficient funds")
            return
        if toss < 0.2:
            self._tell(name, Status.UNKNOWN)
            if toss < 0.12:
                self._tell(name, Status.CANCELLED, reason="never_arrived")
                return
        self.resting[name] = order
        self.filled[name] = 0
        self._tell(name, Status.OPEN, order_id=f"O-{len(self.sent)}")
        if order.role is Role.EXIT or (order.role is Role.ENTRY and toss < 0.7):
            self._fill(order, whole=order.role is Role.EXIT or toss < 0.5)

    def _fill(self, order: Order, *, whole: bool = False) -> None:
        left = order.quantity - self.filled[order.client_id]
        parts = self.random.randint(1, 3)
        done = left if whole or left == 1 else self.random.randint(1, left)
        sizes = [done // parts] * parts
        sizes[-1] += done - sum(sizes)
        fills = tuple(self._one(order, size) for size in sizes if size)
        self.filled[order.client_id] += done
        ended = self.filled[order.client_id] == order.quantity
        if ended:
            del self.resting[order.client_id]
        half = len(fills) // 2
        before = self.filled[order.client_id] - sum(fill.quantity for fill in fills[half:])
        if half:
            self._tell(order.client_id, Status.PARTIAL, fills=fills[:half], filled=before)
        status = Status.FILLED if ended else Status.PARTIAL
        self._tell(order.client_id, status, fills=fills[half:])
        if self.random.random() < 0.3:  # told again
            self._tell(order.client_id, Status.PARTIAL, fills=fills)

    def _one(self, order: Order, quantity: int) -> Fill:
        self.trades += 1
        scales = self.engine._run.machine.decider.params.scales
        symbol = self.engine._cycle.desk._index[order.symbol]
        last = int(self.engine._cycle.world.decision.features.last_close[symbol])
        price = order.limit or order.trigger or last
        value = int(notional(scales, symbol, price, quantity))
        fee = int(mul_div_up(value, FEE_PPM, PPM))
        when = self.engine._cycle.next_close_ts - 1800
        return Fill(
            trade_id=f"T-{self.trades}", quantity=quantity, price=price, notional=value, fee=fee,
            maker=self.random.random() < 0.5, time_ms=when * 1000 + self.trades,
        )  # fmt: skip

    def _cancel(self) -> None:
        cancels, self.cancels = self.cancels, []
        for order in cancels:
            if order.client_id in self.resting:
                if self.random.random() < 0.2:
                    self._fill(order)
                if order.client_id in self.resting:
                    self._end(order, Status.CANCELLED)

    def _end(self, order: Order, status: Status) -> None:
        del self.resting[order.client_id]
        self._tell(order.client_id, status, reason="User requested")

    def _tell(self, name: str, status: Status, **more: Any) -> None:
        more.setdefault("filled", self.filled.get(name, 0))
        self.engine.books.take([Update(client_id=name, status=status, **more)])


def live_engine(
    store: Any,
    bars: Any,
    *,
    told: Any = None,
    gates: Gates = OPEN_GATES,
    compared: bool = True,
    wanted: Any = None,
    kill_asked: Any = bool,
    **over: Any,
) -> LiveEngine:
    """As `runs.make_engine`, for a live run; the books are called equal to the venue's, and it is armed."""
    wall = ManualClock(runs.NOW)
    run = open_run(wanted or runs.plan(bars.present.shape[1], mode="live", **over), store, now=wall.now())
    engine = LiveEngine(
        gates=gates,
        run=run,
        store=store,
        feed=ReplayFeed(bars, runs.market_clock(bars)),
        clock=wall,
        listener=told or runs.Told(),
        flatten_on_kill=False,
        kill_asked=kill_asked,
    )
    if compared:
        engine.reconciled(Reconciled(trigger="start", at_ms=runs.NOW * 1000))
    return engine


def armed(store: Any, bars: Any, seed: int, **more: Any) -> tuple[LiveEngine, Tossed]:
    """A live engine with its venue, ready to send."""
    engine = live_engine(store, bars, **more)
    venue = Tossed(engine, seed)
    engine.arm(PHRASE)
    return engine, venue
