"""Prove a database: every row's hash, every chain, parents, the manifests, the books, the file and the schema.

Only reads, in one transaction, so it may run while the daemon writes. One damaged row is reported once: the chain is
followed on from the hash that is stored with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mooring.errors import MooringError, NotFound
from mooring.runtime.store.columns import metadata, natural_key
from mooring.runtime.store.connect import check_kind, no_database, reader_engine
from mooring.runtime.store.failures import DAMAGE, cause_text
from mooring.runtime.store.hashing import ZERO, sha256
from mooring.runtime.store.locate import Locator
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.source import Source
from mooring.runtime.store.types import Break, Head, Report
from mooring.runtime.store.verify_books import check_books
from mooring.runtime.store.verify_edges import check_parents
from mooring.runtime.store.verify_file import check_file, check_references, check_schema
from mooring.runtime.store.verify_found import Breaks
from mooring.runtime.store.verify_marks import Marks, read_marks
from mooring.runtime.store.verify_rows import TableWalk

MAX_BREAKS: Final = 1000
MAX_BREAKS_TABLE: Final = 100
KEYS_MAX: Final = 100
DECODE: Final = re.compile(r"column '(\w+)'")

Progress = Callable[[str, int], None]


def verify(place: Path, *, progress: Progress | None = None) -> Report:
    """Check a database against itself.

    Args:
        place: the file or server.
        progress: called with (table, rows so far) as tables are read.

    Raises:
        NotFound: there is no database.
        Unreachable, Denied: the server cannot be reached, or refuses.
    """
    breaks = Breaks(most=MAX_BREAKS, most_of_a_table=MAX_BREAKS_TABLE)
    try:
        if not place.is_file():
            raise no_database(place)
        check_kind(place)
        engine = reader_engine(place)
    except NotFound:
        raise
    except MooringError as error:
        breaks.add("database", None, None, error.what)
        return Report(ok=False, head=ZERO, rows=0, breaks=breaks.found)
    try:
        with engine.connect() as connection, connection.begin():
            return _Check(Source(connection), breaks, progress or (lambda _table, _rows: None)).run()
    except DAMAGE as error:
        breaks.add("database", None, None, f"It cannot be read as a database ({cause_text(error)}).")
        return Report(ok=False, head=ZERO, rows=0, breaks=breaks.found)
    finally:
        engine.dispose()


class _Check:
    """One whole check."""

    def __init__(self, source: Source, breaks: Breaks, progress: Progress) -> None:
        self._source = source
        self._breaks = breaks
        self._progress = progress
        self._heads: dict[str, Head] = {}
        self._rows = 0

    def run(self) -> Report:
        """Everything, in the order in which one finding explains the next."""
        source, breaks = self._source, self._breaks
        check_schema(source.sqlite, breaks)
        present = {str(table.name) for table in metadata.sorted_tables if self._is_there(str(table.name))}
        noted = self._noted_heads()
        self._walk_all(present, noted)
        if {"state_latest", "manifests"} <= present:
            self._guarded("state_latest", lambda: _check_states(source, breaks))
        # The file before what is asked through its indexes: a damaged one would accuse rows that are sound.
        if source.is_sqlite:
            check_file(source.sqlite, breaks)
            check_references(source.sqlite, breaks)
        if not breaks.any_of("database"):
            self._guarded("database", lambda: check_parents(source, breaks, present))
            self._guarded("database", lambda: check_books(source, breaks, present))
        head = self._heads["manifests"].head if "manifests" in self._heads else ZERO
        found = [self._with_key(one) if at < KEYS_MAX else one for at, one in enumerate(breaks.found)]
        return Report(ok=not found, head=head, rows=self._rows, breaks=found, heads=self._heads)

    def _is_there(self, table: str) -> bool:
        return bool(self._source.connection.dialect.has_table(self._source.connection, table))

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
                self._guarded(name, lambda: marks.update(read_marks(self._source, self._breaks)))

    def _guarded(self, table: str, check: Callable[[], None]) -> None:
        try:
            check()
        except DAMAGE as error:
            column = DECODE.search(str(error))
            self._breaks.add(table, None, column[1] if column else None, f"It cannot be read ({cause_text(error)}).")

    def _noted_heads(self) -> dict[str, Head]:
        noted: dict[str, Head] = {}

        def read() -> None:
            for name, count, head in self._source.all("SELECT table_name, count, head FROM chain_heads"):
                noted[name] = Head(count=count, head=head)
            for table in EVIDENCE:
                if table.name not in noted:
                    self._breaks.add("chain_heads", None, None, f"It says nothing of {table.name}.")

        self._guarded("chain_heads", read)
        return noted

    def _with_key(self, found: Break) -> Break:
        """The break with what people know the row by."""
        if found.seq is None or found.table not in metadata.tables:
            return found
        names = natural_key(metadata.tables[found.table])
        if not names:
            return found
        sql = f"SELECT {', '.join(names)} FROM {found.table} WHERE seq = :seq"  # noqa: S608 -- names of our own schema
        try:
            row = self._source.first(sql, seq=found.seq)
        except DAMAGE:
            return found
        return found if row is None else replace(found, key=dict(zip(names, row, strict=True)))


def _check_states(source: Source, breaks: Breaks) -> None:
    query = (
        "SELECT s.run_id, s.state, s.state_hash, s.manifest_hash, m.row_hash, m.blob_hash FROM state_latest s "
        "LEFT JOIN manifests m ON m.run_id = s.run_id AND m.hour_ts_utc = s.hour_ts_utc"
    )
    rows: Any = source.all(query)
    for run_id, state, state_hash, manifest, row_hash, blob_hash in rows:
        if sha256(state) != state_hash:
            breaks.add("state_latest", None, "state", f"The state of run {run_id} is not the one that was written.")
        elif blob_hash is not None and blob_hash != state_hash:
            breaks.add("state_latest", None, "state_hash", f"The state of run {run_id} is not that of its manifest.")
        if manifest is not None and manifest != row_hash:
            breaks.add("state_latest", None, "manifest_hash", f"Run {run_id} names a manifest that is not its last.")
    # The state is written in the transaction of the hour: where it is missing or older, somebody took it away.
    last = (
        "SELECT m.run_id FROM manifests m LEFT JOIN state_latest s ON s.run_id = m.run_id "
        "WHERE m.blob_hash IS NOT NULL GROUP BY m.run_id "
        "HAVING MAX(s.hour_ts_utc) IS NULL OR MAX(m.hour_ts_utc) <> MAX(s.hour_ts_utc)"
    )
    for (run_id,) in source.all(last):
        breaks.add("state_latest", None, None, f"The state after the last hour of run {run_id} is not there.")
