"""Times as a person's own clock shows them: the daemon tells all of them in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo


def local_time(text: str, moment: str | None, now: datetime, zone: tzinfo | None = None, *, zoned: bool = False) -> str:
    """A sentence of the daemon with this moment by the person's clock; one of another day says of which.

    Args:
        moment: RFC 3339, in UTC, as the same answer tells it beside its sentence; nothing else of that is changed.
        now: with a zone.
        zone: the person's; None where it is this machine's.
        zoned: say the zone, too.
    """
    try:
        then = datetime.fromisoformat(moment or "").astimezone(UTC)
        here, today = then.astimezone(zone), now.astimezone(zone).date()
    except (ValueError, OverflowError):  # a later version may tell it otherwise; then the sentence stays as it is
        return text
    name = f" {here.tzname()}" if zoned else ""
    day = "" if here.date() == today else f" on {here.date().isoformat()}"
    return text.replace(f"{then:%H:%M} UTC", f"{here:%H:%M}{name}{day}", 1)
