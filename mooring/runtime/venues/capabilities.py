"""What each venue can do, in one table: what cannot be done is refused by name, never left out in silence.

`docs/venues.md` shows it to people. Sources: Kraken's own documents; for the others the documents of the venue, and the
source of ccxt 4.5.90 where it says how an answer is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mooring.errors import Denied, NotFound
from mooring.runtime.venues.derivatives import spot_venue
from mooring.runtime.venues.protocol import Capabilities

NO_PAPER_MONEY: Final = "a paper account has no real money"

_TABLE: Final = {
    "paper": Capabilities(
        live=False, reason=NO_PAPER_MONEY, stops=True, client_ids=True, private_events=True, dead_man_switch=True,
        deadline=True, validate=True, ledger=True,
    ),
    "kraken": Capabilities(
        live=True, reason="", stops=True, client_ids=True, private_events=True, dead_man_switch=True, deadline=True,
        validate=True, ledger=True,
    ),
    "ccxt:coinbase": Capabilities(
        live=True, reason="", stops=False, client_ids=True, private_events=False, dead_man_switch=False,
        deadline=False, validate=True, ledger=False,
    ),
    "ccxt:btcturk": Capabilities(
        live=False,
        reason="BtcTurk's documents neither tie a fill to its order nor say that an order which has ended is found by "
        "our id, so after a crash nobody could know for certain what was bought",
        stops=False, client_ids=False, private_events=False, dead_man_switch=False, deadline=False, validate=False,
        ledger=False,
    ),
    "ccxt:hyperliquid": Capabilities(
        live=False,
        reason="Hyperliquid takes the fee of a purchase out of the coins bought; the books here, with all fees in the "
        "quote asset, cannot hold that",
        stops=False, client_ids=True, private_events=False, dead_man_switch=False, deadline=False, validate=False,
        ledger=False,
    ),
}  # fmt: skip
CAPABILITIES: Final[Mapping[str, Capabilities]] = MappingProxyType(_TABLE)


def capabilities_of(venue: str) -> Capabilities:
    """Of a venue by its name (`kraken`, `paper`, `ccxt:coinbase`).

    Raises:
        Denied: a venue for contracts.
        NotFound: any other that is not in the table.
    """
    if spot_venue(venue) not in CAPABILITIES:
        known = ", ".join(sorted(CAPABILITIES))
        raise NotFound("no_such_venue", f"There is no venue {venue[:40]}.", todo=f"Choose one of {known}.")
    return CAPABILITIES[venue]


def live_or_denied(venue: str) -> None:
    """Raises: Denied where no real order may be sent (`venue_not_live`); else as `capabilities_of`."""
    told = capabilities_of(venue)
    if not told.live:
        raise Denied(
            "venue_not_live",
            f"No real order goes to {venue}: {told.reason}.",
            money="Nothing was ordered.",
            todo="Use its prices in the modes paper and shadow, or trade at a venue that docs/venues.md lists as live.",
        )


def cannot(venue: str, what: str) -> Denied:
    """The refusal of what a venue cannot do."""
    return Denied(
        "venue_cannot",
        f"{venue} cannot do that: {what}.",
        money="Nothing was ordered or changed.",
        todo="See docs/venues.md for what each venue can do.",
    )
