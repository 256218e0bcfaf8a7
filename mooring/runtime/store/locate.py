"""Find the one value of a row that was changed: the row's hash commits to what it was, so what it was can be tried.

Tried are: the parent that the row should name, the values that its neighbours have in the same column, two values of
the row exchanged, and every change of a single byte. What was changed otherwise stays unfound; the row is named all the
same, and a computed row's field is named by recomputing it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any, Final

from sqlalchemy import Table

from mooring.runtime.store.failures import DAMAGE
from mooring.runtime.store.hashing import RowHasher
from mooring.runtime.store.lineage import parent_sql
from mooring.runtime.store.source import Source

# A row as it is read: row_hash, prev_hash, parent_hash, then the values in the order of the hasher's columns.
Read = tuple[Any, ...]
STORED, PREV, PARENT, VALUES = range(4)

TRIES_MAX: Final = 300_000  # for one row, about half a second
ROWS_MAX: Final = 25  # of one check; with more there is no single change to find
NEIGHBOURS: Final = 64
NEAR: Final = 2000
BYTES: Final = 8
WRAP: Final = 1 << 64
SHOWN_MAX: Final = 80


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was changed.

    Attributes:
        column: where.
        sentence: what it was, and what it is now.
    """

    column: str
    sentence: str


Locate = Callable[[Read], Found | None]


class Locator:
    """Looks for changes in the rows of a database; gives up after some, as many changes have no single cause."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = ROWS_MAX

    def of(self, table: Table) -> Locate:
        """The search among the rows of one table."""
        hasher = RowHasher(table)

        def locate(row: Read) -> Found | None:
            if self._left == 0 or hasher.blobs or not isinstance(row[STORED], str):
                return None
            self._left -= 1
            try:
                return self._find(str(table.name), hasher, row)
            except TypeError:
                return None  # more than one value is of a kind that was never written

        return locate

    def _find(self, table: str, hasher: RowHasher, row: Read) -> Found | None:
        values = list(row[VALUES:])
        parent = self._parent(table, values[hasher.columns.index("seq")])
        if parent is not None and hasher.hash_values(row[PREV], parent, values) == row[STORED]:
            return Found(column="parent_hash", sentence="It does not name the hash of the row it follows from.")
        for first, second in combinations(range(len(values)), 2):
            values[first], values[second] = values[second], values[first]
            if hasher.hash_values(row[PREV], row[PARENT], values) == row[STORED]:
                names = f"{hasher.columns[first]} and {hasher.columns[second]}"
                return Found(column=hasher.columns[first], sentence=f"Its {names} were exchanged.")
            values[first], values[second] = values[second], values[first]
        for at, was in islice(self._candidates(table, hasher, values), TRIES_MAX):
            now, values[at] = values[at], was
            matches = hasher.hash_values(row[PREV], row[PARENT], values) == row[STORED]
            values[at] = now
            if matches:
                return Found(column=hasher.columns[at], sentence=f"It was {_shown(was)} and is {_shown(now)}.")
        return None

    def _candidates(self, table: str, hasher: RowHasher, values: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """(place, what the value there may have been), the likeliest first."""
        seq = values[hasher.columns.index("seq")]
        columns = [at for at, name in enumerate(hasher.columns) if name != "seq"]
        for at in columns:
            for was in self._neighbours(table, hasher.columns[at], seq):
                yield at, was
        columns.sort(key=lambda at: len(str(values[at])))
        for at in columns:
            value = values[at]
            if isinstance(value, int):
                for was in _near(value):
                    yield at, was
            elif isinstance(value, str):
                for text in _one_byte(value):
                    yield at, text

    def _neighbours(self, table: str, column: str, seq: Any) -> list[Any]:
        if not isinstance(seq, int):
            return []
        # Names of our own schema.
        sql = f"SELECT DISTINCT {column} FROM {table} WHERE seq BETWEEN :first AND :last"  # noqa: S608
        try:
            return [row[0] for row in self._source.all(sql, first=seq - NEIGHBOURS, last=seq + NEIGHBOURS)]
        except DAMAGE:
            return []

    def _parent(self, table: str, seq: Any) -> str | None:
        sql = f"SELECT {parent_sql(table)} FROM {table} c WHERE c.seq = :seq"  # noqa: S608 -- names of our own schema
        with contextlib.suppress(*DAMAGE):
            row = self._source.first(sql, seq=seq)
            return None if row is None else str(row[0])
        return None


def _near(value: int) -> Iterator[int]:
    """Numbers that one changed byte, or a small step, leads to this one from."""
    word = value % WRAP
    for byte in range(BYTES):
        for other in range(1, 256):
            was = word ^ (other << (8 * byte))
            yield was - WRAP if was >= WRAP // 2 else was
    for step in range(1, NEAR):
        yield value + step
        yield value - step


def _one_byte(value: str) -> Iterator[str]:
    """Texts that one changed byte leads to this one from."""
    data = bytearray(value.encode(errors="surrogateescape"))
    for place, now in enumerate(data):
        for other in range(1, 256):
            data[place] = now ^ other
            with contextlib.suppress(UnicodeDecodeError):
                yield data.decode()
        data[place] = now


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
