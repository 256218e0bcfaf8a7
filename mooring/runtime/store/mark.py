"""How far a database got, noted beside it: one that lost its last rows agrees with itself, and only this tells.

Rows are lost without a trace where the log is deleted after a crash, or an older copy is put in the database's place
by hand. The note is written after each commit and not synced: it may lag behind the database, never run ahead of it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import Connection, select

from mooring.errors import Unverified
from mooring.runtime.store.hashing import canonical
from mooring.runtime.store.schema_hourly import manifests
from mooring.runtime.store.types import Committed, Head

SUFFIX: Final = ".mark"
FORMAT: Final = "mooring-mark-1"
BYTES_MAX: Final = 1024


def mark_of(database: Path) -> Path:
    """Where a database's note is."""
    return database.with_name(database.name + SUFFIX)


class Mark:
    """The note beside one database file.

    Args:
        database: the file.
    """

    def __init__(self, database: Path) -> None:
        self._path = mark_of(database)
        self._database = database
        self._part = self._path.with_name(self._path.name + ".part")
        self._rows, self._hours, self._head = 0, 0, ""
        self._lock = threading.Lock()

    def note(self, done: Committed) -> None:
        """Note what is durable now; where that fails, the note lags behind. Safe to call from any thread."""
        rows = sum(done.counts.values())
        with self._lock:
            if rows <= self._rows:
                return  # a later commit was noted first, or there was nothing to add
            self._rows = rows
            if done.manifest_hash is not None:
                self._hours, self._head = done.counts["manifests"], done.manifest_hash
            said = {"format": FORMAT, "rows": rows, "hours": self._hours, "head": self._head}
            with suppress(OSError):
                with open(self._part, "wb", opener=_private) as file:  # Path.open takes no opener
                    file.write(canonical(said))
                self._part.replace(self._path)

    def require_a_database(self) -> None:
        """Where rows were noted, there must be a file to hold them.

        Raises:
            Unverified: it was deleted.
        """
        rows, _, _ = self._read()
        if rows and not (self._database.exists() and self._database.stat().st_size > 0):
            raise _missing("It was deleted")

    def check(self, connection: Connection, heads: Mapping[str, Head]) -> None:
        """See that nothing noted is missing.

        Raises:
            Unverified: rows are missing, or others are in their place.
        """
        self._rows, self._hours, self._head = self._read()
        found = sum(head.count for head in heads.values())
        if found < self._rows:
            raise _missing(f"It has {found} rows, and {self._rows} were recorded")
        if self._hours:
            query = select(manifests.c.row_hash).where(manifests.c.seq == self._hours)
            if connection.execute(query).scalar() != self._head:
                raise _missing(f"Its hour {self._hours} is not the one that was recorded")

    def _read(self) -> tuple[int, int, str]:
        """(rows, hours, hash of the last manifest); zeros where nothing was noted that can be read."""
        try:
            with self._path.open("rb") as file:
                said = orjson.loads(file.read(BYTES_MAX))
            if said["format"] == FORMAT:
                return int(said["rows"]), int(said["hours"]), str(said["head"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # after a power cut it may be empty; a note that is gone accuses nobody
        return 0, 0, ""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _missing(what: str) -> Unverified:
    return Unverified(
        "rows_missing",
        f"The database is not the one that was written to last. {what}.",
        money="What was ordered, filled and booked since cannot be known from it, so nothing is traded.",
        todo="Put the newest file back with the log beside it, or restore a backup with `mooring db restore`, "
        "which pauses trading and lets you decide.",
    )
