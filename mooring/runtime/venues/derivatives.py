"""The gate in front of everything that is not spot; it is shut, and nothing in the program opens it.

Futures, perpetuals, options, margin and borrowing can lose more than what was put in, and the books here cannot hold
them. Whoever chooses a venue, a market or a symbol, or puts fields into an order, passes here. There is no setting, no
variable and no argument that lets one through: what would open the gate is a change of this file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mooring.runtime.domain.instruments import parse_symbol
from mooring.runtime.domain.spot import derivatives_locked, spot_name

__all__ = ["derivatives_locked", "spot_fields", "spot_market", "spot_name", "spot_symbol", "spot_venue"]

SPOT: Final = "spot"
# Venues, by the names that people and libraries give them, on which there is nothing but contracts.
CONTRACT_VENUES: Final = frozenset(
    "krakenfutures binanceusdm binancecoinm coinbaseinternational kucoinfutures bitmex deribit dydx gmx paradex derive "
    "apex defx drift vertex aevo lighter aster".split()
)
_CONTRACT_FIELDS: Final = re.compile(
    r"leverage|margin|reduce_?only|position_?side|close_?position|borrow|hedge|trade_?mode|td_?mode|funding",
    re.IGNORECASE,
)
_NOTHING: Final = (None, False, "", "none", "spot", "cash")


def spot_venue(name: str) -> str:
    """The name of a venue, if it has a spot market.

    Raises:
        Denied: it is one for contracts (`derivatives_locked`).
    """
    plain = name.lower().removeprefix("ccxt:")
    if plain in CONTRACT_VENUES or re.search(r"future|perp|swap|margin|option|deriv", plain):
        raise derivatives_locked(f"the venue {name}")
    return name


def spot_symbol(symbol: str) -> str:
    """A symbol of ours, if it names a spot pair.

    Raises:
        Denied: as `spot_name`.
        Invalid: it is no symbol.
    """
    spot_name(symbol)  # a contract is called one also where its name is no symbol of ours
    return parse_symbol(symbol)


def spot_market(symbol: str, kind: object) -> None:
    """Check what a venue says that a market is; silence is no yes.

    Raises:
        Denied: anything but spot (`derivatives_locked`).
    """
    if not isinstance(kind, str) or kind.lower() != SPOT:
        raise derivatives_locked(f"the market {symbol} ({kind})")


def spot_fields(fields: Mapping[str, Any]) -> None:
    """Check the fields of a request, at every depth, before it leaves.

    Raises:
        Denied: one of them speaks of leverage, margin, positions or borrowing (`derivatives_locked`).
    """
    for name, value in fields.items():
        if _CONTRACT_FIELDS.search(name) and value not in _NOTHING:
            raise derivatives_locked(f"an order with {name}")
        nested = value if isinstance(value, list | tuple) else (value,)
        for each in nested:
            if isinstance(each, Mapping):
                spot_fields(each)
