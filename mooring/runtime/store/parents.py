"""Finds the parent of each row as it is written: among the rows of the batch, else in the database."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from sqlalchemy import Connection, TextClause, text

from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.lineage import PARENTS, Edge
from mooring.runtime.store.types import Row

Columns = tuple[str, ...]


def _theirs(edge: Edge) -> Columns:
    return tuple(theirs for _, theirs in edge.on)


def _lookup(edge: Edge) -> TextClause:
    rules = [f"{theirs} = :{theirs}" for theirs in _theirs(edge)]
    order = "seq DESC"
    if edge.before:
        rules.append("hour_ts_utc < :before")
        order = "hour_ts_utc DESC"
    return text(f"SELECT row_hash FROM {edge.table} WHERE {' AND '.join(rules)} ORDER BY {order} LIMIT 1")  # noqa: S608


LOOKUPS: Final = {edge: _lookup(edge) for edges in PARENTS.values() for edge in edges}
KEYS: Final = {
    table: sorted({_theirs(edge) for edge in LOOKUPS if edge.table == table and not edge.before})
    for table in sorted({edge.table for edge in LOOKUPS})
}


class Parents:
    """The parents of one batch; made anew for each transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._written: dict[tuple[str, Columns], dict[tuple[Any, ...], str]] = defaultdict(dict)

    def note(self, table: str, row: Row) -> None:
        """A row has been hashed and may be the parent of those that follow."""
        for columns in KEYS.get(table, ()):
            self._written[table, columns][tuple([row[column] for column in columns])] = row["row_hash"]

    def of(self, table: str, row: Row) -> str:
        """The hash of the parent of a row; 64 zeros where it has none."""
        for edge in PARENTS.get(table, ()):
            key = tuple([row[ours] for ours, _ in edge.on])
            if None in key:
                continue
            if found := self._find(edge, key, row):
                return found
        return ZERO

    def _find(self, edge: Edge, key: tuple[Any, ...], row: Row) -> str:
        columns = _theirs(edge)
        values = dict(zip(columns, key, strict=True))
        if edge.before:
            # Depends on the hour as well; all rows of a batch are of one hour, so one answer serves them all.
            columns, key = (*columns, "before"), (*key, row["hour_ts_utc"])
            values["before"] = row["hour_ts_utc"]
        known = self._written[edge.table, columns]
        if key not in known:
            known[key] = str(self._connection.execute(LOOKUPS[edge], values).scalar() or "")
        return known[key]
