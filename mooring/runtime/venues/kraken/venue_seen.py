"""What was seen of orders and fills: so that a fill is the same wherever it is told, and is asked for once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from mooring.runtime.domain.orders import Fill

ORDERS_MAX: Final = 20_000
FILLS_OF_ONE_MAX: Final = 5_000


class Seen:
    """Client ids and fills by Kraken's order id, the oldest orders forgotten first."""

    def __init__(self, *, orders_max: int = ORDERS_MAX) -> None:
        self._orders_max = orders_max
        self._clients: OrderedDict[str, str] = OrderedDict()
        self._fills: OrderedDict[str, dict[str, Fill]] = OrderedDict()

    def name(self, order_id: str, client_id: str | None) -> None:
        """An order has this client id; None where Kraken says that it has none."""
        self._clients[order_id] = client_id or ""
        self._clients.move_to_end(order_id)
        while len(self._clients) > self._orders_max:
            self._clients.popitem(last=False)

    def named(self, order_id: str) -> bool:
        """Whether it is known which client id an order has, if any."""
        return order_id in self._clients

    def client_id(self, order_id: str) -> str | None:
        """The client id of an order; None where it has none or none is known."""
        return self._clients.get(order_id) or None

    def add(self, order_id: str, fill: Fill) -> Fill:
        """Keep a fill; what was told of it first stays."""
        fills = self._fills.setdefault(order_id, {})
        self._fills.move_to_end(order_id)
        while len(self._fills) > self._orders_max:
            self._fills.popitem(last=False)
        if len(fills) >= FILLS_OF_ONE_MAX:
            return fills.get(fill.trade_id, fill)
        return fills.setdefault(fill.trade_id, fill)

    def fills(self, order_id: str) -> tuple[Fill, ...]:
        """Those of an order, oldest first."""
        return tuple(sorted(self._fills.get(order_id, {}).values(), key=lambda fill: (fill.time_ms, fill.trade_id)))
