"""The trading methods of WebSocket v2, turned into the words of REST so that both have one set of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.digits import NANO, text
from mooring.runtime.venues.simulator.happenings import Happenings
from mooring.runtime.venues.simulator.records import Order, Refusal, Ticket
from mooring.runtime.venues.simulator.tickets import bad, read_time
from mooring.runtime.venues.simulator.times import rfc3339
from mooring.runtime.venues.simulator.venue import Venue

DEADLINE_LEAST: Final = NANO // 2
CANCELS_MAX: Final = 50
_RENAMED: Final = {
    "order_type": "ordertype",
    "side": "type",
    "order_qty": "volume",
    "time_in_force": "timeinforce",
    "reduce_only": "reduce_only",
    "deadline": "deadline",
    "cl_ord_id": "cl_ord_id",
    "order_userref": "userref",
    "validate": "validate",
    "display_qty": "displayvol",
}
_READ_APART: Final = frozenset(
    "symbol limit_price limit_price_type triggers post_only margin expire_time fee_preference stp_type token".split()
)
# Known to the venue, not to the look-alike; refused and never passed over.
_NOT_HERE: Final = frozenset("effective_time conditional cash_order_qty sender_sub_id no_mpp".split())
_EDITED: Final = frozenset("order_id symbol order_qty limit_price post_only deadline validate token".split())

Params = Mapping[str, Any]
Results = Iterator[dict[str, Any]]


class TradingMethods:
    """Results by method name; a method may give several, one reply each."""

    def __init__(self, venue: Venue, happenings: Happenings) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._late_fill = happenings.on_cancel
        self.methods: Mapping[str, Callable[[Account, Params], Results]] = {
            "add_order": self._add,
            "amend_order": self._amend,
            "edit_order": self._edit,
            "cancel_order": self._cancel,
            "cancel_all": self._cancel_all,
            "batch_add": self._batch_add,
            "batch_cancel": self._batch_cancel,
            "cancel_all_orders_after": self._arm,
        }

    def _add(self, account: Account, params: Params) -> Results:
        fields = self._fields(params)
        order = self._exchange.add(account, fields, self._venue.now, deadline_least=DEADLINE_LEAST)
        yield {} if isinstance(order, Ticket) else _named(order)

    def _batch_add(self, account: Account, params: Params) -> Results:
        orders = params.get("orders")
        if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
            raise bad("orders")
        shared = {name: params[name] for name in ("symbol", "deadline", "validate") if name in params}
        rows = [self._fields({**order, **shared}) for order in orders]
        placed = self._exchange.add_batch(account, rows, self._venue.now, deadline_least=DEADLINE_LEAST)
        results = []
        for row, one in zip(rows, placed, strict=False):
            if isinstance(one, Refusal):
                refused: dict[str, Any] = {"success": False, "error": one.text}
                results.append(({"cl_ord_id": row["cl_ord_id"]} if row.get("cl_ord_id") else {}) | refused)
            else:
                results.append(_named(one))
        yield {"": results}

    def _amend(self, account: Account, params: Params) -> Results:
        if bool(params.get("order_id")) == bool(params.get("cl_ord_id")):
            raise Refusal("EGeneral:Invalid arguments")
        name = "order_id" if params.get("order_id") else "cl_ord_id"
        order = self._find(account, str(params[name]))
        if params.get("limit_price_type", "static") != "static":
            raise bad("limit_price_type")
        fields = {key: said(params[key]) for key in ("order_qty", "limit_price", "trigger_price") if key in params}
        fields["post_only"] = said(params.get("post_only", False))
        amend, _ = self._exchange.amend(account, order, fields, self._venue.now)
        yield {"amend_id": amend.id, name: params[name]}

    def _edit(self, account: Account, params: Params) -> Results:
        if params.keys() - _EDITED:
            raise _unsupported(min(params.keys() - _EDITED), "edit order")
        order = self._find(account, str(params.get("order_id", "")))
        if self._pair_id(params) != order.pair.id:
            raise bad("symbol")
        fields = {"volume": said(params["order_qty"])} if "order_qty" in params else {}
        if "limit_price" in params:
            fields["price2" if order.ticket.trigger else "price"] = said(params["limit_price"])
        now = self._venue.now
        new = self._exchange.edit(account, order, fields, now, deadline_least=DEADLINE_LEAST)
        yield {"order_id": new.id, "original_order_id": order.id}

    def _cancel(self, account: Account, params: Params) -> Results:
        names = ("order_id", "cl_ord_id", "order_userref")
        wanted = [(name, one) for name in names for one in _listed(params.get(name))]
        if not wanted:
            raise Refusal("EGeneral:Invalid arguments")
        for name, one in wanted:
            found = self._exchange.find(account, str(one))
            if not found:
                try:
                    self._exchange.cancel(account, str(one), self._venue.now)
                except Refusal as refusal:
                    yield {"error": refusal.text}
            for order in found:
                yield self._cancel_one(account, order, {name: one})

    def _cancel_one(self, account: Account, order: Order, named: dict[str, Any]) -> dict[str, Any]:
        if not self._late_fill("ws:cancel_order", order):
            try:
                self._exchange.cancel(account, order.id, self._venue.now)
            except Refusal as refusal:
                return {"error": refusal.text}
        return {"order_id": order.id} | named

    def _cancel_all(self, account: Account, _params: Params) -> Results:
        orders = list(account.open.values())
        yield {"count": self._exchange.cancel_many(account, orders, self._venue.now)}

    def _batch_cancel(self, account: Account, params: Params) -> Results:
        listed = [*_listed(params.get("orders")), *_listed(params.get("cl_ord_id"))]
        if not 2 <= len(listed) <= CANCELS_MAX:  # noqa: PLR2004 -- the venue's least
            raise bad("orders")
        found = [order for one in listed for order in self._exchange.find(account, str(one))]
        late = [order for order in found if self._late_fill("ws:batch_cancel", order)]
        now = [order for order in found if order not in late]
        yield {"count": self._exchange.cancel_many(account, now, self._venue.now) + len(late)}

    def _arm(self, account: Account, params: Params) -> Results:
        seconds = params.get("timeout")
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            raise bad("timeout")
        fires = self._exchange.arm(account, seconds, self._venue.now)
        trigger = rfc3339(fires + self._venue.skew, 0) if fires else "0"
        yield {"currentTime": rfc3339(self._venue.shown, 0), "triggerTime": trigger}

    def _fields(self, params: Params) -> dict[str, str]:
        """add_order's parameters in the words of AddOrder."""
        for name in params:
            if name in _NOT_HERE:
                raise bad(name)
            if name not in _RENAMED and name not in _READ_APART:
                raise _unsupported(name, "add order")
        fields = {ours: said(params[theirs]) for theirs, ours in _RENAMED.items() if theirs in params}
        fields["pair"] = self._pair_id(params)
        prices = self._prices(params)
        flags = ["fcib" if params.get("fee_preference") == "base" else "fciq"]
        if params.get("post_only"):
            flags.append("post")
        if params.get("margin"):
            fields["leverage"] = "2"
        if "expire_time" in params:
            try:
                fields["expiretm"] = text(read_time(str(params["expire_time"])), 9)
            except ValueError:
                raise bad("expire_time") from None
        return fields | prices | {"oflags": ",".join(flags)}

    @staticmethod
    def _prices(params: Params) -> dict[str, str]:
        triggers = params.get("triggers", {})
        if not isinstance(triggers, dict) or triggers.get("price_type", "static") != "static":
            raise bad("triggers")
        if params.get("limit_price_type", "static") != "static":
            raise bad("limit_price_type")
        prices = [said(triggers["price"])] if "price" in triggers else []
        if "limit_price" in params:
            prices.append(said(params["limit_price"]))
        shown = dict(zip(("price", "price2"), prices, strict=False))
        return shown | {"trigger": str(triggers.get("reference", "last"))}

    def _pair_id(self, params: Params) -> str:
        pair = self._venue.catalog.symbol(str(params.get("symbol", "")))
        if pair is None:
            raise Refusal(f"Currency pair not supported {params.get('symbol', '')}")
        return pair.id

    def _find(self, account: Account, reference: str) -> Order:
        found = self._exchange.find(account, reference)
        if not found:
            raise Refusal("EOrder:Unknown order" if account.order(reference) else "EOrder:Invalid order")
        return found[0]


def said(value: Any) -> str:
    """A JSON scalar as text; numbers without an exponent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        try:
            return format(value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize(), "f")
        except InvalidOperation:
            return "not a number"
    return str(value)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value[: CANCELS_MAX + 1] if isinstance(value, list) else [value]


def _named(order: Order) -> dict[str, Any]:
    named: dict[str, Any] = {"order_id": order.id}
    if order.ticket.cl_ord_id:
        named["cl_ord_id"] = order.ticket.cl_ord_id
    if order.ticket.userref is not None:
        named["order_userref"] = order.ticket.userref
    return named


def _unsupported(name: str, method: str) -> Refusal:
    return Refusal(f"Unsupported field: '{name[:50]}' for the given msg type: {method}")
