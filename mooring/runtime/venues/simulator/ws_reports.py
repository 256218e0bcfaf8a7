"""Frames of WebSocket v2: what executions, balances and the public channels say."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.candles import Candle, last_day
from mooring.runtime.venues.simulator.catalog import Asset, Catalog, Pair
from mooring.runtime.venues.simulator.digits import NANO, number
from mooring.runtime.venues.simulator.market import Market
from mooring.runtime.venues.simulator.matching import Print
from mooring.runtime.venues.simulator.records import Entry, Event, Fill, Order, Status
from mooring.runtime.venues.simulator.rest_public import vwap
from mooring.runtime.venues.simulator.times import rfc3339

Report = dict[str, Any]
_CENT_PERCENT = 10_000


def order_status(order: Order) -> str:
    """An order's state in this interface's words."""
    if order.status is Status.OPEN:
        return "partially_filled" if order.filled else "new"
    return {"pending": "pending_new", "closed": "filled"}.get(order.status.value, order.status.value)


def execution(event: Event, skew: int) -> Report:
    """The report of an event; sparse but for the first of an order, as the venue sends them."""
    order, at = event.order, rfc3339(event.at + skew)
    assert order is not None
    if event.fill is not None:
        return fill_report(event.fill, skew)
    if event.exec_type == "pending_new":
        return whole_report(order, "pending_new", skew) | {"order_status": "pending_new", "timestamp": at}
    report: Report = {"timestamp": at, "order_status": order_status(order), "exec_type": event.exec_type}
    if order.ticket.userref is not None:
        report["order_userref"] = order.ticket.userref
    report["order_id"] = order.id
    if event.exec_type in ("filled", "canceled", "expired"):
        report |= _sums(order)
    if event.exec_type in ("canceled", "expired"):
        report |= {"reason": order.reason, "cancel_reason": order.reason}
    if event.exec_type == "amended":
        report |= _terms(order) | {"amended": True}
    if event.exec_type == "status":
        report |= {"triggers": _triggers(order, "triggered")}
    return report


def whole_report(order: Order, exec_type: str, skew: int) -> Report:
    """All that is known of an order."""
    pair, ticket = order.pair, order.ticket
    report: Report = {"order_id": order.id}
    if ticket.cl_ord_id:
        report["cl_ord_id"] = ticket.cl_ord_id
    if ticket.userref is not None:
        report["order_userref"] = ticket.userref
    report |= {"symbol": pair.symbol, **_terms(order)}
    report |= {
        **_sums(order),
        "time_in_force": ticket.tif.upper(),
        "exec_type": exec_type,
        "side": ticket.side,
        "order_type": ticket.ordertype,
        "limit_price_type": "static",
        "stop_price": number(ticket.trigger, pair.pair_decimals),
        "order_status": order_status(order),
        "fee_ccy_pref": "fcib" if ticket.fee_in_base else "fciq",
        "post_only": ticket.post,
        "timestamp": rfc3339(order.opened + skew),
    }
    if ticket.trigger:
        report["triggers"] = _triggers(order, "triggered" if order.triggered else "untriggered")
    if ticket.expires:
        report["expire_time"] = rfc3339(ticket.expires)
    return report


def fill_report(fill: Fill, skew: int) -> Report:
    """The report of one fill; also the one that completes an order says `partially_filled`."""
    order, pair = fill.order, fill.order.pair
    report: Report = {"order_id": order.id}
    if order.ticket.userref is not None:
        report["order_userref"] = order.ticket.userref
    fee_asset = order.fee_asset
    return report | {
        "exec_id": fill.id,
        "exec_type": "trade",
        "trade_id": fill.trade_id,
        "symbol": pair.symbol,
        "side": order.ticket.side,
        "last_qty": number(fill.lots, pair.lot_decimals),
        "last_price": number(fill.ticks, pair.pair_decimals),
        "liquidity_ind": "m" if fill.maker else "t",
        "cost": number(fill.cost, pair.cost_scale),
        "order_type": order.ticket.ordertype,
        "timestamp": rfc3339(fill.at + skew),
        "order_status": "partially_filled",
        **_sums(order),
        "fees": [{"asset": fee_asset.name, "qty": number(fill.fee, fee_asset.decimals)}],
    }


def balances_snapshot(account: Account, catalog: Catalog) -> list[Report]:
    """Every asset with its wallets; what is staked is another wallet of the same asset."""
    by_asset: dict[str, list[tuple[str, int]]] = {}
    for asset_id, units in account.balances.items():
        suffix = asset_id.partition(".")[2]
        by_asset.setdefault(catalog.bare(asset_id).id, []).append((suffix, units))
    rows = []
    for bare, parts in by_asset.items():
        asset = catalog.assets[bare]
        wallets = [
            {**_wallet(suffix, "type", "id"), "balance": number(units, asset.decimals)} for suffix, units in parts
        ]
        total = sum(units for _, units in parts)
        rows.append(
            {
                "asset": asset.name,
                "asset_class": "currency",
                "balance": number(total, asset.decimals),
                "wallets": wallets,
            }
        )
    return rows


def balance_update(entry: Entry, catalog: Catalog, skew: int) -> Report:
    """One ledger line."""
    asset, suffix = catalog.bare(entry.asset), entry.asset.partition(".")[2]
    return {
        "ledger_id": entry.id,
        "ref_id": entry.refid,
        "timestamp": rfc3339(entry.at + skew),
        "type": entry.type,
        **({"subtype": entry.subtype} if entry.subtype else {}),
        "asset": asset.name,
        "asset_class": "currency",
        "category": entry.type,
        **_wallet(suffix, "wallet_type", "wallet_id"),
        "amount": number(entry.amount, asset.decimals),
        "fee": number(entry.fee, asset.decimals),
        "balance": number(entry.balance, asset.decimals),
    }


def ticker(market: Market, pair: Pair, skew: int) -> Report:
    """Best bid and ask, the last price and the last 24 hours."""
    day, last = last_day(market, pair), market.last(pair)
    bid, ask = (next(market.levels(pair, side), (last, 0)) for side in ("buy", "sell"))
    price, lots = pair.pair_decimals, pair.lot_decimals
    change = last - day.open
    return {
        "symbol": pair.symbol,
        "bid": number(bid[0], price),
        "bid_qty": number(bid[1], lots),
        "ask": number(ask[0], price),
        "ask_qty": number(ask[1], lots),
        "last": number(last, price),
        "volume": number(day.lots, lots),
        "vwap": number(vwap(day), price),
        "low": number(day.low, price),
        "high": number(day.high, price),
        "change": number(change, price),
        "change_pct": number(abs(change) * _CENT_PERCENT // day.open * (1 if change >= 0 else -1), 2),
        "timestamp": rfc3339(market.now + skew),
    }


def trade(one: Print) -> Report:
    """One public trade."""
    pair = one.pair
    return {
        "symbol": pair.symbol,
        "side": one.side,
        "price": number(one.ticks, pair.pair_decimals),
        "qty": number(one.lots, pair.lot_decimals),
        "ord_type": "market" if one.kind == "m" else "limit",
        "trade_id": one.trade_id,
        "timestamp": rfc3339(one.at),
    }


def ohlc(candle: Candle, pair: Pair, minutes: int) -> Report:
    """One candle."""
    traded, price = candle.traded, pair.pair_decimals
    return {
        "symbol": pair.symbol,
        "open": number(traded.open, price),
        "high": number(traded.high, price),
        "low": number(traded.low, price),
        "close": number(traded.close, price),
        "trades": traded.trades,
        "volume": number(traded.lots, pair.lot_decimals),
        "vwap": number(vwap(traded) if traded.trades else 0, price),
        "interval_begin": rfc3339(candle.begin * NANO, 9),
        "interval": minutes,
        "timestamp": rfc3339((candle.begin + minutes * 60) * NANO),
    }


def levels(pair: Pair, side: list[tuple[int, int]]) -> list[Report]:
    """Levels of a book."""
    price, lots = pair.pair_decimals, pair.lot_decimals
    return [{"price": number(ticks, price), "qty": number(there, lots)} for ticks, there in side]


def instrument_asset(asset: Asset) -> Report:
    """An asset of the instrument channel."""
    return {
        "id": asset.name,
        "status": "enabled",
        "precision": asset.decimals,
        "precision_display": asset.display_decimals,
        "borrowable": False,
        "collateral_value": Decimal("1.0"),
        "margin_rate": Decimal("0.0"),
    }


def instrument_pair(pair: Pair, modes: Mapping[str, str]) -> Report:
    """A pair of the instrument channel."""
    tick = number(1, pair.pair_decimals)
    return {
        "symbol": pair.symbol,
        "base": pair.base.name,
        "quote": pair.quote.name,
        "status": modes.get(pair.id, "online"),
        "qty_precision": pair.lot_decimals,
        "qty_increment": number(1, pair.lot_decimals),
        "price_precision": pair.pair_decimals,
        "cost_precision": pair.cost_decimals,
        "marginable": False,
        "has_index": True,
        "cost_min": Decimal(pair.cost_min),
        "tick_size": tick,
        "price_increment": tick,
        "qty_min": number(pair.order_min, pair.lot_decimals),
    }


def _terms(order: Order) -> Report:
    pair, ticket = order.pair, order.ticket
    terms: Report = {"order_qty": number(ticket.lots, pair.lot_decimals)}
    return terms | ({"limit_price": number(ticket.limit, pair.pair_decimals)} if ticket.limit else {})


def _sums(order: Order) -> Report:
    pair = order.pair
    sums = {
        "cum_qty": number(order.filled, pair.lot_decimals),
        "cum_cost": number(order.cost, pair.cost_scale),
    }
    if order.filled:
        sums["avg_price"] = number(order.average, pair.pair_decimals)
    in_quote = not order.ticket.fee_in_base
    sums["fee_usd_equiv"] = number(order.fee if in_quote else 0, order.pair.quote.decimals)
    return sums


def _triggers(order: Order, status: str) -> Report:
    price = number(order.ticket.trigger, order.pair.pair_decimals)
    return {"reference": "last", "price": price, "price_type": "static", "status": status}


def _wallet(suffix: str, type_name: str, id_name: str) -> Report:
    return {type_name: "earn" if suffix else "spot", id_name: "flex" if suffix else "main"}
