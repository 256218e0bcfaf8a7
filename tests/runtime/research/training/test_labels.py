"""Labels say what a decision would have earned, and nothing beyond their horizon has a part in them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.domain.bars import Bars
from mooring.runtime.research.training.labels import DOWN, NEITHER, UP, LabelPlan, average_true_range, triple_barrier
from tests.support.training import START, first, random_bars, with_future

PLAN = LabelPlan(horizon_bars=6, target_atr_percent=200, stop_atr_percent=150, atr_period=3, cost_ppm=1000)


def one_path(*rows):
    """One symbol's bars from (open, high, low, close); None is a missing bar. Four quiet bars come first."""
    quiet = [(1000, 1010, 990, 1000)] * 4
    made = [row or (0, 0, 0, 0) for row in [*quiet, *rows]]
    columns = [np.array([row[i] for row in made], np.int64)[:, None] for i in range(4)]
    present = np.array([row is not None for row in [*quiet, *rows]])[:, None]
    hours = len(made)
    return Bars(START + 3600 * np.arange(hours), present, *columns, present.astype(np.int64))


def label(*rows, **over):
    """The label of the last quiet bar: ATR 20, so by default the target is 40 and the stop 30 from the entry."""
    plan = dataclasses.replace(PLAN, horizon_bars=len(rows), **over)
    found = triple_barrier(one_path(*rows), plan)
    assert found.known[3, 0]
    return int(found.outcome[3, 0]), found.net[3, 0], int(found.held[3, 0])


KEEP = 0.999 / 1.001


def test_the_target_ends_a_trade_that_earns_what_it_is_away_less_the_costs():
    assert label((1000, 1005, 995, 1000), (1000, 1040, 999, 1010)) == (UP, pytest.approx(1.04 * KEEP - 1), 2)


def test_the_stop_ends_a_trade_that_loses_its_distance_and_the_costs():
    assert label((1000, 1001, 970, 1000), (1000, 1100, 999, 1010)) == (DOWN, pytest.approx(0.97 * KEEP - 1), 1)


def test_a_bar_that_meets_both_barriers_counts_as_stopped():
    assert label((1000, 1100, 900, 1000))[0] == DOWN


def test_a_bar_that_opens_below_the_stop_fills_there_and_not_at_the_stop():
    outcome, net, held = label((1000, 1001, 995, 1000), (900, 910, 890, 905))
    assert (outcome, held) == (DOWN, 2)
    assert net == pytest.approx(0.9 * KEEP - 1)


def test_a_bar_that_opens_above_the_target_gives_no_more_than_the_target():
    assert label((1000, 1001, 995, 1000), (1100, 1110, 1090, 1105))[1] == pytest.approx(1.04 * KEEP - 1)


def test_at_the_time_limit_the_last_close_counts():
    assert label((1000, 1030, 975, 1000), (1000, 1030, 975, 1020)) == (UP, pytest.approx(1.02 * KEEP - 1), 2)


def test_a_move_within_the_costs_is_neither():
    assert label((1000, 1010, 990, 1001))[0] == NEITHER
    assert label((1000, 1010, 990, 999))[0] == NEITHER
    assert label((1000, 1010, 990, 1001), cost_ppm=100)[0] == UP
    assert label((1000, 1010, 990, 999), cost_ppm=100)[0] == DOWN


def test_the_entry_is_the_next_open_and_not_the_close_decided_on():
    assert label((1010, 1050, 1000, 1020))[1] == pytest.approx(1050 / 1010 * KEEP - 1)


def test_without_the_bar_of_the_entry_or_of_the_end_there_is_no_label():
    bar = (1000, 1010, 990, 1000)
    assert not triple_barrier(one_path(None, bar), dataclasses.replace(PLAN, horizon_bars=2)).known[3, 0]
    assert not triple_barrier(one_path(bar, None), dataclasses.replace(PLAN, horizon_bars=2)).known[3, 0]
    assert triple_barrier(one_path(bar, None, bar), dataclasses.replace(PLAN, horizon_bars=3)).known[3, 0]


def test_the_last_hours_have_no_label_as_their_horizon_is_not_over():
    known = triple_barrier(random_bars(40, 2), PLAN).known
    assert not known[-PLAN.horizon_bars :].any()
    assert known[PLAN.atr_period : -PLAN.horizon_bars].all()
    assert not known[: PLAN.atr_period].any()


def test_a_history_shorter_than_the_horizon_has_no_labels():
    assert not triple_barrier(random_bars(5, 2), PLAN).known.any()


def naive(bars, plan, row, symbol):
    """The same in words: one decision, bar after bar."""
    atr = average_true_range(bars, plan.atr_period)[row, symbol]
    entry = float(bars.open[row + 1, symbol])
    above, below = entry + atr * plan.target_atr_percent / 100, entry - atr * plan.stop_atr_percent / 100
    price, held = float(bars.close[row + plan.horizon_bars, symbol]), plan.horizon_bars
    for after in range(1, plan.horizon_bars + 1):
        at = row + after
        if bars.present[at, symbol] and bars.low[at, symbol] <= below:
            price, held = min(below, float(bars.open[at, symbol])), after
            break
        if bars.present[at, symbol] and bars.high[at, symbol] >= above:
            price, held = above, after
            break
    cost = plan.cost_ppm / 1e6
    return price / entry * (1 - cost) / (1 + cost) - 1, held


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(20, 400), st.integers(20, 400))
def test_every_label_is_that_of_a_plain_walk_through_its_bars(seed, horizon, target, stop):
    bars = random_bars(50, 2, seed=seed, gaps=0.1)
    plan = dataclasses.replace(PLAN, horizon_bars=horizon, target_atr_percent=target, stop_atr_percent=stop)
    found = triple_barrier(bars, plan)
    for row, symbol in np.argwhere(found.known):
        net, held = naive(bars, plan, row, symbol)
        assert found.net[row, symbol] == pytest.approx(net, abs=1e-12)
        assert found.held[row, symbol] == held
        assert found.outcome[row, symbol] in ((1, 0) if net > 0 else (0, -1))


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(10, 55))
def test_what_comes_after_the_horizon_never_changes_a_label(seed, other, row):
    bars = random_bars(60, 2, seed=seed, gaps=0.05)
    before, after = triple_barrier(bars, PLAN), triple_barrier(with_future(bars, row, other + 2000), PLAN)
    settled = row - PLAN.horizon_bars + 1  # the horizon of the decision before this one ends with `row`
    for one, two in zip(before, after, strict=True):
        assert np.array_equal(one[:settled], two[:settled])


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(12, 59))
def test_a_longer_history_has_the_labels_of_a_shorter_one_and_more(seed, hours):
    bars = random_bars(60, 2, seed=seed, gaps=0.05)
    whole, part = triple_barrier(bars, PLAN), triple_barrier(first(bars, hours), PLAN)
    for one, two in zip(whole, part, strict=True):
        assert np.array_equal(one[: hours - PLAN.horizon_bars], two[: hours - PLAN.horizon_bars])
    assert not part.known[hours - PLAN.horizon_bars :].any()


@pytest.mark.parametrize(
    "over", [{"horizon_bars": 0}, {"target_atr_percent": 0}, {"cost_ppm": 1_000_000}, {"atr_period": 0}]
)
def test_a_plan_that_makes_no_labels_is_refused(over):
    with pytest.raises(Invalid) as caught:
        triple_barrier(random_bars(20, 1), dataclasses.replace(PLAN, **over))
    assert caught.value.code == "bad_label_plan"
