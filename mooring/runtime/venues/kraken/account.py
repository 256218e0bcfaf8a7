"""Private answers, typed. Numbers are `Decimal` as the venue states them; times are unix seconds with their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from mooring.runtime.venues.kraken.errors import unreadable
from mooring.runtime.venues.kraken.fields import Fields

_ZERO: Final = Decimal(0)
ORDER_STATES: Final = frozenset({"pending", "open", "closed", "canceled", "expired"})


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Of one asset: all of it, what open orders hold, and credit lines."""

    balance: Decimal
    hold_trade: Decimal
    credit: Decimal
    credit_used: Decimal

    @property
    def available(self) -> Decimal:
        """What a new order may use. Credit is never counted: it would be borrowed money."""
        return self.balance - self.hold_trade


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order as REST tells it; it may lag behind WebSocket by up to a minute.

    Attributes:
        txid: Kraken's id.
        client_id: ours, or None for an order of somebody else.
        status: `pending`, `open`, `closed`, `canceled`, `expired`.
        pair: altname.
        price: the limit, or the trigger of a triggered order; price2 its limit.
        volume: asked; filled: done; cost and fee so far, in quote unless `flags` has `fcib`.
        average: average price of what is filled.
        leverage: `none`, or what somebody else used.
        trades: ids of its fills, where asked for.
    """

    txid: str
    client_id: str | None
    userref: int | None
    status: str
    pair: str
    side: str
    order_type: str
    price: str
    price2: str
    leverage: str
    volume: Decimal
    filled: Decimal
    cost: Decimal
    fee: Decimal
    average: Decimal
    opened_at: Decimal
    closed_at: Decimal | None
    expires_at: Decimal
    reason: str | None
    flags: tuple[str, ...]
    misc: tuple[str, ...]
    trades: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Trade:
    """A fill. `txid` is the dedup key, the same as `exec_id` in WebSocket."""

    txid: str
    order_txid: str
    pair: str
    time: Decimal
    side: str
    order_type: str
    price: Decimal
    cost: Decimal
    fee: Decimal
    volume: Decimal
    margin: Decimal
    misc: tuple[str, ...]
    trade_id: int | None
    maker: bool | None
    ledgers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One line of the account's ledger: what really moved, fee included."""

    id: str
    refid: str
    time: Decimal
    type: str
    subtype: str
    asset: str
    amount: Decimal
    fee: Decimal
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class Orders:
    """A page of orders, newest first; `count` is of all pages, or None."""

    orders: tuple[Order, ...]
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trades:
    """A page of fills, newest first."""

    trades: tuple[Trade, ...]
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """A page of ledger entries, newest first."""

    entries: tuple[LedgerEntry, ...]
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class Fees:
    """30-day volume and fees in percent by the pair's id; the only source of fees besides the fills themselves."""

    currency: str
    volume: Decimal
    taker: Mapping[str, Decimal]
    maker: Mapping[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class TradeBalance:
    """The account in one currency. A margin other than 0 means that somebody trades with borrowed money on it."""

    equivalent: Decimal
    trade_balance: Decimal
    margin: Decimal
    equity: Decimal
    free_margin: Decimal


@dataclass(frozen=True, kw_only=True)
class Token:
    """For a private WebSocket; to be used within `expires` seconds. Not in any text made of it."""

    token: str = field(repr=False)
    expires: int


@dataclass(frozen=True, kw_only=True)
class KeyInfo:
    """What the API key may do. Times are unix seconds, 0 where unset."""

    name: str
    permissions: frozenset[str]
    nonce_window: int
    valid_until: int
    query_from: int
    query_to: int
    ip_allowlist: tuple[str, ...]


def read_balances(raw: Any) -> dict[str, Decimal]:
    """`Balance`: totals by Kraken's name, also what orders hold."""
    each = Fields(raw, "Balance")
    return {name: each.number(name) for name in each.names()}


def read_extended_balances(raw: Any) -> dict[str, Balance]:
    """`BalanceEx` by Kraken's name."""
    return {
        name: Balance(
            balance=each.number("balance"),
            hold_trade=each.number("hold_trade"),
            credit=each.number("credit", _ZERO),
            credit_used=each.number("credit_used", _ZERO),
        )
        for name, each in Fields(raw, "BalanceEx").children()
    }


def read_trade_balance(raw: Any) -> TradeBalance:
    each = Fields(raw, "TradeBalance")
    return TradeBalance(
        equivalent=each.number("eb", each.number("tb")),
        trade_balance=each.number("tb"),
        margin=each.number("m"),
        equity=each.number("e"),
        free_margin=each.number("mf"),
    )


def read_open_orders(raw: Any) -> Orders:
    return Orders(orders=_orders(Fields(raw, "OpenOrders").child("open")))


def read_closed_orders(raw: Any) -> Orders:
    each = Fields(raw, "ClosedOrders")
    return Orders(orders=_orders(each.child("closed")), count=_count(each))


def read_queried_orders(raw: Any) -> Orders:
    return Orders(orders=_orders(Fields(raw, "QueryOrders")))


def _orders(each: Fields) -> tuple[Order, ...]:
    return tuple(_order(txid, order) for txid, order in each.children())


def _order(txid: str, each: Fields) -> Order:
    descr = each.child("descr")
    status = each.text("status")
    if status not in ORDER_STATES:
        raise unreadable(f"an order {txid}", "has a status that is not known")
    return Order(
        txid=txid,
        client_id=each.text_or_none("cl_ord_id"),
        userref=each.whole("userref") if each.has("userref") else None,
        status=status,
        pair=descr.text("pair"),
        side=descr.text("type"),
        order_type=descr.text("ordertype"),
        price=descr.text("price"),
        price2=descr.text("price2"),
        leverage=descr.text("leverage", "none"),
        volume=each.number("vol"),
        filled=each.number("vol_exec"),
        cost=each.number("cost"),
        fee=each.number("fee"),
        average=each.number("price"),
        opened_at=each.number("opentm"),
        closed_at=each.number_or_none("closetm"),
        expires_at=each.number("expiretm", _ZERO),
        reason=each.text_or_none("reason"),
        flags=_listed(each, "oflags"),
        misc=_listed(each, "misc"),
        trades=each.texts("trades", []),
    )


def _listed(each: Fields, name: str) -> tuple[str, ...]:
    return tuple(part for part in each.text(name, "").split(",") if part)


def _count(each: Fields) -> int | None:
    return each.whole("count") if each.has("count") else None


def read_trades_history(raw: Any) -> Trades:
    each = Fields(raw, "TradesHistory")
    return Trades(trades=_trades(each.child("trades")), count=_count(each))


def read_queried_trades(raw: Any) -> Trades:
    return Trades(trades=_trades(Fields(raw, "QueryTrades")))


def _trades(listed: Fields) -> tuple[Trade, ...]:
    return tuple(
        Trade(
            txid=txid,
            order_txid=each.text("ordertxid"),
            pair=each.text("pair"),
            time=each.number("time"),
            side=each.text("type"),
            order_type=each.text("ordertype"),
            price=each.number("price"),
            cost=each.number("cost"),
            fee=each.number("fee"),
            volume=each.number("vol"),
            margin=each.number("margin", _ZERO),
            misc=_listed(each, "misc"),
            trade_id=each.whole("trade_id") if each.has("trade_id") else None,
            maker=each.flag("maker") if each.has("maker") else None,
            ledgers=each.texts("ledgers", []),
        )
        for txid, each in listed.children()
    )


def read_ledger(raw: Any) -> Ledger:
    each = Fields(raw, "Ledgers")
    return Ledger(entries=_entries(each.child("ledger")), count=_count(each))


def read_queried_ledger(raw: Any) -> Ledger:
    return Ledger(entries=_entries(Fields(raw, "QueryLedgers")))


def _entries(listed: Fields) -> tuple[LedgerEntry, ...]:
    return tuple(
        LedgerEntry(
            id=name,
            refid=each.text("refid", ""),
            time=each.number("time"),
            type=each.text("type"),
            subtype=each.text("subtype", ""),
            asset=each.text("asset"),
            amount=each.number("amount"),
            fee=each.number("fee"),
            balance=each.number("balance"),
        )
        for name, each in listed.children()
    )


def read_fees(raw: Any) -> Fees:
    """`TradeVolume`. A pair without a maker's fee of its own pays the taker's."""
    each = Fields(raw, "TradeVolume")
    taker = _fees(each, "fees")
    return Fees(
        currency=each.text("currency"),
        volume=each.number("volume"),
        taker=taker,
        maker=taker | _fees(each, "fees_maker"),
    )


def _fees(each: Fields, name: str) -> dict[str, Decimal]:
    return {pair: fee.number("fee") for pair, fee in each.child(name).children()} if each.has(name) else {}


def read_token(raw: Any) -> Token:
    each = Fields(raw, "GetWebSocketsToken")
    return Token(token=each.text("token"), expires=each.whole("expires"))


def read_key_info(raw: Any) -> KeyInfo:
    """`GetApiKeyInfo`, in both of the spellings that are in use; which one is sent is not confirmed."""
    each = Fields(raw, "GetApiKeyInfo")

    def whole(camel: str, snake: str) -> int:
        return each.whole(each.any_of(camel, snake), 0)

    return KeyInfo(
        name=each.text(each.any_of("apiKeyName", "api_key_name"), ""),
        permissions=frozenset(each.texts("permissions")),
        nonce_window=whole("nonceWindow", "nonce_window"),
        valid_until=whole("validUntil", "valid_until"),
        query_from=whole("queryFrom", "query_from"),
        query_to=whole("queryTo", "query_to"),
        ip_allowlist=tuple(
            address for address in each.texts(each.any_of("ipAllowlist", "ip_allowlist"), []) if address
        ),
    )
