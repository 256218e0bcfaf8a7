"""The universe: figures of the venue for each symbol, as last seen.

They serve paper trading, replay and backtest, where no venue can be asked; live trading asks the venue itself.
Source: Kraken's public AssetPairs. Decimals and quantities: recording of 2026-01-12, with the minimums that were newer
in July and September 2026 where known. Kraken states the same figures for USD, USDT, USDC and EUR but for the four
pairs in `_OTHER_PRICE_DECIMALS`; smallest quantities are in base units and do not depend on the quote asset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from mooring.runtime.domain.instruments import Instrument, parse_symbol


class _Base(NamedTuple):
    pair_decimals: int
    lot_decimals: int
    order_min: str
    usd: str  # about what one was worth in 2026; only made-up markets start there


# base, places of a USD price, places of a quantity, smallest order in base units, about its worth in USD
_TABLE: Final = """
BTC  1 8 0.00005 60000
ETH  2 8 0.001   3000
BNB  2 5 0.009   600
XRP  5 8 1.65    1.5
SOL  2 8 0.06    120
TRX  6 8 16      0.25
ADA  6 8 20      0.5
BCH  2 8 0.01    450
XMR  2 8 0.01    300
LINK 5 8 0.55    15
XLM  6 8 30      0.25
HBAR 5 5 55      0.15
LTC  2 8 0.1     85
AVAX 2 8 0.5     20
ZEC  2 8 0.01    250
SUI  4 5 5       2
SHIB 8 5 770000  0.00001
TON  3 5 0.75    3
DOT  4 8 3.9     4
UNI  3 8 1.5     7
AAVE 2 8 0.05    180
TAO  4 5 0.025   350
NEAR 3 8 0.7     2.5
ETC  3 8 0.24    18
ICP  3 8 0.4     5
POL  5 5 37      0.2
KAS  5 5 30      0.08
ALGO 5 8 41      0.2
FIL  3 8 0.7     2.5
APT  4 8 2.2     4
"""


def _parse(table: str) -> Mapping[str, _Base]:
    rows = (line.split() for line in table.strip().splitlines())
    return MappingProxyType({base: _Base(int(pair), int(lot), least, usd) for base, pair, lot, least, usd in rows})


_BASES: Final = _parse(_TABLE)
KNOWN_BASES: Final = tuple(_BASES)

# An asset the table does not hold: places enough for prices of any size, quantities as the venue counts newer assets.
_UNKNOWN: Final = _Base(8, 5, "0.00001", "1")

_OTHER_PRICE_DECIMALS: Final = MappingProxyType({"BTC-USDC": 2, "LTC-USDT": 5, "LTC-USDC": 3, "ZEC-EUR": 3})
_STATED_QUOTES: Final = frozenset({"USD", "USDT", "USDC", "EUR"})
_COST_MIN: Final = MappingProxyType(
    {
        "USD": "0.5",
        "USDT": "0.5",
        "USDC": "0.5",
        "EUR": "0.45",
        "GBP": "0.43",
        "BTC": "0.00002",
        "ETH": "0.0002",
        "JPY": "50",
        "AUD": "1",
        "CAD": "1",
    }
)
_QUOTE_USD: Final = MappingProxyType(
    {
        "USD": "1",
        "USDT": "1",
        "USDC": "1",
        "EUR": "1.15",
        "GBP": "1.3",
        "BTC": "60000",
        "ETH": "3000",
        "JPY": "0.0065",
        "AUD": "0.65",
        "CAD": "0.7",
    }
)


def instrument(symbol: str) -> Instrument:
    """The venue's figures for a symbol such as `BTC-USDT`.

    `estimated` is set where the base asset is not in the table or the quote asset is not USD, USDT, USDC or EUR:
    these figures are plausible, and good for paper trading only.

    Raises:
        Invalid: the symbol does not read BASE-QUOTE.
    """
    base, quote = parse_symbol(symbol).split("-")
    known = _BASES.get(base)
    figures = known or _UNKNOWN
    stated = known is not None and quote in _STATED_QUOTES
    return Instrument.of(
        symbol,
        pair_decimals=_OTHER_PRICE_DECIMALS.get(symbol, _price_decimals(figures, quote)),
        lot_decimals=figures.lot_decimals,
        order_min=figures.order_min,
        cost_min=_COST_MIN.get(quote, "0.5"),
        estimated=not stated,
    )


def instruments(symbols: Iterable[str]) -> tuple[Instrument, ...]:
    """`instrument` of each symbol, in the given order."""
    return tuple(instrument(symbol) for symbol in symbols)


def plausible_price(symbol: str) -> Decimal:
    """A believable price of the symbol, in its quote asset, for a made-up market to start at.

    Raises:
        Invalid: the symbol does not read BASE-QUOTE.
    """
    base, quote = parse_symbol(symbol).split("-")
    return Decimal(_BASES.get(base, _UNKNOWN).usd) / Decimal(_QUOTE_USD.get(quote, "1"))


def _price_decimals(figures: _Base, quote: str) -> int:
    if quote in {"BTC", "ETH"}:
        return 8
    if quote == "JPY":
        return max(0, figures.pair_decimals - 2)
    return figures.pair_decimals
