"""The canonical schema, one SQL file for each kind of database: new ones are made from it, others compared with it.

    python -m mooring.runtime.store.canonical                 writes sql/sqlite.sql and sql/postgresql.sql anew
    python -m mooring.runtime.store.canonical --freeze 0003   and copies of them beside a migration

A migration that was released is never frozen again.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Final

from sqlalchemy import Dialect
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from mooring.errors import Invalid
from mooring.runtime.store.columns import metadata
from mooring.runtime.store.place import SCHEMA
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.schema_views import VIEWS
from mooring.runtime.store.triggers import all_triggers

NAMES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
DATABASES: Final = tuple(NAMES)
FOLDER: Final = "mooring.runtime.store"
BETWEEN: Final = ";\n\n"  # no statement holds an empty line
MAKES: Final = re.compile(r"CREATE (?:UNIQUE )?(TABLE|INDEX|TRIGGER|FUNCTION|VIEW) (\w+(?:\(\))?)")
TURNS_ON: Final = re.compile(r"ALTER TABLE \w+ ENABLE ALWAYS TRIGGER (\w+)")
HEADER: Final = (
    "-- Evidence of Mooring: tables, indexes, triggers and views, as every database of {name} has them.\n"
    "-- Made from the code by `python -m mooring.runtime.store.canonical`; a change here changes nothing else.\n\n"
)


def statements(database: str, *, schema: str = SCHEMA) -> tuple[str, ...]:
    """What makes an empty database into ours, as the code says it: one statement each, in the order to run them.

    Args:
        database: one of DATABASES.
        schema: of PostgreSQL, where all of it is made; nobody else may create in it.

    Raises:
        Invalid: there is no such kind of database.
    """
    # A home for tables, and no others looked at: for people with psql; connections of ours are set up so anyway.
    here = (f"CREATE SCHEMA IF NOT EXISTS {schema}", f"SET search_path = {schema}, pg_temp")
    return (
        *(here if database == "postgresql" else ()),
        *_tables(_dialect(database)),
        *(sql for _name, sql in all_triggers(database, schema=schema)),
        *(f"CREATE VIEW {name} AS\n{sql}" for name, sql in VIEWS),
    )


def canonical_sql(database: str) -> str:
    """The committed file of a kind of database.

    Raises:
        Invalid: there is no such kind of database.
    """
    _dialect(database)
    return (resources.files(FOLDER) / "sql" / f"{database}.sql").read_text(encoding="utf-8")


def split(text: str) -> tuple[str, ...]:
    """The statements of a file that `written` made."""
    parts = (part.strip().removesuffix(";") for part in text.split(BETWEEN.lstrip(";")))
    return tuple(part for part in parts if part and not all(line.startswith("--") for line in part.splitlines()))


def made_by(statement: str) -> tuple[str, str] | None:
    """(kind, name) of the object that one of `statements` makes, or sees into force; None where it makes none."""
    if made := MAKES.match(statement):
        return made[1].lower(), made[2]
    on = TURNS_ON.match(statement)
    return None if on is None else ("trigger", on[1])


def written(database: str) -> str:
    """What the committed file must hold."""
    return HEADER.format(name=NAMES[database]) + BETWEEN.join(statements(database)) + ";\n"


def _tables(dialect: Dialect) -> Iterator[str]:
    # What is referred to comes first: evidence in the order of writing, then what is kept beside it.
    evidence = {str(table.name) for table in EVIDENCE}
    others = [table for table in metadata.sorted_tables if table.name not in evidence]
    for table in (*EVIDENCE, *others):
        yield _tidy(str(CreateTable(table).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield _tidy(str(CreateIndex(index).compile(dialect=dialect)))


def _tidy(sql: str) -> str:
    return "\n".join(line.rstrip() for line in sql.strip().replace("\t", "    ").splitlines())


def _dialect(database: str) -> Dialect:
    if database not in DATABASES:
        raise Invalid(
            "unknown_database", f"There is no schema for {database}.", todo=f"Name one of {', '.join(DATABASES)}."
        )
    of: Callable[[], Dialect] = sqlite.dialect
    if database == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 -- 2 MB that a daemon over SQLite has no use for

        of = postgresql.dialect
    return of()


def _write(freeze: str | None) -> None:
    here = Path(__file__).parent
    for database in DATABASES:
        text = written(database)
        (here / "sql").mkdir(exist_ok=True)
        (here / "sql" / f"{database}.sql").write_text(text, encoding="utf-8")
        if freeze is not None:
            (here / "migrations" / "versions" / f"{freeze}_{database}.sql").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write(sys.argv[2] if sys.argv[1:2] == ["--freeze"] else None)
