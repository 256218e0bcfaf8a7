"""What the account made on the day of its last hour, from its own records."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from mooring.menubar.look import DayResult, signed

ROWS: Final = 26  # a day of hours, and the one before it


def day_result(rows: Sequence[dict[str, Any]], quote: str) -> DayResult | None:
    """The change of equity since the close before that day (or the first one there is); None without figures.

    Args:
        rows: of the list `equity`, newest first; ROWS of them are enough.
    """
    if not rows:
        return None
    try:
        day = str(rows[0]["time"])[:10]
        # An hour that closes at midnight belongs to the day that ends with it.
        before = next((row for row in rows if str(row["time"]) <= f"{day}T00:00:00Z"), rows[-1])
        change = Decimal(str(rows[0]["equity"])) - Decimal(str(before["equity"]))
    except (KeyError, InvalidOperation):
        return None
    return DayResult(day=day, text=f"{signed(format(change, 'f'))} {quote}")
