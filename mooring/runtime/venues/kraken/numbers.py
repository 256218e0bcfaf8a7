"""Numbers as Kraken writes them: decimal text and JSON, to and from integers, never through a float.

Prices are ticks (10^-pair_decimals), quantities lots (10^-lot_decimals); `Decimal` is for what the venue states.
"""

from __future__ import annotations

import json
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Final

from mooring.errors import Halt, Invalid
from mooring.runtime.domain.money import INT64_MAX, to_text

DIGITS_MAX: Final = 40  # places before or after the point; a longer number is no amount, and could fill the memory
TEXT_MAX: Final = 100


def parse_json(data: bytes | str) -> Any:
    """JSON with every number that has a point or an exponent as an exact `Decimal`.

    Raises:
        ValueError: no JSON, NaN or infinity, or nested too deeply.
    """
    try:
        return json.loads(data, parse_float=Decimal, parse_constant=_refuse_constant)
    except (RecursionError, InvalidOperation, UnicodeDecodeError) as error:
        raise ValueError("not readable as JSON") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def decimal_of(raw: object, *, field: str) -> Decimal:
    """A number of the venue: text, whole or already `Decimal`.

    Raises:
        Halt: anything else; a float above all, whose last digits are not the venue's.
    """
    if isinstance(raw, str) and len(raw) <= TEXT_MAX and raw.isascii() and "_" not in raw:
        try:
            value = Decimal(raw)
        except InvalidOperation:
            raise _no_number(field) from None
    elif isinstance(raw, Decimal):
        value = raw
    elif isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) < 10**DIGITS_MAX:
        value = Decimal(raw)
    else:
        raise _no_number(field)
    if not _is_plain(value):
        raise _no_number(field)
    return value


def _is_plain(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -DIGITS_MAX and value.adjusted() <= DIGITS_MAX


def _no_number(field: str) -> Halt:
    return Halt(
        "kraken_unreadable_answer",
        f"Kraken's answer has something else than a number in {field}.",
        money="What it says about your money cannot be trusted, so no new positions are opened on it.",
        todo="Look for a newer version of Mooring; Kraken may have changed its answers.",
    )


def decimal_text(value: Decimal) -> str:
    """Plain decimal text, all digits kept, never an exponent; minus zero is zero.

    Raises:
        Invalid: not a finite number, or with more than `DIGITS_MAX` places.
    """
    if not value.is_finite() or not _is_plain(value):
        raise Invalid("not_a_number", "An amount for Kraken is not a plain number.", todo="Give a plain decimal.")
    return format(abs(value) if value.is_zero() else value, "f")


def price_text(ticks: int, pair_decimals: int) -> str:
    """Ticks as text with all the pair's places."""
    return _amount_text(ticks, pair_decimals, "price")


def quantity_text(lots: int, lot_decimals: int) -> str:
    """Lots as text with all the pair's places."""
    return _amount_text(lots, lot_decimals, "quantity")


def _amount_text(units: int, decimals: int, field: str) -> str:
    if not 0 <= units <= INT64_MAX:
        raise Invalid("bad_amount", f"A {field} for Kraken is negative or too large.", todo="Give a positive one.")
    return to_text(units, decimals)


def ticks_of(price: Decimal, pair_decimals: int) -> int:
    """A price in ticks, exactly.

    Raises:
        Invalid: it has more places than the pair, is negative, or does not fit int64.
    """
    return _exact_units(price, pair_decimals, "price")


def lots_of(quantity: Decimal, lot_decimals: int) -> int:
    """A quantity in lots, exactly; errors as `ticks_of`."""
    return _exact_units(quantity, lot_decimals, "quantity")


def lots_down(quantity: Decimal, lot_decimals: int) -> int:
    """A quantity in lots, rounded down: never more than is there.

    Raises:
        Invalid: it is negative, no finite number, or does not fit int64.
    """
    return _checked(_shifted(quantity, lot_decimals, "quantity").to_integral_value(rounding=ROUND_FLOOR), "quantity")


def _exact_units(value: Decimal, decimals: int, field: str) -> int:
    shifted = _shifted(value, decimals, field)
    whole = shifted.to_integral_value(rounding=ROUND_FLOOR)
    if whole != shifted:
        raise Invalid(
            "inexact_amount",
            f"A {field} has more than the {decimals} places that the pair has.",
            todo="Round it to the pair's places first.",
        )
    return _checked(whole, field)


def _shifted(value: Decimal, decimals: int, field: str) -> Decimal:
    if not value.is_finite() or not _is_plain(value):
        raise Invalid("not_a_number", f"A {field} is not a plain number.", todo="Give a plain decimal.")
    # The exponent is moved by hand: Decimal's own arithmetic would first round to 28 digits.
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    return Decimal((sign, digits, exponent + decimals))


def _checked(whole: Decimal, field: str) -> int:
    units = int(whole)
    if not 0 <= units <= INT64_MAX:
        raise Invalid("bad_amount", f"A {field} is negative or too large to be counted.", todo="Give another one.")
    return units
