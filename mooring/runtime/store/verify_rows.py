"""Walk one table: each row's hash, the chain, gaps, the manifests' marks, and the end that was noted."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Table

from mooring.runtime.store.failures import DAMAGE, cause_text
from mooring.runtime.store.hashing import ZERO, RowHasher
from mooring.runtime.store.types import Break, Head

BATCH: Final = 2048
HEADER: Final = ("seq", "prev_hash", "row_hash", "parent_hash")  # before the hashed columns of a row as read
VALUES: Final = len(HEADER)
DECODE: Final = re.compile(r"column '(\w+)'")


class Breaks:
    """What was found, bounded, each row once.

    Attributes:
        found: the breaks, in the order found.
    """

    def __init__(self, *, most: int, most_of_a_table: int) -> None:
        self.found: list[Break] = []
        self._most = most
        self._most_of_a_table = most_of_a_table
        self._rows: set[tuple[str, int]] = set()
        self._of_table: dict[str, int] = {}

    def add(self, table: str, seq: int | None, column: str | None, what: str) -> None:
        """Note a break, unless this row has one already or there are too many."""
        if seq is not None:
            if (table, seq) in self._rows:
                return
            self._rows.add((table, seq))
        count = self._of_table[table] = self._of_table.get(table, 0) + 1
        if count > self._most_of_a_table or len(self.found) > self._most:
            return
        if count == self._most_of_a_table:
            seq, column, what = None, None, "More is broken in this table than is listed here."
        self.found.append(Break(table=table, seq=seq, column=column, what=what))

    def has(self, table: str, seq: int) -> bool:
        """This row has a break."""
        return (table, seq) in self._rows

    def any_of(self, table: str) -> bool:
        """The table has a break."""
        return table in self._of_table

    def full(self, table: str) -> bool:
        """No more of this table will be listed."""
        return self._of_table.get(table, 0) >= self._most_of_a_table


class Mark(NamedTuple):
    """What a manifest says of a table: so many rows, the last with this hash."""

    manifest: int
    rows: int
    head: str


def marks(connection: sqlite3.Connection, table: str, breaks: Breaks) -> Iterator[Mark]:
    """The marks of a table in the order of the manifests; manifests found damaged are left out."""
    try:
        for seq, text in connection.execute("SELECT seq, heads FROM manifests ORDER BY seq"):
            if breaks.has("manifests", seq):
                continue
            try:
                count, head = orjson.loads(text)[table]
            except (ValueError, KeyError, TypeError):
                breaks.add("manifests", seq, "heads", f"It does not say where {table} ended.")
                continue
            yield Mark(seq, count, head)
    except DAMAGE:
        return  # the walk of the manifests has named the place already


class TableWalk:
    """One pass over a table in the order of seq.

    Args:
        connection: read-only, inside a transaction.
        table: an evidence table.
        breaks: takes what is found.
        at: the marks of the manifests, or None where manifests do not cover the table.
        noted: the end of the chain as `chain_heads` has it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        table: Table,
        breaks: Breaks,
        at: Iterator[Mark] | None,
        noted: Head | None,
    ) -> None:
        self._connection = connection
        self._name = str(table.name)
        self._hasher = RowHasher(table)
        self._seq_at = self._hasher.columns.index("seq")
        columns = ", ".join([*HEADER, *self._hasher.columns])
        self._select = f"SELECT {columns} FROM {self._name}"  # noqa: S608 -- names of our own schema
        self._breaks = breaks
        self._marks = at if at is not None else iter(())
        self._mark = next(self._marks, None)
        self._marks_agree = True
        self._noted = noted
        self._expected = 1  # seq of the next row
        self._last = ZERO  # hash the next row must name
        self._trust = True  # the last row was sound, so the next must name its hash
        self._pending: tuple[int, str] | None = None  # a row whose hash is wrong, and what it hashes to
        self.rows = 0

    def run(self) -> Head:
        """Walk; the end of the chain as found."""
        self._pass_marks(0, ZERO)
        while not self._breaks.full(self._name):
            try:
                self._stream()
                break
            except DAMAGE:
                if not self._step_over():
                    break
        self._flush(None)
        self._check_end()
        return Head(count=self._expected - 1, head=self._last)

    def _stream(self) -> None:
        cursor = self._connection.execute(f"{self._select} WHERE seq >= ? ORDER BY seq", (self._expected,))
        digest = self._hasher.hash_values
        while batch := cursor.fetchmany(BATCH):
            for row in batch:
                try:
                    computed = digest(row[1], row[3], row[4:])
                except TypeError:
                    computed = ""
                if row[0] == self._expected and row[1] == self._last and row[2] == computed and not self._pending:
                    self._last = computed
                    self._trust = True
                    self._expected += 1
                    if self._mark is not None and self._mark.rows <= row[0]:
                        self._pass_marks(row[0], computed)
                else:
                    self._odd(row, computed)
            self.rows += len(batch)

    def _step_over(self) -> bool:
        """After a read that failed: read row by row past the damage; False where nothing more can be read."""
        most = max(self._expected + BATCH, self._noted.count if self._noted else 0)
        bad, start = 0, self._expected
        for seq in range(self._expected, most + 1):
            if self._breaks.full(self._name):
                return False
            try:
                row = self._connection.execute(f"{self._select} WHERE seq = ?", (seq,)).fetchone()
            except DAMAGE as error:
                column = DECODE.search(str(error))
                what = f"It cannot be read ({cause_text(error)})."
                self._breaks.add(self._name, seq, column[1] if column else None, what)
                self._expected, self._trust, self._pending = seq + 1, False, None
                bad += 1
                continue
            if row is None:
                continue
            if bad:
                return True  # past the damage: stream again
            self._one(row)
        if not bad and self._expected == start:
            self._breaks.add(self._name, start, None, "The file is damaged near this row.")
        return not bad and self._expected > start

    def _one(self, row: Sequence[Any]) -> None:
        self.rows += 1
        self._odd(row, self._digest(row[1], row))

    def _digest(self, prev: Any, row: Sequence[Any]) -> str:
        try:
            return self._hasher.hash_values(prev, row[3], row[VALUES:])
        except TypeError:
            return ""  # a value of a kind that was never written

    def _odd(self, row: Sequence[Any], computed: str) -> None:
        """A row that is not plainly the next sound one."""
        seq, prev, stored = row[0], row[1], row[2]
        self._flush(prev)
        if seq != self._expected:
            renumbered = list(row)
            renumbered[VALUES + self._seq_at] = self._expected
            if self._digest(prev, renumbered) == stored:
                self._breaks.add(self._name, self._expected, "seq", f"It is numbered {seq}.")
                self._accept(self._expected, stored, sound=prev == self._last)
                return
            if seq < self._expected:
                self._breaks.add(self._name, self._expected, "seq", f"Row {seq} stands where this one should.")
                return
            self._missing(self._expected, seq - 1, f"before row {seq}")
            self._trust = False
        if computed == stored:
            if prev != self._last and self._trust:
                self._unlinked(seq)
        elif self._trust and self._digest(self._last, row) == stored:
            self._breaks.add(self._name, seq, "prev_hash", "It does not name the hash of the row before it.")
        else:
            self._pending = (seq, computed)
        self._accept(seq, stored, sound=computed == stored)

    def _unlinked(self, seq: int) -> None:
        if seq == 1:
            self._breaks.add(self._name, 1, "prev_hash", "The first row must follow 64 zeros.")
        else:
            # The later row is sound in itself and names another hash, so the earlier one was hashed anew.
            self._breaks.add(self._name, seq - 1, "row_hash", f"Row {seq} names another hash for it: it was replaced.")

    def _accept(self, seq: int, stored: Any, *, sound: bool) -> None:
        self._expected = seq + 1
        self._last = stored
        self._trust = sound
        self._pass_marks(seq, stored if sound else None)

    def _flush(self, next_prev: Any) -> None:
        """Say what is wrong with the row before, now that the hash the next one names is known."""
        if self._pending is None:
            return
        seq, computed = self._pending
        self._pending = None
        if computed and next_prev == computed:
            self._breaks.add(self._name, seq, "row_hash", "Its hash was changed; its values were not.")
        else:
            self._breaks.add(self._name, seq, None, "Its values do not match its hash.")

    def _missing(self, first: int, last: int, where: str) -> None:
        rows = f"Row {first} is" if first == last else f"Rows {first} to {last} are"
        self._breaks.add(self._name, first, None, f"{rows} missing {where}.")

    def _pass_marks(self, seq: int, head: str | None) -> None:
        """Compare the manifests' marks up to this row; `head` is None where the row is known to be damaged."""
        while self._mark is not None and self._mark.rows <= seq:
            mark = self._mark
            self._mark = next(self._marks, None)
            if mark.rows < seq:
                continue  # stood in a gap, or the manifest went back, which its own counts show
            if head is not None and head != mark.head and self._marks_agree:
                self._marks_agree = False  # later marks differ for the same reason
                self._breaks.add(
                    self._name, max(seq, 1), None, f"Manifest {mark.manifest} names another hash for the chain here."
                )

    def _check_end(self) -> None:
        last = self._expected - 1
        if self._breaks.full(self._name):
            return
        if self._noted is not None:
            if self._noted.count > last:
                self._missing(last + 1, self._noted.count, "at the end")
            elif self._noted.count < last:
                self._breaks.add(self._name, self._noted.count + 1, None, "It was added by another program.")
            elif self._noted.head != self._last and self._trust:
                self._breaks.add(self._name, max(last, 1), None, "The chain's noted end has another hash.")
        if self._mark is not None and self._mark.rows > last:
            self._missing(last + 1, self._mark.rows, f"though manifest {self._mark.manifest} counts them")
