"""BtcTurk, to be read only. Sources: its published reference of the API, and ccxt 4.5.90 for newer fields.

No order goes there, see `venues.capabilities`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from mooring.runtime.domain.orders import Kind, Side, Status
from mooring.runtime.venues.others import exact
from mooring.runtime.venues.others.dialect import Markets, Product, fill_of, sorted_holdings
from mooring.runtime.venues.others.wire import Wire
from mooring.runtime.venues.protocol import Holdings, VenueOrder, VenueTrade

_KINDS: Final = {"limit": Kind.LIMIT, "market": Kind.MARKET, "stopmarket": Kind.STOP_LOSS}


class BtcTurk:
    """See `Dialect`."""

    def __init__(self) -> None:
        self._markets = Markets()

    def learn(self, products: Mapping[str, Product]) -> None:
        self._markets.learn(products)

    async def products(self, wire: Wire) -> list[Product]:
        data = _data(await wire.call("publicGetServerExchangeinfo"))
        return [_product(raw) for raw in exact.objects(exact.entry(data, "data").get("symbols"), "symbols")]

    async def time_ms(self, wire: Wire) -> int | None:
        data = exact.entry(_data(await wire.call("publicGetServerExchangeinfo")), "data")
        return exact.time_ms(data.get("serverTime"), "serverTime")

    async def holdings(self, wire: Wire) -> Holdings:
        total: dict[str, Decimal] = {}
        held: dict[str, Decimal] = {}
        for raw in exact.objects(_data(await wire.call("privateGetUsersBalances")), "data"):
            asset = exact.text(raw.get("asset"), "asset").upper()
            total[asset] = exact.number(raw.get("balance"), "balance")
            held[asset] = exact.number(raw.get("locked"), "locked")
        return sorted_holdings(total, held, {})

    async def open_orders(self, wire: Wire) -> list[VenueOrder]:
        data = exact.entry(_data(await wire.call("privateGetOpenOrders")), "data")
        rows = [row for side in ("bids", "asks") for row in exact.objects(data.get(side), side)]
        return [order for order in map(self._order, rows) if order is not None]

    async def trades(self, wire: Wire, *, since_ms: int) -> list[VenueTrade]:
        fields = {"startDate": since_ms}
        rows = exact.objects(_data(await wire.call("privateGetUsersTransactionsTrade", fields)), "data")
        told = [trade for trade in map(self._trade, rows) if trade is not None]
        return [trade for trade in told if trade.fill.time_ms >= since_ms]

    def _order(self, raw: Mapping[str, Any]) -> VenueOrder | None:
        market_id = exact.text(raw.get("pairSymbol") or raw.get("pairsymbol"), "pairSymbol")
        instrument = self._markets.of_market(market_id)
        if instrument is None:
            return None
        quantity = exact.number(raw.get("quantity") or raw.get("amount"), "quantity")
        left = raw.get("leftAmount")
        if left is None and raw.get("status") != "Untouched":
            raise exact.unreadable("does not say how much of an order is left")
        filled = quantity - exact.number(left, "leftAmount") if left is not None else Decimal(0)
        if filled < 0:
            raise exact.unreadable("has more left of an order than there was")
        lots = exact.units(filled, instrument.lot_decimals, up=False)
        client_id = raw.get("orderClientId")
        return VenueOrder(
            order_id=exact.text(raw.get("id"), "id"),
            client_id=client_id if isinstance(client_id, str) and client_id else None,
            symbol=instrument.symbol,
            side=_side(raw.get("type")),
            kind=_KINDS.get(str(raw.get("method")).lower()),
            quantity=exact.units(quantity, instrument.lot_decimals, up=False),
            filled=lots,
            status=Status.PARTIAL if lots else Status.OPEN,
        )

    def _trade(self, raw: Mapping[str, Any]) -> VenueTrade | None:
        base = exact.text(raw.get("numeratorSymbol"), "numeratorSymbol")
        quote = exact.text(raw.get("denominatorSymbol"), "denominatorSymbol")
        instrument = self._markets.instruments.get(f"{base}-{quote}")
        if instrument is None:
            return None
        side = _side(raw.get("orderType"))
        fees = [abs(exact.number(raw.get(name) or 0, name)) for name in ("fee", "tax")]
        fill = fill_of(
            instrument, side, trade_id=exact.text(raw.get("id"), "id"), price=exact.positive(raw.get("price"), "price"),
            quantity=abs(exact.number(raw.get("amount"), "amount")), fee=sum(fees, Decimal(0)), maker=False,
            time_ms=exact.time_ms(raw.get("timestamp"), "timestamp"),
        )  # fmt: skip
        order_id = str(raw.get("orderId") or "")
        return VenueTrade(symbol=instrument.symbol, side=side, order_id=order_id, client_id=None, fill=fill)


def _data(answer: Any) -> Any:
    told = exact.entry(answer, "the answer")
    if told.get("success") is False:
        raise exact.unreadable("says that it failed")
    return told.get("data")


def _side(raw: object) -> Side:
    side = str(raw).lower()
    if side not in ("buy", "sell"):
        raise exact.unreadable("says of no side what it is")
    return Side(side)


def _product(raw: Mapping[str, Any]) -> Product:
    filters = exact.objects(raw.get("filters"), "filters")
    prices = next((each for each in filters if each.get("filterType") == "PRICE_FILTER"), None)
    if prices is None:
        raise exact.unreadable("has a market without steps of its price")
    base, quote = exact.text(raw.get("numerator"), "numerator"), exact.text(raw.get("denominator"), "denominator")
    scale = exact.number(raw.get("numeratorScale"), "numeratorScale")
    lot_step = Decimal(1).scaleb(-int(scale)) if 0 <= scale <= exact.DIGITS_MAX else Decimal(0)
    return Product(
        symbol=f"{base}-{quote}",
        market_id=exact.text(raw.get("name"), "name"),
        kind="spot",  # there is nothing else at BtcTurk
        price_step=exact.positive(prices.get("tickSize"), "tickSize"),
        lot_step=exact.positive(lot_step, "numeratorScale"),
        order_min=exact.number(prices.get("minAmount") or 0, "minAmount"),
        cost_min=exact.number(prices.get("minExchangeValue") or 0, "minExchangeValue"),
        trading=raw.get("status") == "TRADING",
    )
