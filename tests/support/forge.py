"""An attacker's tools: change a database past its triggers, and then compute every hash in it anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson

from mooring.runtime.store.hashing import ZERO, RowHasher, canonical, with_root
from mooring.runtime.store.lineage import parent_sql
from mooring.runtime.store.schema import EVIDENCE, IN_MANIFEST

TABLES = {str(table.name): table for table in EVIDENCE}
OPENING = [n for n in TABLES if n not in {*IN_MANIFEST, "manifests", "snapshots", "alert_acks"}]
AFTER = ("alert_acks", "snapshots")  # they name rows of hours, and no hour names them
Change = str | tuple[str, tuple[Any, ...]] | Callable[[sqlite3.Connection], object]


@contextmanager
def unguarded(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection past every trigger and rule, in a transaction; the triggers are back afterwards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA ignore_check_constraints = ON")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        connection.execute("BEGIN")
        for name, _sql in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _name, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def change(connection: sqlite3.Connection, what: Change) -> None:
    """Do one change; a statement has to change something."""
    if callable(what):
        what(connection)
        return
    sql, values = (what, ()) if isinstance(what, str) else what
    assert connection.execute(sql, values).rowcount != 0, sql


def spoil(path: Path, *changes: Change) -> None:
    """Change rows and leave the hashes as they are."""
    with unguarded(path) as connection:
        for what in changes:
            change(connection, what)


def forge(path: Path, *changes: Change, wrong_parents: dict[tuple[str, int], str] | None = None) -> None:
    """Change rows, then number them without gaps and compute every parent, hash, manifest, root and end again.

    Rows stay with the hour they were written in; added ones count to the last.

    Args:
        wrong_parents: SQL of the parent hash that a row (table, number) is given instead of the right one.
    """
    with unguarded(path) as connection:
        hours = _hours_of(connection)
        for what in changes:
            change(connection, what)
        Forger(connection, hours, wrong_parents or {}).run()


def _hours_of(connection: sqlite3.Connection) -> dict[str, dict[int, int]]:
    """For each table: number of a row to the manifest that first counts it."""
    found: dict[str, dict[int, int]] = {name: {} for name in IN_MANIFEST}
    for seq, heads in connection.execute("SELECT seq, heads FROM manifests ORDER BY seq"):
        for name, (count, _head) in orjson.loads(heads).items():
            found[name].update((row, seq) for row in range(len(found[name]) + 1, count + 1))
    return found


class Forger:
    """Redoes everything that is computed from the rows."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        hours: dict[str, dict[int, int]],
        wrong_parents: dict[tuple[str, int], str],
    ) -> None:
        self._db = connection
        self._hours = hours
        self._wrong = wrong_parents
        self._hashers = {name: RowHasher(table) for name, table in TABLES.items()}
        self._ends = dict.fromkeys(TABLES, (0, ZERO))

    def run(self) -> None:
        """All of it, in the order in which it was written."""
        manifests = [row[0] for row in self._db.execute("SELECT seq FROM manifests ORDER BY seq")]
        last = manifests[-1] if manifests else 0
        upto = {name: self._number(name, last) for name in TABLES}
        for name in OPENING:
            self._rehash(name, len(upto[name]))
        roots: dict[str, str] = {}
        for seq, was in enumerate(manifests, start=1):
            for name in IN_MANIFEST:
                self._rehash(name, sum(hour <= was for hour in upto[name]))
            row = dict(self._db.execute("SELECT * FROM manifests WHERE seq = ?", (seq,)).fetchone())
            row["heads"] = canonical({name: list(self._ends[name]) for name in IN_MANIFEST}).decode()
            row["previous_root"] = roots.get(row["run_id"], ZERO)
            row = with_root(row)
            roots[row["run_id"]] = row["root"]
            self._db.execute(
                "UPDATE manifests SET heads = :heads, previous_root = :previous_root, root = :root WHERE seq = :seq",
                row,
            )
            self._rehash("manifests", seq)
        for name in (*IN_MANIFEST, *AFTER):
            self._rehash(name, len(upto[name]))
        for name, (count, head) in self._ends.items():
            self._db.execute("UPDATE chain_heads SET count = ?, head = ? WHERE table_name = ?", (count, head, name))
        self._db.execute(
            "UPDATE state_latest SET manifest_hash = (SELECT m.row_hash FROM manifests m "
            "WHERE m.run_id = state_latest.run_id AND m.hour_ts_utc = state_latest.hour_ts_utc)"
        )

    def _number(self, name: str, last: int) -> list[int]:
        """Close the gaps in a table's numbers; the manifest that first counts each row, as it was numbered before."""
        hours = self._hours.get(name, {})
        found = []
        for seq, (was,) in enumerate(self._db.execute(f"SELECT seq FROM {name} ORDER BY seq").fetchall(), start=1):
            assert was >= seq, f"{name} row {was} is not one to add"
            self._db.execute(f"UPDATE {name} SET seq = ? WHERE seq = ?", (seq, was))
            found.append(hours.get(was, last))
        return found

    def _rehash(self, name: str, upto: int) -> None:
        """Compute parent and hashes of the rows of a table up to one."""
        seq, prev = self._ends[name]
        while seq < upto:
            seq += 1
            sql = f"SELECT c.*, {parent_sql(name)} AS made FROM {name} c WHERE c.seq = ?"
            row = dict(self._db.execute(sql, (seq,)).fetchone())
            parent = row.pop("made")
            if wrong := self._wrong.get((name, seq)):
                right, (parent,) = parent, self._db.execute(f"SELECT {wrong}").fetchone()
                assert parent not in {right, None}, f"{wrong} is right"
            made = self._hashers[name].hash_row(prev, parent, row)
            self._db.execute(
                f"UPDATE {name} SET prev_hash = ?, parent_hash = ?, row_hash = ? WHERE seq = ?",
                (prev, parent, made, seq),
            )
            prev = made
        self._ends[name] = (seq, prev)
