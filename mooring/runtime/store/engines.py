"""Engines for a place, whichever kind of database is there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from mooring.errors import NotFound
from mooring.runtime.store import connect, connect_postgres
from mooring.runtime.store.failures import DAMAGE, read_failure
from mooring.runtime.store.place import SCHEMA, Place


def open_writer(place: Place, *, create: bool, busy_timeout_ms: int) -> Engine:
    """The engine of the one who writes, connected; dispose of it when done.

    Args:
        create: make the file, or the schema on the server, where there is none; it is empty then.
        busy_timeout_ms: how long to wait for another program that holds the database.

    Raises:
        NotFound: there is no database, and none is to be made; a database on a server is never made, only its schema.
        Invalid: it cannot be written, is not fit for evidence, or the driver is not installed.
        Conflict: another Mooring writes to it.
        Unverified: the file is something else.
        Unreachable, Denied: the server cannot be reached, or refuses.
    """
    if place.file is not None:
        connect.prepare_file(place.file, create=create)
        return connect.writer_engine(place.file, busy_timeout_ms=busy_timeout_ms)
    engine = connect_postgres.writer_engine(place, busy_timeout_ms=busy_timeout_ms)
    return _connected(engine, place, must_be_there=not create)


def open_reader(place: Place, *, long: bool = False) -> Engine:
    """An engine of read-only connections, connected; safe to share between threads, dispose of it when done.

    Args:
        long: for reads of a whole history, which may take hours.

    Raises:
        NotFound: there is no database.
        Invalid: the driver is not installed.
        Unverified: the file is something else.
        Unreachable, Denied: the server cannot be reached, or refuses.
    """
    if place.file is not None:
        if not place.file.is_file():
            raise connect.no_database(place.file)
        connect.check_kind(place.file)
        return connect.reader_engine(place.file)
    limit: dict[str, Any] = {"statement_timeout_ms": connect_postgres.LONG_TIMEOUT_MS} if long else {}
    return _connected(connect_postgres.reader_engine(place, **limit), place, must_be_there=True)


def _connected(engine: Engine, place: Place, *, must_be_there: bool) -> Engine:
    try:
        with engine.connect() as connection:
            there = connection.execute(text("SELECT to_regnamespace(:schema)"), {"schema": SCHEMA}).scalar()
    except DAMAGE as error:
        engine.dispose()
        raise read_failure(error) from error
    except BaseException:
        engine.dispose()
        raise
    if there is None and must_be_there:
        engine.dispose()
        raise NotFound(
            "no_records",
            f"The database {place} holds no records of Mooring.",
            todo="Correct store.url; the records are made at the first start of the daemon.",
        )
    return engine
