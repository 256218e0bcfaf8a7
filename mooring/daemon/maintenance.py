"""Work on a home's database that needs no running daemon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mooring.daemon.instance import InstanceLock
from mooring.errors import NotFound
from mooring.home import Home
from mooring.runtime.store.anchor import changed_since, make_anchor, read_anchor, write_anchor
from mooring.runtime.store.backup import back_up
from mooring.runtime.store.canonical import canonical_sql
from mooring.runtime.store.copy import copy_history
from mooring.runtime.store.guards import repair
from mooring.runtime.store.migrate import HEAD
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.relation import Standing
from mooring.runtime.store.restore import Wish, restore
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify

Progress = Callable[[int, int], None]


def check_database(place: Place, *, against: Path | None = None) -> dict[str, Any]:
    """What `mooring db check` found, as plain data.

    Args:
        against: an anchor, which the database has to hold against as well.

    Raises:
        NotFound: there is no database.
        Invalid: the anchor is none.
        Unreachable, Denied, Retry: as for any server.
    """
    anchor = None if against is None else read_anchor(against)
    if place.file is not None:
        try:
            place.file.lstat()
        except OSError as error:  # also a name that no file system takes
            raise NotFound(
                "no_database",
                f"There is no database at {place} ({error.strerror or 'no such file'}).",
                todo="Name the home that holds it, with --home.",
            ) from None
    report = verify(place)
    breaks = [*report.breaks, *([] if anchor is None else changed_since(place, anchor))]
    found = {
        "ok": not breaks,
        "head": report.head,
        "rows": report.rows,
        "breaks": [
            {"table": b.table, "seq": b.seq, "key": dict(b.key), "column": b.column, "what": b.what, "text": str(b)}
            for b in breaks
        ],
        "heads": {name: {"count": head.count, "head": head.head} for name, head in report.heads.items()},
    }
    if anchor is not None:
        found["anchor"] = {"made_at": anchor.made_at, "head": anchor.head}
    return found


def schema_of(database: str) -> dict[str, Any]:
    """The canonical schema of a kind of database.

    Raises:
        Invalid: there is no such kind.
    """
    return {"database": database, "revision": HEAD, "sql": canonical_sql(database)}


def upgrade_database(home: Home, place: Place) -> dict[str, Any]:
    """Bring a home's database to the newest schema.

    Raises:
        NotFound: there is no database.
        Conflict: a daemon runs for the home, or another writes to the database, or a newer Mooring made it.
        Halt, Unreachable, Denied, Invalid: as `Store.open`.
    """
    reader = Reader.open(place)
    try:
        before = reader.revision()
    finally:
        reader.close()
    home.prepare()
    with InstanceLock(home), Store.open(place, create=False) as store:
        return {"before": before, "after": store.reader().revision()}


def repair_database(home: Home, place: Place, *, now: int) -> dict[str, Any]:
    """Make anew what is gone of a database's rules, once every row was proved; errors as `repair`.

    Raises:
        Conflict: a daemon runs for the home.
    """
    home.prepare()
    with InstanceLock(home):
        done = repair(place, now=now, actor="cli")
    return {"made": list(done.made), "rows": done.rows, "head": done.head}


def copy_database(source: Place | str, target: str, *, progress: Progress | None = None) -> dict[str, Any]:
    """Copy a whole history into an empty database; errors as `copy_history`.

    Args:
        source, target: files, or URLs of PostgreSQL.

    Raises:
        Invalid: a URL that cannot be used.
    """
    origin, place = Place.of(source), Place.of(target)
    done = copy_history(origin, place, progress=progress)
    return {"from": str(origin), "to": str(place), "rows": done.rows, "head": done.head}


def backup_database(
    home: Home,
    *,
    now: int,
    out: Path | None = None,
    force: bool = False,
    keep: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Back a home's database up, also while a daemon writes to it; errors as `back_up`.

    Args:
        now: UTC unix seconds.
        out: the file to make; None for one in the home, named by time and head.
    """
    if out is None and home.database.exists():
        home.prepare_backups()
    made = back_up(home.database, out or home.backups_dir, now=now, force=force, keep=keep, progress=progress)
    return {
        "path": str(made.path),
        "head": made.head,
        "rows": made.rows,
        "bytes": made.size,
        "removed": [str(path) for path in made.removed],
    }


def restore_database(
    home: Home,
    backup: Path,
    *,
    now: int,
    older: bool = False,
    discard: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Put a backup in the place of a home's database, and keep the one in place beside it; errors as `restore`.

    Raises:
        Conflict: a daemon runs for the home.
    """
    home.prepare()
    with InstanceLock(home):
        wish = Wish(now=now, actor="cli", older=older, discard=discard)
        done = restore(backup, home.database, wish, progress=progress)
    present = done.found.present
    return {
        "relation": done.found.relation.value,
        "path": str(home.database),
        "restored": _standing(done.found.backup),
        "replaced": None if present is None else _standing(present),
        "kept_as": None if done.kept is None else str(done.kept),
    }


def anchor_database(
    place: Place, *, now: int, out: Path | None = None, force: bool = False, quick: bool = False
) -> dict[str, Any]:
    """Say where every chain of a database stands, and keep it in a file where one is named.

    Raises:
        NotFound: there is no database.
        Unverified: it does not hold.
        Conflict, Invalid: the file is there already, or cannot be written.
    """
    anchor = make_anchor(place, now=now, quick=quick)
    if out is not None:
        write_anchor(anchor, out, force=force)
    return {"head": anchor.head, "text": anchor.dumped().decode()}


def _standing(at: Standing) -> dict[str, Any]:
    return {"head": at.head, "rows": at.rows, "hours": at.hours, "last_hour": at.last_hour}
