"""Our orders as the executions channel tells them, put together from its sparse reports.

`pending_new` is full and `new` has no symbol, so what a report leaves out is taken from the order's earlier ones. What
is known only moves forward: a quantity filled never shrinks, and an order that has ended stays ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from mooring.runtime.venues.kraken.events import Executions, Fee, Report

ORDERS_MAX: Final = 20_000
FILLS_MAX: Final = 50_000
ENDED: Final = frozenset({"filled", "canceled", "expired"})
_RANK: Final = {"pending_new": 0, "new": 1, "partially_filled": 2, "filled": 3, "canceled": 3, "expired": 3}
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class OrderView:
    """An order as far as the channel has told it; empty text and None are what it has not."""

    order_id: str
    client_id: str | None
    symbol: str
    side: str
    order_type: str
    status: str
    quantity: Decimal | None
    limit_price: Decimal | None
    filled: Decimal
    cost: Decimal
    average: Decimal | None
    reason: str | None
    margin: bool
    timestamp: str

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, kw_only=True)
class Fill:
    """A fill of ours, told once. `exec_id` is the id of the trade in REST."""

    exec_id: str
    order_id: str
    client_id: str | None
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    cost: Decimal | None
    fees: tuple[Fee, ...]
    liquidity: str | None
    timestamp: str


@dataclass(frozen=True, kw_only=True)
class OrderChange:
    """What a report changed: the order as it is now, and the fill if it is one that was not told before."""

    order: OrderView
    exec_type: str
    fill: Fill | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a frame changed.

    Attributes:
        changes: in the order of the wire.
        missing: orders that were open and are not in a complete snapshot: look up how they ended, if they did.
    """

    changes: tuple[OrderChange, ...]
    missing: tuple[OrderView, ...]


class OrderCache:
    """All orders the channel has spoken of, the oldest ended ones forgotten first."""

    def __init__(self, *, orders_max: int = ORDERS_MAX, fills_max: int = FILLS_MAX) -> None:
        self._orders_max = orders_max
        self._fills_max = fills_max
        self._orders: OrderedDict[str, OrderView] = OrderedDict()
        self._fills: OrderedDict[str, None] = OrderedDict()

    def order(self, order_id: str) -> OrderView | None:
        """An order by Kraken's id."""
        return self._orders.get(order_id)

    def open_orders(self) -> tuple[OrderView, ...]:
        """Those that have not ended, as far as is known."""
        return tuple(order for order in self._orders.values() if not order.ended)

    def apply(self, frame: Executions, *, complete: bool = False) -> Changes:
        """Take over a frame; a complete one has every open order, so those it does not have are missing."""
        missing: tuple[OrderView, ...] = ()
        if complete:
            told = frozenset(report.order_id for report in frame.reports)
            missing = tuple(order for order in self.open_orders() if order.order_id not in told)
        changes = tuple(self._one(report) for report in frame.reports)
        self._forget(len(self._orders) - self._orders_max)
        return Changes(changes=changes, missing=missing)

    def _one(self, report: Report) -> OrderChange:
        known = self._orders.get(report.order_id)
        order = _merged(known, report) if known is not None else _first(report)
        self._orders[order.order_id] = order
        self._orders.move_to_end(order.order_id)
        return OrderChange(order=order, exec_type=report.exec_type, fill=self._fill(order, report))

    def _fill(self, order: OrderView, report: Report) -> Fill | None:
        if report.exec_id is None or not report.last_quantity or report.last_price is None:
            return None
        if report.exec_id in self._fills:
            return None
        self._fills[report.exec_id] = None
        while len(self._fills) > self._fills_max:
            self._fills.popitem(last=False)
        return Fill(
            exec_id=report.exec_id,
            order_id=order.order_id,
            client_id=order.client_id,
            symbol=order.symbol,
            side=order.side,
            quantity=report.last_quantity,
            price=report.last_price,
            cost=report.cost,
            fees=report.fees,
            liquidity=report.liquidity,
            timestamp=report.timestamp,
        )

    def _forget(self, count: int) -> None:
        if count > 0:
            ended = [name for name, order in self._orders.items() if order.ended]
            for name in ended[:count]:
                del self._orders[name]


def _first(report: Report) -> OrderView:
    return OrderView(
        order_id=report.order_id,
        client_id=report.client_id,
        symbol=report.symbol or "",
        side=report.side or "",
        order_type=report.order_type or "",
        status=report.order_status,
        quantity=report.order_quantity,
        limit_price=report.limit_price,
        filled=_largest((report.cumulative_quantity, report.last_quantity)),
        cost=_largest((report.cumulative_cost, report.cost)),
        average=report.average_price,
        reason=report.reason,
        margin=report.margin,
        timestamp=report.timestamp,
    )


def _merged(known: OrderView, report: Report) -> OrderView:
    """What is known with what is new; later frames of an ended order can only add to what it filled."""
    fresh = _RANK.get(report.order_status, 0) >= _RANK.get(known.status, 0) and not known.ended
    status = report.order_status if fresh else known.status
    return replace(
        known,
        client_id=known.client_id or report.client_id,
        symbol=known.symbol or report.symbol or "",
        side=known.side or report.side or "",
        order_type=known.order_type or report.order_type or "",
        status=status,
        # An amendment changes these two, so the newest counts.
        quantity=report.order_quantity if report.order_quantity is not None else known.quantity,
        limit_price=report.limit_price if report.limit_price is not None else known.limit_price,
        filled=_largest((known.filled, report.cumulative_quantity)),
        cost=_largest((known.cost, report.cumulative_cost)),
        average=report.average_price if report.average_price is not None else known.average,
        reason=report.reason or known.reason,
        margin=known.margin or report.margin,
        timestamp=max(known.timestamp, report.timestamp),
    )


def _largest(values: Iterable[Decimal | None]) -> Decimal:
    return max((value for value in values if value is not None), default=_ZERO)
