"""How the histories of two database files relate: one goes on where the other ends, or they part somewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mooring.runtime.store.connect import raw_reader
from mooring.runtime.store.failures import DAMAGE
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.types import Head


class Relation(StrEnum):
    """What a backup is to the database in place."""

    NEW = "new"  # nothing is in place
    SAME = "same"
    AHEAD = "ahead"  # the backup has all that is in place, and more
    BEHIND = "behind"  # what is in place has all of the backup, and more
    OTHER = "other"  # neither has all of the other
    UNKNOWN = "unknown"  # what is in place cannot be read so far


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a database stands.

    Attributes:
        heads: the end of each table's chain.
        last_hour: close of the hour that was recorded last, UTC unix seconds; None before the first.
        kill: reason and UTC unix seconds of a kill switch that is on; None where it is off.
    """

    heads: Mapping[str, Head]
    last_hour: int | None
    kill: tuple[str, int | None] | None

    @property
    def head(self) -> str:
        """Hash of the last manifest; 64 zeros before the first."""
        return self.heads["manifests"].head

    @property
    def hours(self) -> int:
        """Hours recorded."""
        return self.heads["manifests"].count

    @property
    def rows(self) -> int:
        """Rows of evidence."""
        return sum(head.count for head in self.heads.values())


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A backup beside the database in place.

    Attributes:
        present: None where there is none, or it cannot be read.
    """

    relation: Relation
    present: Standing | None
    backup: Standing


class _History:
    """One file, read-only, as of one moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("BEGIN")
        self.standing = Standing(heads=self._heads(), last_hour=self._last_hour(), kill=self._kill())

    def hash_at(self, table: str, seq: int) -> str | None:
        """The hash of a row; 64 zeros for row 0, None where there is no such row."""
        if seq == 0:
            return ZERO
        # Names of our own schema only.
        row = self._connection.execute(f"SELECT row_hash FROM {table} WHERE seq = ?", (seq,)).fetchone()  # noqa: S608
        return None if row is None else str(row[0])

    def _heads(self) -> dict[str, Head]:
        """The end of each chain.

        Raises:
            sqlite3.DatabaseError: rows that were noted are missing, or others are there.
        """
        noted = {
            name: Head(count=count, head=head)
            for name, count, head in self._connection.execute("SELECT table_name, count, head FROM chain_heads")
        }
        heads: dict[str, Head] = {}
        for table in EVIDENCE:
            name = str(table.name)
            (last,) = self._connection.execute(f"SELECT coalesce(max(seq), 0) FROM {name}").fetchone()  # noqa: S608
            heads[name] = Head(count=last, head=self.hash_at(name, last) or ZERO)
            if noted.get(name) != heads[name]:
                raise sqlite3.DatabaseError(f"the end of {name} is not the one noted")
        return heads

    def _last_hour(self) -> int | None:
        row = self._connection.execute("SELECT max(hour_ts_utc) FROM manifests").fetchone()
        return None if row[0] is None else int(row[0])

    def _kill(self) -> tuple[str, int | None] | None:
        query = "SELECT kill_active, kill_reason, kill_since FROM controls ORDER BY seq DESC LIMIT 1"
        active, reason, since = self._connection.execute(query).fetchone() or (0, "", None)
        return (reason, since) if active else None


def compare(present: Path, backup: Path) -> Comparison:
    """How a backup relates to the database in place.

    Args:
        backup: one that was proved.
    """
    with ExitStack() as opened:
        of_backup = _History(opened.enter_context(closing(raw_reader(backup))))
        after = of_backup.standing
        if not present.exists() or present.stat().st_size == 0:
            return Comparison(relation=Relation.NEW, present=None, backup=after)
        try:
            of_present = _History(opened.enter_context(closing(raw_reader(present))))
            relation = _relation(of_present, of_backup)
        except DAMAGE:
            return Comparison(relation=Relation.UNKNOWN, present=None, backup=after)
        return Comparison(relation=relation, present=of_present.standing, backup=after)


def _relation(present: _History, backup: _History) -> Relation:
    ahead = behind = False
    for table, ours in present.standing.heads.items():
        theirs = backup.standing.heads[table]
        shared = min(ours.count, theirs.count)
        if present.hash_at(table, shared) != backup.hash_at(table, shared):
            return Relation.OTHER
        ahead = ahead or theirs.count > ours.count
        behind = behind or theirs.count < ours.count
    if ahead and behind:
        return Relation.OTHER
    if behind:
        return Relation.BEHIND
    return Relation.AHEAD if ahead else Relation.SAME
