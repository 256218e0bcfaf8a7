"""The gate in front of everything that is not spot; it is shut, and nothing in the program opens it.

Futures, perpetuals, options, margin and borrowing can lose more than what was put in, and the books here cannot hold
them. Whoever chooses a venue, a market or a symbol, or puts fields into an order, passes here. There is no setting, no
variable and no argument that lets one through: what would open the gate is a change of this file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mooring.errors import Denied
from mooring.runtime.domain.instruments import parse_symbol

TEXT_MAX: Final = 60
SPOT: Final = "spot"
# Venues, by the names that people and libraries give them, on which there is nothing but contracts.
CONTRACT_VENUES: Final = frozenset(
    "krakenfutures binanceusdm binancecoinm coinbaseinternational kucoinfutures bitmex deribit dydx gmx paradex derive "
    "apex defx drift vertex aevo lighter aster".split()
)
# A part of a name that says what it is: BTC-PERP, BTC/USD:USD, BTC-28JUN24, BTC-241227-60000-C, PF_XBTUSD, BTC.M.
_CONTRACT_NAME: Final = re.compile(
    r"(?:[-_./ ]|\A)(?:PERP|PERPETUAL|SWAP|FUT|FUTURES?|CALL|PUT|OPTIONS?|MARGIN|INTX|CDE|M)\Z"
    r"|(?:[-_./ ])(?:PERP|PERPETUAL|SWAP|FUT|FUTURES?|OPTIONS?|MARGIN)[-_./ ]"
    r"|\A(?:PF|PI|FF|FI|PV|RR|IN)_"
    r"|(?:PERP|SWAP|-FUTURES?)\Z"
    r"|:"
    r"|[-_](?:\d{6}|\d{8}|\d{1,2}(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\d{2})(?:\Z|[-_])"
)
_CONTRACT_FIELDS: Final = re.compile(
    r"leverage|margin|reduce_?only|position_?side|close_?position|borrow|hedge|trade_?mode|td_?mode|funding",
    re.IGNORECASE,
)
_NOTHING: Final = (None, False, "", "none", "spot", "cash")


def derivatives_locked(what: str) -> Denied:
    """The refusal. `what` was asked for, in a few words; it is shown shortened and without anything odd in it."""
    plain = re.sub(r"[^A-Za-z0-9 .,:/_-]", "?", what)[:TEXT_MAX]
    return Denied(
        "derivatives_locked",
        f"Mooring trades spot only, and {plain} is not spot.",
        money="Nothing was ordered; no contract and no borrowed money is ever used.",
        todo="Choose a spot market such as BTC-USD; no setting changes this.",
    )


def spot_venue(name: str) -> str:
    """The name of a venue, if it has a spot market.

    Raises:
        Denied: it is one for contracts (`derivatives_locked`).
    """
    plain = name.lower().removeprefix("ccxt:")
    if plain in CONTRACT_VENUES or re.search(r"future|perp|swap|margin|option|deriv", plain):
        raise derivatives_locked(f"the venue {name}")
    return name


def spot_name(name: str) -> str:
    """A name of a market, ours or a venue's, if it is not one of a contract.

    Raises:
        Denied: it is one of a contract or of margin (`derivatives_locked`).
    """
    if _CONTRACT_NAME.search(name[:200].upper()):
        raise derivatives_locked(f"the symbol {name}")
    return name


def spot_symbol(symbol: str) -> str:
    """A symbol of ours, if it names a spot pair.

    Raises:
        Denied: as `spot_name`.
        Invalid: it is no symbol.
    """
    return parse_symbol(spot_name(symbol))


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
