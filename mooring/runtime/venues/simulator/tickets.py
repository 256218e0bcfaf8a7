"""What a client asks for, in the words of AddOrder, read into a `Ticket` or refused with the venue's text.

The WebSocket's words are turned into these before (`ws_orders`), so there is one set of rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from mooring.runtime.venues.simulator.catalog import Pair
from mooring.runtime.venues.simulator.digits import NANO, Inexact, units_of
from mooring.runtime.venues.simulator.records import LIMITED, TRIGGERED, Order, Refusal, Ticket

ORDER_TYPES: Final = frozenset({"market", "limit", *TRIGGERED})
EXPIRES_LEAST: Final = 5 * NANO
EXPIRES_MOST: Final = 31 * 86_400 * NANO
DEADLINE_MOST: Final = 60 * NANO
VALUE_MAX: Final = 200  # characters of one parameter

_CLIENT_ID: Final = re.compile(
    r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9_-]{1,18})\Z"
)
_RELATIVE: Final = re.compile(r"(?P<sign>[+#-])(?P<size>[0-9.]+)(?P<percent>%?)\Z")
_USERREF_MAX: Final = 2**31
_KNOWN_FLAGS: Final = frozenset({"post", "fciq", "fcib", "nompp"})
# Known to the venue, not to the look-alike; asking for one is refused and never passed over.
_NOT_HERE: Final = ("displayvol", "close[ordertype]", "close[price]", "close[price2]", "rebase_multiplier")


def bad(field: str) -> Refusal:
    """The venue's words for a parameter that is wrong."""
    return Refusal(f"EGeneral:Invalid arguments:{field}")


def read_ticket(
    pair: Pair, fields: Mapping[str, str], *, now: int, arrived: int, last: int, deadline_least: int
) -> Ticket:
    """A ticket from AddOrder's parameters.

    fields: parameters as text. now: ns; arrived: when the venue's gateway had it, no later.
    last: the pair's last price in ticks, from which relative prices count.
    deadline_least: ns that a deadline must lie ahead of `arrived` at least.

    Raises:
        Refusal: with the venue's text for the first thing that is wrong.
    """
    if any(len(value) > VALUE_MAX for value in fields.values()):
        raise Refusal("EGeneral:Invalid arguments")
    _refuse_margin(fields)
    for name in _NOT_HERE:
        if fields.get(name):
            raise bad(name)
    ordertype, side = fields.get("ordertype", ""), fields.get("type", "")
    if ordertype not in ORDER_TYPES:
        raise bad("ordertype")
    if side not in ("buy", "sell"):
        raise bad("type")
    flags = _flags(fields.get("oflags", ""))
    lots = _lots(pair, fields.get("volume", ""))
    trigger, limit = _prices(pair, ordertype, side, fields, last)
    tif, expires = _time_in_force(fields, now)
    if "post" in flags and (ordertype != "limit" or tif in ("ioc", "fok")):
        raise bad("oflags")
    if ordertype == "market" and tif == "gtd":
        raise bad("timeinforce")
    if fields.get("trigger", "last") not in ("last", "index"):
        raise bad("trigger")
    cl_ord_id, userref = _references(fields)
    ticket = Ticket(
        pair=pair,
        side=side,
        ordertype=ordertype,
        lots=lots,
        limit=limit,
        trigger=trigger,
        tif=tif,
        post="post" in flags,
        fee_in_base="fcib" in flags,
        expires=expires,
        deadline=_deadline(fields.get("deadline", ""), arrived, deadline_least),
        cl_ord_id=cl_ord_id,
        userref=userref,
    )
    refuse_small(ticket, last)
    return ticket


def read_amend(order: Order, fields: Mapping[str, str], *, last: int) -> Ticket:
    """The order's terms with AmendOrder's changes; fewer lots than filled means that nothing shall remain.

    Raises:
        Refusal: nothing changes, or a change is wrong by itself.
    """
    pair, ticket = order.pair, order.ticket
    said = {name: fields.get(name, "") for name in ("limit_price", "trigger_price", "order_qty")}
    if not any(said.values()):
        raise Refusal("EGeneral:Invalid arguments")
    if (said["limit_price"] and not ticket.limit) or (said["trigger_price"] and not order.waits):
        raise Refusal("EGeneral:Invalid arguments")
    sign = 1 if order.buys else -1
    prices = {"limit": ticket.limit, "trigger": ticket.trigger}
    for name in prices:
        if said[f"{name}_price"]:
            prices[name] = read_price(pair, said[f"{name}_price"], base=last, sign=sign)
    lots = read_lots(pair, said["order_qty"], field="order_qty") if said["order_qty"] else ticket.lots
    changed = ticket._replace(lots=lots, limit=prices["limit"], trigger=prices["trigger"])
    if lots > order.filled:
        refuse_small(changed, last)
    return changed


def refuse_small(ticket: Ticket, last: int) -> None:
    """Refuse what is below the pair's minimums; last: ticks at which a market order is valued.

    Raises:
        Refusal: quantity or cost is too small.
    """
    pair = ticket.pair
    if ticket.lots < pair.order_min:
        raise Refusal("EOrder:Order minimum not met")
    least = units_of(pair.cost_min, pair.cost_scale)
    if (ticket.limit or ticket.trigger or last) * ticket.lots < least:
        raise Refusal("EOrder:Cost minimum not met")


def read_lots(pair: Pair, said: str, *, field: str = "volume") -> int:
    """A quantity in lots.

    Raises:
        Refusal: no number, or finer than a lot.
    """
    try:
        return units_of(said, pair.lot_decimals)
    except ValueError:
        raise bad(field) from None


def read_price(pair: Pair, said: str, *, base: int, sign: int) -> int:
    """A price in ticks, absolute or relative to `base` ticks; sign: the way that `#` goes, 1 or -1.

    Raises:
        Refusal: no price, not above zero, or finer than a tick.
    """
    relative = _RELATIVE.match(said)
    try:
        if relative is None:
            ticks = units_of(said, pair.pair_decimals)
        else:
            way = {"+": 1, "-": -1, "#": sign}[relative["sign"]]
            if relative["percent"]:
                offset = base * units_of(relative["size"], 6) // 100_000_000
            else:
                offset = units_of(relative["size"], pair.pair_decimals)
            ticks = base + way * offset
    except Inexact:
        where = f"{pair.altname} price can only be specified up to {pair.pair_decimals} decimals."
        raise Refusal(f"EOrder:Invalid price:{where}") from None
    except ValueError:
        raise bad("price") from None
    if ticks <= 0:
        raise Refusal("EOrder:Invalid price:Invalid price argument")
    return ticks


def read_time(said: str) -> int:
    """RFC 3339 as ns.

    Raises:
        ValueError: no time with a zone.
    """
    moment = datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * NANO + moment.microsecond * 1000


def _refuse_margin(fields: Mapping[str, str]) -> None:
    if fields.get("leverage", "none") not in ("none", "", "0", "1"):
        raise Refusal("EOrder:Trading agreement required")
    if fields.get("reduce_only", "false").lower() not in ("false", "0", ""):
        raise Refusal("EOrder:Reduce only:No position exists")


def _flags(said: str) -> frozenset[str]:
    flags = frozenset(filter(None, said.split(",")))
    if flags - _KNOWN_FLAGS or {"fciq", "fcib"} <= flags:
        raise bad("oflags")
    return flags


def _lots(pair: Pair, said: str) -> int:
    lots = read_lots(pair, said)
    if lots <= 0:
        raise bad("volume")
    return lots


def _prices(pair: Pair, ordertype: str, side: str, fields: Mapping[str, str], last: int) -> tuple[int, int]:
    """Trigger and limit in ticks."""
    price, price2 = fields.get("price", ""), fields.get("price2", "")
    rises = (side == "buy") == (ordertype.startswith("stop-loss"))
    if ordertype == "market":
        if price not in ("", "0"):
            raise bad("price")
        return 0, 0
    first = read_price(pair, price, base=last, sign=1 if rises else -1)
    if ordertype not in LIMITED or ordertype == "limit":
        if price2 not in ("", "0"):
            raise bad("price2")
        return (0, first) if ordertype == "limit" else (first, 0)
    return first, read_price(pair, price2, base=first, sign=1 if side == "buy" else -1)


def _time_in_force(fields: Mapping[str, str], now: int) -> tuple[str, int]:
    tif = fields.get("timeinforce", "GTC").lower()
    if tif not in ("gtc", "ioc", "gtd", "fok"):
        raise bad("timeinforce")
    if fields.get("starttm", "0") not in ("0", ""):
        raise bad("starttm")
    said = fields.get("expiretm", "0") or "0"
    if said == "0":
        if tif == "gtd":
            raise bad("expiretm")
        return tif, 0
    try:
        expires = units_of(said.removeprefix("+"), 9) + (now if said.startswith("+") else 0)
    except ValueError:
        raise bad("expiretm") from None
    if tif in ("ioc", "fok") or not EXPIRES_LEAST <= expires - now <= EXPIRES_MOST:
        raise bad("expiretm")
    return "gtd", expires


def _deadline(said: str, now: int, least: int) -> int:
    if not said:
        return 0
    try:
        deadline = read_time(said)
    except ValueError:
        raise bad("deadline") from None
    if not least <= deadline - now <= DEADLINE_MOST:
        raise bad("deadline")
    return deadline


def _references(fields: Mapping[str, str]) -> tuple[str, int | None]:
    cl_ord_id, said = fields.get("cl_ord_id", ""), fields.get("userref", "")
    if cl_ord_id and not _CLIENT_ID.match(cl_ord_id):
        raise bad("cl_ord_id")
    if not said:
        return cl_ord_id, None
    if cl_ord_id:
        raise bad("cl_ord_id and userref are mutually exclusive")
    try:
        userref = int(said)
    except ValueError:
        raise bad("userref") from None
    if not -_USERREF_MAX <= userref < _USERREF_MAX:
        raise bad("userref")
    return "", userref


def describe(ticket: Ticket) -> str:
    """The order in the venue's words: `buy 1.25000000 XBTUSD @ limit 30010.0`."""
    pair = ticket.pair
    kind = ticket.ordertype.removesuffix("-limit") if ticket.trigger else ticket.ordertype
    words = kind.replace("-", " ")
    if ticket.trigger:
        words += f" {pair.price(ticket.trigger)}" + (f" -> limit {pair.price(ticket.limit)}" if ticket.limit else "")
    elif ticket.limit:
        words += f" {pair.price(ticket.limit)}"
    return f"{ticket.side} {pair.volume(ticket.lots)} {pair.altname} @ {words}"


def as_fields(order: Order) -> dict[str, str]:
    """An order's remaining terms in the words of AddOrder."""
    ticket, pair = order.ticket, order.pair
    fields = {
        "pair": pair.id,
        "type": ticket.side,
        "ordertype": ticket.ordertype,
        "volume": pair.volume(order.remaining),
        "oflags": ",".join(filter(None, ["post" if ticket.post else "", "fcib" if ticket.fee_in_base else "fciq"])),
        "userref": "" if ticket.userref is None else str(ticket.userref),
    }
    prices = [pair.price(ticks) for ticks in (ticket.trigger, ticket.limit) if ticks]
    return fields | dict(zip(("price", "price2"), prices, strict=False))
