"""Finds the parent of each row as it is written: among the rows of the batch, else in the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, TextClause, text

from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.lineage import PARENTS, Edge
from mooring.runtime.store.types import Row

Columns = tuple[str, ...]
Known = tuple[str, Columns]
Getter = Callable[[Row], tuple[Any, ...]]


def _theirs(edge: Edge) -> Columns:
    return tuple(theirs for _, theirs in edge.on)


def _lookup(edge: Edge) -> TextClause:
    rules = [f"{theirs} = :{theirs}" for theirs in _theirs(edge)]
    order = "seq DESC"
    if edge.before:
        rules.append("hour_ts_utc < :before")
        order = "hour_ts_utc DESC"
    return text(f"SELECT row_hash FROM {edge.table} WHERE {' AND '.join(rules)} ORDER BY {order} LIMIT 1")  # noqa: S608


def _values(columns: Columns) -> Getter:
    if len(columns) == 1:
        (only,) = columns
        return lambda row: (row[only],)
    return itemgetter(*columns)


@dataclass(frozen=True, kw_only=True)
class Way:
    """An edge with all that does not depend on the row worked out: a batch walks it for every row.

    Attributes:
        key: gives the values of our columns.
        known: names the place where rows that were found are kept.
    """

    edge: Edge
    key: Getter
    theirs: Columns
    known: Known
    lookup: TextClause


def _way(edge: Edge) -> Way:
    theirs = _theirs(edge)
    return Way(
        edge=edge,
        key=_values(tuple(ours for ours, _ in edge.on)),
        theirs=theirs,
        known=(edge.table, (*theirs, "before") if edge.before else theirs),
        lookup=_lookup(edge),
    )


WAYS: Final = {table: tuple(_way(edge) for edge in edges) for table, edges in PARENTS.items()}
# By which columns rows of a table are looked for.
NOTED: Final = {
    table: tuple(
        (known, _values(known[1]))
        for known in sorted({way.known for ways in WAYS.values() for way in ways if not way.edge.before})
        if known[0] == table
    )
    for table in sorted({way.edge.table for ways in WAYS.values() for way in ways})
}


class Parents:
    """The parents of one batch; made anew for each transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._written: dict[Known, dict[tuple[Any, ...], str]] = defaultdict(dict)

    def note(self, table: str, row: Row) -> None:
        """A row has been hashed and may be the parent of those that follow."""
        for known, values in NOTED.get(table, ()):
            self._written[known][values(row)] = row["row_hash"]

    def of(self, table: str, row: Row) -> str:
        """The hash of the parent of a row; 64 zeros where it has none."""
        for way in WAYS.get(table, ()):
            key = way.key(row)
            if None in key:
                continue
            # Depends on the hour as well; all rows of a batch are of one hour, so one answer serves them all.
            wanted = (*key, row["hour_ts_utc"]) if way.edge.before else key
            found = self._written[way.known].get(wanted)
            if found is None:
                found = self._written[way.known][wanted] = self._look_up(way, key, row)
            if found:
                return found
        return ZERO

    def _look_up(self, way: Way, key: tuple[Any, ...], row: Row) -> str:
        values = dict(zip(way.theirs, key, strict=True))
        if way.edge.before:
            values["before"] = row["hour_ts_utc"]
        return str(self._connection.execute(way.lookup, values).scalar() or "")
