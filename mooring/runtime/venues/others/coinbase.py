"""Coinbase Advanced Trade, spot. Sources: its REST reference as read through ccxt 4.5.90 (version 3 endpoints).

Orders are written field by field here and not by ccxt, which would leave out our id of an order. Coinbase has no stops
that become market orders, so none are sent; purchases have a limit, sales by market go by quantity.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from mooring.errors import Halt, MooringError
from mooring.runtime.domain.money import to_text
from mooring.runtime.domain.orders import Kind, Order, Side, Status
from mooring.runtime.venues.capabilities import cannot
from mooring.runtime.venues.others import exact
from mooring.runtime.venues.others.dialect import Markets, Product, fill_of, sorted_holdings
from mooring.runtime.venues.others.errors import Effect, lost, refused
from mooring.runtime.venues.others.wire import Wire
from mooring.runtime.venues.protocol import Holdings, VenueOrder, VenueTrade

PAGES_MAX: Final = 40
IDS_MAX: Final = 20_000
CANCEL_MAX: Final = 100
LOOK_UPS_MAX: Final = 100
DAY_MS: Final = 86_400_000
LAG_MS: Final = 60_000  # orders and fills are asked for from a little earlier: clocks differ
_TRADABLE: Final = frozenset({"ACCOUNT_TYPE_CRYPTO", "ACCOUNT_TYPE_FIAT"})
_STATUS: Final = {
    "PENDING": Status.OPEN,
    "OPEN": Status.OPEN,
    "QUEUED": Status.OPEN,
    "CANCEL_QUEUED": Status.OPEN,
    "EDIT_QUEUED": Status.OPEN,
    "FILLED": Status.FILLED,
    "CANCELLED": Status.CANCELLED,
    "EXPIRED": Status.EXPIRED,
    "FAILED": Status.CANCELLED,
}
_KINDS: Final = {"MARKET": Kind.MARKET, "LIMIT": Kind.LIMIT}
_NO_REASON: Final = ("", "UNKNOWN", "UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON")
_UNSURE: Final = ("DUPLICATE", "ALREADY", "INTERNAL", "TIMEOUT", "UNAVAILABLE", "UNKNOWN")


class Coinbase:
    """See `OrderingDialect`."""

    def __init__(self) -> None:
        self._markets = Markets()
        self._client_ids: OrderedDict[str, str] = OrderedDict()

    def learn(self, products: Mapping[str, Product]) -> None:
        self._markets.learn(products)

    async def products(self, wire: Wire) -> list[Product]:
        answer = await wire.call("v3PublicGetBrokerageMarketProducts", {"product_type": "SPOT"})
        pages = answer.get("pagination")
        if isinstance(pages, dict) and pages.get("has_next"):
            raise _too_much(wire.name, "markets")
        return [_product(raw) for raw in exact.objects(answer.get("products"), "products")]

    async def time_ms(self, wire: Wire) -> int | None:
        answer = await wire.call("v3PublicGetBrokerageTime")
        return exact.time_ms(answer.get("epochMillis"), "epochMillis")

    async def holdings(self, wire: Wire) -> Holdings:
        total: dict[str, Decimal] = {}
        held: dict[str, Decimal] = {}
        away: dict[str, Decimal] = {}
        for raw in await self._pages(wire, "v3PrivateGetBrokerageAccounts", {"limit": 250}, "accounts"):
            asset = exact.text(raw.get("currency"), "currency")
            free = exact.number(exact.entry(raw.get("available_balance"), "available_balance").get("value"), asset)
            hold = exact.number(exact.entry(raw.get("hold"), "hold").get("value"), asset)
            if min(free, hold) < 0:
                raise exact.unreadable(f"has less than nothing of {asset}")
            if raw.get("type") in _TRADABLE:
                total[asset] = total.get(asset, Decimal(0)) + free + hold
                held[asset] = held.get(asset, Decimal(0)) + hold
            else:
                away[asset] = away.get(asset, Decimal(0)) + free + hold
        return sorted_holdings(total, held, away)

    async def open_orders(self, wire: Wire) -> list[VenueOrder]:
        fields = {"order_status": "OPEN", "product_type": "SPOT", "limit": 250}
        rows = await self._pages(wire, "v3PrivateGetBrokerageOrdersHistoricalBatch", fields, "orders")
        return [order for order in map(self._order, rows) if order and order.status in (Status.OPEN, Status.PARTIAL)]

    async def trades(self, wire: Wire, *, since_ms: int) -> list[VenueTrade]:
        fields = {"start_sequence_timestamp": exact.time_text(since_ms - LAG_MS), "limit": 250}
        rows = await self._pages(wire, "v3PrivateGetBrokerageOrdersHistoricalFills", fields, "fills")
        await self._learn_ids(wire, rows, since_ms)
        told = [trade for trade in map(self._trade, rows) if trade is not None]
        return [trade for trade in told if trade.fill.time_ms >= since_ms]

    async def find(self, wire: Wire, client_id: str, symbol: str, *, since_ms: int) -> list[VenueOrder]:
        market_id = self._markets.by_symbol[symbol].market_id
        endpoint = "v3PrivateGetBrokerageOrdersHistoricalBatch"
        since = exact.time_text(since_ms - LAG_MS)
        # Those that are open are asked for by themselves: they may be older than `since`.
        closed = {"product_ids": market_id, "start_date": since, "limit": 250}
        asked = ({"order_status": "OPEN", "product_ids": market_id, "limit": 250}, closed)
        found: dict[str, VenueOrder] = {}
        for fields in asked:
            for row in await self._pages(wire, endpoint, fields, "orders"):
                order = self._order(row) if row.get("client_order_id") == client_id else None
                if order is not None:
                    found[order.order_id] = order
        return [await self._with_fills(wire, order) for order in found.values()]

    async def place(self, wire: Wire, order: Order, *, deadline_ms: int, validate: bool) -> str:
        body = self._body(order)
        if validate:
            answer = await wire.call("v3PrivatePostBrokerageOrdersPreview", body, effect=Effect.CHECKS)
            errors = answer.get("errs")
            if not isinstance(errors, list):
                raise exact.unreadable("to a check of an order lists no errors")
            if errors:
                raise refused(wire.name, ", ".join(map(str, errors[:5])))
            return ""
        body |= {"client_order_id": order.client_id}
        answer = await wire.call(
            "v3PrivatePostBrokerageOrders", body, effect=Effect.ORDERS, deadline_ms=deadline_ms
        )  # fmt: skip
        order_id = _placed(answer, order.client_id, wire.name)
        self._remember(order_id, order.client_id)
        return order_id

    async def cancel(self, wire: Wire, client_id: str, symbol: str) -> None:
        mine = [order for order in await self.open_orders(wire) if order.client_id == client_id]
        await self._cancel(wire, [order.order_id for order in mine if order.symbol == symbol])

    async def cancel_all(self, wire: Wire) -> int:
        count = 0
        for _ in range(PAGES_MAX):
            order_ids = [order.order_id for order in await self.open_orders(wire)][:CANCEL_MAX]
            cancelled = await self._cancel(wire, order_ids) if order_ids else 0
            count += cancelled
            if not cancelled or len(order_ids) < CANCEL_MAX:
                break
        return count

    async def _cancel(self, wire: Wire, order_ids: list[str]) -> int:
        if not order_ids:
            return 0
        fields = {"order_ids": order_ids}
        answer = await wire.call("v3PrivatePostBrokerageOrdersBatchCancel", fields, effect=Effect.CANCELS)
        # Each that failed had ended by then; its end is told by whoever looks it up.
        return sum(row.get("success") is True for row in exact.objects(answer.get("results"), "results"))

    async def _pages(self, wire: Wire, endpoint: str, fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        cursor = ""
        for _ in range(PAGES_MAX):
            answer = exact.entry(await wire.call(endpoint, {**fields, **({"cursor": cursor} if cursor else {})}), name)
            rows += exact.objects(answer.get(name), name)
            new = answer.get("cursor") or ""
            if not new or answer.get("has_next") is False:
                return rows
            if new == cursor or not isinstance(new, str):
                raise exact.unreadable("goes in circles")
            cursor = new
        raise _too_much(wire.name, name)

    def _order(self, raw: Mapping[str, Any]) -> VenueOrder | None:
        instrument = self._markets.of_market(exact.text(raw.get("product_id"), "product_id"))
        if instrument is None:
            return None
        order_id = exact.text(raw.get("order_id"), "order_id")
        client_id = raw.get("client_order_id") or None
        if isinstance(client_id, str):
            self._remember(order_id, client_id)
        status = _STATUS.get(str(raw.get("status")))
        if status is None:
            raise exact.unreadable(f"has an order of status {str(raw.get('status'))[:30]}")
        filled = exact.units(exact.number(raw.get("filled_size"), "filled_size"), instrument.lot_decimals, up=False)
        size = _configured(raw).get("base_size")
        quantity = exact.units(exact.number(size, "base_size"), instrument.lot_decimals, up=False) if size else filled
        if status is Status.OPEN and filled:
            status = Status.PARTIAL
        reasons = (raw.get("cancel_message"), raw.get("reject_message"))
        return VenueOrder(
            order_id=order_id,
            client_id=client_id,
            symbol=instrument.symbol,
            side=_side(raw),
            kind=_KINDS.get(str(raw.get("order_type"))),
            quantity=quantity,
            filled=filled,
            status=status,
            reason=next((str(reason)[:120] for reason in reasons if reason), ""),
        )

    async def _with_fills(self, wire: Wire, order: VenueOrder) -> VenueOrder:
        if not order.filled:
            return order
        fields = {"order_ids": order.order_id, "limit": 250}
        rows = await self._pages(wire, "v3PrivateGetBrokerageOrdersHistoricalFills", fields, "fills")
        told = [self._trade(row) for row in rows if row.get("order_id") == order.order_id]
        fills = sorted((each.fill for each in told if each), key=lambda fill: (fill.time_ms, fill.trade_id))
        return VenueOrder(**{**vars(order), "fills": tuple(fills)})

    def _trade(self, raw: Mapping[str, Any]) -> VenueTrade | None:
        instrument = self._markets.of_market(exact.text(raw.get("product_id"), "product_id"))
        if instrument is None:
            return None
        if raw.get("trade_type") != "FILL":
            raise exact.unreadable(f"has a trade that is a {str(raw.get('trade_type'))[:20]}")
        order_id, side = exact.text(raw.get("order_id"), "order_id"), _side(raw)
        price = exact.positive(raw.get("price"), "price")
        size = exact.positive(raw.get("size"), "size")
        fill = fill_of(
            instrument, side, trade_id=exact.text(raw.get("trade_id"), "trade_id"), price=price,
            quantity=size / price if raw.get("size_in_quote") is True else size,
            fee=exact.number(raw.get("commission"), "commission"),
            maker=raw.get("liquidity_indicator") == "MAKER", time_ms=exact.time_ms(raw.get("trade_time"), "trade_time"),
        )  # fmt: skip
        client_id = self._client_ids.get(order_id) or None
        return VenueTrade(symbol=instrument.symbol, side=side, order_id=order_id, client_id=client_id, fill=fill)

    async def _learn_ids(self, wire: Wire, rows: Sequence[Mapping[str, Any]], since_ms: int) -> None:
        """Find out our ids of the orders behind fills, which do not tell them: in bulk, then one by one."""
        if all(row.get("order_id") in self._client_ids for row in rows):
            return
        fields = {"start_date": exact.time_text(since_ms - DAY_MS), "product_type": "SPOT", "limit": 250}
        for row in await self._pages(wire, "v3PrivateGetBrokerageOrdersHistoricalBatch", fields, "orders"):
            self._order(row)
        missing = sorted({exact.text(row.get("order_id"), "order_id") for row in rows} - self._client_ids.keys())
        if len(missing) > LOOK_UPS_MAX:
            raise _too_much(wire.name, "orders that are older than their fills")
        for order_id in missing:
            answer = await wire.call("v3PrivateGetBrokerageOrdersHistoricalOrderId", {"order_id": order_id})
            order = exact.entry(exact.entry(answer, "the answer").get("order"), "order")
            self._remember(order_id, str(order.get("client_order_id") or ""))

    def _remember(self, order_id: str, client_id: str) -> None:
        self._client_ids[order_id] = client_id
        while len(self._client_ids) > IDS_MAX:
            self._client_ids.popitem(last=False)

    def _body(self, order: Order) -> dict[str, Any]:
        product, instrument = self._markets.by_symbol[order.symbol], self._markets.instruments[order.symbol]
        size = to_text(order.quantity, instrument.lot_decimals)
        if order.kind is Kind.LIMIT:
            terms: dict[str, Any] = {"base_size": size, "limit_price": to_text(order.limit, instrument.pair_decimals)}
            if order.expires_at is None:
                how = {"limit_limit_gtc": terms | {"post_only": False}}
            else:
                end = exact.time_text(order.expires_at * 1000)
                how = {"limit_limit_gtd": terms | {"end_time": end, "post_only": False}}
        elif order.kind is Kind.MARKET and order.side is Side.SELL:
            how = {"market_market_ioc": {"base_size": size}}
        else:
            raise cannot("ccxt:coinbase", f"a {order.side} of kind {order.kind}")
        return {"product_id": product.market_id, "side": order.side.upper(), "order_configuration": how}


def _product(raw: Mapping[str, Any]) -> Product:
    base = exact.text(raw.get("base_currency_id"), "base_currency_id")
    quote = exact.text(raw.get("quote_currency_id"), "quote_currency_id")
    stopped = any(raw.get(name) is not False for name in ("trading_disabled", "is_disabled"))
    steps = raw.get("price_increment") or raw.get("quote_increment")
    return Product(
        symbol=f"{base}-{quote}",
        market_id=exact.text(raw.get("product_id"), "product_id"),
        kind=str(raw.get("product_type")).lower(),
        price_step=exact.positive(steps, "price_increment"),
        lot_step=exact.positive(raw.get("base_increment"), "base_increment"),
        order_min=exact.number(raw.get("base_min_size"), "base_min_size"),
        cost_min=exact.number(raw.get("quote_min_size"), "quote_min_size"),
        trading=not stopped and raw.get("status") == "online" and raw.get("cancel_only") is not True,
    )


def _side(raw: Mapping[str, Any]) -> Side:
    side = raw.get("side")
    if side not in ("BUY", "SELL"):
        raise exact.unreadable("says of no side what it is")
    return Side(str(side).lower())


def _configured(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    configuration = raw.get("order_configuration")
    parts = list(configuration.values()) if isinstance(configuration, dict) else []
    return next((part for part in parts if isinstance(part, dict)), {})


def _placed(answer: Any, client_id: str, venue: str) -> str:
    """The id of an order that was taken; whatever is not clear is not known."""
    raw = answer if isinstance(answer, dict) else {}
    if raw.get("success") is not True:
        raise _no(raw, venue)
    told = raw.get("success_response")
    told = told if isinstance(told, dict) else {}
    order_id = told.get("order_id")
    if not isinstance(order_id, str) or not order_id or told.get("client_order_id") != client_id:
        raise lost(venue, Effect.ORDERS, "an answer that does not name the order")
    return order_id


def _no(raw: Mapping[str, Any], venue: str) -> MooringError:
    error = raw.get("error_response")
    error = error if isinstance(error, dict) else {}
    names = ("new_order_failure_reason", "preview_failure_reason", "error")
    said = [str(error[name]) for name in names if error.get(name) and error[name] not in _NO_REASON]
    words = " ".join([*said, str(error.get("message") or "")]).strip()
    sure = said and not any(part in reason.upper() for reason in said for part in _UNSURE)
    return refused(venue, words) if sure else lost(venue, Effect.ORDERS, f"a no without a reason: {words}")


def _too_much(venue: str, what: str) -> Halt:
    return Halt(
        "venue_too_much",
        f"{venue} has too many {what} to be read; not all of it was.",
        money="What the account has cannot be known for certain, so no new positions are opened.",
        todo="Use an account of its own for Mooring.",
    )
