"""Prove a database: every row's hash, every chain, the manifests, the books, the file and the schema.

Only reads, in one transaction, so it may run while the daemon writes. One damaged row is reported once: the chain is
followed on from the hash that is stored with it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mooring.errors import Unverified
from mooring.runtime.store.connect import check_kind, no_database, raw_reader
from mooring.runtime.store.failures import DAMAGE, cause_text
from mooring.runtime.store.hashing import ZERO, sha256
from mooring.runtime.store.schema import EVIDENCE, IN_MANIFEST
from mooring.runtime.store.types import Head, Report
from mooring.runtime.store.verify_file import check_file, check_references, check_schema
from mooring.runtime.store.verify_rows import Breaks, TableWalk, marks

MAX_BREAKS: Final = 1000
MAX_BREAKS_TABLE: Final = 100
LISTED_MAX: Final = 100
DECODE: Final = re.compile(r"column '(\w+)'")


def verify(path: Path, *, progress: Callable[[str, int], None] | None = None) -> Report:
    """Check a database against itself.

    Args:
        path: the file.
        progress: called with (table, rows so far) as tables are read.

    Raises:
        NotFound: there is no file.
    """
    path = Path(path)
    if not path.is_file():
        raise no_database(path)
    breaks = Breaks(most=MAX_BREAKS, most_of_a_table=MAX_BREAKS_TABLE)
    try:
        check_kind(path)
        connection = raw_reader(path)
    except Unverified as error:
        breaks.add("database", None, None, error.what)
        return Report(ok=False, head=ZERO, rows=0, breaks=breaks.found)
    except DAMAGE as error:
        breaks.add("database", None, None, f"The file cannot be read as a database ({cause_text(error)}).")
        return Report(ok=False, head=ZERO, rows=0, breaks=breaks.found)
    try:
        return _verify(connection, breaks, progress or (lambda _table, _rows: None))
    finally:
        connection.close()


def _verify(connection: sqlite3.Connection, breaks: Breaks, progress: Callable[[str, int], None]) -> Report:
    try:
        connection.execute("BEGIN")
        present = check_schema(connection, breaks)
    except DAMAGE as error:
        breaks.add("database", None, None, f"The list of tables cannot be read ({cause_text(error)}).")
        return Report(ok=False, head=ZERO, rows=0, breaks=breaks.found)
    noted = _noted_heads(connection, breaks)
    heads: dict[str, Head] = {}
    rows = 0
    # Manifests first: which of them can be trusted decides what the other tables are compared with.
    for table in sorted(EVIDENCE, key=lambda t: t.name != "manifests"):
        name = str(table.name)
        if name not in present:
            continue
        at = marks(connection, name, breaks) if name in IN_MANIFEST and "manifests" in present else None
        walk = TableWalk(connection, table, breaks, at, noted.get(name))
        heads[name] = walk.run()
        rows += walk.rows
        progress(name, rows)
    if "state_latest" in present and "manifests" in present:
        _guarded(breaks, "state_latest", lambda: _check_states(connection, breaks))
    if "ledger" in present:
        _guarded(breaks, "ledger", lambda: _check_books(connection, breaks))
    check_file(connection, breaks)
    check_references(connection, breaks)
    head = heads["manifests"].head if "manifests" in heads else ZERO
    return Report(ok=not breaks.found, head=head, rows=rows, breaks=breaks.found, heads=heads)


def _guarded(breaks: Breaks, table: str, check: Callable[[], None]) -> None:
    try:
        check()
    except DAMAGE as error:
        column = DECODE.search(str(error))
        breaks.add(table, None, column[1] if column else None, f"It cannot be read ({cause_text(error)}).")


def _noted_heads(connection: sqlite3.Connection, breaks: Breaks) -> dict[str, Head]:
    noted: dict[str, Head] = {}

    def read() -> None:
        for name, count, head in connection.execute("SELECT table_name, count, head FROM chain_heads"):
            noted[name] = Head(count=count, head=head)
        for table in EVIDENCE:
            if table.name not in noted:
                breaks.add("chain_heads", None, None, f"It says nothing of {table.name}.")

    _guarded(breaks, "chain_heads", read)
    return noted


def _check_states(connection: sqlite3.Connection, breaks: Breaks) -> None:
    query = (
        "SELECT s.run_id, s.state, s.state_hash, s.manifest_hash, m.row_hash, m.blob_hash FROM state_latest s "
        "LEFT JOIN manifests m NOT INDEXED ON m.run_id = s.run_id AND m.hour_ts_utc = s.hour_ts_utc"
    )
    for run_id, state, state_hash, manifest, row_hash, blob_hash in connection.execute(query):
        if sha256(state) != state_hash:
            breaks.add("state_latest", None, "state", f"The state of run {run_id} is not the one that was written.")
        elif blob_hash is not None and blob_hash != state_hash:
            breaks.add("state_latest", None, "state_hash", f"The state of run {run_id} is not that of its manifest.")
        if manifest is not None and manifest != row_hash:
            breaks.add("state_latest", None, "manifest_hash", f"Run {run_id} names a manifest that is not its last.")
    # The state is written in the transaction of the hour: where it is missing or older, somebody took it away.
    last = (
        "SELECT m.run_id FROM manifests m NOT INDEXED LEFT JOIN state_latest s ON s.run_id = m.run_id "
        "WHERE m.blob_hash IS NOT NULL GROUP BY m.run_id "
        "HAVING MAX(s.hour_ts_utc) IS NULL OR MAX(m.hour_ts_utc) <> MAX(s.hour_ts_utc)"
    )
    for (run_id,) in connection.execute(last):
        breaks.add("state_latest", None, None, f"The state after the last hour of run {run_id} is not there.")


def _check_books(connection: sqlite3.Connection, breaks: Breaks) -> None:
    # Not through an index: a damaged one would accuse rows that are sound.
    query = (
        "SELECT txn_id, asset, MIN(seq) FROM ledger NOT INDEXED "
        "GROUP BY txn_id, asset HAVING SUM(amount) <> 0 ORDER BY 3 LIMIT ?"
    )
    for txn_id, asset, seq in connection.execute(query, (LISTED_MAX,)).fetchall():
        lines = connection.execute("SELECT seq FROM ledger NOT INDEXED WHERE txn_id = ?", (txn_id,)).fetchall()
        # A line that is known to be damaged or missing explains the sum; its neighbours are innocent.
        if not any(breaks.has("ledger", line + step) for (line,) in lines for step in (-1, 0, 1)):
            breaks.add("ledger", seq, "amount", f"The postings of {txn_id} do not sum to zero in {asset}.")
