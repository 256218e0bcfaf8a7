"""No model is judged on an hour that any of its labels had a part in."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.research.training.folds import FoldPlan, inner_split, walk_forward

PLAN = FoldPlan(folds=6, first_percent=40, horizon_bars=24, embargo_bars=24, rolling_hours=0)


def spans(rows, horizon):
    """The hours that the labels of these decisions look at."""
    return {hour for row in range(rows.first, rows.last) for hour in range(row, row + horizon + 1)}


@st.composite
def walks(draw):
    plan = FoldPlan(
        folds=draw(st.integers(1, 8)),
        first_percent=draw(st.integers(20, 70)),
        horizon_bars=draw(st.integers(1, 30)),
        embargo_bars=draw(st.integers(0, 30)),
        rolling_hours=draw(st.sampled_from([0, 250, 400])),
    )
    hours = draw(st.integers(700, 2500))
    try:
        return hours, plan, walk_forward(hours, plan)
    except Invalid:
        assume(False)


@settings(max_examples=40)
@given(walks())
def test_no_label_learned_from_reaches_into_a_test_nor_into_the_embargo_before_it(walk):
    _, plan, folds = walk
    for fold in folds:
        seen = spans(fold.train, plan.horizon_bars)
        assert max(seen) < fold.test.first - plan.embargo_bars
        assert seen.isdisjoint(range(fold.test.first - plan.embargo_bars, fold.test.last))


@settings(max_examples=40)
@given(walks())
def test_the_tests_are_every_hour_after_the_first_part_once_and_in_order(walk):
    hours, plan, folds = walk
    tested = [row for fold in folds for row in range(fold.test.first, fold.test.last)]
    assert tested == list(range(hours * plan.first_percent // 100, hours))
    assert [fold.number for fold in folds] == list(range(plan.folds))


@settings(max_examples=40)
@given(walks())
def test_a_walk_expands_or_rolls(walk):
    _, plan, folds = walk
    for fold in folds:
        if plan.rolling_hours:
            assert len(fold.train) <= plan.rolling_hours
        else:
            assert fold.train.first == 0


@settings(max_examples=40)
@given(walks())
def test_inside_the_training_rows_what_judges_is_as_far_from_what_fits(walk):
    _, plan, folds = walk
    for fold in folds:
        try:
            inner = inner_split(fold.train, plan)
        except Invalid:
            continue
        fit, stop, judge = inner
        assert max(spans(fit, plan.horizon_bars)) < stop.first - plan.embargo_bars
        assert max(spans(stop, plan.horizon_bars)) < judge.first - plan.embargo_bars
        assert (fit.first, judge.last) == fold.train


def test_six_folds_over_two_and_a_half_years():
    folds = walk_forward(23_080, PLAN)
    assert folds[0].test == (9232, 11540)
    assert folds[0].train == (0, 9232 - 48)
    assert folds[-1].test == (20772, 23080)


@pytest.mark.parametrize(
    ("hours", "over", "code"),
    [
        (300, {}, "too_few_hours"),
        (2000, {"folds": 0}, "bad_fold_plan"),
        (2000, {"folds": 51}, "bad_fold_plan"),
        (2000, {"first_percent": 95}, "bad_fold_plan"),
    ],
)
def test_a_walk_that_judges_nothing_is_refused(hours, over, code):
    with pytest.raises(Invalid) as caught:
        walk_forward(hours, FoldPlan(**(vars(PLAN) | over)))
    assert caught.value.code == code
