"""The dataset: its hash stands for every byte, and nothing of the future is in any row of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.research.training import dataset as module
from mooring.runtime.research.training.dataset import digest, keep, make_dataset, open_kept
from mooring.runtime.research.training.folds import Span
from tests.support.training import first, plan_of, random_bars, with_future

PLAN = plan_of(horizon=6).labels
SYMBOLS = ("A-USD", "B-USD")


@pytest.fixture(scope="module")
def data():
    return make_dataset(random_bars(600, 2, gaps=0.02), PLAN)


def test_every_row_has_all_features_and_is_in_the_order_of_hours_then_symbols(data):
    assert np.isfinite(data.features).all()
    assert data.features.dtype == np.float32
    places = data.row.astype(np.int64) * 2 + data.symbol
    assert (np.diff(places) > 0).all()
    assert not data.outcome[~data.known].any()
    assert data.row[data.within(Span(200, 300))].min() >= 200
    assert data.row[data.within(Span(200, 300))].max() < 300


@settings(max_examples=3)
@given(st.integers(0, 100), st.integers(470, 495))
def test_nothing_after_an_hour_has_a_part_in_its_row(seed, row):
    """Features end with the hour itself, labels with its horizon; a changed or cut future leaves both alone."""
    bars = random_bars(500, 2, seed=seed, gaps=0.02)
    whole = make_dataset(bars, PLAN)
    for other in (with_future(bars, row, seed + 5000), first(bars, row + 1)):
        changed = make_dataset(other, PLAN)
        upto = slice(0, int(np.searchsorted(whole.row, row + 1)))
        settled = slice(0, int(np.searchsorted(whole.row, row + 1 - PLAN.horizon_bars)))
        assert np.array_equal(whole.features[upto], changed.features[upto])
        assert np.array_equal(whole.row[upto], changed.row[upto])
        for one, two in zip(whole[4:], changed[4:], strict=True):
            assert np.array_equal(one[settled], two[settled])


def test_the_hash_changes_with_any_bit_and_with_what_it_is_of(data):
    base = digest(data, SYMBOLS, PLAN)
    assert base == digest(make_dataset(random_bars(600, 2, gaps=0.02), PLAN), SYMBOLS, PLAN)
    seen = {base, digest(data, SYMBOLS[::-1], PLAN), digest(data, SYMBOLS, plan_of(horizon=7).labels)}
    for name in data._fields:
        array = getattr(data, name).copy()
        array.view(np.uint8).reshape(-1)[-1] ^= 1
        seen.add(digest(data._replace(**{name: array}), SYMBOLS, PLAN))
    assert len(seen) == 3 + len(data._fields)


def test_what_is_kept_is_mapped_again_byte_for_byte_and_a_half_written_one_is_written_anew(data, tmp_path):
    name = digest(data, SYMBOLS, PLAN)
    place = keep(data, name, tmp_path)
    assert digest(open_kept(place), SYMBOLS, PLAN) == name
    (place / "done.json").unlink()
    (place / "features.npy").write_bytes(b"torn")
    assert digest(open_kept(keep(data, name, tmp_path)), SYMBOLS, PLAN) == name


def test_a_history_of_next_to_nothing_is_refused():
    with pytest.raises(Invalid) as caught:
        make_dataset(random_bars(200, 2), PLAN)
    assert caught.value.code == "too_few_rows"


def test_more_bars_than_fit_are_refused_before_anything_is_made_of_them(monkeypatch):
    monkeypatch.setattr(module, "CELLS_MAX", 1000)
    with pytest.raises(Invalid) as caught:
        make_dataset(random_bars(600, 2), PLAN)
    assert caught.value.code == "range_too_large"


@pytest.mark.parametrize("size", [-1, 100])
def test_what_the_disk_did_not_keep_whole_is_not_learned_from(data, tmp_path, size):
    name = digest(data, SYMBOLS, PLAN)
    file = keep(data, name, tmp_path) / "features.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content[:size] if size > 0 else content)
    assert digest(open_kept(keep(data, name, tmp_path)), SYMBOLS, PLAN) == name
