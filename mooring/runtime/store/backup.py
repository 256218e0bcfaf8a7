"""A copy of the database while the daemon writes: one consistent moment, proved before it gets its name.

Source: the online backup interface of SQLite, https://www.sqlite.org/backup.html. One read transaction spans all of its
steps, so that what is copied is one moment, and in the write-ahead mode the writer never waits for a reader.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mooring.durable import sync_file
from mooring.errors import Invalid, MooringError, Retry, Unverified
from mooring.runtime.store.connect import check_kind, file_uri, no_database, raw_reader
from mooring.runtime.store.disk import file_beside, file_exists, move_into_place, unwritable
from mooring.runtime.store.failures import cause_text, corrupt, reading, sqlite_name
from mooring.runtime.store.types import Report
from mooring.runtime.store.verify import verify

STEP_PAGES: Final = 256  # 1 MiB: between steps a signal is heard and progress is told
HEAD_SHOWN: Final = 12
OURS: Final = re.compile(r"mooring-\d{8}T\d{6}Z-[0-9a-f]{12}\.db")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What was made.

    Attributes:
        head: hash of the last manifest in it; `rows` of evidence it holds.
        removed: older backups that were taken away.
    """

    path: Path
    head: str
    rows: int
    size: int
    removed: tuple[Path, ...]


def back_up(
    database: Path,
    place: Path,
    *,
    now: int,
    force: bool = False,
    keep: int | None = None,
    progress: Progress | None = None,
) -> Backup:
    """Copy the database, prove the copy, and put it in its place.

    Args:
        database: the file; others may have it open and write to it.
        place: the file to make, or a folder that is there, where it is named by time and head.
        now: UTC unix seconds.
        force: replace a file that is there.
        keep: in a folder, how many backups named so to leave, this one among them; None removes none.
        progress: called with (pages copied, pages in all).

    Raises:
        NotFound: there is no database.
        Conflict: there is such a file.
        Invalid: the place cannot be written, or `keep` is no such number.
        Unverified: the database is damaged; no backup is made.
        Retry: another program holds the database.
    """
    if not database.is_file():
        raise no_database(database)
    named = not place.is_dir()
    if keep is not None and (named or keep < 1):
        raise Invalid(
            "bad_keep",
            "A number of backups to keep must be at least 1, and counts those in the folder of backups.",
            todo="Give --keep with 1 or more, and no --out that names a file.",
        )
    if named and not force and place.exists():
        raise file_exists(place)
    if named and place.exists() and place.samefile(database):
        raise unwritable(place, "it is the database itself")
    try:
        with file_beside(place.parent if named else place) as part:
            copy_moment(database, part, progress=progress)
            report = proved(part, database)
            final = place if named else place / _name(now, report.head)
            size = part.stat().st_size
            move_into_place(part, final, force=force)
        removed = () if keep is None else _thin_out(final, keep)
    except OSError as error:
        raise unwritable(place, error.strerror or "refused") from error
    return Backup(path=final, head=report.head, rows=report.rows, size=size, removed=removed)


def copy_moment(database: Path, empty: Path, *, pages: int = STEP_PAGES, progress: Progress | None = None) -> None:
    """Copy one consistent moment of a database into an empty file, which needs no other file beside it, and sync it.

    Raises:
        Unverified: the database is damaged.
        Halt: it cannot be read.
        Retry: another program holds it.
        Invalid: the copy cannot be written.
        OSError: it cannot be synced.
    """
    tell = progress or (lambda _done, _all: None)
    with ExitStack() as opened:
        with reading():
            check_kind(database)
            source = opened.enter_context(closing(raw_reader(database)))
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the moment is now
        try:
            target = opened.enter_context(closing(_empty_target(empty)))
            source.backup(target, pages=pages, progress=lambda _, left, total: tell(total - left, total))
            # As it was copied it would want a log beside it, which a folder without the right to write cannot have.
            target.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise _copy_failure(error, empty) from error
    sync_file(empty)


def _empty_target(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(file_uri(path, "rw"), uri=True, isolation_level=None)


def _copy_failure(error: sqlite3.Error, target: Path) -> MooringError:
    name, text = sqlite_name(error), cause_text(error)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return corrupt(text)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Retry("database_busy", "The database is busy.", todo="Ask again in a second.")
    return unwritable(target.parent, text)


def proved(copy: Path, source: Path) -> Report:
    """The report on a copy that holds.

    Raises:
        Unverified: it does not.
    """
    report = verify(copy)
    if not report.ok:
        raise Unverified(
            "backup_broken",
            f"{source} does not hold: {report.breaks[0]}",
            money="A copy of it would prove nothing, so none was kept and nothing was replaced.",
            todo="Keep the file as it is, and run `mooring db check`; an older backup may hold.",
        )
    return report


def _name(now: int, head: str) -> str:
    return f"mooring-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{head[:HEAD_SHOWN]}.db"


def _thin_out(made: Path, keep: int) -> tuple[Path, ...]:
    """Remove the oldest beyond `keep`; never the one just made, whatever the clock said."""
    others = sorted(p for p in made.parent.iterdir() if OURS.fullmatch(p.name) and p != made and p.is_file())
    gone = others[: max(0, len(others) - (keep - 1))]
    for path in gone:
        path.unlink()
    return tuple(gone)
