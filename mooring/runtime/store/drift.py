"""Where the schema of a database is not the canonical one, table by table and object by object."""

from __future__ import annotations

import re
from contextlib import nullcontext
from functools import cache
from typing import Final, NamedTuple

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from mooring.runtime.store.canonical import canonical_sql, made_by, split
from mooring.runtime.store.drift_postgres import expected_objects, found_objects
from mooring.runtime.store.failures import DAMAGE, Case, case_of, cause_text
from mooring.runtime.store.migrate import HEAD

SPACE: Final = re.compile(r"\s+")
SQLITE_OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master"
WHOLE: Final = frozenset({"table", "view", "object"})  # an object is a view that keeps its rows, or a foreign table
# Of these, what somebody adds for a reading of their own changes no row of ours and keeps none from being written.
IDLE: Final = WHOLE | {"index", "function", "sequence"}
SKIPPED: Final = (" D", " R")  # how pg_trigger says that a trigger does not fire, or for a replica alone

# (kind, name) of an object → (its table, what it is made of).
Objects = dict[tuple[str, str], tuple[str, str]]


class Difference(NamedTuple):
    """An object that is not as the canonical schema has it. `there`: in the database. `ours`: in the canonical one."""

    kind: str
    name: str
    table: str
    there: bool
    ours: bool

    @property
    def what(self) -> str:
        """In words."""
        if not self.there:
            return f"The {self.kind} {self.name} is missing."
        if not self.ours:
            return f"The {self.kind} {self.name} is not one of Mooring's."
        return f"The {self.kind} {self.name} is not as Mooring makes it."

    @property
    def weakens(self) -> bool:
        """Whether rows could be changed or kept out by it: what somebody added for a reading of their own does not."""
        return self.ours or self.kind not in IDLE


def schema_drift(connection: Connection) -> list[tuple[str, str]]:
    """(table, what) of each difference, the revision included; empty where there is none.

    Compared are tables, columns, rules, keys, indexes, triggers, functions and views. For PostgreSQL the canonical
    schema is made in a transaction of its own beside this one, in a schema of its own, which is rolled back: only the
    server can say how it spells what it was told.

    Args:
        connection: a reader's, inside a transaction.

    Raises:
        DBAPIError, UnicodeDecodeError: the list of tables cannot be read.
    """
    if connection.dialect.name == "sqlite":
        expected, found = expected_sqlite(), sqlite_objects(connection)
    else:
        found = found_objects(connection)
        try:
            expected = expected_objects(connection, found)
        except DBAPIError as error:
            why = f"The schema cannot be compared, as this user may not make one to compare with ({cause_text(error)})."
            return [("database", why), *_revision(connection)]
    return [*((one.table, one.what) for one in compared(expected, found)), *_revision(connection)]


def differences(connection: Connection) -> list[Difference]:
    """As `schema_drift`, object by object and without the revision.

    On a server whose user may not make a schema to compare with, what is missing or turned off is found by its name.

    Args:
        connection: a reader's, inside a transaction, of a database at the newest revision.

    Raises:
        DBAPIError, UnicodeDecodeError: the database cannot be asked.
    """
    if connection.dialect.name == "sqlite":
        return compared(expected_sqlite(), sqlite_objects(connection))
    found = found_objects(connection)
    try:
        return compared(expected_objects(connection, found), found)
    except DBAPIError as error:
        if case_of(error) is not Case.FORBIDDEN:
            raise
        return _without(found)


@cache
def expected_sqlite() -> Objects:
    """What a new SQLite database holds."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            for one in split(canonical_sql("sqlite")):
                connection.exec_driver_sql(one)
            return sqlite_objects(connection)
    finally:
        engine.dispose()


def sqlite_objects(connection: Connection) -> Objects:
    """What an SQLite database holds; spaces in the SQL do not matter."""
    return {
        (kind, name): (table, SPACE.sub(" ", sql or "").strip())
        for kind, name, table, sql in connection.exec_driver_sql(SQLITE_OBJECTS)
        if table != "alembic_version"
    }


def compared(expected: Objects, found: Objects) -> list[Difference]:
    """Each object that differs, in the order of kinds and names; what came or went with its table stands for itself."""
    tables = {name for kind, name in expected.keys() ^ found.keys() if kind in WHOLE}
    differing: list[Difference] = []
    for key in sorted(expected.keys() | found.keys()):
        kind, name = key
        table = (expected.get(key) or found[key])[0]
        if table in tables and kind not in WHOLE:
            continue  # it came or went with its table
        there, ours = key in found, key in expected
        if not (there and ours and expected[key][1] == found[key][1]):
            differing.append(Difference(kind, name, table, there, ours))
    return differing


def _without(found: Objects) -> list[Difference]:
    named = {made for one in split(canonical_sql("postgresql")) if (made := made_by(one)) is not None}
    gone = [Difference(kind, name, "database", False, True) for kind, name in sorted(named - found.keys())]
    skipped = [key for key in sorted(named & found.keys()) if key[0] == "trigger" and found[key][1].endswith(SKIPPED)]
    return [*gone, *(Difference(*key, found[key][0], True, True) for key in skipped)]


def _revision(connection: Connection) -> list[tuple[str, str]]:
    # Apart, as PostgreSQL takes nothing more in a transaction in which something failed.
    apart = nullcontext() if connection.dialect.name == "sqlite" else connection.begin_nested()
    try:
        with apart:
            revisions = [value for (value,) in connection.execute(text("SELECT version_num FROM alembic_version"))]
    except DAMAGE:
        revisions = []
    return [] if revisions == [HEAD] else [("alembic_version", f"The schema's revision is not {HEAD}.")]
