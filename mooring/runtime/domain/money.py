"""Integer money: units, exact products and conversions at the edges.

Units, everywhere inside the runtime (all int64):
    price     ticks, 10^-pair_decimals of the quote asset
    quantity  lots, 10^-lot_decimals of the base asset
    money     10^-8 of the quote asset
    rate      parts per million (1 bp = 100 ppm)

`Decimal` lives only at the edges: venue JSON, the API, the screen.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final

from mooring.errors import Invalid
from mooring.runtime.domain.compiled import twin
from mooring.runtime.domain.wide import mul_div_capped_limbs, mul_div_limbs, mul_div_up_limbs

INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)
INT64_DIGITS: Final = 19
MONEY_DECIMALS: Final = 8
PPM: Final = 1_000_000


@twin(mul_div_limbs)
def mul_div(a: int, b: int, c: int) -> int:
    """floor(a * b / c), exact through a 128-bit product.

    Raises:
        OverflowError: the quotient does not fit int64.
        ZeroDivisionError: c is 0.
    """
    quotient = int(a) * int(b) // int(c)
    if quotient > INT64_MAX or quotient < INT64_MIN:
        raise OverflowError("mul_div: quotient past int64")
    return quotient


@twin(mul_div_up_limbs)
def mul_div_up(a: int, b: int, c: int) -> int:
    """ceil(a * b / c): for what counts against us, such as fees. Errors as `mul_div`."""
    quotient = -(-int(a) * int(b) // int(c))
    if quotient > INT64_MAX or quotient < INT64_MIN:
        raise OverflowError("mul_div_up: quotient past int64")
    return quotient


@twin(mul_div_capped_limbs)
def mul_div_capped(a: int, b: int, c: int) -> int:
    """min(floor(a * b / c), 2^63 - 1), for limits that may lie beyond what can be counted.

    Raises:
        ValueError: a or b is negative, or c is not positive.
    """
    if a < 0 or b < 0 or c <= 0:
        raise ValueError("mul_div_capped: arguments must not be negative")
    return min(int(a) * int(b) // int(c), INT64_MAX)


def to_units(value: Decimal | str | int, decimals: int, *, field: str = "value") -> int:
    """Decimal text to integer units of 10^-decimals, half to even.

    Raises:
        Invalid: not a finite number, or outside int64.
    """
    try:
        exact = Decimal(value)
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite():
        raise Invalid("not_a_number", f"{field} is not a finite number.", todo="Give a plain decimal.")
    if exact and exact.adjusted() + decimals > INT64_DIGITS:
        raise _too_large(field)
    # The exponent is moved by hand: Decimal's own arithmetic would first round to 28 digits.
    sign, digits, exponent = exact.as_tuple()
    assert isinstance(exponent, int)
    units = int(Decimal((sign, digits, exponent + decimals)).to_integral_value(rounding=ROUND_HALF_EVEN))
    if not INT64_MIN <= units <= INT64_MAX:
        raise _too_large(field)
    return units


def _too_large(field: str) -> Invalid:
    return Invalid("number_too_large", f"{field} is too large to be counted exactly.", todo="Give a smaller one.")


def to_decimal(units: int, decimals: int) -> Decimal:
    """Integer units of 10^-decimals as an exact Decimal."""
    return Decimal(int(units)).scaleb(-decimals)


def to_text(units: int, decimals: int) -> str:
    """Integer units as plain decimal text with all its places, never an exponent."""
    return format(to_decimal(units, decimals), "f")
