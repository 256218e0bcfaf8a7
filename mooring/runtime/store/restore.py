"""Put a backup in the database's place: proved first, swapped in one step, and never traded from unasked.

What is in place stays whole and usable until the one rename that puts the new database there, and is kept beside it
under another name. The order of the steps matters, as SQLite would play a write-ahead log that is left over into
whatever database has its name: the log of the old one is moved into the old file, or aside with it, before the swap.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Final

from mooring.durable import sync_file, sync_folder
from mooring.errors import Conflict, Invalid, NotFound
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.store.backup import Progress, copy_moment, proved
from mooring.runtime.store.connect import BUSY_TIMEOUT_MS, file_uri
from mooring.runtime.store.disk import SIDE_FILES, unwritable
from mooring.runtime.store.failures import cause_text, sqlite_name
from mooring.runtime.store.hashing import canonical
from mooring.runtime.store.mark import mark_of
from mooring.runtime.store.relation import Comparison, Relation, compare
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Row

PAUSE_REASON: Final = "restored from a backup"
LOGS: Final = ("-wal", "-journal")  # may hold rows that are not in the file yet; -shm is made anew from -wal
NOT_REPLACED: Final = "Nothing was replaced."

Fault = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody asks for.

    Attributes:
        now: UTC unix seconds of the wall clock.
        actor: who, for the audit.
        older: go back in time, or replace a database that cannot be read.
        discard: put away a database that has another history.
    """

    now: int
    actor: str
    older: bool = False
    discard: bool = False


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What was done.

    Attributes:
        found: the backup beside what was in place, both as they were before.
        kept: where what was in place is now; None where nothing was.
    """

    found: Comparison
    kept: Path | None


def restore(
    backup: Path, database: Path, wish: Wish, *, progress: Progress | None = None, fault: Fault | None = None
) -> Restored:
    """Put a backup in a database's place. No daemon may have the database, which the caller sees to.

    The new database says in its own chain that it was restored, and is paused until a person resumes.

    Args:
        backup: any database of ours; it is only read.
        database: where it goes; the folder exists.
        progress: called with (pages copied, pages in all).
        fault: called with the name of each step done; tests die in it.

    Raises:
        NotFound: there is no backup.
        Unverified: the backup does not hold.
        Conflict: the backup is behind, or of another history, and nobody insisted; or the database is open elsewhere.
        Invalid: there is no room or right to write.
        Retry: another program holds the backup.
    """
    passed = fault or (lambda _point: None)
    database = database.resolve()
    if not backup.is_file():
        raise NotFound("no_backup", f"There is no file {backup}.", money=NOT_REPLACED, todo="Name a backup.")
    if database.exists() and backup.samefile(database):
        raise Invalid("backup_in_place", f"{backup} is the database itself.", todo="Name a backup.")
    try:
        with _fresh_file(database.with_name(f"{database.name}.restoring")) as made:
            copy_moment(backup, made, progress=progress)
            passed("copied")
            proved(made, backup)
            passed("proved")
            found = compare(database, made)
            _agreed(found, wish)
            aside = _free_name(database, wish.now)
            _record(made, _rows(found, backup, aside, wish), found, wish)
            passed("recorded")
            if not _settle(made):
                raise unwritable(made, "its log cannot be moved into it")
            sync_file(made)
            passed("settled")
            if found.relation not in {Relation.NEW, Relation.UNKNOWN}:  # what is damaged is kept as it is
                _close_for_good(database)
            passed("database settled")
            kept = _set_aside(database, aside, passed)
            made.replace(database)
            passed("swapped")
            mark_of(made).replace(mark_of(database))
            sync_folder(database.parent)
    except OSError as error:
        raise unwritable(database, error.strerror or "refused") from error
    except sqlite3.Error as error:
        raise unwritable(database, cause_text(error)) from error
    passed("done")
    return Restored(found=found, kept=kept)


def _agreed(found: Comparison, wish: Wish) -> None:
    """Whether a person agreed to what this loses.

    Raises:
        Conflict: they did not.
    """
    ends = f"The backup ends {_hour(found.backup.last_hour)}"
    if found.relation is Relation.BEHIND and not wish.older and found.present is not None:
        raise Conflict(
            "backup_is_older",
            f"{ends}, the database in place {_hour(found.present.last_hour)}: {_missing(found)} would be left out.",
            money=f"What was ordered, filled and booked since would be forgotten. {NOT_REPLACED}",
            todo="Take a newer backup, or give --older to go back in time; the database in place would be kept aside.",
        )
    if found.relation is Relation.UNKNOWN and not wish.older:
        raise Conflict(
            "database_unreadable_in_place",
            f"{ends}. The database in place is damaged, so what it holds beyond that cannot be known.",
            money=f"What was ordered, filled and booked since the backup would be forgotten. {NOT_REPLACED}",
            todo="Give --older to restore the backup all the same; the damaged database would be kept aside.",
        )
    if found.relation is Relation.OTHER and not wish.discard and found.present is not None:
        raise Conflict(
            "other_history",
            f"{ends}, and the database in place, which ends {_hour(found.present.last_hour)}, has another history.",
            money=f"One of the two is not what your account went through. {NOT_REPLACED}",
            todo="See that it is the right backup, then give --discard; the database in place would be kept aside.",
        )


def _rows(found: Comparison, backup: Path, aside: Path, wish: Wish) -> dict[str, Row]:
    """What the new database says of its own beginning, by table; the run's and the hour's columns come later."""
    present = found.present
    text = f"Restored from a backup that ends {_hour(found.backup.last_hour)}. "
    if found.relation is Relation.BEHIND and present is not None:
        text += f"The database before went on until {_hour(present.last_hour)}: {_missing(found)} are left out here. "
    elif found.relation is Relation.OTHER and present is not None:
        text += f"The database before, which ended {_hour(present.last_hour)}, had another history. "
    elif found.relation in {Relation.NEW, Relation.UNKNOWN}:
        text += "Hours after it may have been traded and cannot be known from here. "
    detail = {
        "relation": found.relation.value,
        "backup_head": found.backup.head,
        "backup_last_hour": found.backup.last_hour,
        "replaced_head": None if present is None else present.head,
        "replaced_last_hour": None if present is None else present.last_hour,
        "replaced_is_kept_as": None if found.relation is Relation.NEW else aside.name,
    }
    alert_id = derived_id("alert", "restored", found.backup.head, found.backup.rows, wish.now)
    return {
        "control_actions": {
            "at": wish.now,
            "actor": wish.actor,
            "action": "restore",
            "reason": backup.name,
            "result": canonical(detail).decode(),
        },
        "run_events": {"at": wish.now, "kind": "restored", "detail": canonical(detail).decode()},
        "alerts": {
            "alert_id": alert_id,
            "severity": "critical",
            "code": "restored",
            "text": f"{text}Trading is paused; look at what is held, then resume.",
        },
    }


def _record(made: Path, rows: dict[str, Row], found: Comparison, wish: Wish) -> None:
    """Write into the new database that it was restored, and that it waits for a person."""
    with Store.open(made, create=False) as store:
        reader = store.reader()
        control = replace(
            reader.control_state(),
            paused=True,
            pause_reason=PAUSE_REASON,
            pause_since=wish.now,
            updated_at=wish.now,
        )
        if found.present is not None and found.present.kill is not None:  # nobody released it
            reason, since = found.present.kill
            control = replace(control, kill_active=True, kill_reason=reason, kill_since=since)
        latest = reader.latest_run()
        if latest is None:  # no hour was ever done, so there is no account to speak of
            store.commit(Batch(rows=[("control_actions", rows["control_actions"])], control=control))
            return
        run_id = latest["run_id"]
        stored = reader.latest_state(run_id)
        hour = {"run_id": run_id, "hour_ts_utc": (0 if stored is None else stored.hour_ts_utc) + HOUR_SECONDS}
        store.commit(
            Batch(
                rows=[
                    ("control_actions", rows["control_actions"]),
                    ("run_events", rows["run_events"] | {"run_id": run_id}),
                    ("alerts", rows["alerts"] | hour),
                ],
                control=control,
            )
        )


@contextmanager
def _fresh_file(path: Path) -> Iterator[Path]:
    """An empty private file; what a restore that was killed left of it is removed, and so is this one if not used."""
    _remove(path)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        yield path
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    for one in (path, mark_of(path), *_beside(path, SIDE_FILES)):
        one.unlink(missing_ok=True)


def _beside(path: Path, ends: tuple[str, ...]) -> list[Path]:
    return [path.with_name(path.name + end) for end in ends]


def _settle(path: Path) -> bool:
    """Move the log into the file; whether nobody else has it open, as then no log is left beside it.

    The mode stays as it is: to leave the write-ahead mode, SQLite would write a journal, and who dies just then leaves
    a database that nobody can read before somebody may write it.

    Raises:
        sqlite3.Error: it cannot be done.
    """
    with closing(
        sqlite3.connect(file_uri(path, "rw"), uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    ) as connection:
        for pragma in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy and not path.with_name(f"{path.name}-wal").exists()


def _close_for_good(database: Path) -> None:
    try:
        alone = _settle(database)
    except sqlite3.Error as error:
        if sqlite_name(error).startswith("SQLITE_CORRUPT"):
            return  # it goes aside with its log
        alone = not sqlite_name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
        if alone:
            raise
    if not alone:
        raise Conflict(
            "database_open_elsewhere",
            "Another program has the database in place open.",
            money=NOT_REPLACED,
            todo="Close it, then restore again.",
        )


def _set_aside(database: Path, aside: Path, passed: Fault) -> Path | None:
    """Give what is in place a second name, with all that belongs to it, and leave it in its place."""
    there = database.exists()
    files, names = [database, *_beside(database, LOGS)], [aside, *_beside(aside, LOGS)]
    if there:
        for left in list(database.parent.glob(f"{database.name}.replaced-*")):
            if left.samefile(database):  # a restore was killed after this step and before the swap
                for old, new in zip([left, *_beside(left, LOGS)], names, strict=True):
                    if old.exists():
                        old.replace(new)
    for file, name in zip(files, names, strict=True):
        if file.exists():
            name.unlink(missing_ok=True)
            os.link(file, name)
    sync_folder(database.parent)
    passed("kept")
    # A log is left here only of a database that is damaged, or gone. The mark would refuse what comes.
    for old in (mark_of(database), *_beside(database, SIDE_FILES)):
        old.unlink(missing_ok=True)
    sync_folder(database.parent)
    passed("cleared")
    return aside if there else None


def _free_name(database: Path, now: int) -> Path:
    """A name for what is in place that nothing has yet."""
    first = database.with_name(f"{database.name}.replaced-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")
    names = chain([first], (first.with_name(f"{first.name}-{number}") for number in count(2)))
    return next(name for name in names if not any(path.exists() for path in (name, *_beside(name, LOGS))))


def _hour(ts: int | None) -> str:
    if ts is None:
        return "before its first hour"
    return f"with the hour {datetime.fromtimestamp(ts, UTC):%Y-%m-%d %H:%M} UTC"


def _missing(found: Comparison) -> str:
    hours = found.present.hours - found.backup.hours if found.present else 0
    rows = found.present.rows - found.backup.rows if found.present else 0
    return f"{hours} {'hour' if hours == 1 else 'hours'} ({rows} rows)"
