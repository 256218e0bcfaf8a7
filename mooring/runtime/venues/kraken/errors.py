"""Failures of Kraken's, as errors of our tree: by what the caller must do, not by what went wrong.

A call that changes something and may have reached Kraken ends as `Unknown`; it is never repeated. What no table knows
is classed by the letter and category in front of it, on the careful side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, NotFound, Retry, Unknown
from mooring.runtime.venues.kraken.error_table import CASES, GONE, Case, Kind

TEXT_MAX: Final = 120
RATE_LIMIT_WAIT_MAX: Final = 900.0
_CODED: Final = re.compile(r"([EW])([A-Za-z]{1,20})\s*:\s*(.*)\Z", re.DOTALL)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 .,:()_'/+-]")
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_BY_TEXT: Final = {text: case for case in CASES for text in case.texts}
_FIRST: Final = (Unknown, Halt, Conflict, Denied, Invalid, Retry)
_THROTTLED: Final = "EService:Throttled"


class Effect(Enum):
    """What a call does to orders."""

    NONE = "asks"
    ADDS = "adds an order"
    TOUCHES = "changes orders that are there"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call, as far as its failures go.

    Attributes:
        name: Kraken's name for it, `AddOrder` or `add_order`.
        effect: what it does to orders.
    """

    name: str
    effect: Effect = Effect.NONE

    @property
    def changes(self) -> bool:
        return self.effect is not Effect.NONE


def safe_text(text: str) -> str:
    """Kraken's own words, safe to write down: short, plain, and without anything that could be a key or a token."""
    return _LONG_RUN.sub("[long]", _UNSAFE.sub("?", text[: 4 * TEXT_MAX]))[:TEXT_MAX]


def refusal(texts: Sequence[str], call: Call, *, now: int) -> MooringError:
    """The error for what Kraken put into `error`; the one that needs most care where there are several.

    Args:
        texts: at least one; warnings (W…) count only where there is nothing else.
        call: what was asked.
        now: UTC unix seconds, for `Throttled: [unix time]`.
    """
    assert texts
    serious = [text for text in texts if not text.startswith("W")] or list(texts)
    errors = [_one(text, call, now) for text in serious[:20]]
    return min(errors, key=lambda error: next(i for i, kind in enumerate(_FIRST) if isinstance(error, kind)))


def no_answer(call: Call, how: str) -> Retry | Unknown:
    """The request left, and no answer came that says what became of it.

    Args:
        call: what was asked.
        how: how it failed, a few words: "no answer in time".
    """
    if call.changes:
        return Unknown(
            "kraken_outcome_unknown",
            f"{call.name}: {how}; Kraken may or may not have acted on it.",
            money="An order may have been placed, changed or cancelled.",
            todo="Look it up in open orders, closed orders and trades; never send it again before that.",
        )
    return Retry(
        "kraken_unreachable",
        f"{call.name}: {how}.",
        retry_after_seconds=2.0,
        money="Nothing was changed; open orders stay at Kraken.",
        todo="Check the connection to the internet, and Kraken's status page.",
    )


def not_sent(call: Call, how: str, *, retry_after_seconds: float = 1.0) -> Retry:
    """The request did not leave this machine, so nothing can have come of it."""
    return Retry(
        "kraken_not_sent",
        f"{call.name}: {how}; the request was not sent.",
        retry_after_seconds=retry_after_seconds,
        money="Nothing was changed; open orders stay at Kraken.",
        todo="Check the connection to the internet; Mooring tries again.",
    )


def unreadable(where: str, what: str) -> Halt:
    """An answer that does not say what it must."""
    return Halt(
        "kraken_unreadable_answer",
        f"Kraken's answer to {where} {what}.",
        money="What it says about your money cannot be trusted, so no new positions are opened on it.",
        todo="Look for a newer version of Mooring; Kraken may have changed its answers.",
    )


def _one(text: str, call: Call, now: int) -> MooringError:
    plain = _canonical(text)
    case = _case_of(plain, call)
    if case is None:
        return _unlisted(plain, call)
    said = f"{case.what} ({call.name}: {safe_text(text)})"
    wait = _throttle_wait(plain, case.wait_seconds, now)
    return _MAKERS[case.kind](case, said, call, wait)


def _canonical(text: str) -> str:
    coded = _CODED.match(text)
    return f"{coded[1]}{coded[2]}:{coded[3]}" if coded else text


def _case_of(text: str, call: Call) -> Case | None:
    candidate = text
    while candidate:
        if call.effect is Effect.TOUCHES and candidate in GONE.texts:
            return GONE
        if candidate in _BY_TEXT:
            return _BY_TEXT[candidate]
        # Texts of WebSocket go on after a blank, coded ones only after a colon.
        cut = max(candidate.rfind(":"), -1 if _CODED.match(text) else candidate.rfind(" "))
        candidate = candidate[:cut] if cut > 0 else ""
    return None


def _throttle_wait(text: str, wait: float, now: int) -> float:
    if not text.startswith(_THROTTLED):
        return wait
    stated = re.search(r"\d{9,11}", text)
    return min(max(float(int(stated[0]) - now), 1.0), RATE_LIMIT_WAIT_MAX) if stated else wait


def _make_retry(case: Case, said: str, _call: Call, wait: float) -> MooringError:
    return Retry(case.code, said, retry_after_seconds=wait, money=case.money, todo=case.todo)


def _make_ambiguous(case: Case, said: str, call: Call, wait: float) -> MooringError:
    return no_answer(call, said) if call.changes else _make_retry(case, said, call, wait)


_MAKERS: Final[dict[Kind, Callable[[Case, str, Call, float], MooringError]]] = {
    Kind.INVALID: lambda case, said, _c, _w: Invalid(case.code, said, money=case.money, todo=case.todo),
    Kind.NOT_FOUND: lambda case, said, _c, _w: NotFound(case.code, said, money=case.money, todo=case.todo),
    Kind.DENIED: lambda case, said, _c, _w: Denied(case.code, said, money=case.money, todo=case.todo),
    Kind.HALT: lambda case, said, _c, _w: Halt(case.code, said, money=case.money, todo=case.todo),
    Kind.CONFLICT: lambda case, said, _c, _w: Conflict(case.code, said, money=case.money, todo=case.todo),
    Kind.LOOK_UP: lambda case, said, _c, _w: Unknown(case.code, said, money=case.money, todo=case.todo),
    Kind.RETRY: _make_retry,
    Kind.AMBIGUOUS: _make_ambiguous,
}

# Categories that speak before the matching engine has seen anything.
_BEFORE_THE_ENGINE: Final = frozenset({"EAPI", "EAuth", "EAccount", "ESession", "EQuery", "EBM", "EFunding"})
_PASSING: Final = frozenset({"EService", "EDatabase", "EGeneral"})


def _unlisted(text: str, call: Call) -> MooringError:
    coded = _CODED.match(text)
    category = f"{coded[1]}{coded[2]}" if coded else ""
    said = f"{call.name}: Kraken says something that Mooring does not know: {safe_text(text)}"
    if call.changes and category not in _BEFORE_THE_ENGINE:
        return no_answer(call, said)
    if not call.changes and (category in _PASSING or category.startswith("W")):
        return Retry(
            "kraken_unavailable",
            f"{said}.",
            retry_after_seconds=5.0,
            money="Nothing was changed.",
            todo="Wait; Mooring asks again by itself.",
        )
    return Denied(
        "kraken_refused",
        f"{said}.",
        money="Nothing was changed by this request.",
        todo="See Kraken's list of error messages; report it if Mooring should know it.",
    )
