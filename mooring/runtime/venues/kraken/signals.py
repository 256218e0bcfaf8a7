"""What a link tells whoever listens, beside the frames themselves."""

from __future__ import annotations

from dataclasses import dataclass

from mooring.errors import MooringError
from mooring.runtime.venues.kraken import events
from mooring.runtime.venues.kraken.executions import Changes


@dataclass(frozen=True, kw_only=True)
class Connected:
    """The link is up and has asked for everything; snapshots follow."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The link is down, or was too slow to be listened to: nothing that it told before holds until it is up again.

    What happened in between is not told again; ask REST.
    """

    reason: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Kraken refused a subscription or a token, or sent a frame that cannot be read."""

    what: str
    error: MooringError


@dataclass(frozen=True, kw_only=True)
class Subscribed:
    """Kraken has acknowledged a subscription: from here on nothing of it is missed. Told by links that say so."""

    channel: str
    symbol: str


@dataclass(frozen=True, kw_only=True)
class BookChanged:
    """A book is up to date and has Kraken's checksum."""

    symbol: str


@dataclass(frozen=True, kw_only=True)
class BookLost:
    """A book is not Kraken's any more; a new snapshot was asked for."""

    symbol: str


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Frames of a private channel are missing: it is asked for anew, and REST must say what was missed."""

    channel: str


@dataclass(frozen=True, kw_only=True)
class OrdersTold:
    """Orders and fills of ours changed."""

    snapshot: bool
    changes: Changes


Signal = Connected | Lost | Refused | Subscribed | BookChanged | BookLost | Gap | OrdersTold | events.Frame
