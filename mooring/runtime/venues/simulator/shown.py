"""Orders, fills and ledger lines as REST shows them."""

from __future__ import annotations

from typing import Any

from mooring.runtime.venues.simulator.catalog import Catalog
from mooring.runtime.venues.simulator.digits import NANO, text
from mooring.runtime.venues.simulator.records import Entry, Fill, Order, Status
from mooring.runtime.venues.simulator.tickets import describe
from mooring.runtime.venues.simulator.times import unix


def show_order(order: Order, *, trades: bool) -> dict[str, Any]:
    """An order object of OpenOrders, ClosedOrders and QueryOrders."""
    ticket, pair = order.ticket, order.pair
    first = ticket.trigger or ticket.limit
    second = ticket.limit if ticket.trigger else 0
    shown: dict[str, Any] = {"refid": None, "userref": ticket.userref}
    if ticket.cl_ord_id:
        shown["cl_ord_id"] = ticket.cl_ord_id
    shown["status"] = order.status.value
    if not order.live:
        shown["reason"] = order.reason
    shown["opentm"] = unix(order.opened)
    if not order.live:
        shown["closetm"] = unix(order.closed)
    zero = text(0, pair.cost_decimals)
    shown |= {
        "starttm": 0,
        "expiretm": ticket.expires // NANO,
        "descr": {
            "pair": pair.altname,
            "aclass": "forex",
            "type": ticket.side,
            "ordertype": ticket.ordertype,
            "price": pair.price(first) if first else "0",
            "price2": pair.price(second) if second else "0",
            "leverage": "none",
            "order": describe(ticket),
            "close": "",
        },
        "vol": pair.volume(ticket.lots),
        "vol_exec": pair.volume(order.filled),
        "cost": pair.cost(order.cost),
        "fee": text(order.fee, order.fee_asset.decimals),
        "price": pair.price(order.average) if order.filled else zero,
        "stopprice": pair.price(ticket.trigger) if order.triggered else zero,
        "limitprice": pair.price(ticket.limit) if order.triggered and ticket.limit else zero,
        "misc": _misc(order),
        "oflags": _flags(order),
    }
    if ticket.trigger:
        shown["trigger"] = "last"
    if trades and order.trades:
        shown["trades"] = list(order.trades)
    return shown


def show_fill(fill: Fill, *, ledgers: bool) -> dict[str, Any]:
    """A trade object of TradesHistory and QueryTrades."""
    order, pair = fill.order, fill.order.pair
    shown: dict[str, Any] = {
        "ordertxid": order.id,
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": pair.id,
        "aclass": "forex",
        "time": unix(fill.at),
        "type": order.ticket.side,
        "ordertype": order.ticket.ordertype,
        "price": pair.price(fill.ticks),
        "cost": pair.cost(fill.cost),
        "fee": text(fill.fee, order.fee_asset.decimals),
        "vol": pair.volume(fill.lots),
        "margin": text(0, pair.cost_decimals),
        "leverage": "0",
        "misc": "",
        "trade_id": fill.trade_id,
        "maker": fill.maker,
    }
    if ledgers:
        shown["ledgers"] = list(fill.ledgers)
    return shown


def show_entry(entry: Entry, catalog: Catalog) -> dict[str, Any]:
    """A line of Ledgers and QueryLedgers."""
    decimals = catalog.decimals(entry.asset)
    return {
        "refid": entry.refid,
        "time": unix(entry.at),
        "type": entry.type,
        "subtype": entry.subtype,
        "aclass": "currency",
        "asset": entry.asset,
        "amount": text(entry.amount, decimals),
        "fee": text(entry.fee, decimals),
        "balance": text(entry.balance, decimals),
    }


def _misc(order: Order) -> str:
    words = {
        "stopped": order.triggered and order.ticket.ordertype.startswith("stop"),
        "touched": order.triggered and order.ticket.ordertype.startswith("take"),
        "partial": order.status is Status.CANCELED and order.filled > 0,
        "amended": order.amended,
    }
    return ",".join(word for word, is_so in words.items() if is_so)


def _flags(order: Order) -> str:
    fee = "fcib" if order.ticket.fee_in_base else "fciq"
    return f"{fee},post" if order.ticket.post else fee
