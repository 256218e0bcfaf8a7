"""Names of assets and pairs, only from what Kraken itself lists; none is ever put together from parts.

Kraken writes one pair in four ways (`XXBTZUSD`, `XBTUSD`, `XBT/USD`, `BTC/USD`), and says XBT and XDG for BTC and DOGE
except in WebSocket v2. Balances carry suffixes for what is staked or earning; only an asset without one can be traded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from mooring.errors import NotFound
from mooring.runtime.domain.instruments import SYMBOL, Instrument
from mooring.runtime.venues.kraken.errors import safe_text
from mooring.runtime.venues.kraken.fields import Fields
from mooring.runtime.venues.kraken.numbers import decimal_text

# Kraken's own names for these two, and everybody else's.
OURS: Final[Mapping[str, str]] = {"XBT": "BTC", "XDG": "DOGE"}
# What the suffixes of balances say. Another one is a break in the books, not a zero.
SUFFIXES: Final[Mapping[str, str]] = {
    "S": "staked",
    "M": "opt-in rewards",
    "B": "yield-bearing",
    "F": "earning automatically",
    "P": "parachain",
    "T": "tokenized",
    "HOLD": "on hold",
}
_PLAIN: Final = Decimal(0)
# Staked for a number of days: DOT28.S, SOL03.S.
_NUMBERED: Final = re.compile(r"(.+?)\d{2}\Z")


@dataclass(frozen=True, kw_only=True)
class Asset:
    """An asset as `Assets` lists it.

    Attributes:
        id: Kraken's id, `XXBT`.
        name: everybody's name, `BTC`.
        decimals: places of the ledger.
        status: `enabled` and others.
    """

    id: str
    name: str
    decimals: int
    status: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A pair as `AssetPairs` lists it.

    Attributes:
        id: Kraken's id, `XXBTZUSD`.
        altname: `XBTUSD`, what orders echo.
        wsname: `XBT/USD`, of WebSocket v1.
        ws: `BTC/USD`, of WebSocket v2.
        symbol: ours, `BTC-USD`; empty where our symbols cannot name it.
        base: Kraken's id of the base asset; likewise quote.
        pair_decimals: places of a price; likewise lot_decimals of a quantity, cost_decimals of a cost.
        order_min: least quantity, in base.
        cost_min: least cost, in quote; 0 where the listing has none.
        tick_size: step of prices, in quote.
        status: `online`, `cancel_only`, `post_only`, `limit_only`, `reduce_only`.
        currency: False for tokenized assets.
    """

    id: str
    altname: str
    wsname: str
    ws: str
    symbol: str
    base: str
    quote: str
    pair_decimals: int
    lot_decimals: int
    cost_decimals: int
    order_min: Decimal
    cost_min: Decimal
    tick_size: Decimal
    status: str
    currency: bool

    def instrument(self) -> Instrument:
        """The pair as what can be traded.

        Raises:
            Invalid: its figures are outside what we can count.
        """
        return Instrument.of(
            self.symbol,
            pair_decimals=self.pair_decimals,
            lot_decimals=self.lot_decimals,
            order_min=decimal_text(self.order_min),
            cost_min=decimal_text(self.cost_min),
        )


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """Balances by asset, with nothing left out.

    Attributes:
        spot: what can be traded or withdrawn, by our name of the asset.
        away: what is staked, earning or held, by our name; not tradable until it is back.
        unknown: what no list explains, by Kraken's name; a break in the books if there is any.
    """

    spot: Mapping[str, Decimal]
    away: Mapping[str, Decimal]
    unknown: Mapping[str, Decimal]


def our_name(name: str) -> str:
    """Everybody's name for one of Kraken's short names: XBT is BTC."""
    return OURS.get(name, name)


def read_assets(raw: Any) -> tuple[Asset, ...]:
    """The result of `Assets`.

    Raises:
        Halt: it is not what is documented.
    """
    return tuple(
        Asset(
            id=name,
            name=our_name(each.text("altname")),
            decimals=each.whole("decimals"),
            status=each.text("status", "enabled"),
        )
        for name, each in Fields(raw, "Assets").children()
    )


def read_pairs(raw: Any) -> tuple[Pair, ...]:
    """The result of `AssetPairs`; pairs without a name for WebSocket (dark pools) are left out.

    Raises:
        Halt: it is not what is documented.
    """
    return tuple(_pair(name, each) for name, each in Fields(raw, "AssetPairs").children() if each.has("wsname"))


def _pair(name: str, each: Fields) -> Pair:
    wsname = each.text("wsname")
    base, _, quote = wsname.partition("/")
    ours = (our_name(base), our_name(quote))
    symbol = "-".join(ours)
    places = each.whole("pair_decimals")
    return Pair(
        id=name,
        altname=each.text("altname"),
        wsname=wsname,
        ws="/".join(ours),
        symbol=symbol if SYMBOL.match(symbol) else "",
        base=each.text("base"),
        quote=each.text("quote"),
        pair_decimals=places,
        lot_decimals=each.whole("lot_decimals"),
        cost_decimals=each.whole("cost_decimals", 8),
        order_min=each.number("ordermin"),
        cost_min=each.number("costmin", _PLAIN),
        tick_size=each.number("tick_size", Decimal(1).scaleb(-places)),
        status=each.text("status", "online"),
        currency=each.text("aclass_base", "currency") == "currency",
    )


class Names:
    """What each of Kraken's names stands for.

    Args:
        pairs: from `read_pairs`.
        assets: from `read_assets`.
    """

    def __init__(self, pairs: Iterable[Pair], assets: Iterable[Asset]) -> None:
        self.pairs = tuple(pairs)
        self.assets = tuple(assets)
        # None marks a name that two different pairs bear: it is never guessed which is meant.
        self._pairs: dict[str, Pair | None] = {}
        for pair in self.pairs:
            for name in {pair.id, pair.altname, pair.wsname, pair.ws, pair.symbol} - {""}:
                known = self._pairs.get(name, pair)
                self._pairs[name] = pair if known is not None and known.id == pair.id else None
        self._assets: dict[str, str] = {}
        for pair in self.pairs:
            base, _, quote = pair.ws.partition("/")
            if base and quote:
                self._assets |= {pair.base: base, pair.quote: quote}
        for asset in self.assets:
            if "." not in asset.id:
                self._assets[asset.id] = asset.name
        # Some balances are named by the short name: XBT.M beside XXBT.
        shorts = {ours: ours for ours in self._assets.values()} | dict(OURS)
        self._assets = shorts | self._assets

    def pair(self, name: str) -> Pair:
        """The pair of any of its names: id, altname, wsname, WebSocket v2, or ours.

        Raises:
            NotFound: Kraken lists none, or more than one.
        """
        found = self._pairs.get(name)
        if found is None:
            raise NotFound(
                "kraken_unknown_name",
                f"Kraken lists no pair, or more than one, that is called {safe_text(name)}.",
                money="No order was placed.",
                todo="Take the symbol out of the universe, or correct it.",
            )
        return found

    def asset(self, name: str) -> str | None:
        """Our name of an asset without a suffix; None for one that no list has."""
        return self._assets.get(name)

    def wallet(self, name: str) -> tuple[str | None, bool]:
        """Our name of a balance's asset, None where no list has it, and whether it is in a wallet that cannot trade."""
        asset, suffix = self._parted(name)
        return asset, bool(suffix)

    def unconfirmed(self, symbols: Iterable[str]) -> tuple[Pair, ...]:
        """Pairs whose WebSocket name is not among the symbols of the `instrument` channel."""
        listed = frozenset(symbols)
        return tuple(pair for pair in self.pairs if pair.ws not in listed)

    def holdings(self, balances: Mapping[str, Decimal]) -> Holdings:
        """Balances by asset: tradable, away, and unexplained. Nothing is dropped but zeros."""
        spot: dict[str, Decimal] = {}
        away: dict[str, Decimal] = {}
        unknown: dict[str, Decimal] = {}
        for name, amount in balances.items():
            asset, suffix = self._parted(name)
            if asset is None:
                if amount:
                    unknown[name] = amount
                continue
            into = away if suffix else spot
            into[asset] = into.get(asset, _PLAIN) + amount
        return Holdings(spot=spot, away=away, unknown=unknown)

    def _parted(self, name: str) -> tuple[str | None, str]:
        """Our name of the asset and its suffix; (None, "") for what is not known."""
        base, dot, suffix = name.partition(".")
        if not dot:
            return self._assets.get(base), ""
        if suffix not in SUFFIXES:
            return None, ""
        asset = self._assets.get(base)
        numbered = _NUMBERED.match(base)
        if asset is None and numbered is not None:
            asset = self._assets.get(numbered[1])
        return (asset, suffix) if asset is not None else (None, "")
