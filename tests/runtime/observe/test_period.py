from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.observe import period

MONDAY = 1_704_067_200  # 2024-01-01 00:00 UTC
DAY = 86_400


def test_a_day_is_the_hours_that_close_in_it_and_at_its_midnight():
    day = period.day("2024-01-01")
    assert (day.label, day.start_ts, day.end_ts) == ("2024-01-01", MONDAY, MONDAY + DAY)
    assert period.day_of(MONDAY + 3600) == period.day_of(MONDAY + DAY) == day
    assert period.day_of(MONDAY).label == "2023-12-31"


def test_a_week_begins_on_monday_and_is_numbered_as_iso_8601_does():
    week = period.week("2024-W01")
    assert (week.label, week.start_ts, week.end_ts) == ("2024-W01", MONDAY, MONDAY + 7 * DAY)
    assert period.week_of(MONDAY + 7 * DAY) == week
    assert week.days == tuple(date(2024, 1, n) for n in range(1, 8))
    # 2021-01-01 lies in the last week of 2020.
    assert period.week_of(int(datetime(2021, 1, 1, 12, tzinfo=UTC).timestamp())).label == "2020-W53"


@pytest.mark.parametrize(
    "text", ["", "today", "2024-13-01", "2024-02-30", "2024-1-1", "20240101", "2024-W01", "1969-12-31", "9999-12-31"]
)
def test_what_is_no_day_is_refused(text):
    with pytest.raises(Invalid) as caught:
        period.day(text)
    assert caught.value.code == "bad_time"


@pytest.mark.parametrize(
    "text", ["", "2024-W00", "2024-W53", "2024-W1", "2024W01", "2024-01-01", "0000-W01", "9999-W01"]
)
def test_what_is_no_week_is_refused(text):
    with pytest.raises(Invalid) as caught:
        period.week(text)
    assert caught.value.code == "bad_time"


@given(ts=st.integers(1, 4_000_000_000))
def test_every_close_lies_in_its_day_and_its_week_and_their_labels_name_them(ts):
    for made, parse in ((period.day_of(ts), period.day), (period.week_of(ts), period.week)):
        assert made.start_ts < ts <= made.end_ts
        if made.start_ts >= 0:
            assert parse(made.label) == made
