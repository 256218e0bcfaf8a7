"""A trial: what ends it, what lets it pass, and what never does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as hs

from mooring.bundles.store.probation import MISSING_MAX, Verdict, judge, watched
from mooring.bundles.store.state import Terms, Trial

HOUR = 3600
TERMS = Terms(min_bars=3, min_minutes=2, max_errors=1, p99_us=3000, psi_max="0.25")


@dataclass(frozen=True)
class Hour:
    close_ts: int
    latency_us: int = 100
    faults: int = 0
    missing: int = 0
    catch_up: bool = False
    answers: int | None = None

    @property
    def answered(self) -> int:
        return 3 - self.missing - self.faults if self.answers is None else self.answers


def _after(*hours: Hour, seconds: int = 60, terms: Terms = TERMS) -> Trial:
    trial = Trial()
    for hour in hours:
        trial = watched(trial, terms, hour, symbols=3, seconds=seconds, counts=[[1, 2], [3, 0]])
    return trial


def _hours(count: int, **kind: Any) -> list[Hour]:
    return [Hour((n + 1) * HOUR, **kind) for n in range(count)]


def test_enough_bars_and_enough_minutes_pass_and_neither_alone() -> None:
    assert judge(TERMS, _after(*_hours(3)), None).verdict is Verdict.PASSED
    assert judge(TERMS, _after(*_hours(2), seconds=3600), None).verdict is Verdict.GOES_ON
    assert judge(TERMS, _after(*_hours(30), seconds=1), None).verdict is Verdict.GOES_ON


def test_an_hour_counts_once() -> None:
    trial = _after(*_hours(2))
    assert watched(trial, TERMS, Hour(2 * HOUR, faults=9), symbols=3, seconds=60) == trial
    assert watched(trial, TERMS, Hour(HOUR), symbols=3, seconds=60) == trial


def test_one_answer_too_many_that_is_no_number_ends_it_at_once() -> None:
    assert judge(TERMS, _after(Hour(HOUR, faults=1)), None).verdict is Verdict.GOES_ON
    judged = judge(TERMS, _after(Hour(HOUR, faults=2)), None)
    assert judged.verdict is Verdict.FAILED
    assert "2 answers were not numbers" in judged.reason
    alone = judge(replace(TERMS, max_errors=0), _after(Hour(HOUR, faults=1)), None)
    assert "1 answer was not a number" in alone.reason


def test_errors_end_it_even_where_the_bars_are_enough() -> None:
    hours = [*_hours(5), Hour(6 * HOUR, faults=2)]
    assert judge(TERMS, _after(*hours), None).verdict is Verdict.FAILED


def test_one_slow_answer_of_few_is_pardoned_and_two_are_not() -> None:
    assert judge(TERMS, _after(*_hours(3), Hour(9 * HOUR, latency_us=9000)), None).verdict is Verdict.PASSED
    judged = judge(TERMS, _after(*_hours(2, latency_us=9000)), None)
    assert judged.verdict is Verdict.FAILED
    assert "9000 µs" in judged.reason


def test_of_many_answers_one_in_a_hundred_may_be_slow() -> None:
    slow = [Hour((n + 1) * HOUR, latency_us=9000 if n % 100 == 0 else 1) for n in range(400)]
    assert judge(TERMS, _after(*slow), None).verdict is Verdict.PASSED
    assert judge(TERMS, _after(*slow, Hour(999 * HOUR, latency_us=9000)), None).verdict is Verdict.FAILED


def test_hours_without_any_features_do_not_count_and_too_many_in_a_row_end_it() -> None:
    absent = _hours(MISSING_MAX, missing=3)
    trial = _after(*absent)
    assert (trial.bars, judge(TERMS, trial, None).verdict) == (0, Verdict.GOES_ON)
    assert _after(*absent, Hour(99 * HOUR)).missing == 0
    assert judge(TERMS, _after(*absent, Hour(99 * HOUR, missing=3)), None).verdict is Verdict.FAILED
    assert judge(TERMS, _after(*_hours(50, missing=3)), None, warmup_bars=50).verdict is Verdict.GOES_ON, "a new home"
    assert judge(TERMS, _after(*_hours(51, missing=3)), None, warmup_bars=50).verdict is Verdict.FAILED
    later = _after(Hour(1), *[Hour(HOUR * n, missing=3) for n in range(1, MISSING_MAX + 2)])
    assert judge(TERMS, later, None, warmup_bars=50).verdict is Verdict.FAILED, "they were there before"
    assert _after(*_hours(5, missing=2)).bars == 5, "one symbol without history is no reason"


@pytest.mark.parametrize(("drift", "verdict"), [("0.25", "passed"), ("0.2500001", "failed"), ("NaN", "failed")])
def test_drift_over_the_limit_ends_it(drift: str, verdict: str) -> None:
    assert judge(TERMS, _after(*_hours(3)), Decimal(drift)).verdict == verdict


def test_counts_add_up_over_the_hours() -> None:
    assert _after(*_hours(3)).counts == ((3, 6), (9, 0))


@given(hs.lists(hs.integers(-(10**9), 10**9), max_size=20))
def test_a_clock_that_jumps_adds_at_most_an_hour_and_never_less_than_nothing(jumps: list[int]) -> None:
    trial = Trial()
    for n, jump in enumerate(jumps):
        after = watched(trial, TERMS, Hour((n + 1) * HOUR), symbols=1, seconds=jump)
        assert 0 <= after.seconds - trial.seconds <= HOUR
        trial = after


def test_hours_of_the_past_are_no_use_and_their_errors_are_errors() -> None:
    """What was slept through is done again in seconds: a trial that it passed would be none."""
    trial = _after(*_hours(50, catch_up=True), seconds=3600)
    assert (trial.bars, trial.seconds) == (0, 0)
    assert judge(TERMS, trial, None).verdict is Verdict.GOES_ON
    assert judge(TERMS, _after(*_hours(2, catch_up=True, faults=1)), None).verdict is Verdict.FAILED


def test_hours_without_a_bar_or_without_an_answer_do_not_count() -> None:
    trial = Trial()
    for hour in _hours(9, answers=0):
        trial = watched(trial, TERMS, hour, symbols=0, seconds=60)
    assert (trial.bars, trial.missing) == (0, 0), "no symbol had a bar"
    assert _after(*_hours(9, answers=0)).bars == 0, "of none of them it knows anything"
    lax = Terms(min_bars=3, min_minutes=0, max_errors=1000, p99_us=3000, psi_max="0.25")
    assert judge(lax, _after(*_hours(9, faults=3), terms=lax), None).verdict is Verdict.GOES_ON, "only faults"


def test_a_night_without_bars_does_not_begin_the_count_of_missing_features_anew() -> None:
    trial = _after(*_hours(MISSING_MAX, missing=3))
    trial = watched(trial, TERMS, Hour(50 * HOUR, answers=0), symbols=0, seconds=60)
    assert trial.missing == MISSING_MAX
