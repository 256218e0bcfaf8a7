"""An outlet that keeps what it is handed, for tests that tell the engine what becomes of each order themselves."""

from __future__ import annotations

from typing import Any

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.instruments import notional
from mooring.runtime.domain.orders import Fill, Order, Status, Update
from mooring.runtime.engine.live_engine import LiveEngine
from tests.support import runs


class Plain:
    """An `Outlet`; `open` lets an order leave, `tell` says what became of it."""

    def __init__(self, engine: LiveEngine) -> None:
        self.engine = engine
        self.submitted: list[Order] = []
        self.cancels: list[Order] = []
        self.trades = 0
        engine.connect(self)

    def submit(self, orders: Any) -> None:
        self.submitted += orders

    def cancel(self, orders: Any) -> None:
        self.cancels += orders

    def open(self, order: Order) -> bool:
        """Let it leave and be accepted; whether the books let it go."""
        if not self.engine.books.release([order]):
            return False
        self.tell(order, Status.OPEN, order_id=f"O-{order.client_id[:8]}")
        return True

    def tell(self, order: Order, status: Status, **more: Any) -> None:
        more.setdefault("filled", 0)
        self.engine.books.take([Update(client_id=order.client_id, status=status, **more)])

    def fill(self, order: Order, quantity: int) -> Fill:
        """A fill at the order's price, without a fee."""
        self.trades += 1
        scales = self.engine._run.machine.decider.params.scales
        symbol = self.engine._cycle.desk._index[order.symbol]
        price = order.limit or order.trigger
        when = (self.engine._cycle.next_close_ts - 1800) * 1000 + self.trades
        value = int(notional(scales, symbol, price, quantity))
        return Fill(
            trade_id=f"T-{id(self)}-{self.trades}",
            quantity=quantity,
            price=price,
            notional=value,
            fee=0,
            maker=False,
            time_ms=when,
        )

    def filled(self, order: Order, quantity: int | None = None) -> None:
        """It fills, whole or so many lots of it, and ends."""
        done = order.quantity if quantity is None else quantity
        self.tell(order, Status.PARTIAL, filled=done, fills=(self.fill(order, done),))
        self.tell(order, Status.FILLED if done == order.quantity else Status.EXPIRED, filled=done)

    def last(self, role: Role) -> Order:
        """The order of a role that was handed over last."""
        return next(order for order in reversed(self.submitted) if order.role is role)


def until_entry(engine: LiveEngine, outlet: Plain) -> Order:
    """Do hours until one asks for an entry."""
    for _ in range(60):
        before = len(outlet.submitted)
        runs.ahead(engine, 1)
        for order in outlet.submitted[before:]:
            if order.role is Role.ENTRY:
                return order
    raise AssertionError("no hour wanted an entry")
