"""Kraken's REST interface, as far as Mooring needs it: typed answers, errors by what must be done.

What asks is tried again when it failed in passing; what changes an order is sent once. Reads may lag behind WebSocket
by up to a minute, so they confirm and never rewind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from decimal import Decimal
from typing import Any, Final, TypeVar

from mooring.errors import Invalid
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.kraken import account, answers
from mooring.runtime.venues.kraken.errors import Call, Effect
from mooring.runtime.venues.kraken.limits import HISTORY_COST, Action, Lane, batch_add_cost, engine_cost
from mooring.runtime.venues.kraken.names import Asset, Pair, read_assets, read_pairs
from mooring.runtime.venues.kraken.orders import (
    DEAD_MAN_MOST_SECONDS,
    REST_DEADLINE_LEAST_MS,
    Amendment,
    BatchPlaced,
    Cancelled,
    DeadMan,
    NewOrder,
    Placed,
    batch_fields,
    check_batch,
    check_client_id,
    deadline_text,
    form_fields,
    read_amended,
    read_batch,
    read_cancelled,
    read_dead_man,
    read_placed,
)
from mooring.runtime.venues.kraken.sender import EngineUse, Sender

T = TypeVar("T")

QUERY_ORDERS_MOST: Final = 50
QUERY_TRADES_MOST: Final = 20
DEPTH_MOST: Final = 500
TRADES_MOST: Final = 1_000
INTERVALS: Final = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)  # minutes
# One row for each fill, as WebSocket tells them, and none for several of one taker: ids are the same everywhere.
_SINGLY: Final = {"consolidate_taker": "false"}
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,40}\Z")
_ADD: Final = Call(name="AddOrder", effect=Effect.ADDS)
_ADD_BATCH: Final = Call(name="AddOrderBatch", effect=Effect.ADDS)
_AMEND: Final = Call(name="AmendOrder", effect=Effect.TOUCHES)
_CANCEL: Final = Call(name="CancelOrder", effect=Effect.TOUCHES)
_CANCEL_ALL: Final = Call(name="CancelAll", effect=Effect.TOUCHES)
_DEAD_MAN: Final = Call(name="CancelAllOrdersAfter", effect=Effect.TOUCHES)


class Market:
    """What anybody may ask. One call a second."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def time(self) -> int:
        """Kraken's clock, unix seconds."""
        return await self._sender.public("Time", {}, answers.read_time)

    async def system_status(self) -> answers.SystemStatus:
        return await self._sender.public("SystemStatus", {}, answers.read_status)

    async def assets(self) -> tuple[Asset, ...]:
        return await self._sender.public("Assets", {}, read_assets)

    async def pairs(self) -> tuple[Pair, ...]:
        """All pairs with their places, steps and minimums, which change several times a year."""
        return await self._sender.public("AssetPairs", {}, read_pairs)

    async def tickers(self, pairs: Iterable[Pair]) -> dict[str, answers.Ticker]:
        """By the pair's id."""
        names = ",".join(pair.altname for pair in pairs)
        return await self._sender.public("Ticker", {"pair": names}, answers.read_tickers)

    async def candles(self, pair: Pair, *, minutes: int, since: int = 0) -> answers.Candles:
        """At most the latest 720 closed ones, whatever `since` says.

        Raises:
            Invalid: Kraken has no such interval.
        """
        _among(minutes, INTERVALS, "interval")
        fields = {"pair": pair.altname, "interval": str(minutes), "since": str(since)}
        return await self._sender.public("OHLC", fields, answers.read_candles)

    async def depth(self, pair: Pair, *, count: int = 100) -> answers.Depth:
        _among(count, range(1, DEPTH_MOST + 1), "count")
        return await self._sender.public("Depth", {"pair": pair.altname, "count": str(count)}, answers.read_depth)

    async def trades(self, pair: Pair, *, since: int = 0, count: int = TRADES_MOST) -> answers.PublicTrades:
        """Trades after `since` (unix nanoseconds), oldest first; go on with `last` until a page is short."""
        _among(count, range(1, TRADES_MOST + 1), "count")
        fields = {"pair": pair.altname, "since": str(since), "count": str(count)}
        return await self._sender.public("Trades", fields, answers.read_trades)

    async def spreads(self, pair: Pair) -> tuple[answers.Spread, ...]:
        return await self._sender.public("Spread", {"pair": pair.altname}, answers.read_spreads)


class Account:
    """What the owner of the key may ask. Nothing here changes anything."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def key_info(self) -> account.KeyInfo:
        """What the key may do; needs no permission."""
        return await self._ask("GetApiKeyInfo", {}, account.read_key_info)

    async def balances(self) -> dict[str, Decimal]:
        return await self._ask("Balance", {}, account.read_balances)

    async def extended_balances(self) -> dict[str, account.Balance]:
        """With what open orders hold."""
        return await self._ask("BalanceEx", {}, account.read_extended_balances)

    async def trade_balance(self, asset: str = "ZUSD") -> account.TradeBalance:
        return await self._ask("TradeBalance", {"asset": asset}, account.read_trade_balance)

    async def open_orders(self, *, client_id: str | None = None) -> account.Orders:
        """Open orders, with the ids of their fills; absence here is no rejection."""
        fields = {"trades": "true"} | _client(client_id)
        return await self._ask("OpenOrders", fields, account.read_open_orders)

    async def closed_orders(
        self,
        *,
        client_id: str | None = None,
        start: int | None = None,
        end: int | None = None,
        offset: int = 0,
        lane: Lane = Lane.HISTORY,
    ) -> account.Orders:
        """50 a page, newest first; `start` is exclusive, `end` inclusive, unix seconds."""
        fields = {"trades": "true", **_SINGLY} | _client(client_id) | _window(start, end, offset)
        return await self._history("ClosedOrders", fields, account.read_closed_orders, lane)

    async def query_orders(self, txids: Iterable[str]) -> account.Orders:
        """Up to 50 orders by Kraken's ids."""
        fields = {"trades": "true", **_SINGLY, "txid": _joined(txids, QUERY_ORDERS_MOST)}
        return await self._ask("QueryOrders", fields, account.read_queried_orders)

    async def trades_history(
        self, *, start: int | None = None, end: int | None = None, offset: int = 0, lane: Lane = Lane.HISTORY
    ) -> account.Trades:
        """50 a page, newest first; with the ids of their ledger entries."""
        fields = {"type": "all", "ledgers": "true", **_SINGLY} | _window(start, end, offset)
        return await self._history("TradesHistory", fields, account.read_trades_history, lane)

    async def query_trades(self, txids: Iterable[str], *, lane: Lane = Lane.HISTORY) -> account.Trades:
        """Up to 20 fills by their ids."""
        fields = {"txid": _joined(txids, QUERY_TRADES_MOST)}
        return await self._history("QueryTrades", fields, account.read_queried_trades, lane)

    async def ledger(
        self, *, start: int | None = None, end: int | None = None, offset: int = 0, lane: Lane = Lane.HISTORY
    ) -> account.Ledger:
        """50 a page, newest first."""
        return await self._history("Ledgers", _window(start, end, offset), account.read_ledger, lane)

    async def query_ledger(self, ids: Iterable[str]) -> account.Ledger:
        """Up to 20 entries by their ids."""
        return await self._history("QueryLedgers", {"id": _joined(ids, QUERY_TRADES_MOST)}, account.read_queried_ledger)

    async def fees(self, pairs: Iterable[Pair]) -> account.Fees:
        """Fees in percent, and the volume they follow from."""
        fields = {"pair": ",".join(pair.id for pair in pairs)}
        return await self._ask("TradeVolume", fields, account.read_fees)

    async def websocket_token(self) -> account.Token:
        """For a private WebSocket; each connection gets a new one."""
        return await self._sender.private("GetWebSocketsToken", {}, account.read_token, lane=Lane.EXIT)

    async def _ask(self, name: str, fields: dict[str, str], read: Callable[[Any], T]) -> T:
        return await self._sender.private(name, fields, read, lane=Lane.RECONCILE)

    async def _history(
        self, name: str, fields: dict[str, str], read: Callable[[Any], T], lane: Lane = Lane.HISTORY
    ) -> T:
        return await self._sender.private(name, fields, read, lane=lane, cost=HISTORY_COST)


class Trading:
    """What changes orders. Each call is sent once; `Unknown` means that it must be looked up.

    Args:
        sender: shared with `Account`, as one key has one order of nonces.
        clock: for deadlines.
    """

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock

    async def add(
        self, order: NewOrder, *, lane: Lane = Lane.ENTRY, validate: bool = False, until_ms: int | None = None
    ) -> Placed:
        """Place an order; with `validate` only its inputs are checked.

        Args:
            until_ms: Kraken's time after which it must not be taken; None for the usual deadline.

        Raises:
            Unknown: it may have been placed.
            MooringError: it was refused or not sent.
        """
        return await self._sender.order(
            _ADD,
            lambda: form_fields(order, deadline=self._deadline(_ADD, until_ms), validate=validate),
            lambda raw: read_placed(raw, validated=validate),
            lane=lane,
            use=EngineUse(pair=order.pair.id, cost=engine_cost(Action.ADD)),
        )

    async def add_batch(
        self, orders: tuple[NewOrder, ...], *, lane: Lane = Lane.ENTRY, validate: bool = False
    ) -> BatchPlaced:
        """Place 2 to 15 orders of one pair; each is accepted or refused by itself."""
        check_batch(orders)
        return await self._sender.order(
            _ADD_BATCH,
            lambda: batch_fields(orders, deadline=self._deadline(_ADD_BATCH), validate=validate),
            lambda raw: read_batch(raw, count=len(orders), validated=validate, call=_ADD, now=self._clock.now()),
            lane=lane,
            use=EngineUse(pair=orders[0].pair.id, cost=batch_add_cost(len(orders))),
            as_json=True,
        )

    async def amend(self, change: Amendment, *, age_us: int = 0, lane: Lane = Lane.EXIT) -> str:
        """Change an open order in place, and give back the amendment's id; `age_us` since it was placed or changed."""
        return await self._sender.order(
            _AMEND,
            lambda: change.form_fields(deadline=self._deadline(_AMEND)),
            read_amended,
            lane=lane,
            use=EngineUse(pair=change.pair.id, cost=engine_cost(Action.AMEND, age_us=age_us)),
        )

    async def cancel(
        self, *, client_id: str | None = None, txid: str | None = None, pair: Pair | None = None, age_us: int = 0
    ) -> Cancelled:
        """Cancel one order by its client id or Kraken's id. Accepted is not final: it may still be filled.

        Raises:
            NotFound: it is not open; look up how it ended.
            Unknown: it may have been cancelled.
        """
        if (client_id is None) == (txid is None):
            raise Invalid(
                "kraken_bad_order",
                "A cancellation names an order by one of its ids.",
                todo="Give the one or the other.",
            )
        fields = _client(client_id) if client_id is not None else {"txid": _joined([str(txid)], 1)}
        cost = engine_cost(Action.CANCEL, age_us=age_us)
        return await self._sender.order(
            _CANCEL,
            lambda: dict(fields),
            read_cancelled,
            lane=Lane.EXIT,
            use=EngineUse(pair=pair.id, cost=cost) if pair is not None else None,
        )

    async def cancel_all(self) -> Cancelled:
        """Cancel every order of the account, also those of others."""
        return await self._sender.order(_CANCEL_ALL, dict, read_cancelled, lane=Lane.EXIT, use=None)

    async def cancel_all_after(self, seconds: int) -> DeadMan:
        """Arm the dead man's switch, or disarm it with 0. It cancels every order of the account."""
        _among(seconds, range(DEAD_MAN_MOST_SECONDS + 1), "timeout")
        return await self._sender.order(
            _DEAD_MAN, lambda: {"timeout": str(seconds)}, read_dead_man, lane=Lane.EXIT, use=None
        )

    def _deadline(self, call: Call, until_ms: int | None = None) -> str:
        return deadline_text(self._clock.now_ms(), until_ms, least_ms=REST_DEADLINE_LEAST_MS, call=call)


def _client(client_id: str | None) -> dict[str, str]:
    return {} if client_id is None else {"cl_ord_id": check_client_id(client_id)}


def _window(start: int | None, end: int | None, offset: int) -> dict[str, str]:
    asked = {"start": start, "end": end, "ofs": offset}
    return {name: str(value) for name, value in asked.items() if value is not None}


def _joined(ids: Iterable[str], most: int) -> str:
    listed = tuple(ids)
    if not 1 <= len(listed) <= most or not all(_ID.match(each) for each in listed):
        raise Invalid(
            "kraken_bad_order", f"Kraken takes 1 to {most} ids at once, of letters and digits.", todo="Ask in parts."
        )
    return ",".join(listed)


def _among(value: int, allowed: Container[int], name: str) -> None:
    if value not in allowed:
        raise Invalid("kraken_bad_request", f"Kraken takes no such {name}: {value}.", todo="Use one that it takes.")
