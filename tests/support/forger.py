"""A forger: changes rows past the triggers and then hashes everything anew, so that only recomputing finds it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from mooring.runtime.store.hashing import HASH_COLUMNS, ZERO, RowHasher, canonical, sha256, with_root
from mooring.runtime.store.lineage import parent_sql
from mooring.runtime.store.schema import EVIDENCE, IN_MANIFEST

AFTER_THE_HOURS = ("alert_acks", "snapshots")


def forge(path: Path, *statements: str) -> None:
    """Run SQL past triggers and rules, each statement changing something, and make every hash fit again."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA foreign_keys = OFF")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("BEGIN")
        for sql in statements:
            assert connection.execute(sql).rowcount > 0, sql
        _Rehash(connection).run()
        connection.execute("COMMIT")
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class _Rehash:
    """Every chain, parent, manifest and noted end, in the order in which they were first written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.row_factory = sqlite3.Row
        self._hashers = {str(table.name): RowHasher(table) for table in EVIDENCE}
        self._ends: dict[str, tuple[int, str]] = dict.fromkeys(self._hashers, (0, ZERO))

    def run(self) -> None:
        for name in self._hashers:
            if name not in IN_MANIFEST and name not in {"manifests", *AFTER_THE_HOURS}:
                self._table(name)
        for manifest in self._rows("SELECT * FROM manifests ORDER BY seq"):
            counts = {name: count for name, (count, _) in orjson.loads(manifest["heads"]).items()}
            for name in self._hashers:
                if name in IN_MANIFEST:
                    self._table(name, upto=counts[name])
            self._manifest(manifest)
        for name in (*IN_MANIFEST, *AFTER_THE_HOURS):
            self._table(name)
        for name, (count, head) in self._ends.items():
            self._connection.execute(
                "UPDATE chain_heads SET count = ?, head = ? WHERE table_name = ?", (count, head, name)
            )
        for run_id, hour, state in self._connection.execute(
            "SELECT run_id, hour_ts_utc, state FROM state_latest"
        ).fetchall():
            found = self._connection.execute(
                "SELECT row_hash FROM manifests WHERE run_id = ? AND hour_ts_utc = ?", (run_id, hour)
            ).fetchone()
            self._connection.execute(
                "UPDATE state_latest SET state_hash = ?, manifest_hash = ? WHERE run_id = ?",
                (sha256(state), None if found is None else found[0], run_id),
            )

    def _rows(self, sql: str, *values: Any) -> Sequence[dict[str, Any]]:
        return [dict(row) for row in self._connection.execute(sql, values).fetchall()]

    def _table(self, name: str, *, upto: int | None = None) -> None:
        limit = 2**62 if upto is None else upto
        query = f"SELECT * FROM {name} WHERE seq > ? AND seq <= ? ORDER BY seq"
        for row in self._rows(query, self._ends[name][0], limit):
            self._row(name, row)

    def _row(self, name: str, row: dict[str, Any]) -> None:
        seq, prev = self._ends[name]
        query = f"SELECT {parent_sql(name)} FROM {name} c WHERE c.seq = ?"
        (parent,) = self._connection.execute(query, (row["seq"],)).fetchone()
        hashed = self._hashers[name].hash_row(prev, parent, row)
        self._connection.execute(
            f"UPDATE {name} SET prev_hash = ?, parent_hash = ?, row_hash = ? WHERE seq = ?",
            (prev, parent, hashed, row["seq"]),
        )
        self._ends[name] = (seq + 1, hashed)

    def _manifest(self, row: dict[str, Any]) -> None:
        before = self._connection.execute(
            "SELECT root FROM manifests WHERE run_id = ? AND hour_ts_utc < ? ORDER BY hour_ts_utc DESC LIMIT 1",
            (row["run_id"], row["hour_ts_utc"]),
        ).fetchone()
        row["previous_root"] = ZERO if before is None else before[0]
        row["heads"] = canonical({name: list(self._ends[name]) for name in IN_MANIFEST}).decode()
        row = with_root(row)
        self._connection.execute(
            "UPDATE manifests SET heads = ?, previous_root = ?, root = ? WHERE seq = ?",
            (row["heads"], row["previous_root"], row["root"], row["seq"]),
        )
        self._row("manifests", row)


def columns_of(name: str) -> list[tuple[str, bool]]:
    """(column, whether it holds whole numbers) of what an evidence table says."""
    table = next(table for table in EVIDENCE if table.name == name)
    return [
        (str(c.name), c.type.python_type is int)
        for c in table.c
        if c.name not in HASH_COLUMNS | {"seq"} and c.type.python_type is not bytes
    ]
