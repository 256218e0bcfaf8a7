"""Hyperliquid's spot side, to be read only. Sources: its published reference of the info endpoint, and ccxt 4.5.90.

Spot pairs are called `@` and a number there (PURR/USDC has a name); everything without one of these is a perpetual, and
is passed over. Prices have five significant digits as well as their places. No order goes there, see
`venues.capabilities`. It does not tell its time, so the local clock stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from mooring.errors import Denied, Halt
from mooring.runtime.domain.orders import Kind, Side, Status
from mooring.runtime.venues.others import exact
from mooring.runtime.venues.others.dialect import Markets, Product, fill_of, sorted_holdings
from mooring.runtime.venues.others.wire import Wire
from mooring.runtime.venues.protocol import Holdings, VenueOrder, VenueTrade

PRICE_PLACES: Final = 8
COST_MIN: Final = Decimal(10)
FILLS_MAX: Final = 2000  # more are not told in one answer


class Hyperliquid:
    """See `Dialect`."""

    def __init__(self) -> None:
        self._markets = Markets()

    def learn(self, products: Mapping[str, Product]) -> None:
        self._markets.learn(products)

    async def products(self, wire: Wire) -> list[Product]:
        meta = exact.entry(await wire.call("publicPostInfo", {"type": "spotMeta"}), "spotMeta")
        tokens = {_index(token): token for token in exact.objects(meta.get("tokens"), "tokens")}
        found = [_product(raw, tokens) for raw in exact.objects(meta.get("universe"), "universe")]
        return [product for product in found if product is not None]

    async def time_ms(self, wire: Wire) -> int | None:
        assert wire.name == "hyperliquid"
        return None

    async def holdings(self, wire: Wire) -> Holdings:
        state = exact.entry(await self._asked(wire, "spotClearinghouseState"), "spotClearinghouseState")
        total: dict[str, Decimal] = {}
        held: dict[str, Decimal] = {}
        for raw in exact.objects(state.get("balances"), "balances"):
            asset = exact.text(raw.get("coin"), "coin")
            total[asset] = total.get(asset, Decimal(0)) + exact.number(raw.get("total"), "total")
            held[asset] = held.get(asset, Decimal(0)) + exact.number(raw.get("hold"), "hold")
        return sorted_holdings(total, held, {})

    async def open_orders(self, wire: Wire) -> list[VenueOrder]:
        rows = exact.objects(await self._asked(wire, "frontendOpenOrders"), "frontendOpenOrders")
        return [order for order in map(self._order, rows) if order is not None]

    async def trades(self, wire: Wire, *, since_ms: int) -> list[VenueTrade]:
        rows = exact.objects(await self._asked(wire, "userFillsByTime", startTime=max(0, since_ms)), "userFillsByTime")
        if len(rows) >= FILLS_MAX:
            raise exact.unreadable(f"has {FILLS_MAX} fills, and there may be more")
        return [trade for trade in map(self._trade, rows) if trade is not None]

    async def _asked(self, wire: Wire, kind: str, **fields: object) -> Any:
        if not wire.wallet:
            raise Denied(
                "venue_no_wallet",
                "The address of the Hyperliquid account is not given, so nothing can be asked of it.",
                money="Nothing was ordered.",
                todo="Give the address of the account's wallet.",
            )
        return await wire.call("publicPostInfo", {"type": kind, "user": wire.wallet, **fields})

    def _order(self, raw: Mapping[str, Any]) -> VenueOrder | None:
        instrument = self._markets.of_market(exact.text(raw.get("coin"), "coin"))
        if instrument is None:
            return None
        left = exact.number(raw.get("sz"), "sz")
        quantity = exact.number(raw.get("origSz", raw.get("sz")), "origSz")
        lots = exact.units(max(quantity - left, Decimal(0)), instrument.lot_decimals, up=False)
        return VenueOrder(
            order_id=exact.text(raw.get("oid"), "oid"),
            client_id=_client_id(raw.get("cloid")),
            symbol=instrument.symbol,
            side=_side(raw),
            kind=Kind.LIMIT if raw.get("orderType", "Limit") == "Limit" else None,
            quantity=exact.units(quantity, instrument.lot_decimals, up=False),
            filled=lots,
            status=Status.PARTIAL if lots else Status.OPEN,
        )

    def _trade(self, raw: Mapping[str, Any]) -> VenueTrade | None:
        instrument = self._markets.of_market(exact.text(raw.get("coin"), "coin"))
        if instrument is None:
            return None
        fee = exact.number(raw.get("fee"), "fee")
        if fee and raw.get("feeToken") != instrument.quote:
            raise Halt(
                "venue_fee_asset",
                f"A fee of {instrument.symbol} was taken in {exact.text(raw.get('feeToken'), 'feeToken')}.",
                money="The books count fees in the quote asset and cannot hold this one.",
                todo="Do not count on this venue's fills; see docs/venues.md.",
            )
        side = _side(raw)
        # A rebate is no fee; what is booked is never better than what was.
        fill = fill_of(
            instrument, side, trade_id=exact.text(raw.get("tid"), "tid"), price=exact.positive(raw.get("px"), "px"),
            quantity=exact.positive(raw.get("sz"), "sz"), fee=max(fee, Decimal(0)), maker=raw.get("crossed") is False,
            time_ms=exact.time_ms(raw.get("time"), "time"),
        )  # fmt: skip
        order_id, client_id = exact.text(raw.get("oid"), "oid"), _client_id(raw.get("cloid"))
        return VenueTrade(symbol=instrument.symbol, side=side, order_id=order_id, client_id=client_id, fill=fill)


def _index(token: Mapping[str, Any]) -> int:
    index = token.get("index")
    if not isinstance(index, int) or isinstance(index, bool):
        raise exact.unreadable("has a token without a number")
    return index


def _product(raw: Mapping[str, Any], tokens: Mapping[int, Mapping[str, Any]]) -> Product | None:
    pair = raw.get("tokens")
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(each, int) for each in pair):  # noqa: PLR2004
        raise exact.unreadable("has a pair that is none")
    if pair[0] not in tokens or pair[1] not in tokens:
        return None
    base, quote = tokens[pair[0]], tokens[pair[1]]
    places = exact.number(base.get("szDecimals"), "szDecimals")
    if places != places.to_integral_value() or not 0 <= places <= PRICE_PLACES:
        raise exact.unreadable("has a token with odd places")
    return Product(
        symbol=f"{exact.text(base.get('name'), 'name')}-{exact.text(quote.get('name'), 'name')}",
        market_id=exact.text(raw.get("name"), "name"),
        kind="spot",  # the universe of spotMeta has nothing else
        price_step=Decimal(1).scaleb(int(places) - PRICE_PLACES),
        lot_step=Decimal(1).scaleb(-int(places)),
        order_min=Decimal(0),
        cost_min=COST_MIN,
        trading=True,
    )


def _side(raw: Mapping[str, Any]) -> Side:
    side = raw.get("side")
    if side not in ("A", "B"):
        raise exact.unreadable("says of no side what it is")
    return Side.BUY if side == "B" else Side.SELL


def _client_id(raw: object) -> str | None:
    try:
        return str(UUID(hex=raw.removeprefix("0x"))) if isinstance(raw, str) else None
    except ValueError:
        return None
