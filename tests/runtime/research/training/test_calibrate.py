"""Calibration finds the curve behind the outcomes, keeps to the trees where it knows little, and never turns them round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.research.training.calibrate import AS_IT_IS, Curve, fit_curve, probability


def outcomes(slope, offset, rows=20_000, seed=2):
    draw = np.random.default_rng(seed)
    raw = draw.normal(0.0, 1.0, rows)
    return raw, (draw.random(rows) < probability(raw, Curve(slope, offset))).astype(float)


@pytest.mark.parametrize(("slope", "offset"), [(0.4, 0.1), (1.0, 0.0), (1.5, -0.2)])
def test_with_much_to_go_by_it_is_the_curve_behind_the_outcomes(slope, offset):
    found = fit_curve(*outcomes(slope, offset), weight=1.0)
    assert found.slope == pytest.approx(slope, abs=0.06)
    assert found.offset == pytest.approx(offset, abs=0.06)


def test_with_little_to_go_by_it_stays_near_what_the_trees_say():
    raw, target = outcomes(0.0, 1.0, rows=500)
    found = fit_curve(raw, target, weight=1 / 500)
    assert found.slope == pytest.approx(1.0, abs=0.2)
    assert found.offset == pytest.approx(0.0, abs=0.05)
    assert fit_curve(np.zeros(0), np.zeros(0), weight=1.0) == AS_IT_IS


def test_trees_that_are_wrong_are_silenced_and_not_turned_round():
    raw, target = outcomes(-1.0, 0.0)
    found = fit_curve(raw, target, weight=1.0)
    assert found.slope == 0.0
    assert abs(found.offset) < 0.1


@given(st.lists(st.tuples(st.floats(-50, 50), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=50))
def test_every_probability_is_one(rows):
    raw, target = (np.array(column) for column in zip(*rows, strict=True))
    found = fit_curve(raw, target, weight=0.1)
    assert found.slope >= 0.0
    p = probability(raw, found)
    assert np.isfinite(p).all()
    assert ((p >= 0) & (p <= 1)).all()
