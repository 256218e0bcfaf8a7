"""Failures of calls through ccxt, as errors of our tree: by what the caller must do.

A call that may have placed or cancelled something is `Unknown` unless the venue said no in so many words; what nobody
has listed is on the careful side.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from mooring.errors import Denied, Halt, MooringError, Retry, Unknown

TEXT_MAX: Final = 120
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 .,:()_'/+-]")
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9+/=_-]{37,}")
# Classes of ccxt, by name so that it need not be imported: what each means for an order and for a question.
_KEY: Final = frozenset({"AuthenticationError", "PermissionDenied", "AccountNotEnabled", "AccountSuspended"})
_SAID_NO: Final = frozenset({"InvalidOrder", "BadRequest", "BadSymbol", "ArgumentsRequired", "NotSupported"}) | {
    "OperationRejected",
    "ContractUnavailable",
}
_EXISTS: Final = frozenset({"DuplicateOrderId"})
_LIMITED: Final = frozenset({"RateLimitExceeded", "DDoSProtection"})
_PASSING: Final = frozenset({"NetworkError", "OperationFailed", "InvalidNonce"})


class Effect(Enum):
    """What a call does."""

    ASKS = "asks"
    CHECKS = "checks an order without placing it"
    ORDERS = "places an order"
    CANCELS = "cancels"


class Lost(Exception):  # noqa: N818
    """A request left, and no answer came that says what became of it."""


class NotSent(Exception):  # noqa: N818
    """A request did not leave this machine."""


def safe_text(text: str) -> str:
    """Words of a venue, safe to write down: short, plain, and without anything that could be a key or a signature."""
    return _LONG_RUN.sub("[long]", _UNSAFE.sub("?", text[: 8 * TEXT_MAX]))[:TEXT_MAX]


def lost(venue: str, effect: Effect, how: str) -> Unknown | Retry:
    """Nobody knows what became of a request."""
    if effect in (Effect.ASKS, Effect.CHECKS):
        return Retry(
            "venue_unreachable",
            f"{venue}: {safe_text(how)}.",
            retry_after_seconds=5.0,
            money="Nothing was changed.",
            todo="Check the connection to the internet, and the venue's status page.",
        )
    return Unknown(
        "venue_outcome_unknown",
        f"{venue}: {safe_text(how)}; it may or may not have acted.",
        money="An order may have been placed or cancelled.",
        todo="Look it up in open orders, closed orders and trades; never send it again before that.",
    )


def not_sent(venue: str, how: str) -> Retry:
    """Nothing can have come of it."""
    return Retry(
        "venue_not_sent",
        f"{venue}: {safe_text(how)}; the request was not sent.",
        retry_after_seconds=2.0,
        money="Nothing was changed.",
        todo="Check the connection to the internet.",
    )


def refused(venue: str, words: str) -> Denied:
    """The venue said no to an order, in its words."""
    code = "venue_insufficient_funds" if "insufficient" in words.lower().replace("_", " ") else ""
    if code:
        return Denied(
            "venue_insufficient_funds",
            f"{venue} says that there is not enough for this order: {safe_text(words)}.",
            money="Nothing was ordered.",
            todo="Wait until what holds the money has ended, or order less.",
        )
    return Denied(
        "venue_refused",
        f"{venue} refuses: {safe_text(words)}.",
        money="Nothing was ordered.",
        todo="See what the venue says; report it if Mooring should have known.",
    )


def translated(error: Exception, venue: str, effect: Effect) -> MooringError:
    """The error of our tree for what ccxt, or the way to the venue, raised."""
    if isinstance(error, MooringError):
        return error
    if isinstance(error, NotSent | Lost):
        return not_sent(venue, str(error)) if isinstance(error, NotSent) else lost(venue, effect, str(error))
    names = frozenset(each.__name__ for each in type(error).__mro__)
    return _of_question(error, names, venue) if effect is Effect.ASKS else _of_order(error, names, venue, effect)


def _of_order(error: Exception, names: frozenset[str], venue: str, effect: Effect) -> MooringError:
    if names & _EXISTS or not names & (_SAID_NO | _KEY | {"InsufficientFunds"}):
        return lost(venue, effect, f"{type(error).__name__} {error}")
    if "InsufficientFunds" in names:
        return refused(venue, f"insufficient funds: {error}")
    return refused(venue, f"{type(error).__name__} {error}")


def _of_question(error: Exception, names: frozenset[str], venue: str) -> MooringError:
    if names & _KEY:
        return Halt(
            "venue_key_refused",
            f"{venue} refuses the key: {safe_text(str(error))}.",
            money="Nothing can be asked or ordered there; open orders stay as they are.",
            todo="Look at the key's rights at the venue, and give Mooring a new one.",
        )
    if names & _LIMITED:
        return Retry(
            "venue_rate_limited",
            f"{venue} takes no more calls for the moment.",
            retry_after_seconds=30.0,
            money="Nothing was changed.",
            todo="Wait; let no other program use the same key.",
        )
    if names & _PASSING:
        return lost(venue, Effect.ASKS, f"{type(error).__name__} {error}")
    return Halt(
        "venue_unreadable_answer",
        f"{venue} answers in a way that Mooring does not know: {safe_text(str(error))}.",
        money="What it says about your money cannot be trusted, so no new positions are opened on it.",
        todo="Look for a newer version of Mooring; the venue may have changed its answers.",
    )
