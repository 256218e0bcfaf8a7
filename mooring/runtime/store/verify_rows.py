"""Walk one table: each row's hash, the chain, gaps, the manifests' marks, and the end that was noted."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Table

from mooring.runtime.store.failures import DAMAGE
from mooring.runtime.store.hashing import ZERO, RowHasher
from mooring.runtime.store.locate import PARENT, PREV, STORED, VALUES, Locate, Read
from mooring.runtime.store.source import BATCH, Source
from mooring.runtime.store.types import Head
from mooring.runtime.store.verify_found import Breaks, noting_damage, raise_if_away
from mooring.runtime.store.verify_marks import Marks

LEAST: Final = -(2**63)  # no row may have a number below 1, so those that do are read too


class TableWalk:
    """One pass over a table in the order of seq; holds one batch of rows at a time.

    Args:
        source: what is read.
        table: an evidence table.
        breaks: takes what is found.
        marks: those of the manifests, or None where manifests do not cover the table.
        noted: the end of the chain as `chain_heads` has it.
        locate: finds the one value of a row that was changed; see `locate`.

    Attributes:
        rows: read so far.
    """

    def __init__(
        self,
        source: Source,
        table: Table,
        breaks: Breaks,
        marks: Marks | None,
        noted: Head | None,
        locate: Locate,
    ) -> None:
        self._source = source
        self._name = str(table.name)
        self._hasher = RowHasher(table)
        self._seq_at = VALUES + self._hasher.columns.index("seq")
        columns = ", ".join(["row_hash", "prev_hash", "parent_hash", *self._hasher.columns])
        self._select = f"SELECT {columns} FROM {self._name}"  # noqa: S608 -- names of our own schema
        self._breaks = breaks
        self._marks = Marks() if marks is None else marks
        self._noted = noted
        self._locate = locate
        self._from = LEAST  # where to read on
        self._expected = 1  # seq of the next row
        self._last = ZERO  # hash the next row must name
        self._trust = True  # the last row was sound, so the next must name its hash
        self._at_noted = ZERO  # hash of the row that was noted as the last
        self._pending: tuple[Read, str] | None = None  # a row whose hash is wrong, and what it hashes to
        self.rows = 0

    def run(self) -> Head:
        """Walk; the end of the chain as found."""
        self._pass_marks(0, ZERO)
        while not self._breaks.full(self._name):
            try:
                self._stream()
                break
            except DAMAGE as error:
                raise_if_away(error)
                if not self._step_over():
                    break
        ends_here = self._noted is not None and self._noted.count == self._expected - 1
        self._flush(self._noted.head if self._noted is not None and ends_here else None)
        self._check_end()
        return Head(count=self._expected - 1, head=self._last)

    def _stream(self) -> None:
        for batch in self._source.batches(f"{self._select} WHERE seq >= {self._from} ORDER BY seq"):
            self.rows += len(batch)
            try:
                computed = self._hasher.hash_rows(batch)
            except TypeError:
                computed = [self._digest(row[PREV], row) for row in batch]
            # Nearly always the whole batch is sound, which lists are quick to compare for.
            if self._pending or not self._all_sound(batch, computed):
                for row, made in zip(batch, computed, strict=True):
                    self._next(row, made)

    def _all_sound(self, batch: Sequence[Read], computed: list[str]) -> bool:
        """Whether these are the next rows, every one of them; then the walk has passed them."""
        first = self._expected
        if (
            list(map(itemgetter(STORED), batch)) != computed
            or list(map(itemgetter(PREV), batch)) != [self._last, *computed[:-1]]
            or list(map(itemgetter(self._seq_at), batch)) != [*range(first, first + len(batch))]
            or not self._marks.agree(first, computed)
        ):
            return False
        self._expected = self._from = first + len(batch)
        self._last, self._trust = computed[-1], True
        if self._noted is not None and first <= self._noted.count < self._expected:
            self._at_noted = computed[self._noted.count - first]
        return True

    def _next(self, row: Read, computed: str) -> None:
        seq = row[self._seq_at]
        if seq == self._expected and row[PREV] == self._last and row[STORED] == computed and not self._pending:
            self._accept(seq, computed, sound=True)
        else:
            self._odd(row, computed)

    def _step_over(self) -> bool:
        """After a read that failed: read row by row past the damage; False where nothing more can be read."""
        if not self._source.is_sqlite:
            self._breaks.add(self._name, None, None, "It cannot be read to its end.")
            return False
        most = max(self._expected + BATCH, self._noted.count if self._noted else 0)
        bad, start = 0, self._expected
        for seq in range(self._expected, most + 1):
            if self._breaks.full(self._name):
                return False
            row = None
            with noting_damage(self._breaks, self._name, seq, of=self._source):
                row = self._source.first(f"{self._select} WHERE seq = :seq", seq=seq)
            if row is not None and bad:
                return True  # past the damage: stream again
            if row is not None:
                self._one(tuple(row))
            elif self._breaks.has(self._name, seq):
                self._expected = self._from = seq + 1
                self._trust, self._pending = False, None
                bad += 1
        if not bad and self._expected == start:
            self._breaks.add(self._name, start, None, "The file is damaged near this row.")
        return not bad and self._expected > start

    def _one(self, row: Read) -> None:
        self.rows += 1
        self._odd(row, self._digest(row[PREV], row))

    def _digest(self, prev: Any, row: Sequence[Any]) -> str:
        try:
            return self._hasher.hash_values(prev, row[PARENT], row[VALUES:])
        except TypeError:
            return ""  # a value of a kind that was never written

    def _odd(self, row: Read, computed: str) -> None:
        """A row that is not plainly the next sound one."""
        seq, prev, stored = row[self._seq_at], row[PREV], row[STORED]
        if seq < self._expected:
            self._breaks.add(self._name, seq, "seq", "No row can have this number here.")
            return
        self._flush(prev)
        if seq != self._expected:
            renumbered = list(row)
            renumbered[self._seq_at] = self._expected
            if self._digest(prev, renumbered) == stored:
                self._breaks.add(self._name, seq, "seq", f"It was row {self._expected}.")
                self._accept(self._expected, stored, sound=prev == self._last)
                return
            self._missing(self._expected, seq - 1, f"before row {seq}")
            self._trust = False
        if computed == stored:
            if prev != self._last and self._trust:
                self._unlinked(seq)
        elif self._trust and self._digest(self._last, row) == stored:
            self._breaks.add(self._name, seq, "prev_hash", "It does not name the hash of the row before it.")
        else:
            self._pending = (row, computed)
        self._accept(seq, stored, sound=computed == stored)

    def _unlinked(self, seq: int) -> None:
        if seq == 1:
            self._breaks.add(self._name, 1, "prev_hash", "The first row must follow 64 zeros.")
        else:
            # The later row is sound in itself and names another hash, so the earlier one was hashed anew.
            self._breaks.add(self._name, seq - 1, "row_hash", f"Row {seq} names another hash for it: it was replaced.")

    def _accept(self, seq: int, stored: Any, *, sound: bool) -> None:
        self._expected = self._from = seq + 1
        self._last = stored
        self._trust = sound
        if self._noted is not None and seq == self._noted.count:
            self._at_noted = stored
        self._pass_marks(seq, stored if sound else None)

    def _flush(self, next_prev: Any) -> None:
        """Say what is wrong with the row before, now that the hash the next one names is known."""
        if self._pending is None:
            return
        row, computed = self._pending
        self._pending = None
        seq = row[self._seq_at]
        if computed and next_prev == computed:
            self._breaks.add(self._name, seq, "row_hash", "Its hash was changed; its values were not.")
            return
        found = self._locate(row)
        if found is None:
            self._breaks.add(self._name, seq, None, "Its values do not match its hash.")
        else:
            self._breaks.add(self._name, seq, found.column, found.sentence)

    def _missing(self, first: int, last: int, where: str) -> None:
        rows = f"Row {first} is" if first == last else f"Rows {first} to {last} are"
        self._breaks.add(self._name, first, None, f"{rows} missing {where}.")

    def _pass_marks(self, seq: int, head: str | None) -> None:
        """Compare the manifests' marks up to this row; `head` is None where the row is known to be damaged."""
        while (rows := self._marks.next_rows) is not None and rows <= seq:
            mark = self._marks.take()
            if rows < seq:
                continue  # stood in a gap, or the manifest went back, which its own counts show
            if head is not None and head != mark.head:
                self._marks = Marks()  # later ones differ for the same reason
                self._breaks.add(
                    self._name, max(seq, 1), None, f"Manifest {mark.manifest} names another hash for the chain here."
                )

    def _check_end(self) -> None:
        last = self._expected - 1
        if self._breaks.full(self._name):
            return
        if self._noted is not None and self._noted != Head(count=last, head=self._last):
            self._other_end(self._noted, last)
        if (rows := self._marks.next_rows) is not None and rows > last:
            self._missing(last + 1, rows, f"though manifest {self._marks.take().manifest} counts them")

    def _other_end(self, noted: Head, last: int) -> None:
        """The table does not end as was noted: say which of the two was changed, or both where that cannot be known."""
        key = {"table_name": self._name}
        if noted.head == self._last:
            what = f"It counts {noted.count} rows, and the table has {last}."
            self._breaks.add("chain_heads", None, "count", what, key=key)
        elif noted.count > last:
            self._missing(last + 1, noted.count, "at the end")
        elif noted.count < last:
            rows = f"Rows {noted.count + 1} to {last} were" if noted.count + 1 < last else "It was"
            self._breaks.add(self._name, max(noted.count, 0) + 1, None, f"{rows} added by another program.")
            if noted.head != self._at_noted:
                self._breaks.add("chain_heads", None, None, "It names no row of the table.", key=key)
        elif self._trust:
            self._breaks.add("chain_heads", None, "head", "It does not name the table's last row.", key=key)
            if last > 0 and self._marks.passed != last:
                self._breaks.add(self._name, last, None, "It may have been replaced: another hash was noted for it.")
