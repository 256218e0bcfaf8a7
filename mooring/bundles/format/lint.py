"""Whether a model is one that we would run: by what is allowed, and nothing else is.

It reads the protocol buffer alone and loads nothing. Belongs into the preflight's child: it imports onnx.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import onnx
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto

from mooring.bundles.format.fields import MODEL_BYTES_MAX
from mooring.bundles.format.flow import fault_of_flow
from mooring.bundles.format.manifest import Manifest, Model
from mooring.bundles.format.slot import read_verified
from mooring.bundles.format.trees import fault_of_trees
from mooring.errors import Unverified

IR_VERSIONS: Final = range(4, 13)
OPSETS: Final[Mapping[str, range]] = {"": range(9, 23), "ai.onnx.ml": range(1, 5)}
NODES_MAX: Final = 512
TREES: Final = frozenset({"TreeEnsembleRegressor", "TreeEnsembleClassifier"})
OPERATORS: Final[Mapping[str, frozenset[str]]] = {
    "ai.onnx.ml": TREES | {"ArrayFeatureExtractor"},
    "": frozenset(
        "Identity Cast Add Sub Mul Div Neg Abs Sqrt Exp Log Sigmoid Tanh Softmax Relu Clip Min Max Pow MatMul Gemm"
        " Gather GatherElements Concat Slice Reshape Squeeze Unsqueeze Flatten Transpose ReduceSum ReduceMean Where"
        " Equal Less LessOrEqual Greater GreaterOrEqual And Or Not Constant".split()
    ),
}
_DTYPES: Final[Mapping[int, int]] = {  # of tensors that a model may hold, with their bytes
    TensorProto.FLOAT: 4, TensorProto.DOUBLE: 8, TensorProto.INT64: 8, TensorProto.INT32: 4, TensorProto.BOOL: 1,
}  # fmt: skip
_DATA_FIELDS: Final[Mapping[int, str]] = {
    TensorProto.FLOAT: "float_data", TensorProto.DOUBLE: "double_data", TensorProto.INT64: "int64_data",
    TensorProto.INT32: "int32_data", TensorProto.BOOL: "int32_data",
}  # fmt: skip
_ATTRIBUTES: Final[Mapping[int, str]] = {
    AttributeProto.FLOAT: "f", AttributeProto.INT: "i", AttributeProto.STRING: "s", AttributeProto.TENSOR: "t",
    AttributeProto.FLOATS: "floats", AttributeProto.INTS: "ints", AttributeProto.STRINGS: "strings",
}  # fmt: skip
_NAMES: Final[Mapping[str, int]] = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
# What each kind of message may hold; whatever else is there is refused, wherever it is. None of these leads back to a
# kind above it, so a walk that refuses before it descends is never deeper than they are.
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "ModelProto": frozenset(
        "ir_version producer_name producer_version domain model_version opset_import graph doc_string".split()
    ),
    "OperatorSetIdProto": frozenset({"domain", "version"}),
    "GraphProto": frozenset("node name initializer input output value_info doc_string".split()),
    "NodeProto": frozenset("input output name op_type domain attribute doc_string".split()),
    "AttributeProto": frozenset("name type f i s t floats ints strings doc_string".split()),
    "TensorProto": frozenset(
        "dims data_type float_data int32_data int64_data double_data raw_data name doc_string".split()
    ),
    "ValueInfoProto": frozenset({"name", "type", "doc_string"}),
    "TypeProto": frozenset({"tensor_type"}),
    "Tensor": frozenset({"elem_type", "shape"}),
    "TensorShapeProto": frozenset({"dim"}),
    "Dimension": frozenset({"dim_value", "dim_param"}),
}
_TEXTS: Final = frozenset({"producer_name", "producer_version", "domain", "name", "op_type", "dim_param"})
_TEXT_MOST: Final = 256


def lint_models(slot: Path, manifest: Manifest) -> None:
    """Look at every model of a slot, from bytes that have the manifest's hash.

    Raises:
        Unverified: `bundle_model_refused`; or as `read_verified`. OSError: the disk fails.
    """
    for model in manifest.models:
        lint_model(read_verified(slot, manifest, model.path), model)


def lint_model(data: bytes, model: Model) -> None:
    """Whether the bytes of a model are the one that the manifest declares, and hold nothing that is not allowed.

    Raises:
        Unverified: `bundle_model_refused`, with the reason; nothing of the content is repeated.
    """
    fault = _fault(data, model)
    if fault:
        raise Unverified(
            "bundle_model_refused",
            f"The {model.role} model of the bundle is refused: {fault}.",
            money="Nothing of it was used; trading goes on as it was.",
            todo="Do not use this bundle; whoever published it has to export the model again.",
        )


def _fault(data: bytes, model: Model) -> str:
    if len(data) > MODEL_BYTES_MAX:
        return "it is too large"
    proto = ModelProto()
    try:
        proto.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError, RuntimeError):
        return "it is no ONNX model"
    # One spelling only, as for the manifest: two readers must not see two things, and nothing may hide between fields.
    if proto.SerializeToString(deterministic=True) != data:
        return "it is not written as its content is always written"
    for fault in (_fault_of_fields(proto), _fault_of_head(proto, model), _fault_of_graph(proto, model)):
        if fault:
            return fault
    try:
        onnx.checker.check_model(data, full_check=True)
        return fault_of_flow(proto)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError):
        return "it is not valid as ONNX"


def _fault_of_fields(proto: ModelProto) -> str:
    for message in _messages(proto):
        kind = message.DESCRIPTOR.name
        if len(UnknownFieldSet(message)):
            return f"a {kind} holds a field that is not known"
        for field, value in message.ListFields():
            if field.name not in _FIELDS[kind] or (field.name == "doc_string" and value):
                return f"a {kind} holds {field.name}"
            if field.name in _TEXTS and len(value) > _TEXT_MOST:
                return f"a {kind} has a long {field.name}"
        fault = _fault_of_tensor(message) if isinstance(message, TensorProto) else ""
        fault = fault or (_fault_of_attribute(message) if isinstance(message, AttributeProto) else "")
        if fault:
            return fault
    return ""


def _messages(message: Message) -> Iterator[Message]:
    """A message and all in it, before the next deeper level is looked at."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in (value,) if isinstance(value, Message) else value:
            yield from _messages(inner)


def _fault_of_tensor(tensor: TensorProto) -> str:
    if tensor.data_type not in _DTYPES:
        return "a tensor is of a type that is not allowed"
    count = 1
    for dim in tensor.dims:
        if not 0 <= dim <= MODEL_BYTES_MAX:
            return "a tensor has a length that cannot be"
        count *= dim
        if count > MODEL_BYTES_MAX:
            return "a tensor is too large"
    held = {field.name for field, _value in tensor.ListFields() if field.name.endswith("_data")}
    if held - {"raw_data", _DATA_FIELDS[tensor.data_type]} or len(held) > 1:
        return "a tensor's values are kept in two ways, or in the wrong one"
    if held == {"raw_data"}:
        whole = len(tensor.raw_data) == count * _DTYPES[tensor.data_type]
    else:
        whole = len(getattr(tensor, _DATA_FIELDS[tensor.data_type])) == count
    return "" if whole else "a tensor has more or fewer values than its shape says"


def _fault_of_attribute(attribute: AttributeProto) -> str:
    where = _ATTRIBUTES.get(attribute.type)
    if where is None:
        return "an attribute is of a type that is not allowed"
    if {field.name for field, _value in attribute.ListFields()} - {"name", "type", "doc_string"} - {where}:
        return "an attribute holds something else than its type says"
    return ""


def _fault_of_head(proto: ModelProto, model: Model) -> str:
    if proto.ir_version not in IR_VERSIONS:
        return "its version of ONNX is not one of those that are known"
    imports = [(one.domain, one.version) for one in proto.opset_import]
    if len({domain for domain, _version in imports}) != len(imports):
        return "it names a set of operators twice"
    if any(domain not in OPSETS or version not in OPSETS[domain] for domain, version in imports):
        return "it names a set of operators that is not allowed"
    if dict(imports).get("") != model.opset:
        return "its operators are of another version than the manifest says"
    return ""


def _fault_of_graph(proto: ModelProto, model: Model) -> str:
    return _fault_of_operators(proto, model) or _fault_of_signature(proto.graph, model)


def _fault_of_operators(proto: ModelProto, model: Model) -> str:
    graph = proto.graph
    if not 0 < len(graph.node) <= NODES_MAX:
        return "it has no operators, or too many"
    domains = {one.domain for one in proto.opset_import}
    for node in graph.node:
        if node.domain not in domains or node.op_type not in OPERATORS.get(node.domain, frozenset()):
            return "it has an operator that is not allowed"
        fault = _fault_of_node(node, model)
        if fault:
            return fault
    if sorted({node.op_type for node in graph.node}) != list(model.ops):
        return "it has other operators than the manifest says"
    return ""


def _fault_of_signature(graph: GraphProto, model: Model) -> str:
    names = [tensor.name for tensor in graph.initializer]
    if len({*names}) != len(names) or not {*names}.isdisjoint(one.name for one in graph.input):
        return "it names a tensor twice, or lets an input be replaced"
    declared = [(one.name, _NAMES[one.dtype], one.shape) for one in model.inputs]
    if [_shape(one.name, one.type) for one in graph.input] != declared:
        return "it takes something else than the manifest says"
    if [_shape(one.name, one.type) for one in graph.output] != [
        (one.name, _NAMES[one.dtype], one.shape) for one in model.outputs
    ]:
        return "it gives something else than the manifest says"
    return ""


def _fault_of_node(node: NodeProto, model: Model) -> str:
    names = [attribute.name for attribute in node.attribute]
    if len({*names}) != len(names):
        return "an attribute comes twice"
    if node.op_type in TREES:
        return fault_of_trees(node, model.width)
    if node.op_type == "Cast" and [attribute.i for attribute in node.attribute if attribute.name == "to"][-1:] not in [
        [kind] for kind in _DTYPES
    ]:
        return "it casts to a type that is not allowed"
    if node.op_type == "Constant" and not {*names} <= {
        "value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
    }:
        return "a constant is of a type that is not allowed"
    return ""


def _shape(name: str, kind: TypeProto) -> tuple[str, int, tuple[str | int, ...]]:
    """As a manifest says it: the first length is N where it is free."""
    lengths = kind.tensor_type.shape.dim
    shape: list[str | int] = [one.dim_value if one.HasField("dim_value") else "?" for one in lengths]
    if lengths and not lengths[0].HasField("dim_value"):
        shape[0] = "N"
    return name, kind.tensor_type.elem_type, tuple(shape)
