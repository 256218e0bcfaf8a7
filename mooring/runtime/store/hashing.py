"""How a row is hashed: sha256 over canonical JSON of the row, its table, the hash before it and its parent's.

    row_hash = sha256({"parent": parent_hash, "prev": prev_hash, "row": {every other column}, "table": name})

Canonical JSON holds integers, strings, booleans, null, lists and objects with ASCII keys, sorted, and equals RFC 8785
for these; integers keep all their digits past 2^53. Bytes in a row enter as the sha256 of the bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import LargeBinary, Table

ZERO: Final = "0" * 64
HASH_COLUMNS: Final = frozenset({"prev_hash", "parent_hash", "row_hash"})


def canonical(value: Any) -> bytes:
    """The canonical JSON of a value.

    Raises:
        TypeError: a float, or anything else that has no one way to be written.
    """
    _only_exact(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _only_exact(value: Any) -> None:
    if value is None or isinstance(value, bool | int | str):
        return
    if isinstance(value, Mapping):
        for key, part in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise TypeError("a key of evidence must be ASCII text")
            _only_exact(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _only_exact(part)
    else:
        raise TypeError(f"a {type(value).__name__} has no place in evidence")


def sha256(data: bytes) -> str:
    """sha256 in hex."""
    return hashlib.sha256(data).hexdigest()


def with_root(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest's row with the root of its hour: sha256 over all it says, the root of the hour before included."""
    said = {name: value for name, value in manifest.items() if name not in HASH_COLUMNS | {"seq", "root"}}
    return manifest | {"root": sha256(canonical(said))}


class RowHasher:
    """Hashes the rows of one table; fast, because the columns are put in canonical order once.

    Attributes:
        columns: the hashed columns, sorted; `hash_values` takes their values in this order.
    """

    def __init__(self, table: Table) -> None:
        self.table = str(table.name)
        self.columns: tuple[str, ...] = tuple(sorted(str(c.name) for c in table.c if c.name not in HASH_COLUMNS))
        self._blobs = [i for i, name in enumerate(self.columns) if isinstance(table.c[name].type, LargeBinary)]

    def hash_row(self, prev: str, parent: str, row: Mapping[str, Any]) -> str:
        """The hash of a row given by column name."""
        return self.hash_values(prev, parent, [row[name] for name in self.columns])

    def hash_values(self, prev: str, parent: str, values: Sequence[Any]) -> str:
        """The hash of a row given by its values in the order of `columns`.

        Raises:
            TypeError: a value that JSON cannot hold exactly.
        """
        if self._blobs:
            values = list(values)
            for i in self._blobs:
                values[i] = sha256(values[i])
        # Keys are in sorted order as written, so no sorting is paid for here.
        row = dict(zip(self.columns, values, strict=True))
        body = {"parent": parent, "prev": prev, "row": row, "table": self.table}
        return hashlib.sha256(orjson.dumps(body)).hexdigest()
