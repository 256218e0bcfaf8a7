"""Figures of skill agree with their definitions, and overlapping labels do not make chance look sure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.research.training.skill import NO_GAIN, Gain, area_under_curve, gain_over_chance, judge, log_losses


def test_log_loss_and_brier_of_a_few_rows():
    p, target = np.array([0.8, 0.5, 0.1]), np.array([1.0, 0.5, 0.0])
    found = judge(p, target, 0.5)
    assert found.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.5) + math.log(0.9)) / 3)
    assert found.brier == pytest.approx((0.04 + 0 + 0.01) / 3)
    assert found.base_log_loss == pytest.approx(math.log(2))
    assert found.auc == 1.0
    assert np.isfinite(log_losses(np.array([0.0, 1.0]), np.array([1.0, 0.0]))).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=60))
def test_the_area_is_the_share_of_pairs_in_the_right_order(rows):
    p, risen = np.array([r[0] / 5 for r in rows]), np.array([r[1] for r in rows])
    pairs = [(a > b) + 0.5 * (a == b) for a in p[risen] for b in p[~risen]]
    found = area_under_curve(p, risen)
    assert math.isnan(found) if not pairs else found == pytest.approx(sum(pairs) / len(pairs))


def test_no_rows_have_no_figures():
    found = judge(np.zeros(0), np.zeros(0), 0.5)
    assert found.rows == 0
    assert math.isnan(found.log_loss)
    assert gain_over_chance(np.zeros(0), np.zeros(0), 0.5, np.zeros(0, np.int64), 24) == NO_GAIN


def test_a_model_that_knows_has_a_sure_gain_and_one_that_guesses_rarely():
    draw = np.random.default_rng(3)
    rows = np.arange(2000)
    target = (draw.random(2000) < 0.5).astype(float)
    knows = 0.5 + 0.3 * (target - 0.5)
    assert gain_over_chance(knows, target, 0.5, rows, 24).sure > 0.1
    lucky = sum(
        gain_over_chance(np.clip(0.5 + draw.normal(0, 0.1, 2000), 0.01, 0.99), target, 0.5, rows, 24).sure > 0
        for _ in range(50)
    )
    assert lucky == 0


def test_a_block_that_happened_to_go_right_is_no_sure_gain():
    """All gain lies in one of ten blocks: over rows it looks certain, over blocks it is one event."""
    target = np.ones(240)
    p = np.full(240, 0.499)
    p[:24] = 0.6
    assert log_losses(np.full(240, 0.5), target).mean() > log_losses(p, target).mean()
    found = gain_over_chance(p, target, 0.5, np.arange(240), 24)
    assert found.mean > 0
    assert found.sure == 0.0


def test_a_gain_is_shrunk_by_how_unsure_it_is_and_never_below_none():
    assert Gain(0.01, 0.0).shrunk == pytest.approx(0.01)
    assert Gain(0.01, 0.01).shrunk == pytest.approx(0.005)
    assert Gain(-0.01, 0.001).shrunk == 0.0
    assert Gain(0.01, 0.02).sure == 0.0
