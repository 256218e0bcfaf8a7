"""A day or a week in UTC, as a stretch of closes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from mooring.errors import Invalid

DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3_600
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_WEEK: Final = re.compile(r"(\d{4})-W(\d{2})\Z")
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2099


@dataclass(frozen=True, kw_only=True)
class Period:
    """The hours that close after `start_ts` and not after `end_ts`, UTC seconds: the one closing at 00:00 ends a day.

    Attributes:
        label: `2024-01-05`, or `2024-W01` of ISO 8601.
    """

    kind: Literal["daily", "weekly"]
    label: str
    start_ts: int
    end_ts: int

    @property
    def days(self) -> tuple[date, ...]:
        """The days of it, in order."""
        first = datetime.fromtimestamp(self.start_ts, UTC).date()
        return tuple(first + timedelta(days=n) for n in range((self.end_ts - self.start_ts) // DAY_SECONDS))


def day(text: str) -> Period:
    """The day that a text like `2024-01-05` names.

    Raises:
        Invalid: it names none.
    """
    try:
        return _day(_of_this_age(date.fromisoformat(text if _DATE.match(text) else "")))
    except ValueError:
        raise Invalid("bad_time", "The text names no day.", todo="Write it like 2024-01-05.") from None


def week(text: str) -> Period:
    """The week that a text like `2024-W01` names (ISO 8601: Monday to Sunday).

    Raises:
        Invalid: it names none.
    """
    parts = _WEEK.match(text)
    try:
        return _week(_of_this_age(date.fromisocalendar(int(parts[1]), int(parts[2]), 1) if parts else date.min))
    except ValueError:
        raise Invalid("bad_time", "--week is no week.", todo="Write it like 2024-W01.") from None


def day_of(close_ts: int) -> Period:
    """The day of the hour that closes then."""
    return _day(_date_of(close_ts))


def week_of(close_ts: int) -> Period:
    """The week of the hour that closes then."""
    at = _date_of(close_ts)
    return _week(at - timedelta(days=at.weekday()))


def _date_of(close_ts: int) -> date:
    return datetime.fromtimestamp(close_ts - 1, UTC).date()


def _day(at: date) -> Period:
    start = _midnight(at)
    return Period(kind="daily", label=at.isoformat(), start_ts=start, end_ts=start + DAY_SECONDS)


def _week(monday: date) -> Period:
    start = _midnight(monday)
    year, number, _ = monday.isocalendar()
    return Period(kind="weekly", label=f"{year}-W{number:02}", start_ts=start, end_ts=start + 7 * DAY_SECONDS)


def _of_this_age(at: date) -> date:
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise ValueError
    return at


def _midnight(at: date) -> int:
    return int(datetime(at.year, at.month, at.day, tzinfo=UTC).timestamp())
