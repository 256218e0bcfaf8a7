"""Hours on the grid, and times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from mooring.runtime.domain.bars import HOUR_SECONDS


def hour_at_or_after(ts: int) -> int:
    """The first full hour not before ts, UTC unix seconds."""
    return -(-ts // HOUR_SECONDS) * HOUR_SECONDS


def utc_text(ts: int) -> str:
    """RFC 3339 with Z, to the second."""
    return datetime.fromtimestamp(ts, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
