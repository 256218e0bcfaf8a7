"""Real ONNX sessions: what is asked, what is believed, and that an answer depends on nothing but its own row."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from mooring.errors import Invalid, Unverified
from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES, MODEL_FEATURES, PIPELINE
from mooring.runtime.domain.scores import NO_SCORE, P_ENSEMBLE, P_GLOBAL, P_SPECIALIST, P_STATE
from mooring.runtime.models.model_set import Model, ModelSet
from mooring.runtime.models.predictor import Predictor, quantised
from tests.support import bundle_models
from tests.support.models import FAULT, MISSING, OK, model_set, predictor

NONE = [0, NO_SCORE, NO_SCORE, NO_SCORE]
ALL = np.ones(3, np.bool_)
RNG = np.random.default_rng(4)
VALUES = RNG.normal(0.0, 0.5, (3, MODEL_FEATURES))


def said(made=None, values=VALUES, present=ALL, **over):
    return (made or predictor(**over)).predict(values, present)


def test_scores_are_those_of_plain_sessions_asked_row_by_row():
    """Against the fixture's own, which feeds one row at a time to sessions with default options."""
    made = model_set(bundle_models.SYMBOLS)
    paths = {
        "models/global.onnx": made.models[0].data,
        "models/specialist-btc-usdt.onnx": made.models[1].data,
        "models/ensemble.onnx": made.models[2].data,
    }
    expected = bundle_models.scores(paths, VALUES.astype(np.float32), np.arange(3))
    answer = said(predictor(made))
    assert answer.faults == ()
    assert answer.outputs[:, P_STATE].tolist() == [OK] * 3
    assert answer.outputs[:, P_GLOBAL].tolist() == expected[:, 0].tolist()
    assert answer.outputs[:, P_SPECIALIST].tolist() == [int(expected[0, 1]), NO_SCORE, NO_SCORE]
    assert answer.outputs[:, P_ENSEMBLE].tolist() == expected[:, 2].tolist()


@pytest.mark.parametrize(
    ("score", "millionths"),
    [(0.0, 0), (1.0, 10**6), (-1.0, -(10**6)), (0.25, 250_000), (-0.25, -250_000), (1e-6, 1), (4e-7, 0), (-6e-7, -1)],
)
def test_scores_are_rounded_to_the_nearest_millionth(score, millionths):
    assert quantised(np.array([score], np.float32)).tolist() == [millionths]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True))
def test_a_symbol_is_told_the_same_whoever_else_is_asked_about(seed, chosen):
    made = predictor_once()
    values = np.random.default_rng(seed).normal(0.0, 0.7, (3, MODEL_FEATURES))
    present = np.isin(np.arange(3), chosen)
    together, alone = said(made, values).outputs, said(made, values, present).outputs
    assert alone[present].tolist() == together[present].tolist()
    assert alone[~present].tolist() == [NONE] * int((~present).sum())


_MADE: list[Predictor] = []


def predictor_once():
    _MADE[:] = _MADE or [predictor(of_all=forest(60, MODEL_FEATURES))]
    return _MADE[0]


def forest(trees, features, seed=1):
    """Many trees of three leaves, whose sum is small; addition of float32 is where an order would show."""
    rng = np.random.default_rng(seed)
    nodes = {name: [] for name in "treeids nodeids featureids values modes truenodeids falsenodeids".split()}
    leaves = {name: [] for name in "treeids nodeids ids weights".split()}
    for tree in range(trees):
        for node, (mode, yes, no) in enumerate(
            [("BRANCH_LEQ", 1, 2), ("LEAF", 0, 0), ("BRANCH_LEQ", 3, 4), ("LEAF", 0, 0), ("LEAF", 0, 0)]
        ):
            row = (tree, node, int(rng.integers(features)), float(rng.normal(0, 0.4)), mode, yes, no)
            for name, value in zip(nodes, row, strict=True):
                nodes[name].append(value)
            if mode == "LEAF":
                for name, value in zip(leaves, (tree, node, 0, float(rng.normal(0, 0.5) / trees)), strict=True):
                    leaves[name].append(value)
    one = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["score"], domain="ai.onnx.ml", n_targets=1, post_transform="NONE",
        **{f"nodes_{name}": values for name, values in nodes.items()},
        **{f"target_{name}": values for name, values in leaves.items()},
    )  # fmt: skip
    return bundle_models.model_bytes([one], [("features", TensorProto.FLOAT, ("N", features))], ml=True)


@pytest.mark.parametrize("hours", [1, 2, 17, 43, 67, 400])
def test_many_hours_at_once_are_told_the_same_as_hour_by_hour(hours):
    made = predictor_once()
    rng = np.random.default_rng(hours)
    matrix = rng.normal(0.0, 0.5, (hours, 3, MODEL_FEATURES))
    matrix[rng.random((hours, 3)) < 0.1, 3] = np.nan
    present = rng.random((hours, 3)) < 0.8
    streamed = [made.predict(matrix[row], present[row]).outputs for row in range(hours)]
    assert made.predict_hours(matrix, present).tolist() == np.stack(streamed).tolist()


def test_batches_larger_than_one_call_are_cut_and_come_out_the_same(monkeypatch):
    made, matrix, present = predictor_once(), RNG.normal(0, 0.5, (50, 3, MODEL_FEATURES)), np.ones((50, 3), np.bool_)
    whole = made.predict_hours(matrix, present)
    monkeypatch.setattr("mooring.runtime.models.predictor.BATCH_ROWS", 7)
    assert made.predict_hours(matrix, present).tolist() == whole.tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_symbol_whose_features_are_missing_is_not_asked_about_and_the_others_are(value):
    values = VALUES.copy()
    values[1, 7] = value
    answer = said(values=values)
    assert answer.outputs[1].tolist() == [MISSING, NO_SCORE, NO_SCORE, NO_SCORE]
    assert answer.outputs[[0, 2]].tolist() == said().outputs[[0, 2]].tolist()
    assert answer.faults == ()


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf, 1.0001, -2.0])
def test_what_is_no_score_is_a_fault_of_every_symbol_it_was_said_of(score):
    answer = said(of_all=bundle_models.constant(score, MODEL_FEATURES))
    assert answer.outputs.tolist() == [[FAULT, NO_SCORE, NO_SCORE, NO_SCORE]] * 3
    assert answer.faults == ("global: a score that is none",)


def test_a_specialist_that_fails_is_a_fault_of_its_symbol_alone():
    answer = said(specialists={"S1-USD": bundle_models.constant(np.nan, MODEL_FEATURES)})
    assert answer.outputs[:, P_STATE].tolist() == [OK, FAULT, OK]
    assert (answer.outputs[1, 1:] == NO_SCORE).all()
    assert answer.faults == ("specialist S1-USD: a score that is none",)


def test_an_ensemble_that_fails_is_a_fault_and_nobody_falls_back_on_what_it_was_to_judge():
    answer = said(ensemble=bundle_models.ensemble([(9.0, 9.0), (0.1, 0.1), (0.1, 0.1)]))
    assert answer.outputs[0].tolist() == [FAULT, NO_SCORE, NO_SCORE, NO_SCORE]
    assert answer.outputs[1:, P_STATE].tolist() == [OK, OK]


def test_a_session_that_raises_is_a_fault_with_the_name_of_the_error(monkeypatch):
    made = predictor()

    def broken(given, rows):
        raise RuntimeError("canary: what a model says is not repeated")

    monkeypatch.setattr(made._global, "ask", broken)
    answer = said(made)
    assert answer.outputs[:, P_STATE].tolist() == [FAULT] * 3
    assert answer.faults == ("global: RuntimeError",)


def test_symbols_outside_of_the_universe_of_the_bundle_have_no_model():
    answer = said(predictor(symbols=("S9-USD", "S1-USD", "S0-USD")))
    assert answer.outputs[0].tolist() == NONE
    assert answer.outputs[2, P_SPECIALIST] != NO_SCORE
    assert answer.outputs[1, P_SPECIALIST] == NO_SCORE


def test_without_an_ensemble_and_without_a_global_the_others_answer():
    answer = said(without=("ensemble",)).outputs
    assert (answer[:, P_ENSEMBLE] == NO_SCORE).all()
    assert answer[:, P_STATE].tolist() == [OK] * 3
    alone = said(without=("ensemble", "global")).outputs
    assert alone[0].tolist() == [OK, NO_SCORE, int(answer[0, P_SPECIALIST]), NO_SCORE]
    assert alone[1:].tolist() == [NONE, NONE]


def test_the_time_that_an_answer_took_is_by_the_clock_that_was_handed_in():
    ticks = iter([10.0, 10.0025])
    made = Predictor(
        model_set(), pipeline=PIPELINE, features=MODEL_FEATURE_NAMES, symbols=("S0-USD",), monotonic=lambda: next(ticks)
    )
    assert made.predict(VALUES[:1], ALL[:1]).latency_us == 2500


@pytest.mark.parametrize(
    "over",
    [
        {"pipeline": "core-2"},
        {"features": MODEL_FEATURE_NAMES[:-1]},
        {"features": (MODEL_FEATURE_NAMES[1], MODEL_FEATURE_NAMES[0], *MODEL_FEATURE_NAMES[2:])},
    ],
)
def test_models_of_other_features_or_another_order_are_refused(over):
    with pytest.raises(Invalid) as refused:
        predictor(model_set(**over))
    assert refused.value.code == "model_features_differ"


GOOD = bundle_models.linear([0.1] * MODEL_FEATURES)


@pytest.mark.parametrize(
    "data",
    [
        b"no model",
        GOOD[: len(GOOD) // 2],
        bundle_models.linear([0.1] * (MODEL_FEATURES + 1)),
        bundle_models.ensemble(),
        bundle_models.with_external_data(GOOD),
        bundle_models.model_bytes(
            [helper.make_node("Identity", ["features"], ["score"])],
            [("features", TensorProto.FLOAT, ("N", MODEL_FEATURES))],
            score=("N", MODEL_FEATURES),
        ),
    ],
    ids=["garbage", "cut", "other width", "other role", "external data", "many scores"],
)
def test_what_is_no_model_of_its_role_is_refused_when_it_is_loaded(data):
    with pytest.raises(Unverified) as refused:
        predictor(of_all=data)
    assert refused.value.code == "model_unusable"
    assert "global" in refused.value.what


@pytest.mark.parametrize(
    "over",
    [
        {"reference": ""},
        {"reference": "x" * 201},
        {"symbols": ()},
        {"symbols": ("S0-USD", "S0-USD")},
        {"models": ()},
        {"models": (Model(role="ensemble", data=b"x"),)},
        {"models": (Model(role="global", data=b"x"),) * 2},
        {"models": (Model(role="global", data=b""),)},
        {"models": (Model(role="global", data=b"x", symbol="S0-USD"),)},
        {"models": (Model(role="specialist", data=b"x"),)},
        {"models": (Model(role="specialist", data=b"x", symbol="S9-USD"),)},
    ],
)
def test_a_set_that_cannot_be_asked_is_refused(over):
    given = {
        "reference": "r", "pipeline": PIPELINE, "features": MODEL_FEATURE_NAMES, "symbols": ("S0-USD",),
        "models": (Model(role="global", data=b"x"),),
    }  # fmt: skip
    ModelSet(**given)
    with pytest.raises(Invalid) as refused:
        ModelSet(**given | over)
    assert refused.value.code == "bad_model_set"


def test_what_runs_without_models_imports_no_onnx():
    code = (
        "import sys; import mooring.runtime.engine.live_engine, mooring.runtime.models.predictor, mooring.runtime.setup;"
        "import mooring.runtime.models.bounded, mooring.runtime.replay.recompute, mooring.runtime.decision.producers.model;"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('onnxruntime', 'onnx')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_models_that_are_too_large_together_are_no_set(monkeypatch):
    sizes = sum(len(model.data) for model in model_set().models)
    monkeypatch.setattr("mooring.runtime.models.model_set.MODELS_BYTES_MAX", sizes)
    model_set()
    monkeypatch.setattr("mooring.runtime.models.model_set.MODELS_BYTES_MAX", sizes - 1)
    with pytest.raises(Invalid, match="together its models are larger"):
        model_set()
