"""Names derived from content: the same thing has the same id after a crash, and in a recomputation.

Source: UUID version 5, RFC 9562.
"""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID, uuid5

import orjson

NAMESPACE: Final = UUID("7a1c2f6e-6a0b-5d0f-9c8e-3f5a4b1d2e60")

Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]


def canonical_json(value: Plain) -> bytes:
    """Integers, text, booleans, null, lists and objects as canonical JSON (RFC 8785 for such values)."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def content_hash(value: Plain) -> str:
    """sha256 (hex) of the canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def derived_id(kind: str, *parts: str | int) -> str:
    """A UUID for a thing named by its kind and what makes it unique."""
    return str(uuid5(NAMESPACE, ":".join([kind, *map(str, parts)])))
