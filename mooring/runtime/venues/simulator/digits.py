"""Whole numbers and the decimal text that the venue writes for them; floats never come between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

NANO: Final = 1_000_000_000
_PLAIN: Final = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]{1,30})(?:\.(?P<part>[0-9]{0,30}))?\Z")
_ESCAPES: Final = re.compile(r'[\x00-\x1f"\\]')
_NAMED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Inexact(ValueError):  # noqa: N818 -- says what is wrong with the text
    """The text has more decimals than there are."""


def text(units: int, decimals: int) -> str:
    """Units of 10^-decimals as plain decimal text with all places."""
    sign, size = ("-" if units < 0 else ""), abs(units)
    if decimals <= 0:
        return f"{sign}{size}"
    whole, part = divmod(size, 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}"


def units_of(said: str, decimals: int) -> int:
    """Plain decimal text as units of 10^-decimals.

    Raises:
        Inexact: digits other than 0 past `decimals` places.
        ValueError: no plain decimal.
    """
    match = _PLAIN.match(said)
    if match is None:
        raise ValueError("no plain decimal")
    part = match["part"] or ""
    if part[decimals:].strip("0"):
        raise Inexact("too many decimals")
    size = int(match["whole"] + part[:decimals].ljust(decimals, "0"))
    return -size if match["sign"] == "-" else size


def rescale(units: int, decimals: int, wanted: int, *, up: bool = False) -> int:
    """Units of 10^-decimals as units of 10^-wanted, rounded down (or up, if `up`)."""
    if wanted >= decimals:
        return units * _power(wanted - decimals)
    divisor = _power(decimals - wanted)
    return -(-units // divisor) if up else units // divisor


def _power(places: int) -> int:
    return int(10**places)


def number(units: int, decimals: int) -> Decimal:
    """Units of 10^-decimals as a Decimal that prints with all its places."""
    return Decimal(text(units, decimals))


def as_json(value: Any) -> str:
    """JSON in the order given, with each Decimal written out in full and never with an exponent.

    Raises:
        TypeError: something that has no place in the venue's JSON, a float above all.
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append('"' + _ESCAPES.sub(_escaped, value) + '"')
    elif value is None or isinstance(value, bool):
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, int):
        parts.append(str(int(value)))
    elif isinstance(value, Decimal):
        parts.append(format(value, "f"))
    elif isinstance(value, Mapping):
        parts.append("{")
        for at, (key, one) in enumerate(value.items()):
            parts.append(("," if at else "") + '"' + _ESCAPES.sub(_escaped, str(key)) + '":')
            _write(one, parts)
        parts.append("}")
    elif isinstance(value, list | tuple):
        parts.append("[")
        for at, one in enumerate(value):
            if at:
                parts.append(",")
            _write(one, parts)
        parts.append("]")
    else:
        raise TypeError(f"{type(value).__name__} is not for the venue's JSON")


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return _NAMED.get(char, f"\\u{ord(char):04x}")
