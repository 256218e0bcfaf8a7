"""One budget for an end: whatever each stage takes of what it was given, the whole end is over in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mooring.daemon import service
from mooring.daemon.ending import END_SECONDS, STAGES, Ending, left_at_venue
from mooring.daemon.supervision import plist, unit
from mooring.runtime.execution.service import STOP_SECONDS

SHARES = st.lists(st.floats(0.0, 1.0), min_size=len(STAGES), max_size=len(STAGES))


class Now:
    """A clock that is moved by hand."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def end(shares: list[float]) -> tuple[float, dict[str, float]]:
    """Seconds of an end whose stages take these shares of what they are given, and what each was given."""
    now = Now()
    ending = Ending(now)
    ending.begin()
    given = {}
    for share, stage in zip(shares, STAGES, strict=True):
        given[stage] = ending.seconds(stage)
        now.seconds += share * given[stage]
    return now.seconds - 1000.0, given


@given(SHARES)
def test_whatever_the_stages_take_all_of_them_fit_and_orders_have_their_full_time(shares):
    took, given = end(shares)
    assert took <= END_SECONDS + 1e-6
    assert given["orders"] > STOP_SECONDS
    assert all(STAGES[stage][1] <= seconds <= STAGES[stage][0] for stage, seconds in given.items())


def test_where_everything_is_silent_at_once_it_ends_before_anybody_ends_it_by_force():
    took, _ = end([1.0] * len(STAGES))
    assert took + 2 < service.STOP_SECONDS < plist.EXIT_SECONDS == unit.STOP_SECONDS


def test_where_nothing_is_silent_the_hour_at_hand_has_nearly_all_of_it():
    _, given = end([0.0] * len(STAGES))
    assert given["hour"] > 25


def test_while_the_process_goes_on_each_has_its_most():
    ending = Ending(Now())
    assert [ending.seconds(stage) for stage in STAGES] == [most for most, _ in STAGES.values()]


def test_an_end_that_is_asked_for_twice_is_no_longer():
    now = Now()
    ending = Ending(now)
    ending.begin()
    now.seconds += 20
    ending.begin()
    assert ending.seconds("hour") < 12


def test_what_an_end_left_says_until_when_so_that_it_is_true_days_later():
    assert "until 2024-01-01 00:59 UTC" in left_at_venue(1_704_067_199)
