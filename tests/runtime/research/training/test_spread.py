"""How features were spread, as a bundle's reader takes it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from mooring.bundles.format.features import Counts, Reference, counted, drifts
from mooring.runtime.research.training.plan import canonical, key_of
from mooring.runtime.research.training.spread import decimal_text, spread, widest_drift


def document(features, names):
    return Reference.model_validate_json(canonical(spread(features, names, "core-1")))


def test_tenths_have_a_tenth_each_and_what_was_learned_from_shows_no_drift():
    draw = np.random.default_rng(1)
    features = np.stack([draw.normal(size=20_000), np.zeros(20_000), draw.integers(0, 3, 20_000)], axis=1)
    found = document(features.astype(np.float32), ["normal", "same", "few"])
    assert [sum(map(Decimal, one.shares)) for one in found.features] == [1, 1, 1]
    assert [len(one.edges) for one in found.features] == [9, 1, 3]
    assert all(abs(float(share) - 0.1) < 0.001 for share in found.features[0].shares)
    seen = counted(found, Counts.none(found), features)
    assert max(drifts(found, seen)) < 0.001
    moved = counted(found, Counts.none(found), features + np.array([1.0, 0.0, 0.0]))
    assert drifts(found, moved)[0] > 0.25


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (-1e-12, "0"), (1e-9, "0.000000001"), (-2.50, "-2.5"), (100.0, "100")]
)
def test_decimal_texts_have_no_exponent_and_no_needless_zeros(value, text):
    assert decimal_text(value, 9) == text


def test_canonical_json_has_no_floats():
    assert canonical({"b": 1, "a": ["x", None]}) == b'{"a":["x",null],"b":1}'
    for bad in (1.0, [1.0], {"a": (1, {"b": 2.0})}):
        with pytest.raises(TypeError):
            canonical(bad)
    assert key_of({"a": 1}) != key_of({"a": 2})


def test_the_widest_drift_is_that_of_the_hours_least_like_the_rest_as_a_reader_measures_it():
    draw = np.random.default_rng(2)
    features = draw.normal(size=(4800, 2)).astype(np.float32)
    hour = np.repeat(np.arange(2400), 2).astype(np.int32)
    features[3984:4032, 0] += 5.0  # one day of 24 hours, two symbols
    made = spread(features, ["moved", "same"], "core-1")
    found = widest_drift(made, features, hour, 24)
    reference = Reference.model_validate_json(canonical(made))
    days = [
        np.mean(drifts(reference, counted(reference, Counts.none(reference), features[at : at + 48].astype(float))))
        for at in range(0, 4800, 48)
    ]
    assert found == pytest.approx(max(days))
    assert days.index(max(days)) == 3984 // 48
    assert found > 2 * sorted(days)[-2]
