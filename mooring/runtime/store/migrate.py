"""Bring a database to the newest schema. Alembic is imported only when there is something to do."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, insert, inspect, text

from mooring.errors import Conflict, Unverified
from mooring.runtime.store.columns import metadata
from mooring.runtime.store.connect import APPLICATION_ID
from mooring.runtime.store.failures import DAMAGE, KEEP, write_failure
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.schema import EVIDENCE, chain_heads
from mooring.runtime.store.schema_views import VIEWS
from mooring.runtime.store.triggers import all_triggers

# Oldest first; a test compares them with the scripts.
REVISIONS: Final = ("0001",)
HEAD: Final = REVISIONS[-1]
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


def upgrade(engine: Engine, *, empty: bool) -> None:
    """Bring the database to HEAD, in one transaction.

    Args:
        engine: the writer's engine.
        empty: the file held nothing.

    Raises:
        Conflict: a newer Mooring made it.
        Unverified: it is no database of ours, or it is damaged.
        Halt: it could not be written.
    """
    try:
        with engine.begin() as connection:
            if not empty:
                empty = _check_ours(connection)
            revision = stored_revision(connection)
            if revision == HEAD:
                return
            if revision is not None and revision not in REVISIONS:
                raise Conflict(
                    "newer_schema",
                    f"The database is at revision {revision}, which this version of Mooring does not know.",
                    money="Nothing was changed and nothing is traded from it.",
                    todo="Use the newer version of Mooring that made it.",
                )
            if empty:
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                create_newest(connection)
            else:
                run_scripts(connection, HEAD)
    except DAMAGE as error:
        raise write_failure(error) from error


def create_newest(connection: Connection) -> None:
    """Make the newest schema in an empty database, inside the connection's transaction.

    The same as running every migration script, which a test proves; but a new home needs no Alembic for it.
    """
    metadata.create_all(connection)
    for _name, sql in all_triggers(connection.dialect.name):
        connection.exec_driver_sql(sql)
    for name, sql in VIEWS:
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {sql}")
    connection.execute(insert(chain_heads), [{"table_name": t.name, "count": 0, "head": ZERO} for t in EVIDENCE])
    connection.execute(text(VERSION_TABLE))
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})


def run_scripts(connection: Connection, target: str) -> None:
    """Run the migration scripts up to `target` on a connection, inside its transaction."""
    from alembic import command  # noqa: PLC0415 -- 9 MB and half a second, paid only when the schema changes
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def _check_ours(connection: Connection) -> bool:
    """True when the database holds nothing yet, as after a crash before the first migration was done."""
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    if not tables:
        return True
    if connection.exec_driver_sql("PRAGMA application_id").scalar() != APPLICATION_ID:
        raise Unverified(
            "not_our_database",
            "The file is an SQLite database, but not one of Mooring.",
            money="Nothing is stored in it and nothing is traded from it.",
            todo=f"{KEEP} To begin anew, choose another home.",
        )
    return False
