"""What a new run takes over from the state of the one before it, and what begins anew."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from mooring.errors import Invalid
from mooring.runtime.decision.compose import Decider
from mooring.runtime.decision.model_features import PIPELINE
from mooring.runtime.domain.state_codec import MAGIC, dump, load
from mooring.runtime.engine.kept import Kept

LAST_CLOSE: Final = "world.decision.features.last_close"
SIGNALS: Final = ("world.decision.features.", "world.decision.producers.")
STRATEGY: Final = "world.decision.strategy."
ORDERS: Final = ("world.paper.", "world.wanted")
MODELS: Final = "models."

Leaves = dict[str, bytes]


def described(decider: Decider) -> dict[str, Any]:
    """Names and parameters of all that decides, as JSON can say them; equal where they compute the same.

    Raises:
        Invalid: a producer or strategy has a parameter that is no number, text, array or tuple of these.
    """
    params = decider.params
    return {
        "features": _plain(params.features),
        "producers": {"names": list(decider.producers), "params": _plain(params.producers)},
        "strategy": {"name": decider.strategy, "params": _plain(params.strategy)},
        **({"models": {"pipeline": PIPELINE}} if decider.reads_models else {}),
    }


def carried(fresh: Kept, data: bytes, *, same_signals: bool, same_models: bool, same_orders: bool = False) -> Kept:
    """What a new run goes on from: the account and the limits of risk of a stored state, and what else still fits.

    Orders begin anew, for those of the run before were cancelled. Averages over other periods are no start for new
    ones: features and producers begin anew where they differ. A strategy keeps its stops where its state has the same
    layout. Treasury, campaigns, peak, day, halt and the last closes are never forgotten: changing a setting must not
    end a halt, and what is held must not be worth nothing until its next bar.

    Args:
        fresh: the new run's before any hour.
        data: bytes of the stored state.
        same_orders: whether the orders go on, as they do at a venue.
        same_signals: whether the features and the producers, with their parameters, are those of the stored state.
        same_models: whether models are shown the features of the same pipeline, whichever models these are.

    Raises:
        Unverified: account or limits do not fit, or the bytes are of another layout altogether.
    """
    stored, new = _leaves(data), _leaves(dump(fresh))
    anew = [] if same_orders else list(ORDERS)
    if not same_signals or not all(_same_layout(stored, new, part) for part in SIGNALS):
        anew += SIGNALS
    if not same_models or not _same_layout(stored, new, MODELS):
        anew.append(MODELS)
    if not _same_layout(stored, new, STRATEGY):
        anew.append(STRATEGY)
    parts = [
        leaf if path.startswith(tuple(anew)) and path != LAST_CLOSE else stored.get(path, b"")
        for path, leaf in new.items()
    ]
    return load(fresh, MAGIC + b"".join(parts))  # it checks every name and shape


def _leaves(data: bytes) -> Leaves:
    """The bytes of each leaf with its header, by path; bytes that cannot be read hold none."""
    found: Leaves = {}
    position = len(MAGIC)
    try:
        while position < len(data):
            end = data.index(b"\n", position)
            path, dtype, shape = data[position:end].decode("ascii").split(" ")
            size = math.prod(int(part) for part in shape.split(",") if part) * np.dtype(dtype).itemsize
            found[path] = data[position : end + 1 + size]
            position = end + 1 + size
    except (ValueError, TypeError):
        return {}
    return found


def _same_layout(stored: Leaves, new: Leaves, part: str) -> bool:
    first, second = (
        {leaf[: leaf.index(b"\n")] for path, leaf in leaves.items() if path.startswith(part)}
        for leaves in (stored, new)
    )
    return first == second


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, tuple | list):
        names = getattr(value, "_fields", None)
        parts = [_plain(part) for part in value]
        return parts if names is None else dict(zip(names, parts, strict=True))
    if isinstance(value, float):
        return value.hex()
    if value is None or isinstance(value, bool | int | str):
        return value
    raise Invalid(
        "bad_params",
        f"A producer or strategy has a parameter of type {type(value).__name__}, which cannot be recorded.",
        money="No run was begun, so nothing is traded.",
        todo="Let its params() give numbers, texts, arrays, or tuples of these.",
    )
