"""Fields of answers, exactly as they were written: text to `Decimal`, to ticks and lots, to time; never a float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Final

from mooring.errors import Halt
from mooring.runtime.domain.money import INT64_MAX, MONEY_DECIMALS

DIGITS_MAX: Final = 40
TEXT_MAX: Final = 100
PLACES_MAX: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def unreadable(what: str) -> Halt:
    """An answer that does not say what it must."""
    return Halt(
        "venue_unreadable_answer",
        f"The venue's answer {what}.",
        money="What it says about your money cannot be trusted, so no new positions are opened on it.",
        todo="Look for a newer version of Mooring; the venue may have changed its answers.",
    )


def number(raw: object, field: str) -> Decimal:
    """A number: text, whole, or a `Decimal` that was read as such.

    Raises:
        Halt: anything else; a float above all, whose last digits are not the venue's.
    """
    value: Decimal | None = None
    if isinstance(raw, Decimal):
        value = raw
    elif isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) < 10**DIGITS_MAX:
        value = Decimal(raw)
    elif isinstance(raw, str) and len(raw) <= TEXT_MAX and raw.isascii() and "_" not in raw:
        try:
            value = Decimal(raw)
        except InvalidOperation:
            value = None
    if value is None or not value.is_finite() or abs(value.adjusted()) > DIGITS_MAX or len(str(value)) > TEXT_MAX:
        raise unreadable(f"has something else than a number in {field}")
    return value


def positive(raw: object, field: str) -> Decimal:
    """A number above zero. Raises: Halt."""
    value = number(raw, field)
    if value <= 0:
        raise unreadable(f"has a number in {field} that is not above zero")
    return value


def text(raw: object, field: str) -> str:
    """Text or a whole number, as text; not empty. Raises: Halt."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw)
    if not isinstance(raw, str) or not raw or len(raw) > TEXT_MAX:
        raise unreadable(f"has no text in {field}")
    return raw


def objects(raw: object, field: str) -> Sequence[Mapping[str, Any]]:
    """A list of objects. Raises: Halt."""
    if not isinstance(raw, list) or not all(isinstance(each, dict) for each in raw):
        raise unreadable(f"has no list of objects in {field}")
    return raw


def entry(raw: object, field: str) -> Mapping[str, Any]:
    """An object. Raises: Halt."""
    if not isinstance(raw, dict):
        raise unreadable(f"has no object in {field}")
    return raw


def places(step: Decimal) -> int | None:
    """Places of a step, d of 10^-d; None where it is none of these, or one of whole tens."""
    step = step.normalize()
    exponent = step.as_tuple().exponent
    if step.as_tuple().digits != (1,) or not isinstance(exponent, int) or not 0 <= -exponent <= PLACES_MAX:
        return None
    return -exponent


def units(value: Decimal, decimals: int, *, up: bool) -> int:
    """An amount in units of 10^-decimals, rounded up or down. Raises: Halt where it is negative or too large."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    # The exponent is moved by hand: Decimal's own arithmetic would first round to 28 digits.
    moved = Decimal((sign, digits, exponent + decimals))
    whole = int(moved.to_integral_value(rounding=ROUND_CEILING if up else ROUND_FLOOR))
    if not 0 <= whole <= INT64_MAX:
        raise unreadable("has an amount that cannot be counted")
    return whole


def money(price: Decimal, quantity: Decimal, *, up: bool) -> int:
    """What a quantity costs, in 10^-8 quote."""
    left, right = _whole(price), _whole(quantity)
    shift = MONEY_DECIMALS + left[1] + right[1]
    product = left[0] * right[0]
    top: int = 10 ** max(shift, 0)
    bottom: int = 10 ** max(-shift, 0)
    exact = -(-product * top // bottom) if up else product * top // bottom
    if not 0 <= exact <= INT64_MAX:
        raise unreadable("has an amount that cannot be counted")
    return exact


def _whole(value: Decimal) -> tuple[int, int]:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    whole = int("".join(map(str, digits)))
    return -whole if sign else whole, exponent


def time_ms(raw: object, field: str) -> int:
    """Time as RFC 3339 in UTC, or as milliseconds in a number. Raises: Halt."""
    if isinstance(raw, str) and "T" in raw and len(raw) <= TEXT_MAX:
        try:
            moment = datetime.fromisoformat(raw)
        except ValueError:
            raise unreadable(f"has no time in {field}") from None
        if moment.tzinfo is None:
            raise unreadable(f"has a time without a zone in {field}")
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    value = number(raw, field)
    if value != value.to_integral_value() or not 0 <= value < 10**14:
        raise unreadable(f"has no time in {field}")
    return int(value)


def time_text(ms: int) -> str:
    """UTC unix milliseconds as RFC 3339, rounded down to seconds."""
    return (_EPOCH + timedelta(seconds=ms // 1000)).strftime("%Y-%m-%dT%H:%M:%SZ")
