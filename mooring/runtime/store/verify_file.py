"""The file itself: schema as generated, SQLite's own integrity check, references between rows."""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from typing import Final

from sqlalchemy import create_engine

from mooring.runtime.store.columns import metadata
from mooring.runtime.store.connect import APPLICATION_ID
from mooring.runtime.store.failures import DAMAGE, cause_text
from mooring.runtime.store.migrate import HEAD
from mooring.runtime.store.schema_views import VIEWS
from mooring.runtime.store.triggers import all_triggers
from mooring.runtime.store.verify_found import Breaks

FOUND_MAX: Final = 100
OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master"
SPACE: Final = re.compile(r"\s+")
ROW: Final = re.compile(r"\b[Rr]ow(?:id)? (\d+)\b")
WORD: Final = re.compile(r"\w+")
TREE: Final = re.compile(r"\b(?:Tree|root page) (\d+)|\bbtreeInitPage\b.*\bpage (\d+)|\bOn tree page (\d+)")

Objects = dict[tuple[str, str], tuple[str, str]]


@cache
def expected_schema() -> Objects:
    """(type, name) → (table, SQL) of what the code generates."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            for _name, sql in all_triggers("sqlite"):
                connection.exec_driver_sql(sql)
            for name, sql in VIEWS:
                connection.exec_driver_sql(f"CREATE VIEW {name} AS {sql}")
            return _objects(connection.exec_driver_sql(OBJECTS).all())
    finally:
        engine.dispose()


def _objects(rows: object) -> Objects:
    return {
        (kind, name): (table, SPACE.sub(" ", sql or "").strip())
        for kind, name, table, sql in rows  # type: ignore[attr-defined]
        if table != "alembic_version"
    }


def check_schema(connection: sqlite3.Connection, breaks: Breaks) -> None:
    """Compare the tables, indexes and triggers with those the code generates.

    Raises:
        sqlite3.Error, UnicodeDecodeError: the list of tables cannot be read.
    """
    expected, found = expected_schema(), _objects(connection.execute(OBJECTS).fetchall())
    for key in sorted(expected.keys() | found.keys()):
        kind, name = key
        table = (expected.get(key) or found[key])[0]
        if key not in found:
            breaks.add(table, None, None, f"The {kind} {name} is missing.")
        elif key not in expected:
            breaks.add(table, None, None, f"The {kind} {name} is not one of Mooring's.")
        elif expected[key] != found[key]:
            breaks.add(table, None, None, f"The {kind} {name} is not as Mooring makes it.")
    try:
        revisions = connection.execute("SELECT version_num FROM alembic_version").fetchmany(2)
    except DAMAGE:
        revisions = []
    if revisions != [(HEAD,)]:
        breaks.add("alembic_version", None, "version_num", f"The schema's revision is not {HEAD}.")
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        breaks.add("database", None, "application_id", "The file does not say that it is one of Mooring.")


def check_file(connection: sqlite3.Connection, breaks: Breaks) -> None:
    """SQLite's own check of pages, indexes, types and rules. Source: https://www.sqlite.org/pragma.html."""
    try:
        places = {
            str(key): table
            for name, table, root in connection.execute("SELECT name, tbl_name, rootpage FROM sqlite_master")
            for key in (name, root)
        }
        for (message,) in connection.execute(f"PRAGMA integrity_check({FOUND_MAX})"):
            if message != "ok":
                for line in str(message).splitlines():
                    _note(breaks, places, line)
    except DAMAGE as error:
        breaks.add("database", None, None, f"The file cannot be checked to its end ({cause_text(error)}).")


def _note(breaks: Breaks, places: dict[str, str], line: str) -> None:
    if line.startswith("***"):
        return  # a heading
    table = "database"
    trees = [group for groups in TREE.findall(line) for group in groups]
    for word in [*trees, *(word for word in WORD.findall(line) if not word.isdigit())]:
        table = places.get(word, table)
    row = ROW.search(line)
    seq = int(row[1]) if row and table != "database" else None
    if seq is None and breaks.any_of(table):
        return  # rows of that table are named already
    breaks.add(table, seq, None, f"SQLite: {line.strip()}.")


def check_references(connection: sqlite3.Connection, breaks: Breaks) -> None:
    """Rows that name rows which do not exist."""
    try:
        for count, (table, seq, parent, _key) in enumerate(connection.execute("PRAGMA foreign_key_check")):
            if count >= FOUND_MAX:
                return
            # Where the row named is damaged, that row has been reported; those that name it are sound.
            if not breaks.any_of(parent):
                breaks.add(table, seq, None, f"It names a row of {parent} that does not exist.")
    except DAMAGE as error:
        breaks.add("database", None, None, f"References cannot be checked ({cause_text(error)}).")
