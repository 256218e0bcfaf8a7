"""A venue of ccxt behind our protocol: Coinbase takes orders, BtcTurk and Hyperliquid are read only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

import httpx

from mooring.errors import Denied, NotFound
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.orders import Kind, Order, Side
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.capabilities import cannot, capabilities_of, live_or_denied
from mooring.runtime.venues.derivatives import spot_symbol, spot_venue
from mooring.runtime.venues.others import exact
from mooring.runtime.venues.others.btcturk import BtcTurk
from mooring.runtime.venues.others.coinbase import Coinbase
from mooring.runtime.venues.others.dialect import Dialect, OrderingDialect, Product, product_map
from mooring.runtime.venues.others.hyperliquid import Hyperliquid
from mooring.runtime.venues.others.wire import VenueKey, Wire
from mooring.runtime.venues.protocol import (
    Capabilities,
    Entry,
    Event,
    Holdings,
    LinkUp,
    VenueOrder,
    VenueTrade,
)

_DIALECTS: Final[Mapping[str, Callable[[], Dialect]]] = MappingProxyType(
    {"coinbase": Coinbase, "btcturk": BtcTurk, "hyperliquid": Hyperliquid}
)


class CcxtVenue:
    """One account at one of these venues, as `Venue`.

    Args:
        name: `ccxt:coinbase`, `ccxt:btcturk` or `ccxt:hyperliquid`.
        key: Coinbase: name and secret of an API key; BtcTurk: public and private key; Hyperliquid: the address.
        transport: stands for the network; None for the real one.

    Raises:
        Denied: a venue for contracts.
        NotFound: a venue that is none of these.
    """

    def __init__(
        self,
        name: str,
        *,
        key: VenueKey,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        plain = spot_venue(name).removeprefix("ccxt:")
        if plain not in _DIALECTS:
            known = ", ".join(f"ccxt:{each}" for each in _DIALECTS)
            raise NotFound("no_such_venue", f"There is no venue {name[:40]}.", todo=f"Choose one of {known}.")
        self._name = f"ccxt:{plain}"
        self._clock = clock
        self._wire = Wire(plain, key=key, clock=clock, sleep=sleep, transport=transport)
        self._dialect = _DIALECTS[plain]()
        self._products: dict[str, Product] = {}
        self._ahead_ms = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_of(self._name)

    async def open(self) -> None:
        await self._wire.open()
        await self.refresh()
        await self._wire.ready()
        before = self._clock.now_ms()
        told = await self._dialect.time_ms(self._wire)
        self._ahead_ms = 0 if told is None else told - (before + self._clock.now_ms()) // 2

    async def refresh(self) -> None:
        """Load the markets anew; their minimums move, so this wants to be done daily. Errors as reads."""
        self._products = product_map(await self._dialect.products(self._wire))
        self._dialect.learn(self._products)

    async def close(self) -> None:
        await self._wire.close()

    def instruments(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        return tuple(self._product(symbol).instrument() for symbol in symbols)

    async def events(self) -> AsyncIterator[Event]:
        yield LinkUp()
        await asyncio.Event().wait()

    async def place(self, order: Order, *, deadline_ms: int, validate: bool = False) -> str:
        self._check(order)
        return await self._ordering().place(self._wire, order, deadline_ms=deadline_ms, validate=validate)

    async def cancel(self, client_id: str, symbol: str) -> None:
        dialect = self._ordering()
        self._product(symbol)
        await dialect.cancel(self._wire, client_id, symbol)

    async def cancel_all(self) -> int:
        return await self._ordering().cancel_all(self._wire)

    async def keep_alive(self, seconds: int) -> None:
        live_or_denied(self._name)
        raise cannot(self._name, f"cancel everything after {seconds} seconds of silence")

    async def find(self, client_id: str, symbol: str, *, since_ms: int) -> tuple[VenueOrder, ...]:
        dialect = self._ordering()
        self._product(symbol)
        return tuple(await dialect.find(self._wire, client_id, symbol, since_ms=since_ms))

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        return tuple(await self._dialect.open_orders(self._wire))

    async def trades(self, *, since_ms: int) -> tuple[VenueTrade, ...]:
        told = await self._dialect.trades(self._wire, since_ms=since_ms)
        return tuple(sorted(told, key=lambda each: (each.fill.time_ms, each.fill.trade_id)))

    async def holdings(self) -> Holdings:
        return await self._dialect.holdings(self._wire)

    async def entries(self, *, since_ms: int) -> tuple[Entry, ...]:
        assert since_ms >= 0
        return ()

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._ahead_ms

    def _ordering(self) -> OrderingDialect:
        live_or_denied(self._name)
        return cast("OrderingDialect", self._dialect)

    def _product(self, symbol: str) -> Product:
        product = self._products.get(spot_symbol(symbol))
        if product is None:
            raise NotFound(
                "no_such_symbol", f"{self._name} does not trade {symbol}.", todo="Name a symbol that it trades."
            )
        return product

    def _check(self, order: Order) -> None:
        """What is certain to be refused is not sent."""
        live_or_denied(self._name)
        product = self._product(order.symbol)
        instrument = product.instrument()
        if order.kind is Kind.STOP_LOSS:
            raise cannot(self._name, "a stop that it keeps itself")
        if order.side is Side.BUY and order.kind is not Kind.LIMIT:
            raise cannot(self._name, "a purchase without a limit")
        if not product.trading:
            raise _denied(f"{self._name} does not take orders for {order.symbol} at the moment")
        cost = exact.money(
            product.price_step * order.limit, product.lot_step * order.quantity, up=False
        )  # fmt: skip
        small = order.kind is Kind.LIMIT and cost < instrument.cost_min
        if order.quantity < instrument.order_min or small or (order.kind is Kind.LIMIT and order.limit <= 0):
            raise _denied(f"the order for {order.symbol} is below what {self._name} takes")
        if order.expires_at is not None and order.expires_at * 1000 <= self.now_ms():
            raise _denied(f"the order for {order.symbol} has expired already")


def _denied(what: str) -> Denied:
    return Denied("venue_order_unfit", f"Not sent: {what}.", money="Nothing was ordered.", todo="Decide again.")
