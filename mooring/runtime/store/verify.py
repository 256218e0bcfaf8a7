"""Prove a database: every row's hash, every chain, parents, the manifests, the books, the file and the schema.

Only reads, so it may run while the daemon writes: rows in one transaction, and what the database can answer by itself
in another beside it, see `verify_beside`. One damaged row is reported once: the chain is followed on from the hash that
is stored with it.

Memory does not grow with the rows: tables pass in batches, findings are bounded, and one state is held at a time. What
grows is 48 bytes for each table that an hour wrote to, for what its manifest says: about 4 MB for a year.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from mooring.errors import Halt
from mooring.runtime.store.columns import metadata, natural_key
from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.failures import DAMAGE, cause_text
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.locate import Locator
from mooring.runtime.store.place import Place
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.source import Source
from mooring.runtime.store.types import Break, Head, Report
from mooring.runtime.store.verify_beside import Beside
from mooring.runtime.store.verify_books import ask_books, check_books
from mooring.runtime.store.verify_edges import ask_parents, check_parents
from mooring.runtime.store.verify_file import ask_file, check_file, check_schema
from mooring.runtime.store.verify_found import Breaks, noting_damage, raise_if_away
from mooring.runtime.store.verify_marks import Marks, read_marks
from mooring.runtime.store.verify_noted import check_states, read_noted
from mooring.runtime.store.verify_outside import check_outside
from mooring.runtime.store.verify_rows import TableWalk
from mooring.runtime.store.verify_rules import ask_rules, check_rules

MAX_BREAKS: Final = 1000
MAX_BREAKS_TABLE: Final = 100
KEYS_MAX: Final = 100

Progress = Callable[[str, int], None]


def verify(place: Path | Place, *, progress: Progress | None = None) -> Report:
    """Check a database against itself.

    Args:
        place: the file or server.
        progress: called with (table, rows so far) as tables are read.

    Raises:
        NotFound: there is no database.
        Invalid: the driver of the server is not installed.
        Unreachable, Denied, Retry: the server cannot be reached, or refuses.
    """
    breaks = Breaks(most=MAX_BREAKS, most_of_a_table=MAX_BREAKS_TABLE)
    try:
        engine = open_reader(Place.of(place), long=True)
    except Halt as error:
        breaks.add("database", None, None, error.what)
        return Report(ok=False, head=ZERO, rows=0, breaks=breaks.found)
    try:
        with engine.connect() as connection, Beside(engine) as beside:
            connection.begin()  # rolled back at the end: to commit a reading is refused where a file is damaged
            return _Check(Source(connection), beside, breaks, progress or (lambda _table, _rows: None)).run()
    except DAMAGE as error:
        raise_if_away(error)
        breaks.add("database", None, None, f"It cannot be read as a database ({cause_text(error)}).")
        return Report(ok=False, head=ZERO, rows=0, breaks=breaks.found)
    finally:
        engine.dispose()


class _Check:
    """One whole check."""

    def __init__(self, source: Source, beside: Beside, breaks: Breaks, progress: Progress) -> None:
        self._source = source
        self._beside = beside
        self._breaks = breaks
        self._progress = progress
        self._heads: dict[str, Head] = {}
        self._rows = 0

    def run(self) -> Report:
        """Everything, in the order in which one finding explains the next."""
        source, breaks = self._source, self._breaks
        check_schema(source, breaks)
        present = source.tables() & metadata.tables.keys()
        asked_of_file = ask_file(self._beside) if source.is_sqlite else None
        asked_rules = ask_rules(self._beside, present) if source.is_sqlite else []
        asked_parents, asked_books = ask_parents(self._beside, present), ask_books(self._beside, present)
        noted: dict[str, Head] = {}
        if "chain_heads" in present:
            with noting_damage(breaks, "chain_heads", of=source):
                noted = read_noted(source, breaks)
        self._walk_all(present, noted)
        if {"state_latest", "manifests"} <= present:
            with noting_damage(breaks, "state_latest", of=source):
                check_states(source, breaks)
        # The file before what was asked through its indexes: a damaged one would accuse rows that are sound.
        if asked_of_file is not None:
            check_file(source, asked_of_file, breaks)
        if not breaks.any_of("database"):
            check_rules(asked_rules, breaks)
            check_parents(asked_parents, breaks)
            check_books(asked_books, breaks)
            if "movements" in present and not breaks.any_of("movements"):
                with noting_damage(breaks, "movements", of=source):
                    check_outside(source, breaks)
        head = self._heads["manifests"].head if "manifests" in self._heads else ZERO
        found = [self._with_key(one) if at < KEYS_MAX else one for at, one in enumerate(breaks.found)]
        return Report(ok=not found, head=head, rows=self._rows, breaks=found, heads=self._heads)

    def _walk_all(self, present: set[str], noted: dict[str, Head]) -> None:
        locator = Locator(self._source)
        marks: dict[str, Marks] = {}
        # Manifests first: which of them can be trusted decides what the other tables are compared with.
        for table in sorted(EVIDENCE, key=lambda t: t.name != "manifests"):
            name = str(table.name)
            if name not in present:
                continue
            walk = TableWalk(self._source, table, self._breaks, marks.get(name), noted.get(name), locator.of(table))
            self._heads[name] = walk.run()
            self._rows += walk.rows
            self._progress(name, self._rows)
            if name == "manifests":
                with noting_damage(self._breaks, name, of=self._source):
                    marks = read_marks(self._source, self._breaks)

    def _with_key(self, found: Break) -> Break:
        """The break with what people know the row by."""
        if found.seq is None or found.table not in metadata.tables:
            return found
        names = natural_key(metadata.tables[found.table])
        if not names:
            return found
        sql = f"SELECT {', '.join(names)} FROM {found.table} WHERE seq = :seq"  # noqa: S608 -- names of our own schema
        try:
            with self._source.apart():
                row = self._source.first(sql, seq=found.seq)
        except DAMAGE:
            return found
        if row is None:
            return found
        told = (value if value is None or isinstance(value, int | str) else str(value) for value in row)
        return replace(found, key=dict(zip(names, told, strict=True)))
