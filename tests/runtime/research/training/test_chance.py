"""The bootstrap keeps runs together and says what its definition says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mooring.runtime.research.training.chance import range_of, resampled, spread_over


def test_blocks_go_on_round_the_end_and_are_as_long_as_asked_on_average():
    places = resampled(500, 10, 200, seed=1)
    on = places[:, 1:] == (places[:, :-1] + 1) % 500
    assert 1 / (1 - on.mean()) == pytest.approx(10, rel=0.1)
    assert ((places[:, :-1] == 499) & (places[:, 1:] == 0)).any()
    assert np.array_equal(places, resampled(500, 10, 200, seed=1))


def test_the_range_holds_the_sum_and_widens_where_days_follow_one_another():
    draw = np.random.default_rng(5)
    alone = draw.normal(0.001, 0.01, 600)
    together = np.repeat(draw.normal(0.001, 0.01, 60), 10)
    one, other = range_of(alone, seed=1), range_of(together, seed=1)
    assert math.log1p(one.low) < alone.sum() < math.log1p(one.high)
    assert other.high - other.low > 2 * (one.high - one.low)


def test_a_sure_gain_is_above_zero_in_every_resample_and_too_few_days_say_nothing():
    assert range_of(np.full(100, 0.01), seed=1) == pytest.approx((math.expm1(1.0), math.expm1(1.0), 1.0))
    assert all(math.isnan(value) for value in range_of(np.full(19, 0.01), seed=1))


def test_the_standard_error_over_folds():
    assert spread_over([0.01, 0.03, 0.05]) == pytest.approx(0.02 / math.sqrt(3))
    assert math.isnan(spread_over([0.01]))
