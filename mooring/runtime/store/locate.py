"""Find the one value of a row that was changed: the row's hash commits to what it was, so what it was can be tried.

Tried are: the parent that the row should name, the number it should have, two values of the row exchanged, the values
that its neighbours have in the same column, and every change of a single byte. What was changed otherwise stays
unfound; the row is named all the same, and a computed row's field is named by recomputing it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import orjson
from sqlalchemy import LargeBinary, Table

from mooring.runtime.store.failures import DAMAGE
from mooring.runtime.store.hashing import ZERO, RowHasher, sha256
from mooring.runtime.store.lineage import parent_sql
from mooring.runtime.store.source import Source

# A row as it is read: row_hash, prev_hash, parent_hash, then the values in the order of the hasher's columns.
Read = tuple[Any, ...]
STORED, PREV, PARENT, VALUES = range(4)

ROWS_MAX: Final = 25  # of one check; with more there is no single change to find
WORK_MAX: Final = 1_000_000_000  # bytes hashed for one row, about two seconds
WORK_OF_TRY: Final = 512  # what a try costs besides the bytes it hashes
NEIGHBOURS: Final = 64
NEAR: Final = 1000
WIDTHS: Final = (1, 2, 3, 4, 6, 8)  # bytes in which SQLite keeps a whole number: https://www.sqlite.org/fileformat.html
HIGH: Final = 128  # the first byte that is no ASCII
PRINTED: Final = tuple(map(chr, range(32, 127)))
UNPRINTED: Final = tuple(map(chr, (*range(1, 32), 127)))
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
        rows = _Rows(self._source, table)

        def locate(row: Read) -> Found | None:
            if self._left == 0 or not isinstance(row[STORED], str):
                return None
            self._left -= 1
            try:
                return rows.find(row)
            except (TypeError, ValueError, *DAMAGE):
                return None  # more than one value is of a kind that was never written, or cannot be read now

        return locate


class _Rows:
    """The rows of one table and what they may have been."""

    def __init__(self, source: Source, table: Table) -> None:
        self._source = source
        self._table = table
        self._name = str(table.name)
        self._hasher = RowHasher(table)
        self._columns = self._hasher.columns
        self._seq_at = self._columns.index("seq")

    def find(self, row: Read) -> Found | None:
        """The change of one value, or of two exchanged, that explains the row's hash."""
        values = list(row[VALUES:])
        tries = _Tries(self._hasher, row)
        if tries.parent(self._parent(values[self._seq_at])):
            return Found(column="parent_hash", sentence="It does not name the hash of the row it follows from.")
        if (seq := self._number(row[PREV])) is not None and tries.value(self._seq_at, seq):
            return Found(column="seq", sentence=f"It was row {seq}.")
        if exchanged := tries.exchanged():
            first, second = (self._columns[at] for at in exchanged)
            return Found(column=first, sentence=f"Its {first} and {second} were exchanged.")
        others = [at for at in range(len(values)) if at != self._seq_at]
        for at in others:
            for was in self._likely(at, values):
                if tries.value(at, was):
                    return self._changed(at, was, values[at])
        # Short ones first: every byte of a long text takes a while.
        for at in sorted(others, key=lambda at: len(str(values[at]))):
            now = values[at]
            if isinstance(now, int):
                found: Any = next((was for was in _near(now) if tries.value(at, was)), None)
            else:
                found = tries.text(at, now) if isinstance(now, str) else None
            if found is not None:
                return self._changed(at, found, now)
        return None

    def _changed(self, at: int, was: Any, now: Any) -> Found:
        if isinstance(self._table.c[self._columns[at]].type, LargeBinary):
            return Found(column=self._columns[at], sentence="Its bytes are not those that were written.")
        return Found(column=self._columns[at], sentence=f"It was {_shown(was)} and is {_shown(now)}.")

    def _likely(self, at: int, values: list[Any]) -> Iterator[Any]:
        """What a value may have been, by what is known besides; for bytes, their hash."""
        column, now, seq = self._columns[at], values[at], values[self._seq_at]
        if at in self._hasher.blobs:
            yield from self._state_hash(values)
            return
        if self._table.c[column].nullable:
            yield None
        if isinstance(now, bytes):
            with contextlib.suppress(UnicodeDecodeError):
                yield now.decode()
        if isinstance(now, float) and now.is_integer():
            yield int(now)
        # Names of our own schema.
        sql = f"SELECT DISTINCT {column} FROM {self._name} WHERE seq BETWEEN :first AND :last"  # noqa: S608
        with contextlib.suppress(*DAMAGE):
            for (was,) in self._source.all(sql, first=seq - NEIGHBOURS, last=seq + NEIGHBOURS):
                if was is None or isinstance(was, int | str):
                    yield was

    def _state_hash(self, values: list[Any]) -> Iterator[str]:
        """The hash of the state after the row's hour, by the manifest of that hour."""
        if {"run_id", "hour_ts_utc"} <= set(self._columns):
            of_hour = {name: values[self._columns.index(name)] for name in ("run_id", "hour_ts_utc")}
            sql = "SELECT blob_hash FROM manifests WHERE run_id = :run_id AND hour_ts_utc = :hour_ts_utc"
            for (was,) in self._source.all(sql, **of_hour):
                yield was

    def _parent(self, seq: Any) -> str:
        """The hash that the row should have as its parent's."""
        sql = f"SELECT {parent_sql(self._name)} FROM {self._name} c WHERE c.seq = :seq"  # noqa: S608 -- our own names
        with contextlib.suppress(*DAMAGE):
            if (row := self._source.first(sql, seq=seq)) is not None:
                return str(row[0])
        return ""

    def _number(self, prev: Any) -> int | None:
        """The number that follows the row that this one names as the one before it."""
        if prev == ZERO:
            return 1
        sql = f"SELECT seq + 1 FROM {self._name} WHERE row_hash = :prev LIMIT 1"  # noqa: S608 -- names of our own schema
        with contextlib.suppress(*DAMAGE):
            if (row := self._source.first(sql, prev=prev)) is not None:
                return int(row[0])
        return None


class _Tries:
    """A row's hash as a function of one part of what it says; counts what trying costs."""

    def __init__(self, hasher: RowHasher, row: Read) -> None:
        values = list(row[VALUES:])
        for at in hasher.blobs:
            values[at] = sha256(values[at])
        said = (hasher.tag, row[PREV], row[PARENT], *values)
        self._parts = [None if isinstance(value, bytes) else orjson.dumps(value) for value in said]
        self._wanted = bytes.fromhex(row[STORED])
        self._left = WORK_MAX
        self._place = -1
        self._begun = hashlib.sha256()
        self._end = b""

    def parent(self, was: str) -> bool:
        """Whether this was the parent's hash."""
        return self._is_it(PARENT, was)

    def value(self, at: int, was: Any) -> bool:
        """Whether the value there was this one."""
        return self._is_it(VALUES + at, was)

    def exchanged(self) -> tuple[int, int] | None:
        """The places of two values that were exchanged."""
        if None in self._parts:
            return None
        parts: list[Any] = list(self._parts)
        for first, second in combinations(range(VALUES, len(parts)), 2):
            parts[first], parts[second] = parts[second], parts[first]
            if hashlib.sha256(b"[%b]" % b",".join(parts)).digest() == self._wanted:
                return first - VALUES, second - VALUES
            parts[first], parts[second] = parts[second], parts[first]
        return None

    def text(self, at: int, now: str) -> str | None:
        """The text there before one byte of it was changed."""
        self._go_to(VALUES + at)
        inner = [_escaped(char) for char in now]
        whole, begun = b"".join(inner) + b'"' + self._end, self._begun.copy()
        begun.update(b'"')
        for others in (_other_printed, _other_unprinted):
            state, tail = begun.copy(), whole
            for place, escaped in enumerate(inner):
                tail = tail[len(escaped) :]
                for was in others(now[place]):
                    trial = state.copy()
                    trial.update(_escaped(was) + tail)
                    if trial.digest() == self._wanted:
                        return now[:place] + was + now[place + 1 :]
                    self._left -= WORK_OF_TRY + len(tail)
                if self._left < 0:
                    return None
                state.update(escaped)
        return None

    def _is_it(self, place: int, was: Any) -> bool:
        if self._left < 0:
            return False
        if place != self._place:
            self._go_to(place)
        self._left -= WORK_OF_TRY + len(self._end)
        trial = self._begun.copy()
        trial.update(orjson.dumps(was) + self._end)
        return trial.digest() == self._wanted

    def _go_to(self, place: int) -> None:
        """Hash all that comes before a part.

        Raises:
            TypeError: another part is of a kind that was never written.
        """
        before: list[Any] = self._parts[:place]
        after: list[Any] = self._parts[place + 1 :]
        self._place = place
        self._begun = hashlib.sha256(b"[" + b"".join([part + b"," for part in before]))
        self._end = b"".join([b"," + part for part in after]) + b"]"


def _near(value: int) -> Iterator[int]:
    """Numbers that one changed byte, the sign or a small step leads to this one from."""
    yield -value
    for step in range(1, NEAR + 1):
        yield value + step
        yield value - step
    for width in WIDTHS:
        span = 1 << (8 * width)
        if -span // 2 <= value < span // 2:
            word = value % span
            # The sign is in the first byte, so the same bit means another number in each width.
            for byte in range(width) if width == WIDTHS[-1] else (width - 1,):
                for mask in range(1, 256):
                    was = word ^ (mask << (8 * byte))
                    yield was - span if was >= span // 2 else was


def _escaped(char: str) -> bytes:
    return orjson.dumps(char)[1:-1]


def _other_printed(char: str) -> Iterator[str]:
    """Printed characters that one changed byte leads to this one from."""
    return (other for other in PRINTED if other != char) if char.isascii() else iter(())


def _other_unprinted(char: str) -> Iterator[str]:
    """All other characters that one changed byte leads to this one from; each is of as many bytes as this one is."""
    if char.isascii():
        yield from (other for other in UNPRINTED if other != char)
        return
    data = bytearray(char.encode())
    for place, now in enumerate(bytes(data)):
        for data[place] in range(HIGH, 256):
            with contextlib.suppress(UnicodeDecodeError):
                yield data.decode()
        data[place] = now


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
