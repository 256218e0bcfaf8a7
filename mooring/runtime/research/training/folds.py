"""Purged walk-forward with an embargo: what a model may learn from, and what it is judged on.

Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 7. A decision's label spans the whole
horizon after it, also where a barrier was met sooner: at the edge only those that ended early would be left otherwise,
and they are no fair sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from mooring.errors import Invalid

FOLDS_MAX: Final = 50
TRAIN_HOURS_LEAST: Final = 200
TEST_HOURS_LEAST: Final = 24


class Span(NamedTuple):
    """Rows (hours) `first` to `last - 1`."""

    first: int
    last: int

    def __len__(self) -> int:
        return max(0, self.last - self.first)


class Fold(NamedTuple):
    """One step of the walk: train on decisions of these rows, judge those of the others."""

    number: int
    train: Span
    test: Span


class Inner(NamedTuple):
    """How the training rows are used: to fit, to know when to stop, and to calibrate and weigh."""

    fit: Span
    stop: Span
    judge: Span


@dataclass(frozen=True, kw_only=True)
class FoldPlan:
    """How to walk.

    folds: tests, one after the other. first_percent: share of the hours before the first test. horizon_bars: span of a
    label. embargo_bars: further hours left out before a test. rolling_hours: most hours to learn from; 0 is all.
    """

    folds: int
    first_percent: int
    horizon_bars: int
    embargo_bars: int
    rolling_hours: int

    @property
    def gap(self) -> int:
        """Rows between the last decision learned from and the first judged."""
        return self.horizon_bars + self.embargo_bars


def walk_forward(hours: int, plan: FoldPlan) -> tuple[Fold, ...]:
    """The folds over so many hours, in time order; tests follow one another without a gap and end with the last hour.

    Raises:
        Invalid: the plan is none, or there are too few hours for it.
    """
    if not (1 <= plan.folds <= FOLDS_MAX and 1 <= plan.first_percent <= 90 and min(plan.gap, plan.rolling_hours) >= 0):  # noqa: PLR2004 -- percent
        raise Invalid(
            "bad_fold_plan",
            f"A walk has 1 to {FOLDS_MAX} folds after 1 to 90 percent of the hours.",
            money="Nothing was trained.",
            todo="Correct the number of folds.",
        )
    first = hours * plan.first_percent // 100
    edges = [first + (hours - first) * part // plan.folds for part in range(plan.folds + 1)]
    made = []
    for number in range(plan.folds):
        test = Span(edges[number], edges[number + 1])
        train = train_span(test.first, plan)
        if len(train) < TRAIN_HOURS_LEAST or len(test) < TEST_HOURS_LEAST:
            raise too_short(hours)
        made.append(Fold(number, train, test))
    return tuple(made)


def train_span(end: int, plan: FoldPlan) -> Span:
    """The rows to learn from where the first row judged is `end`: every label has ended, an embargo before it."""
    last = end - plan.gap
    return Span(max(0, last - plan.rolling_hours) if plan.rolling_hours else 0, last)


def inner_split(train: Span, plan: FoldPlan) -> Inner:
    """Split what may be learned from: 70 % to fit, 15 % to stop, 15 % to judge, purged and embargoed as the folds are.

    Raises:
        Invalid: a part is empty.
    """
    stop, judge = train.first + len(train) * 70 // 100, train.first + len(train) * 85 // 100
    inner = Inner(Span(train.first, stop - plan.gap), Span(stop, judge - plan.gap), Span(judge, train.last))
    if not all(len(part) for part in inner):
        raise too_short(len(train))
    return inner


def too_short(hours: int) -> Invalid:
    """The refusal of a history that is too short to learn from and to judge."""
    return Invalid(
        "too_few_hours",
        f"{hours:,} hours are too few for this walk: each fold needs hours to learn from, a gap, and hours to judge.",
        money="Nothing was trained.",
        todo="Give a longer history, fewer folds or a shorter horizon.",
    )
