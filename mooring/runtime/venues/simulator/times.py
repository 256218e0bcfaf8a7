"""Times in ns as the venue writes them; without floats."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from mooring.runtime.venues.simulator.digits import NANO, number

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def rfc3339(at: int, places: int = 6) -> str:
    """`2023-09-22T10:33:05.709950Z`; places 0, 6 or 9."""
    seconds, part = divmod(at, NANO)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}Z" if not places else f"{whole}.{part // 10 ** (9 - places):0{places}d}Z"


def rfc1123(at: int) -> str:
    """`Thu, 06 Jul 23 18:50:48 +0000`, in no locale."""
    when = datetime.fromtimestamp(at // NANO, UTC)
    return (
        f"{_DAYS[when.weekday()]}, {when.day:02d} {_MONTHS[when.month - 1]} {when.year % 100:02d} {when:%H:%M:%S} +0000"
    )


def unix(at: int, places: int = 4) -> Decimal:
    """Unix seconds with so many decimals, rounded down."""
    return number(at // 10 ** (9 - places), places)
