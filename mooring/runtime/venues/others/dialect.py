"""What differs from venue to venue: how each is asked, and how its answers are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from mooring.errors import NotFound
from mooring.runtime.domain.instruments import SYMBOL, Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.domain.orders import Fill, Order, Side
from mooring.runtime.venues.derivatives import spot_market, spot_symbol
from mooring.runtime.venues.others import exact
from mooring.runtime.venues.others.wire import Wire
from mooring.runtime.venues.protocol import Holdings, VenueOrder, VenueTrade

ASSET: Final = re.compile(r"[A-Z0-9]{1,12}\Z")
PRODUCTS_MAX: Final = 5000


@dataclass(frozen=True, kw_only=True)
class Product:
    """A market as the venue states it.

    Attributes:
        market_id: its name for it. kind: `spot`, in the venue's words in lower case.
        price_step, lot_step: smallest steps. order_min: base; cost_min: quote.
        trading: whether orders are taken now.
    """

    symbol: str
    market_id: str
    kind: str
    price_step: Decimal
    lot_step: Decimal
    order_min: Decimal
    cost_min: Decimal
    trading: bool

    def instrument(self) -> Instrument:
        """In ticks and lots.

        Raises:
            Denied: it is not spot.
            NotFound: one of its steps is no power of ten.
        """
        spot_market(spot_symbol(self.symbol), self.kind)
        pair_decimals, lot_decimals = exact.places(self.price_step), exact.places(self.lot_step)
        if pair_decimals is None or lot_decimals is None:
            raise NotFound(
                "no_such_symbol",
                f"{self.symbol} goes in steps of {self.price_step} by {self.lot_step}, which ticks cannot say.",
                todo="Choose another symbol.",
            )
        return Instrument(
            symbol=self.symbol,
            pair_decimals=pair_decimals,
            lot_decimals=lot_decimals,
            order_min=max(1, exact.units(self.order_min, lot_decimals, up=True)),
            cost_min=exact.units(self.cost_min, MONEY_DECIMALS, up=True),
        )


def product_map(products: list[Product]) -> dict[str, Product]:
    """By symbol; names that two markets share are left out, because nobody could tell which is meant."""
    found: dict[str, Product] = {}
    twice: set[str] = set()
    for product in products:
        if product.symbol in found:
            twice.add(product.symbol)
        if SYMBOL.match(product.symbol):
            found[product.symbol] = product
    return {symbol: product for symbol, product in found.items() if symbol not in twice}


def fill_of(
    instrument: Instrument, side: Side, *, trade_id: str, price: Decimal, quantity: Decimal, fee: Decimal, maker: bool,
    time_ms: int,
) -> Fill:  # fmt: skip
    """A fill in our units; what does not land on them is rounded against us."""
    buys = side is Side.BUY
    return Fill(
        trade_id=trade_id,
        quantity=exact.units(quantity, instrument.lot_decimals, up=not buys),
        price=exact.units(price, instrument.pair_decimals, up=buys),
        notional=exact.money(price, quantity, up=buys),
        fee=exact.units(fee, MONEY_DECIMALS, up=True),
        maker=maker,
        time_ms=time_ms,
    )


def sorted_holdings(total: Mapping[str, Decimal], held: Mapping[str, Decimal], away: Mapping[str, Decimal]) -> Holdings:
    """By our names; what has none of ours is unknown."""
    known = {asset: amount for asset, amount in total.items() if ASSET.match(asset)}
    unknown = {asset: amount for asset, amount in total.items() if asset not in known and amount}
    return Holdings(
        total=known,
        held={asset: amount for asset, amount in held.items() if asset in known},
        away={asset: amount for asset, amount in away.items() if amount},
        unknown=unknown,
    )


class Dialect(Protocol):
    """One venue's way of saying things. Errors are those of `Wire.call`, and Halt for what cannot be read."""

    async def products(self, wire: Wire) -> list[Product]:
        """All its markets, also those that are not spot."""
        ...

    async def time_ms(self, wire: Wire) -> int | None:
        """The venue's time; None where it does not tell."""
        ...

    async def holdings(self, wire: Wire) -> Holdings: ...

    async def open_orders(self, wire: Wire) -> list[VenueOrder]:
        """Of spot; those of markets without an instrument are left out, none of them can be ours."""
        ...

    async def trades(self, wire: Wire, *, since_ms: int) -> list[VenueTrade]:
        """Of spot, in any order."""
        ...

    def learn(self, products: Mapping[str, Product]) -> None:
        """Take the markets by which answers are read from now on."""
        ...


class OrderingDialect(Dialect, Protocol):
    """One that takes orders as well."""

    async def place(self, wire: Wire, order: Order, *, deadline_ms: int, validate: bool) -> str: ...

    async def cancel(self, wire: Wire, client_id: str, symbol: str) -> None: ...

    async def cancel_all(self, wire: Wire) -> int: ...

    async def find(self, wire: Wire, client_id: str, symbol: str, *, since_ms: int) -> list[VenueOrder]: ...


class Markets:
    """Instruments by symbol and by the venue's name, of those markets that can be said in ticks and lots."""

    def __init__(self) -> None:
        self.by_symbol: dict[str, Product] = {}
        self.instruments: dict[str, Instrument] = {}
        self._symbols: dict[str, str] = {}

    def learn(self, products: Mapping[str, Product]) -> None:
        self.by_symbol = dict(products)
        self._symbols = {product.market_id: symbol for symbol, product in products.items()}
        self.instruments = {}
        for symbol, product in products.items():
            if product.kind == "spot" and exact.places(product.price_step) is not None:
                try:
                    self.instruments[symbol] = product.instrument()
                except NotFound:
                    continue

    def of_market(self, market_id: str) -> Instrument | None:
        """None for a market that is unknown, or cannot be said."""
        return self.instruments.get(self._symbols.get(market_id, ""))
