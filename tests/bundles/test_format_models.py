"""What a model may hold, and whether it does what its bundle says."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from mooring.bundles.format import golden, lint
from mooring.bundles.format.manifest import Model, parse_manifest
from mooring.errors import Denied, Unverified
from tests.support import bundle_models as bm

GLOBAL = "models/global.onnx"


def declared(data: bytes, path: str = GLOBAL) -> Model:
    return Model.model_validate_json(json.dumps(bm.declared(path, data)))


def linted(
    change: Callable[[onnx.ModelProto], Any], data: bytes | None = None, *, more_ops: tuple[str, ...] = ()
) -> str:
    """Why a model is refused after a change that it is declared with; empty where it is not."""
    data = bm.linear([0.1, 0.2, 0.3, 0.4]) if data is None else data
    proto = onnx.ModelProto.FromString(data)
    change(proto)
    said = bm.declared(GLOBAL, data)
    said["ops"] = sorted({*said["ops"], *more_ops})
    try:
        lint.lint_model(proto.SerializeToString(deterministic=True), Model.model_validate_json(json.dumps(said)))
    except Unverified as error:
        return error.what if error.code == "bundle_model_refused" else ""
    return ""


def test_good_models_of_every_role_pass() -> None:
    for path, make in bm.GOOD.items():
        lint.lint_model(make(), declared(make(), path))
    lint.lint_model(bm.constant(float("nan")), declared(bm.constant(float("nan"))))  # that is found by asking it


def outside(proto: onnx.ModelProto, how: str) -> None:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")
    node, graph = proto.graph.node[0], helper.make_graph([], "inner", [], [], [tensor])
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    if how == "dense":
        proto.graph.initializer.append(tensor)
    elif how == "sparse":
        proto.graph.sparse_initializer.add(values=tensor, indices=tensor, dims=[1])
    elif how == "attribute":
        proto.graph.node.insert(0, constant)
    elif how == "sparse attribute":
        node.attribute.add(name="s", type=onnx.AttributeProto.SPARSE_TENSOR).sparse_tensor.values.CopyFrom(tensor)
    elif how == "attributes":
        node.attribute.add(name="s", type=onnx.AttributeProto.TENSORS).tensors.append(tensor)
    elif how == "subgraph":
        node.attribute.add(name="g", type=onnx.AttributeProto.GRAPH).g.CopyFrom(graph)
    elif how == "function":
        proto.functions.append(helper.make_function("mine", "F", [], ["c"], [constant], []))
    elif how == "training":
        proto.training_info.add().algorithm.CopyFrom(graph)


@pytest.mark.parametrize(
    "how", ["dense", "sparse", "attribute", "sparse attribute", "attributes", "subgraph", "function", "training"]
)
def test_values_in_another_file_are_refused_wherever_they_are_named(how: str) -> None:
    assert "holds" in linted(lambda proto: outside(proto, how), more_ops=("Constant",))


@pytest.mark.parametrize(
    "place",
    [
        lambda proto: proto,
        lambda proto: proto.graph,
        lambda proto: proto.graph.node[0],
        lambda proto: proto.graph.initializer[0],
        lambda proto: proto.graph.input[0],
    ],
    ids=["model", "graph", "node", "tensor", "input"],
)
def test_metadata_that_could_set_options_of_a_session_is_refused_everywhere(place: Callable[[Any], Any]) -> None:
    why = linted(lambda proto: place(proto).metadata_props.add(key="ort_config", value='{"session_options":{}}'))
    assert "metadata_props" in why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p.graph.node.append(helper.make_node("RandomNormal", [], ["r"], shape=[1])), "operator"),
        (lambda p: p.graph.node.append(helper.make_node("Add", ["sum", "sum"], ["r"], domain="com.microsoft")), "operator"),
        (lambda p: p.opset_import.append(helper.make_opsetid("com.microsoft", 1)), "set of operators"),
        (lambda p: p.opset_import.append(helper.make_opsetid("", 15)), "twice"),
        (lambda p: setattr(p.opset_import[0], "version", 16), "another version"),
        (lambda p: setattr(p.opset_import[0], "version", 8), "not allowed"),
        (lambda p: setattr(p, "ir_version", 3), "version of ONNX"),
        (lambda p: p.graph.node.append(helper.make_node("Neg", ["sum"], ["r"])), "other operators"),
        (lambda p: p.graph.node.append(helper.make_node("Cast", ["sum"], ["r"], to=TensorProto.STRING)), "casts"),
        (lambda p: p.graph.input.append(helper.make_tensor_value_info("x", 1, ["N"])), "takes something else"),
        (lambda p: p.graph.output.append(helper.make_tensor_value_info("x", 1, ["N"])), "gives something else"),
        (lambda p: setattr(p.graph.input[0].type.tensor_type, "elem_type", TensorProto.DOUBLE), "takes something else"),
        (lambda p: setattr(p.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 1), "takes something else"),
        (lambda p: setattr(p.graph.output[0].type.tensor_type.shape.dim[1], "dim_value", 2), "gives something else"),
        (lambda p: setattr(p.graph.initializer[0], "name", "features"), "input be replaced"),
        (lambda p: setattr(p.graph.initializer[0], "name", "bias"), "twice"),
        (lambda p: setattr(p.graph.initializer[0], "data_type", TensorProto.STRING), "type that is not allowed"),
        (lambda p: p.graph.initializer[0].dims.append(2), "more or fewer values"),
        (lambda p: p.graph.initializer[0].dims.__setitem__(0, 1 << 40), "cannot be"),
        (lambda p: p.graph.initializer[0].float_data.append(1.0), "two ways"),
        (lambda p: p.graph.node[0].attribute.add(name="x", type=onnx.AttributeProto.INT, f=1.0), "type says"),
        (lambda p: p.graph.node[0].attribute.add(name="x", type=onnx.AttributeProto.INT, i=1), "not valid as ONNX"),
        (lambda p: p.graph.initializer[0].dims.extend([1 << 20, 1 << 20]), "too large"),
        (lambda p: p.graph.node[0].attribute.add(name="x", type=onnx.AttributeProto.GRAPH), "attribute is of a type"),
        (lambda p: [p.graph.node[0].attribute.add(name="x", type=onnx.AttributeProto.INT) for _ in "ab"], "comes twice"),
        (lambda p: [p.graph.node.add(op_type="Add", input=["sum", "sum"], output=[f"x{n}"]) for n in range(510)], "too many"),
        (lambda p: p.graph.ClearField("node"), "no operators"),
        (lambda p: setattr(p.graph.node[0], "doc_string", "x"), "doc_string"),
        (lambda p: setattr(p, "producer_name", "x" * 257), "long producer_name"),
        (lambda p: p.graph.node[0].ClearField("input"), "not valid as ONNX"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_refused_with_its_reason(change: Callable[[Any], Any], why: str) -> None:
    assert why in linted(change)


def test_bytes_that_hide_something_between_their_fields_are_refused() -> None:
    data = bm.linear([0.1, 0.2, 0.3, 0.4])
    model = declared(data)
    for hidden in (b"\xfa\x3f\x04abcd", b"\x08\x08", b"\x3a\x00", b"\x88\x80\x00\x08"):
        for written in (data + hidden, hidden + data):
            with pytest.raises(Unverified):
                lint.lint_model(written, model)
    for garbage in (b"", b"\xff" * 40, data[:-3], b"PK\3\4" + data):
        with pytest.raises(Unverified):
            lint.lint_model(garbage, model)


def test_a_model_is_not_parsed_beyond_its_size() -> None:
    with pytest.raises(Unverified, match="too large"):
        lint.lint_model(bytes(lint.MODEL_BYTES_MAX + 1), declared(bm.trees()))


@st.composite
def forests(draw: st.DrawFn) -> list[list[tuple[int, int]]]:
    """Trees by their nodes: the two nodes that a branch leads to, or (0, 0) of a leaf; whoever comes later hangs lower."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    forest = []
    for _tree in range(draw(st.integers(1, 4))):
        nodes, waiting = [(0, 0)], [0]
        for _split in range(draw(st.integers(0, 6))):
            node = waiting.pop(chance.randrange(len(waiting)))
            nodes[node] = (len(nodes), len(nodes) + 1)
            waiting += nodes[node]
            nodes += [(0, 0), (0, 0)]
        forest.append(nodes)
    return forest


def forest_model(forest: list[list[tuple[int, int]]]) -> onnx.ModelProto:
    flat = [(tree, node, *sides) for tree, nodes in enumerate(forest) for node, sides in enumerate(nodes)]
    leaves = [(tree, node) for tree, node, left, _right in flat if not left]
    proto = onnx.ModelProto.FromString(bm.trees())
    given: dict[str, Any] = {
        "nodes_treeids": [one[0] for one in flat],
        "nodes_nodeids": [one[1] for one in flat],
        "nodes_featureids": [one[1] % 4 for one in flat],
        "nodes_values": [0.1 * one[1] for one in flat],
        "nodes_modes": ["BRANCH_LEQ" if one[2] else "LEAF" for one in flat],
        "nodes_truenodeids": [one[2] for one in flat],
        "nodes_falsenodeids": [one[3] for one in flat],
        "target_treeids": [tree for tree, _node in leaves],
        "target_nodeids": [node for _tree, node in leaves],
        "target_ids": [0 for _leaf in leaves],
        "target_weights": [0.01 * node for _tree, node in leaves],
        "n_targets": 1,
        "post_transform": "NONE",
    }
    node = helper.make_node("TreeEnsembleRegressor", ["features"], ["score"], domain="ai.onnx.ml", **given)
    proto.graph.node[0].CopyFrom(node)
    return proto


def walked(forest: list[list[tuple[int, int]]], row: np.ndarray) -> float:
    total = 0.0
    for nodes in forest:
        node = 0
        while nodes[node][0]:
            node = nodes[node][0 if row[node % 4] <= np.float32(0.1 * node) else 1]
        total += float(np.float32(0.01 * node))
    return total


@given(forests(), st.integers(0, 2**32))
def test_any_forest_passes_and_gives_what_a_walk_by_hand_gives(forest: list[list[tuple[int, int]]], seed: int) -> None:
    data = forest_model(forest).SerializeToString(deterministic=True)
    model = declared(data)
    lint.lint_model(data, model)
    rows = np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float32)
    models = golden.Models([model], bm.SYMBOLS, lambda _path: data)
    found = models.predict(rows, np.zeros(4, dtype=np.int64))
    wanted = [walked(forest, row) for row in rows]
    assert np.abs(found[:, 0] / 1e6 - wanted).max() < 2e-6


@given(forests(), st.data())
def test_a_forest_with_one_number_changed_to_what_is_not_there_is_refused(
    forest: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    proto = forest_model(forest)
    given = {one.name: one for one in proto.graph.node[0].attribute}
    names = ["nodes_treeids", "nodes_nodeids", "target_treeids", "target_nodeids", "target_ids"]
    if len(forest[0]) > 1:  # else its first node is a leaf, which looks at nothing and leads nowhere
        names += ["nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"]
    name = data.draw(st.sampled_from(names))
    values = given[name].ints
    place = 0 if name in names[5:] else data.draw(st.integers(0, len(values) - 1))
    values[place] = data.draw(st.sampled_from([-1, 99, 2**31, 2**62, -(2**62)]))
    written = proto.SerializeToString(deterministic=True)
    with pytest.raises(Unverified) as caught:
        lint.lint_model(written, declared(written))
    assert caught.value.code == "bundle_model_refused"


def tree(name: str, change: Callable[[onnx.AttributeProto], Any]) -> Callable[[onnx.ModelProto], Any]:
    return lambda p: change(next(one for one in p.graph.node[0].attribute if one.name == name))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p.graph.node[0].attribute.pop(1), "lacks an attribute"),
        (
            lambda p: p.graph.node[0].attribute.add(name="more", type=onnx.AttributeProto.INT, i=1),
            "one that is not known",
        ),
        (tree("nodes_values", lambda one: one.CopyFrom(helper.make_attribute(one.name, [1, 2, 3]))), "another type"),
        (tree("n_targets", lambda one: one.CopyFrom(helper.make_attribute(one.name, [1]))), "another type"),
        (tree("post_transform", lambda one: setattr(one, "s", b"SOFTER")), "put together"),
        (tree("n_targets", lambda one: setattr(one, "i", 0)), "no outputs"),
        (tree("n_targets", lambda one: setattr(one, "i", 65)), "too many"),
        (tree("nodes_values", lambda one: one.floats.append(1.0)), "different lengths"),
        (tree("nodes_modes", lambda one: one.strings.__setitem__(0, b"BRANCH_SIDEWAYS")), "compares"),
        (tree("nodes_values", lambda one: one.floats.__setitem__(0, float("nan"))), "no number"),
        (tree("nodes_featureids", lambda one: one.ints.__setitem__(0, 4)), "feature that is not there"),
        (tree("nodes_treeids", lambda one: one.ints.__setitem__(0, 1)), "numbered"),
        (tree("nodes_nodeids", lambda one: one.ints.__setitem__(0, 7)), "numbered"),
        (tree("nodes_truenodeids", lambda one: one.ints.__setitem__(0, 0)), "or back"),
        (tree("nodes_truenodeids", lambda one: one.ints.__setitem__(0, 2)), "meet again"),
        (tree("nodes_modes", lambda one: one.strings.__setitem__(0, b"LEAF")), "no branch leads to"),
        (tree("target_ids", lambda one: one.ints.append(0)), "leaves are of different lengths"),
        (tree("target_ids", lambda one: one.ints.__setitem__(0, 1)), "output that is not there"),
        (tree("target_weights", lambda one: one.floats.__setitem__(0, float("inf"))), "gives what is no number"),
        (tree("target_nodeids", lambda one: one.ints.__setitem__(0, 0)), "leaf is not there"),
        (tree("target_treeids", lambda one: one.ints.__setitem__(0, 1)), "leaf is not there"),
        (
            lambda p: p.graph.node[0].attribute.append(helper.make_attribute("base_values", [0.0, 1.0])),
            "too many values",
        ),
    ],
)
def test_a_tree_with_a_fault_is_refused_for_it(change: Callable[[onnx.ModelProto], Any], why: str) -> None:
    assert why in linted(change, bm.trees())


def test_a_branch_that_leads_back_or_meets_another_is_refused() -> None:
    tree = [[(1, 2), (3, 4), (0, 0), (0, 0), (0, 0)]]
    assert linted(lambda _proto: None, forest_model(tree).SerializeToString(deterministic=True)) == ""
    for node, side, to in itertools.product((0, 1), ("nodes_truenodeids", "nodes_falsenodeids"), range(5)):
        proto = forest_model(tree)
        values = next(one for one in proto.graph.node[0].attribute if one.name == side).ints
        if values[node] == to:
            continue
        values[node] = to
        assert "tree" in linted(lambda _proto: None, proto.SerializeToString(deterministic=True)), (node, side, to)


def checked(models: Mapping[str, bytes] | None = None, **changes: bytes) -> golden.Latency:
    files = bm.run_files(models) | {
        path.replace("__", "/").replace("_dot_", "."): data for path, data in changes.items()
    }
    manifest = parse_manifest(bm.manifest_bytes(files))
    return golden.check(manifest, files.__getitem__, clock_ns=iter(range(0, 10**9, 1000)).__next__)


def test_latency_is_taken_from_the_clock_that_is_handed_in() -> None:
    assert checked() == golden.Latency(p50_us=1, p99_us=1, rows=bm.ROWS)


def test_without_an_ensemble_the_specialist_counts_and_else_the_global_model() -> None:
    models = {"models/global.onnx": bm.constant(0.25), "models/specialist-btc-usdt.onnx": bm.constant(-0.5)}
    checked(models)
    manifest = parse_manifest(bm.manifest_bytes(bm.run_files(models)))
    asked = golden.Models(manifest.models, bm.SYMBOLS, models.__getitem__)
    found = asked.predict(np.zeros((2, 4), dtype=np.float32), np.array([0, 1], dtype=np.int64))
    assert found.tolist() == [[250_000, -500_000, -500_000], [250_000, 0, 250_000]]


def test_scores_are_rounded_to_millionths_with_halves_up() -> None:
    # 2^-7 is 7812.5 millionths, and a float32 without a rest
    scores = np.array([0.0, 1.0, -1.0, 2**-7, -(2**-7), 2.4e-7, -2.4e-7, 0.1], dtype=np.float32)
    assert golden.quantised(scores).tolist() == [0, 1_000_000, -1_000_000, 7813, -7812, 0, 0, 100_000]


def of_the_batch() -> bytes:
    """Gives each row less the mean of all rows: another score alone than among others."""
    nodes = [
        helper.make_node("ReduceMean", ["features"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["features", "mean"], ["own"]),
        helper.make_node("MatMul", ["own", "weights"], ["product"]),
        helper.make_node("Tanh", ["product"], ["score"]),
    ]
    constants = {"weights": np.full((4, 1), 0.1, dtype=np.float32)}
    return bm.model_bytes(nodes, [("features", TensorProto.FLOAT, ("N", 4))], constants)


def test_a_model_whose_score_depends_on_its_neighbours_is_refused() -> None:
    models = {GLOBAL: of_the_batch()}
    files = bm.run_files(models)
    manifest = parse_manifest(bm.manifest_bytes(files))
    places = np.frombuffer(files["golden/symbols.i64"], dtype="<i8")
    rows = np.frombuffer(files["golden/inputs.f32"], dtype="<f4").reshape(-1, 4)
    together = golden.Models(manifest.models, bm.SYMBOLS, models.__getitem__).predict(rows, places)
    with pytest.raises(Unverified, match="among others") as caught:
        checked(models, golden__outputs_dot_i64=together.astype("<i8").tobytes())
    assert caught.value.code == "bundle_golden_differs"


@pytest.mark.parametrize(("apart", "taken"), [(2, True), (-2, True), (3, False), (-3, False)])
def test_outputs_may_differ_by_the_tolerance_and_no_more(apart: int, taken: bool) -> None:
    outputs = np.frombuffer(bm.run_files()["golden/outputs.i64"], dtype="<i8").copy()
    outputs[4] += apart
    if taken:
        checked(golden__outputs_dot_i64=outputs.tobytes())
        return
    with pytest.raises(Unverified, match="other scores"):
        checked(golden__outputs_dot_i64=outputs.tobytes())


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf"), 1.0000001, -1.5])
def test_a_score_that_is_no_number_or_out_of_range_is_refused(score: float) -> None:
    with pytest.raises(Unverified) as caught:
        checked({GLOBAL: bm.constant(score)})
    assert caught.value.code == "bundle_model_out_of_range"


def test_scores_at_the_ends_of_the_range_are_taken() -> None:
    for score in (1.0, -1.0, 0.0):
        checked({GLOBAL: bm.constant(score)})


def test_known_inputs_that_are_none_are_refused() -> None:
    rows = np.frombuffer(bm.run_files()["golden/inputs.f32"], dtype="<f4").copy()
    rows[0] = np.nan
    for change in (
        {"golden__inputs_dot_f32": rows.tobytes()},
        {"golden__symbols_dot_i64": np.full(bm.ROWS, 3, dtype="<i8").tobytes()},
        {"golden__symbols_dot_i64": np.full(bm.ROWS, -1, dtype="<i8").tobytes()},
        {"golden__outputs_dot_i64": np.full((bm.ROWS, 3), -(2**63), dtype="<i8").tobytes()},
    ):
        with pytest.raises(Unverified) as caught:
            checked(**change)
        assert caught.value.code == "bundle_golden_differs"


def test_models_that_take_too_long_are_refused() -> None:
    files = bm.run_files()
    manifest = parse_manifest(bm.manifest_bytes(files))
    ticks = itertools.count(step=(manifest.probation.p99_us + 1) * 1000)
    with pytest.raises(Denied) as caught:
        golden.check(manifest, files.__getitem__, clock_ns=ticks.__next__)
    assert caught.value.code == "bundle_too_slow"


def test_what_onnxruntime_cannot_load_or_run_is_a_refusal() -> None:
    files = bm.run_files({GLOBAL: bm.linear([1, 1, 1, 1])})
    manifest = parse_manifest(bm.manifest_bytes(files))
    with pytest.raises(Unverified) as caught:
        golden.Models(manifest.models, bm.SYMBOLS, lambda _path: b"no model")
    assert caught.value.code == "bundle_model_unusable"
    narrow = golden.Models(manifest.models, bm.SYMBOLS, lambda _path: bm.linear([1, 1]))
    with pytest.raises(Unverified):
        narrow.predict(np.zeros((1, 4), dtype=np.float32), np.zeros(1, dtype=np.int64))
