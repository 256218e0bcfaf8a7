"""Assets and pairs of the look-alike, with the names each has in each of the venue's interfaces.

Figures come from the project's own table of the universe; what it does not hold gets plausible figures and is marked
`estimated`. Source of names, ledger decimals and cost decimals: Kraken's AssetPairs of 2026-01-12 and a recorded
`instrument` snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.market.universe import instrument
from mooring.runtime.venues.simulator.digits import rescale, text

_LEGACY: Final = MappingProxyType(
    {
        "BTC": "XXBT",
        "DOGE": "XXDG",
        **{name: f"X{name}" for name in ("ETH", "LTC", "XRP", "XLM", "XMR", "ETC", "ZEC", "REP", "MLN")},
        **{name: f"Z{name}" for name in ("USD", "EUR", "GBP", "CAD", "JPY", "AUD")},
    }
)
_ALTNAMES: Final = MappingProxyType({"BTC": "XBT", "DOGE": "XDG"})
_FIAT: Final = frozenset({"USD", "EUR", "GBP", "CAD", "AUD", "CHF", "JPY"})
_LEDGER_DECIMALS: Final = MappingProxyType(
    {
        **dict.fromkeys(("USD", "EUR", "GBP", "CAD", "AUD", "CHF"), 4),
        **dict.fromkeys(("USDT", "USDC", "XRP", "TRX", "ADA", "XLM", "NEAR", "ICP", "ALGO"), 8),
        "JPY": 2,
    }
)
_COST_DECIMALS: Final = MappingProxyType(
    {
        **dict.fromkeys(("XRP", "XMR", "XLM", "SUI", "TAO", "ETC", "APT"), 8),
        **dict.fromkeys(("TRX", "TON"), 7),
        **dict.fromkeys(("ADA", "BCH", "LINK", "ALGO"), 6),
        "POL": 9,
    }
)
_MARGIN_CALL: Final = 80
_MARGIN_STOP: Final = 40


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One asset.

    Attributes:
        id: its name in REST results, such as `XXBT`; a suffix such as `.F` makes it an asset of its own.
        altname: `XBT`.
        name: its name in WebSocket v2, `BTC`.
        decimals: places of the ledger.
    """

    id: str
    altname: str
    name: str
    decimals: int

    @property
    def display_decimals(self) -> int:
        return 2 if self.name in _FIAT else 5


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One pair.

    Attributes:
        id, altname, wsname, symbol: `XXBTZUSD`, `XBTUSD`, `XBT/USD`, and `BTC/USD` of WebSocket v2.
        key: how the project writes it, `BTC-USD`.
        order_min: smallest order in lots. cost_min: the same in the quote asset, as the venue writes it.
        estimated: the figures are plausible, no venue stated them.
    """

    id: str
    altname: str
    wsname: str
    symbol: str
    key: str
    base: Asset
    quote: Asset
    pair_decimals: int
    lot_decimals: int
    cost_decimals: int
    order_min: int
    cost_min: str
    estimated: bool

    @property
    def cost_scale(self) -> int:
        """Decimals of price times quantity, exact."""
        return self.pair_decimals + self.lot_decimals

    def price(self, ticks: int) -> str:
        return text(ticks, self.pair_decimals)

    def volume(self, lots: int) -> str:
        return text(lots, self.lot_decimals)

    def cost(self, exact: int) -> str:
        """A cost as the venue prints it, rounded down to cost_decimals."""
        return text(rescale(exact, self.cost_scale, self.cost_decimals), self.cost_decimals)

    def describe(self) -> dict[str, object]:
        """Its entry in AssetPairs."""
        return {
            "altname": self.altname,
            "wsname": self.wsname,
            "aclass_base": "currency",
            "base": self.base.id,
            "aclass_quote": "currency",
            "quote": self.quote.id,
            "execution_venue": "international",
            "lot": "unit" if self.lot_decimals == MONEY_DECIMALS else f"unit{self.lot_decimals}",
            "cost_decimals": self.cost_decimals,
            "pair_decimals": self.pair_decimals,
            "lot_decimals": self.lot_decimals,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [],
            "fees_maker": [],
            "fee_volume_currency": "ZUSD",
            "margin_call": _MARGIN_CALL,
            "margin_stop": _MARGIN_STOP,
            "ordermin": _trimmed(self.volume(self.order_min)),
            "costmin": self.cost_min,
            "tick_size": self.price(1),
        }


class Catalog:
    """The pairs of one simulation, found by any of their names.

    Args:
        symbols: such as `BTC-USD`, each once.

    Raises:
        Invalid: a symbol does not read BASE-QUOTE.
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        self.pairs: Mapping[str, Pair] = MappingProxyType({pair.id: pair for pair in map(_pair, symbols)})
        assets = {asset.id: asset for pair in self.pairs.values() for asset in (pair.base, pair.quote)}
        self.assets: Mapping[str, Asset] = MappingProxyType(assets)
        self._assets_by_name = {
            name: asset for asset in assets.values() for name in (asset.name, asset.altname, asset.id)
        }
        self._by_name = {
            name: pair
            for pair in self.pairs.values()
            for name in (pair.id, pair.altname, pair.symbol, pair.wsname, pair.key)
        }
        self._by_symbol = {pair.symbol: pair for pair in self.pairs.values()}

    def pair(self, name: str) -> Pair | None:
        """By any name that REST takes."""
        return self._by_name.get(name)

    def symbol(self, name: str) -> Pair | None:
        """By the one name that WebSocket v2 takes."""
        return self._by_symbol.get(name)

    def asset(self, name: str) -> Asset | None:
        """By id, altname or WebSocket name; with a suffix such as `.F` the asset of that kind."""
        bare, dot, suffix = name.partition(".")
        found = self._assets_by_name.get(bare)
        return _suffixed(found, dot + suffix) if found is not None and dot else found

    def bare(self, asset_id: str) -> Asset:
        """The asset of an id, without its suffix."""
        return self._assets_by_name[asset_id.partition(".")[0]]

    def decimals(self, asset_id: str) -> int:
        """Ledger decimals of an asset id, with or without a suffix."""
        return self.bare(asset_id).decimals


def _suffixed(asset: Asset, suffix: str) -> Asset:
    # The venue drops the legacy letter before a suffix: XXBT, but XBT.F.
    name = asset.altname + suffix
    return Asset(id=name, altname=name, name=asset.name + suffix, decimals=asset.decimals)


def _pair(key: str) -> Pair:
    figures: Instrument = instrument(key)
    base = _asset(figures.base, figures.lot_decimals)
    quote = _asset(figures.quote, 0)
    both_legacy = figures.base in _LEGACY and figures.quote in _LEGACY
    altname = base.altname + quote.altname
    return Pair(
        id=base.id + quote.id if both_legacy else altname,
        altname=altname,
        wsname=f"{base.altname}/{quote.altname}",
        symbol=f"{figures.base}/{figures.quote}",
        key=key,
        base=base,
        quote=quote,
        pair_decimals=figures.pair_decimals,
        lot_decimals=figures.lot_decimals,
        cost_decimals=_COST_DECIMALS.get(figures.base, 5),
        order_min=figures.order_min,
        cost_min=_trimmed(text(figures.cost_min, MONEY_DECIMALS)),
        estimated=figures.estimated,
    )


def _asset(name: str, lot_decimals: int) -> Asset:
    # A ledger coarser than the lots would round each fill; the venue does so for a few assets, the look-alike never.
    return Asset(
        id=_LEGACY.get(name, name),
        altname=_ALTNAMES.get(name, name),
        name=name,
        decimals=max(_LEDGER_DECIMALS.get(name, 10), lot_decimals),
    )


def _trimmed(plain: str) -> str:
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
