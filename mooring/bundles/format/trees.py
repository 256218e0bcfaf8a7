"""Ensembles of trees in a model, looked at before a runtime walks them: every node, feature and target has to be there.

A runtime follows the numbers of a tree without looking; one that points outside reads memory that is not the model's.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import AttributeProto, NodeProto, helper

NODES_MAX: Final = 4_000_000
TARGETS_MAX: Final = 64
LEVELS_MAX: Final = 1024  # a runtime goes down by calling itself: with some ten thousand its stack is over, and it ends
_MODES: Final = frozenset(
    {b"LEAF", b"BRANCH_LEQ", b"BRANCH_LT", b"BRANCH_GTE", b"BRANCH_GT", b"BRANCH_EQ", b"BRANCH_NEQ"}
)
_TRANSFORMS: Final = frozenset({b"NONE", b"SOFTMAX", b"LOGISTIC", b"SOFTMAX_ZERO", b"PROBIT"})
_AGGREGATES: Final = frozenset({b"SUM", b"AVERAGE", b"MIN", b"MAX"})
_PER_NODE: Final = (
    "nodes_treeids nodes_nodeids nodes_featureids nodes_values nodes_modes nodes_truenodeids nodes_falsenodeids".split()
)
_OPTIONAL: Final = frozenset({"nodes_hitrates", "nodes_missing_value_tracks_true"})
_KINDS: Final = {"TreeEnsembleRegressor": "target", "TreeEnsembleClassifier": "class"}
_FLOATS: Final = frozenset("nodes_values nodes_hitrates target_weights class_weights base_values".split())
_SINGLE: Final = {
    "nodes_modes": AttributeProto.STRINGS, "n_targets": AttributeProto.INT, "post_transform": AttributeProto.STRING,
    "aggregate_function": AttributeProto.STRING,
}  # fmt: skip

Integers = npt.NDArray[np.int64]


def fault_of_trees(node: NodeProto, features: int) -> str:
    """What is wrong with a `TreeEnsembleRegressor` or `TreeEnsembleClassifier`; empty where nothing is.

    Args:
        node: the operator.
        features: how many the model takes; none may be named beyond.
    """
    kind = _KINDS[node.op_type]
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    leaves = [f"{kind}_{what}" for what in ("treeids", "nodeids", "ids", "weights")]
    known = {*_PER_NODE, *_OPTIONAL, *leaves, "post_transform", "base_values", "aggregate_function"}
    known |= {"n_targets"} if kind == "target" else {"classlabels_int64s"}
    if not {*_PER_NODE, *leaves} <= given.keys() <= known:
        return "a tree lacks an attribute, or has one that is not known"
    if any(attribute.type != _type_of(attribute.name) for attribute in node.attribute):
        return "a tree has an attribute of another type"
    if (
        given.get("post_transform", b"NONE") not in _TRANSFORMS
        or given.get("aggregate_function", b"SUM") not in _AGGREGATES
    ):
        return "a tree's outputs are put together in a way that is not known"
    targets = given.get("n_targets", 1) if kind == "target" else len(given.get("classlabels_int64s", ()))
    if not 1 <= targets <= TARGETS_MAX:
        return "a tree has no outputs, or too many"
    return _fault_of_nodes(given, features) or _fault_of_leaves(given, leaves, targets)


def _type_of(name: str) -> int:
    return _SINGLE.get(name, AttributeProto.FLOATS if name in _FLOATS else AttributeProto.INTS)


def _fault_of_nodes(given: dict[str, Any], features: int) -> str:
    columns = {name: given[name] for name in (*_PER_NODE, *(_OPTIONAL & given.keys()))}
    count = len(given["nodes_treeids"])
    if not 0 < count <= NODES_MAX or any(len(column) != count for column in columns.values()):
        return "a tree's attributes are of different lengths"
    modes = np.array(given["nodes_modes"], dtype=object)
    if not {*modes.tolist()} <= _MODES or not np.isfinite(_floats(given["nodes_values"])).all():
        return "a tree compares in a way that is not known, or with what is no number"
    branch = modes != b"LEAF"
    used = _integers(given["nodes_featureids"])[branch]
    if used.size and not 0 <= used.min() <= used.max() < features:
        return "a tree looks at a feature that is not there"
    trees, nodes = _integers(given["nodes_treeids"]), _integers(given["nodes_nodeids"])
    in_order = trees[0] == 0 and np.isin(np.diff(trees), (0, 1)).all()
    if not in_order or not np.array_equal(nodes, np.arange(count) - np.searchsorted(trees, trees)):
        return "trees or their nodes are not numbered one after the other"
    return _fault_of_branches(given, trees, nodes, branch)


def _fault_of_branches(given: dict[str, Any], trees: Integers, nodes: Integers, branch: npt.NDArray[np.bool_]) -> str:
    """Every node but a tree's first hangs from exactly one before it, so a walk begins at the first and ends."""
    first = np.searchsorted(trees, trees)
    size = np.searchsorted(trees, trees, side="right") - first
    children = []
    for side in ("nodes_truenodeids", "nodes_falsenodeids"):
        child = _integers(given[side])[branch]
        if not ((child > nodes[branch]) & (child < size[branch])).all():
            return "a tree branches to a node that is not there, or back"
        children.append(child + first[branch])
    met = np.concatenate(children)
    if np.unique(met).size != met.size:
        return "a tree's branches meet again"
    if met.size != trees.size - (trees[-1] + 1):
        return "a tree has a node that no branch leads to"
    below = np.full((trees.size, 2), -1, dtype=np.int64)
    below[branch] = np.stack(children, axis=1)
    here = np.unique(first)
    for _level in range(LEVELS_MAX):
        here = below[here].reshape(-1)
        here = here[here >= 0]
        if not here.size:
            return ""
    return "a tree is too deep"


def _fault_of_leaves(given: dict[str, Any], names: list[str], targets: int) -> str:
    trees, nodes, ids = (_integers(given[name]) for name in names[:3])
    weights = _floats(given[names[3]])
    if not 0 < trees.size == nodes.size == ids.size == weights.size:
        return "a tree's leaves are of different lengths"
    if not 0 <= ids.min() <= ids.max() < targets:
        return "a tree adds to an output that is not there"
    base = _floats(given.get("base_values", ()))
    if not np.isfinite(weights).all() or not np.isfinite(base).all():
        return "a tree gives what is no number"
    if base.size not in {0, 1, targets}:
        return "a tree begins with too many values"
    known = _integers(given["nodes_treeids"])
    first = np.searchsorted(known, trees)  # of a tree that is not there, no node is inside either
    inside = (nodes >= 0) & (nodes < np.searchsorted(known, trees, side="right") - first)
    modes = np.array(given["nodes_modes"], dtype=object)
    if not inside.all() or not (modes[first + nodes] == b"LEAF").all():
        return "a tree's leaf is not there"
    return ""


def _integers(values: object) -> Integers:
    return np.asarray(values, dtype=np.int64).reshape(-1)


def _floats(values: object) -> npt.NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64).reshape(-1)
