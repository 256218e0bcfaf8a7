"""Mutations of models. Most make them what must not be taken even if it were signed; random ones must be refused or harmless."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from google.protobuf.message import Message
from onnx import AttributeProto, ModelProto, TensorProto, helper

from mooring.bundles.format import golden, lint, manifest
from mooring.errors import MooringError
from tests.property.fuzz_bundles.verdicts import Mutant, Original, judge_model, pick
from tests.support import bundle_models as bm

Change = Callable[[ModelProto, random.Random], Any]


def model_mutant(original: Original, chance: random.Random, folder: Path) -> Mutant | None:
    """One mutation that is never allowed, of one of the models; it is declared as what it is after the mutation."""
    path = pick(chance, sorted(path for path in original.files if path.endswith(".onnx")))
    before = original.files[path]
    proto = ModelProto.FromString(before)
    name, change = pick(chance, KINDS.items())
    if change(proto, chance) is False:
        return None
    data = proto.SerializeToString(deterministic=True)
    if name in AS_BYTES:
        data = AS_BYTES[name](before, chance)
    if data == before:
        return None
    said = bm.declared(path, before)
    if name not in UNDECLARED:
        said["ops"] = sorted({node.op_type for node in proto.graph.node if node.op_type[:1].isupper()}) or ["Add"]
    return Mutant(name=f"model {name}", judge=lambda: judge_model(data, said))


def random_model_mutant(original: Original, chance: random.Random, folder: Path) -> Mutant | None:
    """Random changes of a model that is signed as it is: refused, or of the declared signature and without anything that
    could reach outside; then it is loaded and asked, which must end in scores or in a refusal, in this very process.
    """
    path = pick(chance, sorted(path for path in original.files if path.endswith(".onnx")))
    data = bytearray(original.files[path])
    if chance.random() < 0.5:
        for _time in range(chance.choice((1, 1, 2, 6))):
            data[chance.randrange(len(data))] = chance.randrange(256)
    else:
        data = bytearray(_some_field(bytes(data), chance))
    said = bm.declared(path, original.files[path])

    def judge() -> bool:
        model = manifest.Model.model_validate_json(bm.json.dumps(said))
        lint.lint_model(bytes(data), model)
        assert not list(_forbidden(ModelProto.FromString(bytes(data)))), "something forbidden was let in"
        _ask(bytes(data), model)
        raise Harmless("bundle_harmless", "It is a model like others.")

    return Mutant(name="model at random", judge=judge)


class Harmless(MooringError):  # noqa: N818 -- as all of the tree: named by what it says
    """A mutation made another good model, which its signature would have to tell from the first."""


def _ask(data: bytes, model: manifest.Model) -> None:
    models = golden.Models([model], bm.SYMBOLS, lambda _path: data)
    given: dict[str, Any] = {"features": np.ones((3, model.width), dtype=np.float32)}
    if model.role == "ensemble":
        given = {"scores": np.ones((3, 2), dtype=np.float32), "symbol": np.array([0, 1, 2], dtype=np.int64)}
    models._run((model.role, model.symbol), given)


def _forbidden(message: Message) -> Iterator[str]:
    """What a lenient look finds that reaches outside of a model; by names alone, not by the linter's own lists."""
    for field, value in message.ListFields():
        if field.name in {
            "external_data",
            "functions",
            "metadata_props",
            "g",
            "graphs",
            "sparse_tensor",
            "sparse_initializer",
        }:
            yield field.name
        if field.name == "data_location" and value != TensorProto.DEFAULT:
            yield field.name
        if field.message_type is not None:
            for inner in (value,) if isinstance(value, Message) else value:
                yield from _forbidden(inner)


def _some_field(data: bytes, chance: random.Random) -> bytes:
    """Any scalar anywhere in the message becomes something else of its type."""
    proto = ModelProto.FromString(data)
    spots = list(_scalars(proto))
    message, field, value = pick(chance, spots)
    repeated = not isinstance(value, (int, float, str, bytes))
    old = value[chance.randrange(len(value))] if repeated else value
    new: Any = chance.choice((0, 1, -1, 2**31 - 1, 2**62, -(2**62))) if isinstance(old, int) else None
    if isinstance(old, float):
        new = chance.choice((0.0, float("nan"), float("inf"), -1e38, 1e-45))
    elif isinstance(old, str):
        new = chance.choice((old + "x", "", "score", "features", "a" * 3000))
    elif isinstance(old, bytes):
        new = chance.choice((old + b"\0", b"", old[::-1], b"\xff" * len(old), chance.randbytes(len(old))))
    try:
        if repeated:
            value[chance.randrange(len(value))] = new
        else:
            setattr(message, field.name, new)
    except (ValueError, TypeError):  # an integer that the field cannot hold
        return data
    return bytes(proto.SerializeToString(deterministic=True))


def _scalars(message: Message) -> Iterator[tuple[Message, Any, Any]]:
    for field, value in message.ListFields():
        if field.message_type is None:
            yield message, field, value
        else:
            for inner in (value,) if isinstance(value, Message) else value:
                yield from _scalars(inner)


def _tensors(proto: ModelProto) -> list[TensorProto]:
    return list(proto.graph.initializer)


def _external(proto: ModelProto, chance: random.Random) -> Any:
    tensor = helper.make_tensor("more", TensorProto.FLOAT, [2], [1.0, 2.0])
    if chance.random() < 0.7:
        tensor.ClearField("float_data")
        tensor.external_data.add(key="location", value=chance.choice(("weights.bin", "../x", "/etc/passwd", "")))
    tensor.data_location = TensorProto.EXTERNAL
    match chance.randrange(5):
        case 0:
            proto.graph.initializer.append(tensor)
        case 1:
            proto.graph.sparse_initializer.add(values=tensor, indices=tensor, dims=[2])
        case 2:
            proto.graph.node.append(helper.make_node("Constant", [], ["more"], value=tensor))
        case 3:
            node = helper.make_node("Constant", [], ["more"])
            node.attribute.add(name="value", type=AttributeProto.TENSORS).tensors.append(tensor)
            proto.graph.node.append(node)
        case _:
            graph = helper.make_graph([], "inner", [], [], [tensor])
            node = proto.graph.node[0]
            node.attribute.add(name="body", type=AttributeProto.GRAPH).g.CopyFrom(graph)


def _subgraph(proto: ModelProto, chance: random.Random) -> Any:
    output = helper.make_tensor_value_info("more", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Constant", [], ["more"], value_float=1.0)], "inner", [], [output])
    name = chance.choice(("If", "Loop", "Scan", "Identity", "Add"))
    proto.graph.node.append(helper.make_node(name, [], ["unused"], then_branch=graph, else_branch=graph))


def _function(proto: ModelProto, chance: random.Random) -> Any:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    made = helper.make_function(chance.choice(("", "mine")), "Tanh", ["x"], ["y"], nodes, [helper.make_opsetid("", 15)])
    proto.functions.append(made)


def _metadata(proto: ModelProto, chance: random.Random) -> Any:
    message = chance.choice([proto, proto.graph, proto.graph.node[0], proto.graph.input[0], *_tensors(proto)])
    message.metadata_props.add(key=chance.choice(("ort_config", "x")), value='{"session_options":{"intra_op":8}}')


def _operator(proto: ModelProto, chance: random.Random) -> Any:
    kinds = "RandomNormal RandomUniform If Loop Scan StringConcat ConstantOfShape Tile Range Expand Einsum Dropout LSTM".split()
    domain = chance.choice(("", "", "com.microsoft", "mine", "ai.onnx", "ai.onnx.training"))
    name = chance.choice((*kinds, "Frobnicate")) if domain in {"", "ai.onnx.training"} else "Add"
    proto.graph.node.append(helper.make_node(name, [], ["unused"], domain=domain))
    if domain and chance.random() < 0.5:
        proto.opset_import.append(helper.make_opsetid(domain, 1))


def _opset(proto: ModelProto, chance: random.Random) -> Any:
    match chance.randrange(4):
        case 0:
            proto.opset_import.append(helper.make_opsetid(chance.choice(("com.microsoft", "x", "")), 1))
        case 1:
            proto.opset_import[0].version = chance.choice((0, 1, 8, 23, 99, 2**40, -1))
        case 2:
            proto.ir_version = chance.choice((0, 1, 3, 13, 2**40, -1))
        case _:
            del proto.opset_import[:]


def _tensor(proto: ModelProto, chance: random.Random) -> Any:
    if not _tensors(proto):
        return False
    tensor = pick(chance, _tensors(proto))
    match chance.randrange(6):
        case 0:
            tensor.dims[0] = chance.choice((-1, 10**9, 2**62, tensor.dims[0] + 1))
        case 1:
            tensor.raw_data = tensor.raw_data + b"\0"
        case 2:
            tensor.float_data.append(1.0)
        case 3:
            tensor.data_type = chance.choice((TensorProto.STRING, TensorProto.COMPLEX64, 0, 99, TensorProto.UINT8))
        case 4:
            tensor.segment.begin = 1
        case _:
            tensor.doc_string = "x"
    return True


def _tree(proto: ModelProto, chance: random.Random) -> Any:
    nodes = [node for node in proto.graph.node if node.op_type in lint.TREES]
    if not nodes:
        return False
    given = {attribute.name: attribute for attribute in nodes[0].attribute}
    name = pick(chance, sorted(given))
    attribute = given[name]
    far = chance.choice((-1, 3, 7, 2**31, 2**62, -(2**62)))
    changes: list[Callable[[], Any]] = [
        lambda: (
            nodes[0].attribute.remove(attribute)
            if name not in {"post_transform", "n_targets"}
            else _set(given, "n_targets", 0)
        ),
        lambda: _put(given["nodes_featureids"], 0, 4 if far == 3 else far),
        lambda: _put(given["nodes_truenodeids"], 0, far),
        lambda: _put(given["nodes_falsenodeids"], 0, chance.choice((0, 1, far))),
        lambda: _put(given["nodes_nodeids"], chance.randrange(3), far),
        lambda: _put(given["nodes_treeids"], chance.randrange(3), chance.choice((1, far))),
        lambda: _put(given["target_ids"], chance.randrange(2), chance.choice((1, far))),
        lambda: _put(given["target_nodeids"], chance.randrange(2), chance.choice((0, far))),
        lambda: _put(given["target_weights"], 0, float("nan")),
        lambda: _put(given["nodes_values"], 0, float("inf")),
        lambda: given["nodes_values"].floats.append(1.0),
        lambda: given["target_ids"].ints.append(0),
        lambda: _put(given["nodes_modes"], 0, b"BRANCH_SIDEWAYS"),
        lambda: _put(given["nodes_modes"], 1, b"BRANCH_LEQ"),
        lambda: _put(given["nodes_modes"], 0, b"LEAF"),
        lambda: _set(given, "n_targets", chance.choice((-1, 2**40, 65))),
        lambda: setattr(attribute, "type", chance.choice((AttributeProto.GRAPH, AttributeProto.TENSORS, 0))),
        lambda: nodes[0].attribute.add(name="nodes_more", type=AttributeProto.INTS).ints.append(1),
        lambda: nodes[0].attribute.append(attribute),
    ]
    chance.choice(changes)()
    return True


def _set(given: dict[str, AttributeProto], name: str, value: int) -> None:
    given[name].i = value


def _put(attribute: AttributeProto, place: int, value: Any) -> None:
    where = {bytes: attribute.strings, float: attribute.floats, int: attribute.ints}[type(value)]
    where[place] = value


def _signature(proto: ModelProto, chance: random.Random) -> Any:
    value = chance.choice((proto.graph.input[0], proto.graph.output[0]))
    match chance.randrange(6):
        case 0:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
        case 1:
            value.type.tensor_type.shape.dim[-1].dim_value = 7
        case 2:
            value.type.tensor_type.shape.dim[0].dim_value = 8
        case 3:
            proto.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["N"]))
        case 4:
            proto.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["N"]))
        case _:
            value.type.CopyFrom(
                helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["N"]))
            )


def _more(proto: ModelProto, chance: random.Random) -> Any:
    match chance.randrange(6):
        case 0:
            proto.training_info.add()
        case 1:
            proto.graph.quantization_annotation.add(tensor_name="features")
        case 2:
            proto.doc_string = "x"
        case 3:
            proto.producer_name = "x" * 300
        case 4:
            for _time in range(600):
                proto.graph.node.append(helper.make_node("Identity", ["score"], [f"more{_time}"]))
        case _:
            proto.graph.initializer.append(helper.make_tensor(proto.graph.input[0].name, TensorProto.FLOAT, [1], [1.0]))


def _other_operators(proto: ModelProto, chance: random.Random) -> Any:
    """Allowed, and not declared."""
    proto.graph.node.append(helper.make_node("Neg", [proto.graph.node[0].output[0]], ["unused"]))


def _spelling(data: bytes, chance: random.Random) -> bytes:
    """The same message otherwise written, or something hidden between its fields."""
    hidden = [
        b"\xfa\x3f\x04abcd",  # field 1023, of which nobody knows
        b"\x08\x08",  # the version once more
        b"\x3a\x00",  # an empty graph, merged into the other
        b"\x52\x00",
        b"\x88\x80\x00\x08",  # a number written longer than it is
        ModelProto(functions=[helper.make_function("", "F", [], [], [], [])]).SerializeToString(),
    ]
    part = chance.choice(hidden)
    return data + part if chance.random() < 0.5 else part + data


KINDS: Final[dict[str, Change]] = {
    "external": _external, "subgraph": _subgraph, "function": _function, "metadata": _metadata, "operator": _operator,
    "opset": _opset, "tensor": _tensor, "tree": _tree, "signature": _signature, "more": _more,
    "undeclared": _other_operators, "spelling": lambda _proto, _chance: True,
}  # fmt: skip
AS_BYTES: Final = {"spelling": _spelling}
UNDECLARED: Final = frozenset({"undeclared"})
