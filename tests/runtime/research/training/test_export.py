"""An exported model says what the trained one says, also at the very thresholds, and is the same bytes each time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.bundles.format.lint import lint_model
from mooring.errors import Unverified
from mooring.runtime.models.predictor import quantised
from mooring.runtime.research.training import export as module
from mooring.runtime.research.training.calibrate import Curve, probability
from mooring.runtime.research.training.export import (
    OPSET,
    PARITY_MILLIONTHS,
    asker,
    export_blend,
    export_trees,
    floor_float32,
)
from mooring.runtime.research.training.learn import Part, Piece, grow, raw_sums
from tests.support.training import plan_of

pytestmark = pytest.mark.xdist_group("training")

COLUMNS = 6


@pytest.fixture(scope="module")
def trained():
    draw = np.random.default_rng(7)
    features = np.round(draw.normal(size=(3000, COLUMNS)), 1).astype(
        np.float32
    )  # many equal values: thresholds are met
    target = (draw.random(3000) < 1 / (1 + np.exp(-features[:, 0] * features[:, 1]))).astype(float)
    booster = grow(Part(features, target, np.arange(3000)), plan_of().general, 1, rounds=60)
    piece = Piece(booster.model_to_string().encode(), Curve(0.8, -0.1), 0.5, 60, np.zeros(0), np.zeros(0))
    return SimpleNamespace(booster=booster, piece=piece, features=features)


def declared(role, exported, columns):
    taken = [SimpleNamespace(name="features", dtype="float32", shape=("N", columns))]
    if role == "ensemble":
        taken = [
            SimpleNamespace(name="scores", dtype="float32", shape=("N", 2)),
            SimpleNamespace(name="symbol", dtype="int64", shape=("N",)),
        ]
    given = [SimpleNamespace(name="score", dtype="float32", shape=("N", 1))]
    return SimpleNamespace(role=role, inputs=taken, outputs=given, ops=exported.ops, opset=OPSET, width=columns)


def test_scores_are_those_of_the_trained_model_to_a_few_millionths(trained):
    made = export_trees(trained.piece, trained.features)
    wanted = 2 * probability(raw_sums(trained.booster, trained.features), trained.piece.curve) - 1
    said = asker(made.data)({"features": trained.features})
    assert made.parity_millionths <= 2
    assert np.abs(said - wanted).max() < 2e-6
    assert np.abs(quantised(said) - quantised(wanted)).max() == made.parity_millionths


def test_a_feature_at_a_threshold_goes_the_same_way_in_both(trained):
    """The features on either side of every threshold, as close as float32 can be."""
    tree = trained.booster.dump_model()["tree_info"]
    edges = []

    def walk(node):
        if "threshold" in node:
            edges.append((node["split_feature"], node["threshold"]))
            walk(node["left_child"])
            walk(node["right_child"])

    for one in tree:
        walk(one["tree_structure"])
    rows = []
    for column, edge in edges:
        near = np.float32(edge)
        for value in (near, np.nextafter(near, np.float32(-9)), np.nextafter(near, np.float32(9))):
            if 0 < abs(value) < 1.1e-35:  # zero to LightGBM and not to ONNX; no ratio of prices is that small
                continue
            row = np.zeros(COLUMNS, np.float32)
            row[column] = value
            rows.append(row)
    export_trees(trained.piece, np.array(rows))  # refuses what differs
    assert len(rows) > 300


def test_an_hour_alone_and_among_others_scores_the_same(trained):
    ask = asker(export_trees(trained.piece, trained.features[:10]).data)
    together = ask({"features": trained.features[:50]})
    assert all(ask({"features": trained.features[at : at + 1]})[0] == together[at] for at in range(50))


def test_the_same_model_is_the_same_bytes_and_passes_the_lint_of_a_bundle(trained):
    made = export_trees(trained.piece, trained.features[:10])
    assert made.data == export_trees(trained.piece, trained.features[:10]).data
    lint_model(made.data, declared("global", made, COLUMNS))
    blend = export_blend(np.array([[0.3, 0.7], [1.0, 0.0], [0.0, 0.0]]))
    assert blend.ops == ("Gather", "Mul", "ReduceSum")
    lint_model(blend.data, declared("ensemble", blend, 2))


def test_an_export_that_says_something_else_is_refused(trained, monkeypatch):
    real = module._trees

    def bent(text, features):
        node = real(text, features)
        for attribute in node.attribute:
            if attribute.name == "target_weights":
                attribute.floats[0] += 0.01
        return node

    monkeypatch.setattr(module, "_trees", bent)
    with pytest.raises(Unverified) as caught:
        export_trees(trained.piece, trained.features)
    assert caught.value.code == "export_differs_from_model"
    assert PARITY_MILLIONTHS <= 20


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8), st.floats(-1, 1), st.floats(-1, 1)
)
def test_a_blend_of_scores_is_a_score(shares, general, special):
    table = np.array([(one, other) if one + other <= 1 else (one / 2, other / 2) for one, other in shares])
    scores = np.full((len(table), 2), [general, special], np.float32)
    said = asker(export_blend(table).data)({"scores": scores, "symbol": np.arange(len(table))})
    assert (np.abs(said) <= 1.0).all()
    assert np.allclose(said, (table * scores).sum(axis=1), atol=1e-6)


@given(st.floats(-1e30, 1e30))
def test_a_threshold_is_never_rounded_up(value):
    found = floor_float32(np.array([value]))[0]
    assert float(found) <= value
    assert float(np.nextafter(found, np.float32(np.inf))) > value
