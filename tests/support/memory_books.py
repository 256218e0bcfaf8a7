"""Books in memory, with what must hold asserted inside: no order leaves twice, no fill counts twice, nothing goes back."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from mooring.runtime.domain.orders import ENDED, RANK, Order, Side, Status, Update
from mooring.runtime.execution.ports import BooksNow, Known, Movement, Reconciled

E8 = Decimal("1e-8")


@dataclass
class Line:
    order: Order
    status: Status = Status.INTENT
    filled: int = 0
    trade_ids: list[str] = field(default_factory=list)
    order_id: str = ""
    reason: str = ""
    history: list[Status] = field(default_factory=list)


class MemoryBooks:
    """Cash in 10^-8 quote, positions in lots of 10^-8; `intend` is what the engine does before it submits."""

    def __init__(self, *, quote: str = "USD", cash: str = "1000", bases: Sequence[str] = ("BTC", "SOL")) -> None:
        self.quote = quote
        self.cash = int(Decimal(cash) / E8)
        self.positions = dict.fromkeys(bases, 0)
        self.outside: dict[str, Decimal] = {}
        self.opened = False
        self.since_ms = 0
        self.lines: dict[str, Line] = {}
        self.trades: set[str] = set()
        self.entry_ids: set[str] = set()
        self.movements: list[Movement] = []
        self.comparisons: list[Reconciled] = []
        self.alerts: list[tuple[str, str, str]] = []
        self.batches: list[tuple[str, ...]] = []  # of releases
        self.withhold: set[str] = set()
        self.failing = 0  # so many calls fail from now on
        self.passed_over = 0
        self.kill_pressed = False
        self._lock = threading.Lock()

    def intend(self, *orders: Order) -> tuple[Order, ...]:
        for order in orders:
            assert order.client_id not in self.lines, "one intent, one line"
            self.lines[order.client_id] = Line(order)
        return orders

    def release(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        with self._lock:
            self._may_fail()
            self.batches.append(tuple(order.client_id for order in orders))
            out = []
            for order in orders:
                line = self.lines[order.client_id]
                if line.status is Status.SUBMITTING and order.side is Side.SELL:  # before another try of it
                    if order.client_id in self.withhold:
                        line.status = Status.CANCELLED
                    else:
                        out.append(order)
                    continue
                assert line.status is Status.INTENT, f"{order.client_id} was released before, it is {line.status}"
                for name in order.after:
                    assert self.lines[name].status in ENDED, f"{name} has not ended"
                if order.client_id in self.withhold:
                    line.status = Status.WITHHELD
                    continue
                if order.side is Side.SELL:
                    held = self.positions[order.symbol.split("-")[0]]
                    order = replace(order, quantity=min(order.quantity, held))  # noqa: PLW2901
                    if not order.quantity:
                        line.status = Status.WITHHELD
                        continue
                line.order, line.status = order, Status.SUBMITTING
                out.append(order)
            return tuple(out)

    def killed(self) -> bool:
        return self.kill_pressed

    def take(self, updates: Sequence[Update]) -> None:
        with self._lock:
            self._may_fail()
            for update in updates:
                self._take(update)

    def _take(self, update: Update) -> None:
        line = self.lines[update.client_id]
        fresh = [fill for fill in update.fills if fill.trade_id not in line.trade_ids]
        forward = RANK[update.status] > RANK[line.status]
        if not forward and not fresh and not (update.order_id and not line.order_id):
            self.passed_over += 1
            return
        assert len(fresh) == len(update.fills), "a fill is told once"
        assert not self.trades & {fill.trade_id for fill in fresh}, "a fill belongs to one order"
        assert line.filled + sum(fill.quantity for fill in fresh) == update.filled, "the count is that of the fills"
        assert update.filled <= line.order.quantity, "no more is filled than was sent"
        assert [f.time_ms for f in update.fills] == sorted(f.time_ms for f in update.fills)
        assert not line.order_id or update.order_id in ("", line.order_id), "one intent, one order"
        assert update.status is not Status.FILLED or update.filled == line.order.quantity
        base = line.order.symbol.split("-")[0]
        way = 1 if line.order.side is Side.BUY else -1
        for fill in fresh:
            self.cash -= way * fill.notional + fill.fee
            self.positions[base] += way * fill.quantity
            assert self.cash >= 0, "no credit"
            assert self.positions[base] >= 0, "no short"
            self.trades.add(fill.trade_id)
            line.trade_ids.append(fill.trade_id)
        line.filled = update.filled
        line.order_id = line.order_id or update.order_id
        if forward:
            line.status, line.reason = update.status, update.reason
            line.history.append(update.status)

    def now(self) -> BooksNow:
        with self._lock:
            self._may_fail()
            return BooksNow(
                quote=self.quote,
                cash=self.cash * E8,
                positions={base: lots * E8 for base, lots in self.positions.items()},
                outside=dict(self.outside),
                opened=self.opened,
                entry_ids=frozenset(self.entry_ids),
                trade_ids=frozenset(self.trades),
                since_ms=self.since_ms,
                working=tuple(
                    Known(
                        order=line.order,
                        status=line.status,
                        filled=line.filled,
                        trade_ids=frozenset(line.trade_ids),
                        order_id=line.order_id,
                        since_ms=self.since_ms,
                    )
                    for line in self.lines.values()
                    if line.status not in ENDED
                ),
            )

    def reconciled(self, found: Reconciled) -> None:
        with self._lock:
            self._may_fail()
            self.comparisons.append(found)
            for movement in found.movements:
                after = self.outside.get(movement.asset, Decimal(0)) + movement.amount
                self.outside[movement.asset] = after
                self.movements.append(movement)
                if movement.entry is not None:
                    assert movement.entry.entry_id not in self.entry_ids, "a line of the ledger is booked once"
                    self.entry_ids.add(movement.entry.entry_id)
            assert all(amount >= 0 for amount in self.outside.values()), self.outside
            if not self.opened and found.equal:
                self.opened, self.since_ms = True, found.at_ms

    def alert(self, severity: str, code: str, text: str) -> None:
        with self._lock:
            self._may_fail()
            assert severity in ("info", "warning", "critical")
            assert text
            self.alerts.append((severity, code, text))

    def status(self, order: Order) -> Status:
        return self.lines[order.client_id].status

    def codes(self) -> list[str]:
        return [code for _, code, _ in self.alerts]

    def _may_fail(self) -> None:
        if self.failing:
            self.failing -= 1
            raise OSError("the disk is full")
