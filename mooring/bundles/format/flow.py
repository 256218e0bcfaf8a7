"""What flows between the operators of a model: how much of it there can be, and of which kind.

It is worked out from the operators alone; what a model says of values in between is not believed. A score of many rows
takes as much more as there are rows, so a model that was small with one row of known inputs could take all memory with
a whole universe of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto

ROW_VALUES_MAX: Final = 16_384  # of all values together, for each row
FIXED_VALUES_MAX: Final = 16_777_216  # of all values together that are the same for any rows
_FRACTIONS: Final = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE})
_ML: Final = "ai.onnx.ml"
_ML_LEAST: Final = 3  # since then shapes are known after trees; what an older model may say, it says, too


def fault_of_flow(proto: ModelProto) -> str:
    """What is wrong with the values between the operators; empty where nothing is.

    Args:
        proto: a valid model.

    Raises:
        onnx.shape_inference.InferenceError, RuntimeError, ValueError: it is not valid.
    """
    inferred = _inferred(proto)
    known = {one.name: one for one in (*inferred.input, *inferred.value_info, *inferred.output)}
    rows = {dim.dim_param for one in inferred.input for dim in one.type.tensor_type.shape.dim} - {""}
    made = [name for node in proto.graph.node for name in node.output if name]
    return _fault_of_sizes([known.get(name) for name in made], rows) or _fault_of_divisions(proto, known)


def _inferred(proto: ModelProto) -> onnx.GraphProto:
    bare = ModelProto()
    bare.CopyFrom(proto)
    del bare.graph.value_info[:]
    for one in bare.opset_import:
        if one.domain == _ML:
            one.version = max(one.version, _ML_LEAST)
    return onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True).graph


def _fault_of_sizes(made: Iterable[ValueInfoProto | None], rows: set[str]) -> str:
    fixed, each = 0, 0
    for one in made:
        if one is None or not one.type.tensor_type.HasField("shape"):
            return "it cannot be told how much a value in it takes"
        dims = one.type.tensor_type.shape.dim
        free = [dim.dim_param for dim in dims if not dim.HasField("dim_value")]
        if len(free) > 1 or not {*free} <= rows:
            return "a value in it has other rows than were asked about"
        count = math.prod(dim.dim_value for dim in dims if dim.HasField("dim_value"))
        fixed, each = (fixed, each + count) if free else (fixed + count, each)
    if each > ROW_VALUES_MAX or fixed > FIXED_VALUES_MAX:
        return "it takes too much memory"
    return ""


def _fault_of_divisions(proto: ModelProto, known: dict[str, ValueInfoProto]) -> str:
    """The smallest integer divided by -1 ends the whole process, and nobody can catch that."""
    kinds = {name: one.type.tensor_type.elem_type for name, one in known.items()}
    kinds |= {one.name: one.data_type for one in proto.graph.initializer}
    divided = {name for node in proto.graph.node if node.op_type == "Div" for name in node.input}
    return "" if {kinds.get(name) for name in divided} <= _FRACTIONS else "it divides integers"
