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
        self._only: OrderedDict[str, str | None] = OrderedDict()

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

    def doubt(self, client_id: str) -> None:
        """Nobody knows how many orders have this client id until it is settled, or ever."""
        self._remember(client_id, None)

    def settle(self, client_id: str, order_id: str) -> None:
        """Exactly one order has this client id: Kraken took it, and it was sent once."""
        self._remember(client_id, order_id)

    def settle_found(self, client_id: str, order_id: str) -> None:
        """The same, of an order that was looked for thoroughly and not sent by this process."""
        if client_id not in self._only:
            self._remember(client_id, order_id)

    def only(self, client_id: str) -> str | None:
        """The one order with this client id; None where there may be more."""
        return self._only.get(client_id)

    def _remember(self, client_id: str, order_id: str | None) -> None:
        self._only[client_id] = order_id
        while len(self._only) > self._orders_max:
            self._only.popitem(last=False)

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
