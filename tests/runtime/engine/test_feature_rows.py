"""What the features of each hour were, kept so that every bit comes back."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mooring.runtime.decision.types import FEATURE_NAMES, FEATURES
from mooring.runtime.engine.records import feature_rows, schema_id
from mooring.runtime.store.hashing import canonical
from mooring.runtime.store.store import Store
from tests.support import core, runs

BARS = core.random_bars(11, 60, 3, missing=0.2)


def world_with(values):
    world = core.machine(len(values)).init()
    world.decision.features.values[:] = values
    return world


def vectors(values, bar):
    rows = feature_rows(core.universe(len(values)), "schema", bar, world_with(values))
    return {row["symbol"]: orjson.loads(row["vector"]) for _, row in rows}


@given(arrays.arrays(np.float64, (2, FEATURES), elements=st.floats(width=64)))
def test_every_number_reads_back_to_the_very_same_bits(values):
    found = vectors(values, core.flat_bar(100, 100))
    for row, vector in zip(values, found.values(), strict=True):
        assert list(vector) == sorted(FEATURE_NAMES)
        again = np.array([float(vector[name]) for name in FEATURE_NAMES])
        numbers = ~np.isnan(row)
        assert again[numbers].tobytes() == row[numbers].tobytes()
        assert np.isnan(again[~numbers]).all()


def test_before_warm_up_a_feature_is_nan_and_a_symbol_without_a_bar_has_no_row():
    found = vectors(np.full((3, FEATURES), np.nan), core.flat_bar(100, None, 100))
    assert found == {symbol: dict.fromkeys(FEATURE_NAMES, "nan") for symbol in ("S0-USD", "S2-USD")}


def test_a_schema_is_known_by_names_and_periods():
    params = core.decider().params.features
    text = orjson.dumps({"names": list(FEATURE_NAMES), "params": params._asdict()}, option=orjson.OPT_SORT_KEYS)
    assert schema_id(params) == hashlib.sha256(text).hexdigest()[:16]
    others = {schema_id(params._replace(**{name: 77})) for name in params._fields}
    assert len(others | {schema_id(params)}) == len(params) + 1


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


def test_a_run_keeps_the_features_that_each_hour_decided_on(store):
    wanted = runs.plan()
    made = runs.run_out(runs.make_engine(store, BARS, wanted))
    rows = iter(runs.rows(store, "features", made))
    kept = 0
    for hour in core.live(wanted.machine, BARS):
        for i in np.flatnonzero(BARS.present[hour.row]):
            row = next(rows)
            vector = dict(zip(FEATURE_NAMES, map(repr, hour.world.decision.features.values[i].tolist()), strict=True))
            assert (row["symbol"], row["hour_ts_utc"]) == (f"S{i}-USD", int(BARS.ts[hour.row]) + 3600)
            assert row["vector"] == canonical(vector).decode()
            assert row["schema_id"] == schema_id(wanted.machine.decider.params.features)
            kept += all(math.isfinite(float(text)) for text in vector.values())
    assert next(rows, None) is None
    assert kept > 100
