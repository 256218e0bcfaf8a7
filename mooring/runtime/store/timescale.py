"""Bars as a hypertable, where a PostgreSQL database has the extension TimescaleDB.

A hypertable is kept in chunks of time, and each of its unique keys must hold the column of time: the primary key of
`bars` is (seq, hour_ts_utc) there. All else is as everywhere. This has never run where the extension is present.
Source: https://www.tigerdata.com/docs/learn/hypertables/creating-and-configuring-hypertables, and issue 4757 of
timescale/timescaledb: older versions refuse ENABLE TRIGGER on a hypertable.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

CHUNK_S: Final = 90 * 86_400
INSTALLED: Final = (
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb'"
)
MADE: Final = "CREATE TABLE bars ("
NOT_THERE: Final = "ALTER TABLE bars ENABLE ALWAYS TRIGGER "
# The function is in the schema that the extension was made in, so its name is found when this runs.
HYPERTABLE: Final = (
    "DO $$ BEGIN EXECUTE format('SELECT %I.create_hypertable(%L, %L, chunk_time_interval => %L::bigint, "
    "create_default_indexes => false)', "
    f"({INSTALLED}), 'bars', 'hour_ts_utc', {CHUNK_S}); END $$"
)


def is_installed(connection: Connection) -> bool:
    """Whether this database, and not only the server, has the extension."""
    return connection.execute(text(INSTALLED)).scalar() is not None


def with_hypertable(statements: tuple[str, ...]) -> tuple[str, ...]:
    """The statements of the canonical schema for a database that has the extension."""
    made: list[str] = []
    for one in statements:
        if one.startswith(NOT_THERE):
            continue
        made.append(one)
        if one.startswith(MADE):
            made += [
                "ALTER TABLE bars DROP CONSTRAINT pk_bars",
                "ALTER TABLE bars ADD CONSTRAINT pk_bars PRIMARY KEY (seq, hour_ts_utc)",
                HYPERTABLE,
            ]
    return tuple(made)
