"""The ensemble listens to who has shown something, and to nobody where nobody has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.research.training.blend import Weights, blend, weigh, weight_table
from mooring.runtime.research.training.skill import NO_GAIN, Gain


def test_a_specialist_without_sure_skill_gets_nothing():
    assert weigh(Gain(0.01, 0.001), Gain(0.009, 0.01)) == Weights(1.0, 0.0)
    assert weigh(Gain(0.01, 0.001), NO_GAIN) == Weights(1.0, 0.0)


def test_where_nothing_was_shown_the_ensemble_is_silent():
    assert weigh(Gain(-0.01, 0.001), Gain(0.0, 0.01)) == Weights(0.0, 0.0)
    table = weight_table(["A", "B"], NO_GAIN, {})
    assert np.array_equal(blend(table, np.array([[0.9, 0.9], [-0.9, 0.1]]), np.array([0, 1])), [0.0, 0.0])


def test_weights_follow_what_was_shown():
    found = weigh(Gain(0.01, 0.0), Gain(0.04, 0.01))
    assert found.special == pytest.approx(0.75)
    assert found.general == pytest.approx(0.25)
    table = weight_table(["A", "B"], Gain(0.01, 0.0), {"B": Gain(0.04, 0.01)})
    assert np.allclose(blend(table, np.array([[0.4, 0.0], [0.4, -0.4]]), np.array([0, 1])), [0.4, -0.2])


gains = st.builds(Gain, st.floats(-1, 1), st.floats(0, 1))


@given(gains, gains)
def test_weights_are_shares(general, special):
    found = weigh(general, special)
    assert min(found) >= 0.0
    assert sum(found) <= 1.0 + 1e-12
    assert found.special == 0.0 or special.sure > 0.0
