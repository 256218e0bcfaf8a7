"""Models that are well formed, do what their golden vectors say, and would harm whoever asks them something else."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mooring.bundles.format.lint import lint_model
from mooring.bundles.format.manifest import parse_manifest
from mooring.bundles.format.trees import LEVELS_MAX
from mooring.errors import Unverified
from tests.support.bundle_models import FEATURES, declared, linear, manifest_bytes, model_bytes, run_files, trees

WIDE = ("N", len(FEATURES))


def refused(data: bytes) -> str:
    """Why a global model is refused; empty where it is not."""
    path = "models/global.onnx"

    def change(document: dict) -> None:
        document["models"] = [declared(path, data)]

    manifest = parse_manifest(manifest_bytes({**run_files(change=change), path: data}))
    try:
        lint_model(data, manifest.models[0])
    except Unverified as error:
        return f"{error.code}: {error.what}"
    return ""


def dividing(kind: int, *, told: int | None = None) -> bytes:
    """A score that is a quotient of two columns, divided as values of a type."""
    nodes = [
        helper.make_node("Gather", ["features", "first"], ["above"], axis=1),
        helper.make_node("Gather", ["features", "second"], ["below"], axis=1),
        helper.make_node("Cast", ["above"], ["a"], to=kind),
        helper.make_node("Cast", ["below"], ["b"], to=kind),
        helper.make_node("Div", ["a", "b"], ["quotient"]),
        helper.make_node("Cast", ["quotient"], ["score"], to=TensorProto.FLOAT),
    ]
    places = {"first": np.array([0], dtype=np.int64), "second": np.array([1], dtype=np.int64)}
    data = model_bytes(nodes, [("features", TensorProto.FLOAT, WIDE)], places)
    if told is None:
        return data
    proto = onnx.ModelProto.FromString(data)
    proto.graph.value_info.extend(helper.make_tensor_value_info(name, told, ["N", 1]) for name in ("a", "b"))
    return bytes(proto.SerializeToString(deterministic=True))


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32])
@pytest.mark.parametrize("told", [None, TensorProto.FLOAT])
def test_integers_are_not_divided_as_the_smallest_by_minus_one_ends_the_process(kind: int, told: int | None) -> None:
    assert refused(dividing(kind, told=told)).startswith("bundle_model_refused")


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_fractions_may_be_divided(kind: int) -> None:
    assert not refused(dividing(kind))


def spreading(*, width: int = 0, square: bool = False, repeated: int = 0) -> bytes:
    """The mean of what one column becomes: beside itself so often, times the others' rows, or below itself."""
    nodes = [helper.make_node("Gather", ["features", "first"], ["column"], axis=1)]
    constants = {"first": np.array([0], dtype=np.int64)}
    if width:
        constants["ones"] = np.ones((1, width), dtype=np.float32)
        nodes += [helper.make_node("Mul", ["column", "ones"], ["much"])]
    elif square:
        nodes += [helper.make_node("Transpose", ["column"], ["across"], perm=[1, 0])]
        nodes += [helper.make_node("Mul", ["column", "across"], ["much"])]
    elif repeated:
        nodes += [helper.make_node("Concat", ["column"] * repeated, ["long"], axis=0)]
        nodes += [helper.make_node("ReduceMean", ["long"], ["one"], axes=[0], keepdims=1)]
        nodes += [helper.make_node("Add", ["column", "one"], ["much"])]
    nodes += [helper.make_node("ReduceMean", ["much"], ["score"], axes=[1], keepdims=1)]
    return model_bytes(nodes, [("features", TensorProto.FLOAT, WIDE)], constants)


def test_what_a_row_takes_is_bounded_whatever_the_known_inputs_were() -> None:
    assert "memory" in refused(spreading(width=1_000_000))
    assert not refused(spreading(width=1000))


def test_rows_are_neither_multiplied_with_rows_nor_put_below_one_another() -> None:
    assert "rows" in refused(spreading(square=True))
    assert "rows" in refused(spreading(repeated=1000))


def test_what_is_worked_out_while_loading_is_bounded_too() -> None:
    constants = {
        "tall": np.ones((30_000, 1), dtype=np.float32),
        "wide": np.ones((1, 30_000), dtype=np.float32),
        "first": np.array([0], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Mul", ["tall", "wide"], ["table"]),  # 3.6 GB from 240 kB
        helper.make_node("ReduceMean", ["table"], ["mean"], axes=[0, 1], keepdims=1),
        helper.make_node("Gather", ["features", "first"], ["column"], axis=1),
        helper.make_node("Mul", ["column", "mean"], ["score"]),
    ]
    assert "memory" in refused(model_bytes(nodes, [("features", TensorProto.FLOAT, WIDE)], constants))


def test_how_much_a_value_takes_is_worked_out_and_not_believed() -> None:
    proto = onnx.ModelProto.FromString(spreading(repeated=1000))
    proto.graph.value_info.append(helper.make_tensor_value_info("long", TensorProto.FLOAT, ["N", 1]))
    assert "rows" in refused(bytes(proto.SerializeToString(deterministic=True)))


def test_models_of_every_exporter_keep_within_that() -> None:
    assert not refused(linear([0.1] * len(FEATURES)))
    assert not refused(trees())


def chain(levels: int) -> bytes:
    """One tree that goes down on one side only, so many levels, first node included."""
    nodes = range(2 * levels - 1)
    branch = [place % 2 == 0 and place < len(nodes) - 1 for place in nodes]
    leaves = [place for place in nodes if not branch[place]]
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0 for _ in nodes],
        nodes_nodeids=list(nodes),
        nodes_featureids=[0 for _ in nodes],
        nodes_values=[float(-place) for place in nodes],
        nodes_modes=["BRANCH_LEQ" if one else "LEAF" for one in branch],
        nodes_truenodeids=[place + 1 if one else 0 for place, one in enumerate(branch)],
        nodes_falsenodeids=[place + 2 if one else 0 for place, one in enumerate(branch)],
        target_treeids=[0 for _ in leaves],
        target_nodeids=leaves,
        target_ids=[0 for _ in leaves],
        target_weights=[0.1 for _ in leaves],
        post_transform="NONE",
    )
    return model_bytes([node], [("features", TensorProto.FLOAT, WIDE)], ml=True)


def test_a_tree_on_which_a_runtime_would_run_out_of_stack_is_refused() -> None:
    assert not refused(chain(LEVELS_MAX))
    assert "too deep" in refused(chain(LEVELS_MAX + 1))
