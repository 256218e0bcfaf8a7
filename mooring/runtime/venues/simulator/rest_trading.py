"""REST's private methods that change something: orders, their changes and cancels, the dead man's switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.exchange import REST_DEADLINE_LEAST
from mooring.runtime.venues.simulator.records import Order, Refusal, Ticket
from mooring.runtime.venues.simulator.rest_account import Call, Handler
from mooring.runtime.venues.simulator.tickets import bad, describe
from mooring.runtime.venues.simulator.times import rfc3339
from mooring.runtime.venues.simulator.venue import Venue

CANCELS_MAX: Final = 50
LateFill = Callable[[str, Order], bool]


class TradingApi:
    """Answers by method name.

    Args:
        late_fill: told of each cancel; True where the order shall fill after all, and so isn't cancelled yet.
    """

    def __init__(self, venue: Venue, late_fill: LateFill) -> None:
        self._venue = venue
        self._late_fill = late_fill
        self.methods: Mapping[str, Handler] = {
            "AddOrder": self._add,
            "AddOrderBatch": self._add_batch,
            "AmendOrder": self._amend,
            "EditOrder": self._edit,
            "CancelOrder": self._cancel,
            "CancelOrderBatch": self._cancel_batch,
            "CancelAll": self._cancel_all,
            "CancelAllOrdersAfter": self._arm,
        }

    def _add(self, call: Call) -> Any:
        venue = self._venue
        order = venue.exchange.add(call.account, call.fields, venue.now)
        if isinstance(order, Ticket):
            return {"descr": {"order": describe(order)}}
        return {"descr": {"order": describe(order.ticket)}, "txid": [order.id]}

    def _add_batch(self, call: Call) -> Any:
        orders = call.raw.get("orders")
        if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
            raise bad("orders")
        shared = {name: call.fields[name] for name in ("pair", "deadline", "validate") if name in call.fields}
        rows = [as_texts(order) | shared for order in orders]
        venue = self._venue
        placed = venue.exchange.add_batch(call.account, rows, venue.now, deadline_least=REST_DEADLINE_LEAST)
        return {"orders": [{"error": one.text} if isinstance(one, Refusal) else _added(one) for one in placed]}

    def _amend(self, call: Call) -> Any:
        order = self._one(call, "txid")
        amend, _ = self._venue.exchange.amend(call.account, order, call.fields, self._venue.now)
        return {"amend_id": amend.id}

    def _edit(self, call: Call) -> Any:
        order = self._one(call, "txid")
        names = ("volume", "price", "price2", "oflags", "deadline", "validate", "userref")
        fields = {name: call.fields[name] for name in names if name in call.fields}
        if order.ticket.cl_ord_id:
            raise bad("cl_ord_id")
        venue = self._venue
        new = venue.exchange.edit(call.account, order, fields, venue.now, deadline_least=REST_DEADLINE_LEAST)
        ticket: Ticket = new.ticket
        return {
            "status": "ok",
            "txid": new.id,
            "originaltxid": order.id,
            "volume": ticket.pair.volume(ticket.lots),
            "price": ticket.pair.price(ticket.trigger or ticket.limit),
            "price2": ticket.pair.price(ticket.limit) if ticket.trigger and ticket.limit else "0",
            "orders_cancelled": 1,
            "descr": {"order": describe(ticket)},
        }

    def _cancel(self, call: Call) -> Any:
        reference = call.fields.get("txid") or call.fields.get("cl_ord_id") or ""
        return {"count": self._cancel_each(call, [reference])}

    def _cancel_batch(self, call: Call) -> Any:
        listed = [*_texts(call.raw.get("orders")), *_texts(call.raw.get("cl_ord_ids"))]
        if not 1 <= len(listed) <= CANCELS_MAX:
            raise bad("orders")
        found = [order for one in listed for order in self._venue.exchange.find(call.account, one)]
        late = [order for order in found if self._late_fill("rest:CancelOrderBatch", order)]
        now = [order for order in found if order not in late]
        return {"count": self._venue.exchange.cancel_many(call.account, now, self._venue.now) + len(late)}

    def _cancel_each(self, call: Call, references: list[str]) -> int:
        exchange, count = self._venue.exchange, 0
        for reference in references:
            orders = exchange.find(call.account, reference)
            if not orders:
                exchange.cancel(call.account, reference, self._venue.now)
            for order in orders:
                if not self._late_fill("rest:CancelOrder", order):
                    exchange.cancel(call.account, order.id, self._venue.now)
                count += 1
        return count

    def _cancel_all(self, call: Call) -> Any:
        orders = list(call.account.open.values())
        return {"count": self._venue.exchange.cancel_many(call.account, orders, self._venue.now)}

    def _arm(self, call: Call) -> Any:
        said = call.fields.get("timeout", "")
        if not (said.isascii() and said.isdigit()) or len(said) > 9:  # noqa: PLR2004
            raise bad("timeout")
        return armed(self._venue, call, int(said))

    def _one(self, call: Call, name: str) -> Order:
        reference = call.fields.get(name) or call.fields.get("cl_ord_id") or ""
        found = self._venue.exchange.find(call.account, reference)
        if not found:
            raise Refusal("EOrder:Unknown order" if call.account.order(reference) else "EOrder:Invalid order")
        return found[0]


def armed(venue: Venue, call: Call, seconds: int) -> dict[str, str]:
    """Arm or disarm, and the answer to it."""
    fires = venue.exchange.arm(call.account, seconds, venue.now)
    trigger = rfc3339(fires + venue.skew, 0) if fires else "0"
    return {"currentTime": rfc3339(venue.shown // NANO * NANO, 0), "triggerTime": trigger}


def as_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """JSON's scalars as the text that a form would hold; a nested object's as `name[field]`.

    Raises:
        Refusal: something that has no place among parameters.
    """
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, dict):
            found |= {f"{name}[{inner}]": text for inner, text in as_texts(value).items()}
        elif isinstance(value, list):
            found[name] = ",".join(_texts(value))
        elif value is not None:
            found[name] = str(value)
    return found


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str | int) for one in value):
        raise bad("orders")
    return [str(one) for one in value]


def _added(order: Order) -> dict[str, Any]:
    return {"txid": order.id, "descr": {"order": describe(order.ticket)}}
