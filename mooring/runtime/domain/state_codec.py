"""State to bytes and back, bit for bit.

A state is a tree of (named) tuples whose leaves are NumPy arrays. The bytes are, for each leaf in order, a short
header (path, dtype, shape) and the raw little-endian data; loading needs a template of the same layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final, TypeVar, cast

import numpy as np

from mooring.errors import Unverified

T = TypeVar("T")
MAGIC: Final = b"mooring-state-1\n"


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """(path, array) of each leaf, in the order of the fields.

    Raises:
        TypeError: a leaf is not a NumPy array.
    """
    if isinstance(tree, tuple):
        names = getattr(tree, "_fields", None) or [str(i) for i in range(len(tree))]
        for name, part in zip(names, tree, strict=True):
            yield from leaves(part, f"{path}.{name}" if path else name)
    elif isinstance(tree, np.ndarray):
        yield path, tree
    else:
        raise TypeError(f"state leaf {path} is {type(tree).__name__}, not an array")


def _header(path: str, array: np.ndarray[Any, Any]) -> bytes:
    return f"{path} {array.dtype.newbyteorder('<').str} {','.join(map(str, array.shape))}\n".encode("ascii")


def dump(tree: Any) -> bytes:
    """The bytes of a state."""
    parts = [MAGIC]
    for path, array in leaves(tree):
        parts.append(_header(path, array))
        parts.append(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
    return b"".join(parts)


def load(template: T, data: bytes) -> T:
    """A new state of the template's layout, with the values in `data`.

    Raises:
        Unverified: the bytes are of another layout, or cut.
    """
    if not data.startswith(MAGIC):
        raise _wrong_layout()
    position = len(MAGIC)

    def build(tree: Any, path: str) -> Any:
        nonlocal position
        if isinstance(tree, tuple):
            names = getattr(tree, "_fields", None) or [str(i) for i in range(len(tree))]
            parts = [build(p, f"{path}.{n}" if path else n) for n, p in zip(names, tree, strict=True)]
            return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
        header = _header(path, tree)
        if data[position : position + len(header)] != header:
            raise _wrong_layout()
        position += len(header)
        raw = data[position : position + tree.nbytes]
        if len(raw) != tree.nbytes:
            raise _wrong_layout()
        position += tree.nbytes
        return np.frombuffer(raw, dtype=tree.dtype.newbyteorder("<")).astype(tree.dtype).reshape(tree.shape)

    loaded = build(template, "")
    if position != len(data):
        raise _wrong_layout()
    return cast("T", loaded)


def digest(tree: Any) -> str:
    """sha256 (hex) of the bytes of a state."""
    return hashlib.sha256(dump(tree)).hexdigest()


def _wrong_layout() -> Unverified:
    return Unverified(
        "state_layout",
        "The stored state does not fit these settings or this version.",
        money="Nothing is traded from it.",
        todo="Go back to the settings and version it was made with, or start a new home.",
    )
