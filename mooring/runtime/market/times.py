"""Hours on the grid, and times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from mooring.errors import Invalid
from mooring.runtime.domain.bars import HOUR_SECONDS

TIME_END: Final = 4_102_444_800  # 2100-01-01 00:00 UTC


def hour_at_or_after(ts: int) -> int:
    """The first full hour not before ts, UTC unix seconds."""
    return -(-ts // HOUR_SECONDS) * HOUR_SECONDS


def utc_text(ts: int) -> str:
    """RFC 3339 with Z, to the second."""
    return datetime.fromtimestamp(ts, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str, name: str, *, like: str = "2021-05-12") -> int:
    """UTC unix seconds of a date or time; without a zone it is UTC.

    Args:
        name: what the text was given as, for the error; the text itself is not repeated.
        like: an example of what would do, for the error.

    Raises:
        Invalid: it is neither, or of another age.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("bad_time", f"{name} is no date or time.", todo=f"Write it like {like}.") from None
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if not 0 <= seconds < TIME_END:
        raise Invalid("bad_time", f"{name} is not between 1970 and 2100.", todo=f"Write it like {like}.")
    return seconds
