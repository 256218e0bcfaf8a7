"""Everything that anybody can read of a database file, and how two such readings differ."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
KEYS = {"chain_heads": "table_name", "state_latest": "run_id", "alembic_version": "version_num"}
WIDTHS = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Contents:
    """Everything that can be read.

    Attributes:
        rows: by table and key; of a table that cannot be read, None.
    """

    rows: dict[str, dict[Any, Row] | None]


def read(path: Path) -> Contents:
    """All values of all tables, read without any index."""
    found: dict[str, dict[Any, Row] | None] = {}
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = lambda data: data.decode(errors="surrogateescape")
        try:
            names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        except (sqlite3.Error, UnicodeError):
            return Contents({})
        for name in names:
            try:
                cursor = connection.execute(f'SELECT * FROM "{name}" NOT INDEXED')
                columns = [one[0] for one in cursor.description]
                rows = [dict(zip(columns, values, strict=True)) for values in cursor.fetchall()]
                keyed = {row[KEYS.get(name, "seq")]: row for row in rows}
                found[name] = keyed if len(keyed) == len(rows) else None
            except (sqlite3.Error, UnicodeError, KeyError):
                found[name] = None
    return Contents(found)


def differences(before: Contents, after: Contents) -> dict[str, set[Any] | None]:
    """Tables that differ: the keys of rows that are not the same, or None where that cannot be read."""
    found: dict[str, set[Any] | None] = {}
    for name in before.rows.keys() | after.rows.keys():
        ours, theirs = before.rows.get(name), after.rows.get(name)
        if ours is None or theirs is None:
            found[name] = None
        elif ours != theirs:
            found[name] = {key for key in ours.keys() | theirs.keys() if not same(ours.get(key), theirs.get(key))}
    return found


def same(one: Row | None, other: Row | None) -> bool:
    """Equal, and of the same types: 1 is not 1.0."""
    return one == other and (one is None or list(map(type, one.values())) == list(map(type, other.values())))


def one_byte(was: Any, now: Any) -> bool:
    """Whether a value became the other by one byte of what the file keeps for it."""
    if isinstance(was, int) and isinstance(now, int):
        width = next(w for w in WIDTHS if all(-(2 ** (8 * w - 1)) <= v < 2 ** (8 * w - 1) for v in (was, now)))
        was, now = was.to_bytes(width, signed=True), now.to_bytes(width, signed=True)
    elif isinstance(was, str) and isinstance(now, str):
        was, now = was.encode(errors="surrogateescape"), now.encode(errors="surrogateescape")
    elif not (isinstance(was, bytes) and isinstance(now, bytes)):
        return False
    return len(was) == len(now) and sum(a != b for a, b in zip(was, now, strict=True)) == 1
