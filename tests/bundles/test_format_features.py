"""The features of a bundle by name, and how far what is seen has drifted from what it was trained on."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.bundles.format.features import Counts, counted, drifts, psi, read_names, read_reference
from mooring.bundles.format.manifest import parse_manifest
from mooring.errors import Unverified
from tests.support import bundle_models as bm

FILES = bm.run_files()
MANIFEST = parse_manifest(bm.manifest_bytes(FILES))
REFERENCE = read_reference(MANIFEST, FILES.__getitem__)


def read(name: str, change: Any) -> Any:
    document = json.loads(FILES[name])
    change(document)
    files = FILES | {name: bm.rfc8785.dumps(document)}
    return read_reference(MANIFEST, files.__getitem__)


def test_the_names_are_read_in_their_order() -> None:
    assert read_names(MANIFEST, FILES.__getitem__) == bm.FEATURES
    assert [one.name for one in REFERENCE.features] == list(bm.FEATURES)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("features.json", lambda d: d["names"].reverse()),
        ("features.json", lambda d: d["names"].pop()),
        ("features.json", lambda d: d["names"].append(d["names"][0])),
        ("features.json", lambda d: d.update(id="core-2")),
        ("features.json", lambda d: d.update(dtype="float64")),
        ("features.json", lambda d: d.update(more=1)),
        ("features_reference.json", lambda d: d["features"].reverse()),
        ("features_reference.json", lambda d: d["features"].pop()),
        ("features_reference.json", lambda d: d.update(id="core-2")),
        ("features_reference.json", lambda d: d["features"][0]["edges"].reverse()),
        ("features_reference.json", lambda d: d["features"][0].update(edges=["0", "0", "1"])),
        ("features_reference.json", lambda d: d["features"][0].update(edges=["0", "1"])),
        ("features_reference.json", lambda d: d["features"][0].update(shares=["-0.1", "0.5", "0.5", "0.1"])),
        ("features_reference.json", lambda d: d["features"][0].update(shares=["0.1", "0.5", "0.5", "0.1"])),
        ("features_reference.json", lambda d: d["features"][0].update(shares=["NaN", "0.5", "0.4", "0.1"])),
        ("features_reference.json", lambda d: d["features"][0].update(shares=[0, 0, 0, 1])),
    ],
)
def test_names_or_a_spread_that_are_not_those_of_the_manifest_are_refused(name: str, change: Any) -> None:
    with pytest.raises(Unverified) as caught:
        read(name, change)
    assert caught.value.code == "bundle_features_refused"


def test_documents_in_another_spelling_are_refused() -> None:
    files = FILES | {"features.json": FILES["features.json"] + b"\n"}
    with pytest.raises(Unverified) as caught:
        read_names(MANIFEST, files.__getitem__)
    assert caught.value.code == "bundle_json_refused"


def test_values_are_counted_in_the_bin_below_the_first_edge_that_is_above_them() -> None:
    column = np.array([-5.0, -1.0, -0.5, 0.0, 0.99, 1.0, np.inf, -np.inf, np.nan])
    seen = counted(REFERENCE, Counts.none(REFERENCE), np.tile(column[:, None], 4))
    assert seen.bins == ((2, 2, 2, 2),) * 4
    more = counted(REFERENCE, seen, np.zeros((3, 4)))
    assert more.bins == ((2, 2, 5, 2),) * 4


@given(st.lists(st.lists(st.floats(allow_infinity=True), min_size=4, max_size=4), max_size=30), st.integers(0, 30))
def test_counting_in_two_goes_is_counting_in_one(rows: list[list[float]], cut: int) -> None:
    values = np.array(rows, dtype=np.float64).reshape(-1, 4)
    begin = Counts.none(REFERENCE)
    at_once = counted(REFERENCE, begin, values)
    assert counted(REFERENCE, counted(REFERENCE, begin, values[:cut]), values[cut:]) == at_once
    naive = [[0] * 4 for _feature in range(4)]
    for row in rows:
        for feature, value in enumerate(row):
            if value == value:  # noqa: PLR0124 -- no number
                naive[feature][sum(value >= edge for edge in (-1, 0, 1))] += 1
    assert [list(one) for one in at_once.bins] == naive


@pytest.mark.parametrize("shape", [(3, 5), (3, 3), (4,), (2, 2, 4)])
def test_another_number_of_features_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="features"):
        counted(REFERENCE, Counts.none(REFERENCE), np.zeros(shape))


def test_drift_is_the_sum_over_bins_of_difference_times_log_ratio() -> None:
    # (0.5-0.25) ln 2 + (0.5-0.75) ln(2/3), by hand
    assert psi([0.25, 0.75], [5, 5]) == pytest.approx(0.25 * 0.6931471805599453 + -0.25 * -0.4054651081081644)
    assert psi([0.25, 0.75], [1, 3]) == 0.0
    assert psi([0.5, 0.5], [0, 0]) == 0.0
    # an empty bin counts as one ten-thousandth
    assert psi([0.5, 0.5], [0, 7]) == pytest.approx(-0.4999 * np.log(0.0001 / 0.5) + 0.5 * np.log(2))


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=8))
def test_drift_is_never_negative_and_grows_with_nothing_but_distance(seen: list[int]) -> None:
    shares = [1 / len(seen)] * len(seen)
    found = psi(shares, seen)
    assert found >= -1e-12
    assert psi(shares, [count * 3 for count in seen]) == pytest.approx(found)


def test_a_feature_that_moved_away_drifts_and_the_others_do_not() -> None:
    random = np.random.default_rng(7)
    values = random.normal(size=(4000, 4))
    values[:, 2] += 1.0
    found = drifts(REFERENCE, counted(REFERENCE, Counts.none(REFERENCE), values))
    assert found[2] > 0.25
    assert max(found[0], found[1], found[3]) < 0.01
