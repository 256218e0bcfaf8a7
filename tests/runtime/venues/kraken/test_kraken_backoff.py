"""Waits between connections: short at first, bounded, spread; and never so many that the edge would ban us."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.venues.kraken.backoff import CAP_SECONDS, ConnectBudget, delay


@settings(deadline=None)
@given(st.integers(1, 10**6), st.floats(0, 1), st.booleans())
def test_waits_are_positive_bounded_and_spread_over_half(failures, random, maintenance) -> None:
    wait = delay(failures, random, maintenance=maintenance)
    assert 0 < wait <= CAP_SECONDS
    assert wait >= delay(failures, 1.0, maintenance=maintenance) / 2
    if maintenance:
        assert wait >= 5.0


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.2), (2, 0.2), (3, 4.0), (4, 8.0), (7, 60.0), (5000, 60.0)])
def test_the_longest_wait_of_each_try(failures, seconds) -> None:
    assert delay(failures, 1.0, maintenance=False) == seconds


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), max_size=200))
def test_no_window_ever_has_more_connections_than_allowed(pauses) -> None:
    budget, now, opened = ConnectBudget(most=5, seconds=60.0), 0.0, []
    for pause in pauses:
        now += pause
        now += budget.wait(now)
        budget.opened(now)
        opened.append(now)
    # a hair less than the window: the sums of waits are rounded
    assert all(later - earlier >= 60.0 - 1e-6 for earlier, later in zip(opened, opened[5:], strict=False))
