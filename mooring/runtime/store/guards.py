"""The rules that the database itself keeps: compared before anything is traded on its records, made anew where gone.

Whoever takes a trigger away can change rows without being noticed at once. A row that was changed meanwhile is found by
its hash, so nothing is made anew before every row was proved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from mooring.errors import Conflict, Unverified
from mooring.runtime.store.canonical import canonical_sql, made_by, split
from mooring.runtime.store.connect import BUSY_TIMEOUT_MS
from mooring.runtime.store.drift import Difference, differences
from mooring.runtime.store.engines import open_reader, open_writer
from mooring.runtime.store.failures import DAMAGE, reading, write_failure
from mooring.runtime.store.hashing import canonical
from mooring.runtime.store.migrate import HEAD, require_known, run_statements, stored_revision
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Report
from mooring.runtime.store.verify import verify

RESTORE: Final = "Keep the file as it is, and restore a backup."
NAMED_MAX: Final = 3

Progress = Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """What was made anew, as "trigger tg_ledger_update"; rows that were proved, and the head of the records."""

    made: tuple[str, ...]
    rows: int
    head: str


def require_guards(reader: Reader) -> None:
    """See that the rules of a database at the newest revision are those that Mooring makes.

    About 20 ms for a file, and 200 ms for a server, which makes the canonical schema once more to compare with.

    Raises:
        Unverified: they are not, so its records could be changed unseen.
        Retry, Denied, Halt: the database cannot be asked.
    """
    with reader.connected() as connection:
        differing = _weakening(differences(connection))
    if differing:
        raise Unverified(
            "schema_differs",
            f"The database's own rules are not those that Mooring makes. {_named(differing)}",
            money="Its records could be changed unseen, so nothing is traded from them; stops at Kraken stay there.",
            todo="Run `mooring db repair`, which proves every row before it makes a rule anew.",
        )


def repair(place: Place, *, now: int, actor: str, progress: Progress | None = None) -> Repaired:
    """Prove every row, and make those rules anew that are gone; no daemon may have the database.

    Only triggers, functions, indexes and views are made anew, as the canonical schema has them, in one transaction;
    that it was done stands in the audit. Tables and what somebody added are never touched.

    Args:
        now: UTC unix seconds.
        actor: who, for the audit.
        progress: as of `verify`.

    Raises:
        NotFound: there is no database.
        Unverified: a row does not hold, or something else differs than can be made anew; nothing was changed.
        Conflict: another Mooring writes to it, or it is not at the newest revision.
        Halt, Retry, Denied, Unreachable, Invalid: as `Store.open`.
    """
    seen = _differences(place)
    differing = _weakening(seen)
    hopeless = [one for one in differing if not _can_be_made(one, place)]
    if hopeless:
        raise Unverified(
            "schema_not_repairable",
            f"This cannot be made anew. {_named(hopeless)}",
            money="Nothing was changed, and nothing is traded from these records.",
            todo=f"{RESTORE} What somebody added can also be taken away by whoever knows what it is.",
        )
    report = _proved(place, seen, progress)
    if not differing:
        return Repaired(made=(), rows=report.rows, head=report.head)
    engine = open_writer(place, create=False, busy_timeout_ms=BUSY_TIMEOUT_MS)
    try:
        with engine.begin() as connection:
            _make(connection, differing)
    except DAMAGE as error:
        raise write_failure(error) from error
    finally:
        engine.dispose()
    # Some of what was gone keeps a check from looking at all: with it in place it looks again.
    report = _proved(place, [one for one in seen if one not in differing], progress)
    made = tuple(f"{one.kind} {one.name}" for one in differing)
    with Store.open(place, create=False) as store:
        require_guards(store.reader())
        said = {"at": now, "actor": actor, "action": "repair", "reason": "", "result": canonical(list(made)).decode()}
        store.commit(Batch(rows=[("control_actions", said)]))
    return Repaired(made=made, rows=report.rows, head=report.head)


def _differences(place: Place) -> list[Difference]:
    engine = open_reader(place)
    try:
        with reading(), engine.connect() as connection:
            _require_newest(stored_revision(connection))
            return differences(connection)
    finally:
        engine.dispose()


def _require_newest(revision: str | None) -> None:
    require_known(revision)
    if revision is not None and revision != HEAD:
        raise Conflict(
            "schema_not_newest",
            f"The database is at revision {revision}, and this version makes the rules of {HEAD}.",
            money="Nothing was changed.",
            todo="Bring it to the newest revision with `mooring db upgrade`, then repair it.",
        )


def _weakening(differing: Sequence[Difference]) -> list[Difference]:
    return [one for one in differing if one.weakens]


def _can_be_made(one: Difference, place: Place) -> bool:
    statements = split(canonical_sql("sqlite" if place.file is not None else "postgresql"))
    return one.ours and one.kind != "table" and (one.kind, one.name) in {made_by(each) for each in statements}


def _proved(place: Place, known: Collection[Difference], progress: Progress | None) -> Report:
    """A report that finds nothing but what is known."""
    report = verify(place, progress=progress)
    said = {(one.table, one.what) for one in known}
    broken = [one for one in report.breaks if (one.table, one.what) not in said]
    if broken:
        raise Unverified(
            "database_broken",
            f"Places of the database that do not hold: {len(broken)}. {broken[0]}",
            money="Its records cannot be trusted from there on; no rule was made anew for them.",
            todo=RESTORE,
        )
    return report


def _make(connection: Connection, differing: Sequence[Difference]) -> None:
    server = connection.dialect.name != "sqlite"
    for one in differing:
        if one.there and one.kind != "function":  # which is replaced: its triggers hang on it
            on = f" ON {one.table}" if server and one.kind == "trigger" else ""
            connection.exec_driver_sql(f"DROP {one.kind.upper()} {one.name}{on}")
    run_statements(connection, canonical_sql(connection.dialect.name), only={(one.kind, one.name) for one in differing})


def _named(differing: Sequence[Difference]) -> str:
    said = " ".join(f"{one.table}: {one.what}" for one in differing[:NAMED_MAX])
    more = len(differing) - NAMED_MAX
    return said if more <= 0 else f"{said} And {more} more."
