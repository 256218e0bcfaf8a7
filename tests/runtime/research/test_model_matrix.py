"""The matrix that models are trained on is what the daemon would have asked them with, bit for bit."""

from __future__ import annotations

import builtins
import importlib.util

import numpy as np
import pytest

from mooring.errors import Invalid
from mooring.runtime.decision.model_features import MODEL_FEATURES, init_model_features, update_model_features
from mooring.runtime.decision.producers import model, rsi
from mooring.runtime.domain.bars import bar_at
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.state_codec import digest
from mooring.runtime.market.archive import load_bars
from mooring.runtime.market.universe import instruments
from mooring.runtime.research import model_matrix
from mooring.runtime.research.model_matrix import HoursAsked, feature_matrix, said_by_models
from mooring.runtime.research.simulate import make_loop, simulate
from tests.support.core import BUSY, machine, part_of, random_bars
from tests.support.models import predictor

pytestmark = pytest.mark.xdist_group("compiled")


@pytest.mark.parametrize("seed", range(4))
def test_compiled_and_plain_give_the_same_bytes(seed):
    bars = random_bars(seed, 400, 3)
    assert feature_matrix(bars, compiled=True).tobytes() == feature_matrix(bars, compiled=False).tobytes()


@pytest.mark.data
def test_on_real_bars_stream_and_file_plain_and_compiled_agree(market_data):
    listed = instruments(("BTC-USDT", "ETH-USDT"))
    bars = load_bars(market_data / "binance", listed, start=1_643_673_600, hours=800)
    state, rows = init_model_features(2), []
    for row in range(len(bars.ts)):
        update_model_features(state, bar_at(bars, row))
        rows.append(np.where(bars.present[row][:, None], state.values, np.nan))
    assert np.stack(rows).tobytes() == feature_matrix(bars, compiled=True).tobytes()


def test_no_hours_are_a_matrix_too():
    assert feature_matrix(part_of(random_bars(1, 5, 2), 0, 0)).shape == (0, 2, MODEL_FEATURES)


def test_it_compiles_by_itself_where_that_is_quicker_and_numba_is_there(monkeypatch):
    asked = []

    class Spy:
        def compile_kept(self, function):
            asked.append(function)
            return function

    monkeypatch.setattr(model_matrix, "Jit", Spy)
    bars = random_bars(1, 30, 2, missing=0.0)
    feature_matrix(bars)
    assert not asked
    monkeypatch.setattr(model_matrix, "COMPILE_FROM_BARS", 60)
    feature_matrix(bars)
    assert len(asked) == 1
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    feature_matrix(bars)
    assert len(asked) == 1


def test_what_models_say_of_a_file_is_what_they_say_bar_by_bar():
    bars, models = random_bars(6, 230, 3), predictor()
    state = init_model_features(3)
    streamed = []
    for row in range(len(bars.ts)):
        update_model_features(state, bar_at(bars, row))
        streamed.append(models.predict(state.values, bars.present[row]).outputs)
    said = said_by_models(models, bars)
    assert said.tolist() == np.stack(streamed).tolist()
    assert {*said[-1, bars.present[-1], 0].tolist()} == {int(ModelState.OK)}


def test_asked_chunk_by_chunk_they_say_and_trade_the_same_and_no_more_than_a_chunk_is_kept():
    class Watched:
        reference = "watched"

        def __init__(self):
            self.inner, self.hours = predictor(), []

        def predict_hours(self, matrix, present):
            self.hours.append(len(matrix))
            return self.inner.predict_hours(matrix, present)

    bars, watched = random_bars(6, 330, 3), Watched()
    made = machine(3, **BUSY, producers=(rsi, model), model_up_score=50_000)
    loop = make_loop(made.hour)
    whole = said_by_models(predictor(), bars)
    asked = HoursAsked(watched, bars, compiled=False)
    by_chunks = simulate(made, loop, bars, models=asked, chunk_hours=64)
    at_once = simulate(made, loop, bars, models=whole)
    assert (digest(by_chunks[0]), by_chunks[1]) == (digest(at_once[0]), at_once[1])
    assert watched.hours == [64] * 5 + [10]
    assert asked.states[int(ModelState.OK)] == int((whole[bars.present][:, 0] == int(ModelState.OK)).sum()) > 100
    with pytest.raises(ValueError, match="asked about"):
        asked(0, 64)


def test_without_numba_a_compiled_matrix_is_refused(monkeypatch):
    true_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "numba":
            raise ImportError(name)
        return true_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Invalid, match="numba"):
        feature_matrix(random_bars(1, 5, 1), compiled=True)
