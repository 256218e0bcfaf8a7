"""Where the schema of a database is not the canonical one, table by table and object by object."""

from __future__ import annotations

import re
from contextlib import nullcontext
from functools import cache
from typing import Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from mooring.runtime.store.canonical import canonical_sql, split
from mooring.runtime.store.drift_postgres import expected_objects, found_objects
from mooring.runtime.store.failures import DAMAGE, cause_text
from mooring.runtime.store.migrate import HEAD

SPACE: Final = re.compile(r"\s+")
SQLITE_OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master"
WHOLE: Final = frozenset({"table", "view"})

# (kind, name) of an object → (its table, what it is made of).
Objects = dict[tuple[str, str], tuple[str, str]]


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
            expected = expected_objects(connection)
        except DBAPIError as error:
            why = f"The schema cannot be compared, as this user may not make one to compare with ({cause_text(error)})."
            return [("database", why), *_revision(connection)]
    return [*_differences(expected, found), *_revision(connection)]


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


def _differences(expected: Objects, found: Objects) -> list[tuple[str, str]]:
    tables = {name for kind, name in expected.keys() ^ found.keys() if kind in WHOLE}
    differing: list[tuple[str, str]] = []
    for key in sorted(expected.keys() | found.keys()):
        kind, name = key
        table = (expected.get(key) or found[key])[0]
        if table in tables and kind not in WHOLE:
            continue  # it came or went with its table
        if key not in found:
            differing.append((table, f"The {kind} {name} is missing."))
        elif key not in expected:
            differing.append((table, f"The {kind} {name} is not one of Mooring's."))
        elif expected[key][1] != found[key][1]:
            differing.append((table, f"The {kind} {name} is not as Mooring makes it."))
    return differing


def _revision(connection: Connection) -> list[tuple[str, str]]:
    # Apart, as PostgreSQL takes nothing more in a transaction in which something failed.
    apart = nullcontext() if connection.dialect.name == "sqlite" else connection.begin_nested()
    try:
        with apart:
            revisions = [value for (value,) in connection.execute(text("SELECT version_num FROM alembic_version"))]
    except DAMAGE:
        revisions = []
    return [] if revisions == [HEAD] else [("alembic_version", f"The schema's revision is not {HEAD}.")]
