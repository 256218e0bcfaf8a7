"""Bring a database to the newest schema. Alembic is imported only when there is something to do."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from sqlalchemy import Connection, Engine, insert, inspect, text

from mooring.errors import Conflict, Unverified
from mooring.runtime.store.canonical import canonical_sql, made_by, split
from mooring.runtime.store.connect import APPLICATION_ID
from mooring.runtime.store.failures import DAMAGE, KEEP, write_failure
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.place import SCHEMA
from mooring.runtime.store.schema import EVIDENCE, chain_heads
from mooring.runtime.store.timescale import is_installed, with_hypertable

# Oldest first; a test compares them with the scripts.
REVISIONS: Final = ("0003", "0004")
HEAD: Final = REVISIONS[-1]
UNRELEASED: Final = frozenset({"0001", "0002"})
COPYING: Final = "copying"  # what stands there until a copy has been proved
SCRIPTS: Final = "mooring.runtime.store:migrations"
# As Alembic makes it.
VERSION_TABLE: Final = (
    "CREATE TABLE alembic_version ( version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num) )"
)


def stored_revision(connection: Connection) -> str | None:
    """The revision a database is at; None where it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def upgrade(engine: Engine) -> None:
    """Bring the database to HEAD, in one transaction.

    Args:
        engine: the writer's engine.

    Raises:
        Conflict: a newer Mooring made it, or one that was never released.
        Unverified: it is no database of ours, or it is damaged.
        Halt: it could not be written.
    """
    try:
        with engine.begin() as connection:
            if is_empty(connection):
                create_newest(connection)
                return
            revision = stored_revision(connection)
            if revision == HEAD:
                return
            if revision is None and connection.dialect.name != "sqlite":
                raise _not_ours(f"The schema {SCHEMA} of the database holds tables that are not Mooring's.")
            require_known(revision)
            run_scripts(connection, HEAD)
    except DAMAGE as error:
        raise write_failure(error) from error


def require_known(revision: str | None) -> None:
    """See that this version can work on a database at that revision, or bring it on from there.

    Raises:
        Conflict: it cannot.
    """
    if revision in UNRELEASED:
        raise Conflict(
            "unreleased_schema",
            f"The database is at revision {revision}, of a version of Mooring that was never released.",
            money="Nothing was changed and nothing is traded from it; it can only hold paper trading.",
            todo="Move the file mooring.db and what is named after it out of the home, and start again.",
        )
    if revision == COPYING:
        raise Conflict(
            "copy_unfinished",
            "A copy into this database was begun and never finished.",
            money="Nothing is traded from it; the history it was copied from is as it was.",
            todo="Copy again with `mooring db copy`, which begins anew.",
        )
    if revision is not None and revision not in REVISIONS:
        raise Conflict(
            "newer_schema",
            f"The database is at revision {revision}, which this version of Mooring does not know.",
            money="Nothing was changed and nothing is traded from it.",
            todo="Use the newer version of Mooring that made it.",
        )


def create_newest(connection: Connection) -> None:
    """Make the newest schema in an empty database, inside the connection's transaction.

    The same as running every migration script, which a test proves; but a new home needs no Alembic for it.
    """
    dialect = connection.dialect.name
    _claim(connection)
    run_statements(connection, canonical_sql(dialect))
    connection.execute(insert(chain_heads), [{"table_name": t.name, "count": 0, "head": ZERO} for t in EVIDENCE])
    connection.execute(text(VERSION_TABLE))
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})


def run_statements(connection: Connection, sql: str, *, only: Container[tuple[str, str]] | None = None) -> None:
    """Run a file of statements that `canonical` wrote, inside the connection's transaction.

    Args:
        only: (kind, name) of what to make, as `made_by` has them; a function that is there is replaced. None makes all.
    """
    statements = split(sql)
    if connection.dialect.name != "sqlite":
        if _has_schema(connection):  # to make one needs a right that an owner of the schema may lack
            statements = tuple(one for one in statements if not one.startswith("CREATE SCHEMA "))
        if is_installed(connection):
            statements = with_hypertable(statements)
    if only is not None:
        statements = tuple(
            one.replace("CREATE FUNCTION ", "CREATE OR REPLACE FUNCTION ", 1)
            for one in statements
            if (made := made_by(one)) is not None and made in only
        )
    for one in statements:
        connection.exec_driver_sql(one.replace("%", "%%") if connection.dialect.paramstyle == "pyformat" else one)


def run_scripts(connection: Connection, target: str) -> None:
    """Run the migration scripts up to `target` on a connection, inside its transaction."""
    from alembic import command  # noqa: PLC0415 -- 9 MB and half a second, paid only when the schema changes
    from alembic.config import Config  # noqa: PLC0415

    _claim(connection)
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def is_empty(connection: Connection) -> bool:
    """Nothing is there yet, as after a crash before the first migration was done.

    Raises:
        Unverified: it is a file of another program.
    """
    if connection.dialect.name != "sqlite":
        found = "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(:schema)"
        return not connection.execute(text(found), {"schema": SCHEMA}).scalar()
    if not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
        return True
    if connection.exec_driver_sql("PRAGMA application_id").scalar() != APPLICATION_ID:
        raise _not_ours("The file is an SQLite database, but not one of Mooring.")
    return False


def _claim(connection: Connection) -> None:
    """Have a place for tables that says whose they are: in PostgreSQL a schema, in SQLite the file itself."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    elif not _has_schema(connection):
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")


def _has_schema(connection: Connection) -> bool:
    return connection.execute(text("SELECT to_regnamespace(:schema)"), {"schema": SCHEMA}).scalar() is not None


def _not_ours(what: str) -> Unverified:
    return Unverified(
        "not_our_database",
        what,
        money="Nothing is stored in it and nothing is traded from it.",
        todo=f"{KEEP} To begin anew, choose another home.",
    )
