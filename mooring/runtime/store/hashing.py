"""How a row is hashed: sha256 over canonical JSON of a list.

    row_hash = sha256([tag, prev_hash, parent_hash, value, value, ...])

`tag` is the table's name and the first 8 hex digits of sha256 over the JSON list of the value columns' names; the
values are all other columns of the row in the order of their names. Canonical JSON holds integers, strings, booleans,
null, lists and objects with ASCII keys, sorted, and equals RFC 8785 for these; integers keep all their digits past
2^53. Bytes in a row enter as the sha256 of the bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import LargeBinary, Table

ZERO: Final = "0" * 64
HASH_COLUMNS: Final = frozenset({"prev_hash", "parent_hash", "row_hash"})
NOT_IN_ROOT: Final = HASH_COLUMNS | {"seq", "root"}
TAG_DIGITS: Final = 8


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


def root_of(manifest: Mapping[str, Any]) -> str:
    """The root of an hour, from its manifest's row: sha256 over all it says, the root of the hour before included."""
    said = {name: value for name, value in manifest.items() if name not in NOT_IN_ROOT}
    return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))  # exact already, as each row of a table is


def with_root(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest's row with the root of its hour."""
    return {**manifest, "root": root_of(manifest)}


class RowHasher:
    """Hashes the rows of one table.

    Attributes:
        columns: the value columns, sorted; `hash_values` takes their values in this order.
        tag: names the table and its columns.
        blobs: which of `columns` hold bytes.
    """

    def __init__(self, table: Table) -> None:
        self.columns: tuple[str, ...] = tuple(sorted(str(c.name) for c in table.c if c.name not in HASH_COLUMNS))
        self.tag = f"{table.name}:{sha256(canonical(list(self.columns)))[:TAG_DIGITS]}"
        self.blobs = tuple(i for i, name in enumerate(self.columns) if isinstance(table.c[name].type, LargeBinary))

    def hash_row(self, prev: str, parent: str, row: Mapping[str, Any]) -> str:
        """The hash of a row given by column name."""
        return self.hash_values(prev, parent, [row[name] for name in self.columns])

    def hash_values(self, prev: Any, parent: Any, values: Sequence[Any]) -> str:
        """The hash of a row given by its values in the order of `columns`.

        Raises:
            TypeError: a value that JSON cannot hold exactly.
        """
        if self.blobs:
            values = list(values)
            for i in self.blobs:
                values[i] = sha256(values[i])
        return hashlib.sha256(orjson.dumps((self.tag, prev, parent, *values))).hexdigest()

    def hash_rows(self, rows: Sequence[tuple[Any, ...]]) -> list[str]:
        """The hashes of many rows, each (row_hash, prev_hash, parent_hash, values in the order of `columns`).

        Raises:
            TypeError: a value that JSON cannot hold exactly.
        """
        if self.blobs:
            return [self.hash_values(row[1], row[2], row[3:]) for row in rows]
        tag, digest, dumps = (self.tag,), hashlib.sha256, orjson.dumps
        return [digest(dumps(tag + row[1:])).hexdigest() for row in rows]
