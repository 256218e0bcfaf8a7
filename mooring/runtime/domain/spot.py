"""The names of what is not spot, and the refusal of it; the rest of the gate is `venues.derivatives`.

It stands this low so that no symbol of a contract becomes an instrument anywhere, whatever names it: settings, a
command line, an archive of bars or a venue.
"""

from __future__ import annotations

import re
from typing import Final

from mooring.errors import Denied

TEXT_MAX: Final = 60
# A part of a name that says what it is: BTC-PERP, BTC/USD:USD, BTC-28JUN24, BTC-241227-60000-C, PF_XBTUSD, BTC.M.
_CONTRACT_NAME: Final = re.compile(
    r"(?:[-_./ ]|\A)(?:PERP|PERPETUAL|SWAP|FUT|FUTURES?|CALL|PUT|OPTIONS?|MARGIN|INTX|CDE|M)\Z"
    r"|(?:[-_./ ])(?:PERP|PERPETUAL|SWAP|FUT|FUTURES?|OPTIONS?|MARGIN)[-_./ ]"
    r"|\A(?:PF|PI|FF|FI|PV|RR|IN)_"
    r"|(?:PERP|SWAP|-FUTURES?)\Z"
    r"|:"
    r"|[-_](?:\d{6}|\d{8}|\d{1,2}(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\d{2})(?:\Z|[-_])"
)


def derivatives_locked(what: str) -> Denied:
    """The refusal. `what` was asked for, in a few words; it is shown shortened and without anything odd in it."""
    plain = re.sub(r"[^A-Za-z0-9 .,:/_-]", "?", what)[:TEXT_MAX]
    return Denied(
        "derivatives_locked",
        f"Mooring trades spot only, and {plain} is not spot.",
        money="Nothing was ordered; no contract and no borrowed money is ever used.",
        todo="Choose a spot market such as BTC-USD; no setting changes this.",
    )


def spot_name(name: str) -> str:
    """A name of a market, ours or a venue's, if it is not one of a contract.

    Raises:
        Denied: it is one of a contract or of margin (`derivatives_locked`).
    """
    if _CONTRACT_NAME.search(name[:200].upper()):
        raise derivatives_locked(f"the symbol {name}")
    return name
