"""Orders as they are asked for, and what Kraken says to them.

There is no field for leverage, margin or reduce-only: what cannot be said cannot be sent. Fees are asked for in the
quote asset, each order has a client id that is a UUID, and a deadline after which the engine must not take it any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from mooring.errors import Invalid, MooringError
from mooring.runtime.venues.kraken.errors import Call, not_sent, refusal, unreadable
from mooring.runtime.venues.kraken.fields import Fields
from mooring.runtime.venues.kraken.names import Pair
from mooring.runtime.venues.kraken.numbers import price_text, quantity_text, ticks_of

DEADLINE_SECONDS: Final = 5
DEADLINE_MOST_MS: Final = 59_000  # Kraken takes 60 seconds; clocks differ
REST_DEADLINE_LEAST_MS: Final = 2_000
SOCKET_DEADLINE_LEAST_MS: Final = 500
BATCH_LEAST: Final = 2
BATCH_MOST: Final = 15
EXPIRES_LEAST_SECONDS: Final = 5
EXPIRES_MOST_SECONDS: Final = 30 * 86_400
DEAD_MAN_MOST_SECONDS: Final = 86_399
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Side(StrEnum):
    """What becomes of the base asset."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """The kinds that need no borrowed money."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS = "stop-loss"
    TAKE_PROFIT = "take-profit"
    STOP_LOSS_LIMIT = "stop-loss-limit"
    TAKE_PROFIT_LIMIT = "take-profit-limit"


class TimeInForce(StrEnum):
    """How long an order waits."""

    GTC = "GTC"
    IOC = "IOC"
    GTD = "GTD"


TRIGGERED: Final = frozenset(
    {OrderType.STOP_LOSS, OrderType.TAKE_PROFIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)
LIMITED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """An order to be placed.

    Args:
        pair: what is traded.
        side: buy or sell.
        order_type: kind.
        lots: quantity, 10^-lot_decimals of the base asset.
        client_id: UUID that the intent's hash gives; the same for the same intent.
        limit: worst price, in ticks; for kinds that have one.
        trigger: price that wakes a triggered order, in ticks.
        post_only: only to wait in the book; for plain limit orders.
        time_in_force: how long it waits.
        expires_at: unix seconds, for GTD.

    Raises:
        Invalid: the parts do not fit together, or a price is no multiple of the pair's step.
    """

    pair: Pair
    side: Side
    order_type: OrderType
    lots: int
    client_id: str
    limit: int | None = None
    trigger: int | None = None
    post_only: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: int | None = None

    def __post_init__(self) -> None:
        if self.lots <= 0:
            raise _bad("its quantity is not positive")
        check_client_id(self.client_id)
        if (self.limit is not None) != (self.order_type in LIMITED):
            raise _bad("a limit belongs to limit orders and to no others")
        if (self.trigger is not None) != (self.order_type in TRIGGERED):
            raise _bad("a trigger price belongs to triggered orders and to no others")
        if self.post_only and self.order_type is not OrderType.LIMIT:
            raise _bad("only a limit order can be post-only")
        if self.post_only and self.time_in_force is TimeInForce.IOC:
            raise _bad("what must be filled at once cannot be post-only")
        if (self.expires_at is not None) != (self.time_in_force is TimeInForce.GTD):
            raise _bad("an expiry belongs to GTD and to nothing else")
        for price in (self.limit, self.trigger):
            if price is not None:
                check_price(self.pair, price)


def check_client_id(text: str) -> str:
    """Kraken takes a UUID; other texts it takes are shorter than it says, so none is sent.

    Raises:
        Invalid: it is no UUID of 36 places.
    """
    try:
        plain = str(UUID(text)) == text
    except ValueError:
        plain = False
    if not plain:
        raise _bad("its client id is no UUID")
    return text


def check_price(pair: Pair, ticks: int) -> None:
    """Refuse a price that is not positive, or no multiple of the pair's step.

    Raises:
        Invalid: it is.
    """
    step = ticks_of(pair.tick_size, pair.pair_decimals)
    if ticks <= 0 or (step > 0 and ticks % step):
        raise _bad(f"a price is not positive or no multiple of the step {pair.tick_size:f}")


def _bad(why: str) -> Invalid:
    return Invalid(
        "kraken_bad_order", f"An order cannot be placed: {why}.", money="It was not sent.", todo="Correct the order."
    )


def form_fields(order: NewOrder, *, deadline: str, validate: bool = False) -> dict[str, str]:
    """An order as fields of `AddOrder`."""
    fields = {"pair": order.pair.altname, **_order_fields(order), "deadline": deadline}
    return fields | ({"validate": "true"} if validate else {})


def batch_fields(orders: tuple[NewOrder, ...], *, deadline: str, validate: bool = False) -> dict[str, Any]:
    """Orders of one pair as fields of `AddOrderBatch`.

    Raises:
        Invalid: fewer than 2, more than 15, or of more than one pair.
    """
    check_batch(orders)
    listed = [dict(_order_fields(order)) for order in orders]
    fields = {"pair": orders[0].pair.altname, "orders": listed, "deadline": deadline}
    return fields | ({"validate": True} if validate else {})


def check_batch(orders: tuple[NewOrder, ...]) -> None:
    """Refuse what is no batch.

    Raises:
        Invalid: fewer than 2, more than 15, of more than one pair, or a client id twice.
    """
    if not BATCH_LEAST <= len(orders) <= BATCH_MOST:
        raise _bad(f"a batch has {BATCH_LEAST} to {BATCH_MOST} orders")
    if len({order.pair.id for order in orders}) != 1 or len({order.client_id for order in orders}) != len(orders):
        raise _bad("a batch is of one pair, and each order has a client id of its own")


def _order_fields(order: NewOrder) -> dict[str, str]:
    places = order.pair.pair_decimals
    fields = {
        "ordertype": order.order_type.value,
        "type": order.side.value,
        "volume": quantity_text(order.lots, order.pair.lot_decimals),
        "cl_ord_id": order.client_id,
        "oflags": "fciq,post" if order.post_only else "fciq",
    }
    # A triggered order has its trigger in `price` and its limit in `price2`.
    prices = [price for price in (order.trigger, order.limit) if price is not None]
    fields |= {name: price_text(price, places) for name, price in zip(("price", "price2"), prices, strict=False)}
    if order.time_in_force is not TimeInForce.GTC:
        fields["timeinforce"] = order.time_in_force.value
    if order.expires_at is not None:
        fields["expiretm"] = str(order.expires_at)
    return fields


def rfc3339(ms: int) -> str:
    """Unix milliseconds as `2026-01-31T12:00:00.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def deadline_text(now_ms: int, until_ms: int | None, *, least_ms: int, call: Call) -> str:
    """The deadline of an order that leaves now.

    Args:
        now_ms: Kraken's time. until_ms: the last moment at which it may be taken; None for the usual one.
        least_ms: the nearest deadline that Kraken accepts.

    Raises:
        Retry: that moment is too near, so it was not sent.
    """
    until = now_ms + 1_000 * DEADLINE_SECONDS if until_ms is None else until_ms
    if until < now_ms + least_ms:
        raise not_sent(call, "its deadline was too near when its turn came")
    return rfc3339(min(until, now_ms + DEADLINE_MOST_MS))


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """A change of an open order in place; at least one of the three.

    Args:
        pair: of the order.
        client_id: of the order.
        lots: new quantity, in all; below what is filled cancels the rest.
        limit: new limit, in ticks; trigger likewise.
    """

    pair: Pair
    client_id: str
    lots: int | None = None
    limit: int | None = None
    trigger: int | None = None
    post_only: bool = False

    def __post_init__(self) -> None:
        check_client_id(self.client_id)
        if self.lots is None and self.limit is None and self.trigger is None:
            raise _bad("an amendment changes something")
        if self.lots is not None and self.lots <= 0:
            raise _bad("its quantity is not positive")
        for price in (self.limit, self.trigger):
            if price is not None:
                check_price(self.pair, price)

    def form_fields(self, *, deadline: str) -> dict[str, str]:
        """As fields of `AmendOrder`."""
        fields = {"cl_ord_id": self.client_id, "deadline": deadline}
        if self.lots is not None:
            fields["order_qty"] = quantity_text(self.lots, self.pair.lot_decimals)
        if self.limit is not None:
            fields["limit_price"] = price_text(self.limit, self.pair.pair_decimals)
        if self.trigger is not None:
            fields["trigger_price"] = price_text(self.trigger, self.pair.pair_decimals)
        return fields | ({"post_only": "true"} if self.post_only else {})


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Accepted, not filled. `txid` is empty where inputs were only checked."""

    txid: str
    description: str


@dataclass(frozen=True, kw_only=True)
class BatchPlaced:
    """For each order of a batch, in their order: accepted, or the error it was refused with."""

    orders: tuple[Placed | MooringError, ...]


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """How many orders a cancellation took; `pending` ones may still be filled before they are gone."""

    count: int
    pending: bool = field(default=False)


@dataclass(frozen=True, kw_only=True)
class DeadMan:
    """The dead man's switch: Kraken's time, and when it fires (both as Kraken writes them)."""

    current_time: str
    trigger_time: str


def read_placed(raw: Any, *, validated: bool) -> Placed:
    """The result of `AddOrder`."""
    each = Fields(raw, "AddOrder")
    txids = each.texts("txid", [])
    if len(txids) != (0 if validated else 1):
        raise unreadable("AddOrder", f"has {len(txids)} order ids")
    description = each.child("descr").text("order", "") if each.has("descr") else ""
    return Placed(txid="".join(txids), description=description)


def read_batch(raw: Any, *, count: int, validated: bool, call: Call, now: int) -> BatchPlaced:
    """The result of `AddOrderBatch`."""
    placed: list[Placed | MooringError] = []
    for each in Fields(raw, call.name).objects("orders"):
        if each.has("error"):
            placed.append(refusal([each.text("error")], call, now=now))
            continue
        description = each.child("descr").text("order", "") if each.has("descr") else ""
        placed.append(Placed(txid=each.text("txid", "" if validated else None), description=description))
    if len(placed) != count:
        raise unreadable(call.name, f"speaks of {len(placed)} orders instead of {count}")
    return BatchPlaced(orders=tuple(placed))


def read_amended(raw: Any) -> str:
    """The result of `AmendOrder`: the id of the amendment."""
    return Fields(raw, "AmendOrder").text("amend_id")


def read_cancelled(raw: Any) -> Cancelled:
    """The result of `CancelOrder` and `CancelAll`."""
    each = Fields(raw, "CancelOrder")
    return Cancelled(count=each.whole("count"), pending=each.flag("pending", default=False))


def read_dead_man(raw: Any) -> DeadMan:
    """The result of `CancelAllOrdersAfter`; a switch that is off may have no time, or 0."""
    each = Fields(raw, "CancelAllOrdersAfter")
    trigger = each.text_or_number("triggerTime") if each.has("triggerTime") else ""
    return DeadMan(current_time=each.text("currentTime"), trigger_time="" if trigger == "0" else trigger)
