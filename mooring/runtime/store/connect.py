"""Connections: one that writes, others that only read.

Settings of the writer: WAL, synchronous=FULL (a commit is on the disk when it returns), foreign keys, recursive
triggers, and a bound on waiting for another program. Readers open the file with mode=ro and query_only.
Source: https://www.sqlite.org/pragma.html and https://www.sqlite.org/wal.html.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Engine, Pool, QueuePool, StaticPool, create_engine, event

from mooring.errors import Invalid, NotFound, Unverified
from mooring.runtime.store.compiled import SQLITE, sharing
from mooring.runtime.store.failures import KEEP
from mooring.runtime.store.moved import OpenFiles

APPLICATION_ID: Final = 0x4D4F4F52  # "MOOR": tells our files from other SQLite databases
BUSY_TIMEOUT_MS: Final = 5000
READERS_MAX: Final = 8
READER_WAIT_S: Final = 10.0
READER_CACHE_KIB: Final = 512  # of pages that each keeps for good; those that it reads again, the system has
# fullfsync: on macOS a plain fsync may leave data in the drive's cache (fsync(2) there); without effect elsewhere.
PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "fullfsync = ON",
    "checkpoint_fullfsync = ON",
    "foreign_keys = ON",
    "recursive_triggers = ON",
)


def prepare_file(path: Path, *, create: bool) -> bool:
    """Check that the file can be ours, and make an empty one (mode 0600) where asked; True when it is empty.

    Raises:
        NotFound: no file, and none is to be made.
        Invalid: the file or its folder cannot be written, or is no plain file.
        Unverified: the file is something else.
    """
    if not path.exists():
        if not create:
            raise no_database(path)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # SQLite syncs the file; that the file exists must outlive a power cut too
            finally:
                os.close(folder)
        except OSError as error:
            raise _unwritable(path, error.strerror or "refused") from error
        return True
    if not path.is_file():
        raise _unwritable(path, "it is not a plain file")
    if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
        raise _unwritable(path, "no right to write")
    check_kind(path)
    return path.stat().st_size == 0


def check_kind(path: Path) -> None:
    """See that the file is an SQLite database, or empty; asked of SQLite itself.

    Never read the file beside SQLite: when a process closes any descriptor of a file, POSIX drops all its locks on it
    (fcntl(2)). The locks of our own connections would be gone, and the next program to close the database would take
    itself for the last one and remove the write-ahead log with hours in it.

    Raises:
        Unverified: it is no SQLite database.
    """
    connection = raw_reader(path)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise Unverified(
                "not_a_database",
                f"{path} is not a database of Mooring.",
                money="Nothing is stored in it and nothing is traded from it.",
                todo=f"{KEEP} To begin anew, choose another home.",
            ) from None
    finally:
        connection.close()


def no_database(path: Path) -> NotFound:
    """There is no database at that place."""
    return NotFound("no_database", f"There is no database at {path}.", todo="Name the home that holds it, with --home.")


def _unwritable(path: Path, why: str) -> Invalid:
    return Invalid(
        "database_unwritable",
        f"The database {path} cannot be written: {why}.",
        money="Nothing is traded without a record.",
        todo="Give your user the right to write there, or choose another home with --home.",
    )


def file_uri(path: Path, mode: str) -> str:
    """SQLite's URI of a file; any character may be in the path."""
    return f"file:{quote(str(path.resolve()))}?mode={mode}"


def raw_reader(path: Path, *, timeout_s: float = BUSY_TIMEOUT_MS / 1000) -> sqlite3.Connection:
    """A plain read-only connection."""
    connection = sqlite3.connect(
        file_uri(path, "ro"), uri=True, isolation_level=None, check_same_thread=False, timeout=timeout_s
    )
    try:
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def writer_engine(path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    """An engine of exactly one connection, for the writer thread alone; transactions begin with the write lock."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            file_uri(path, "rw"),
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=busy_timeout_ms / 1000,
            cached_statements=512,
        )
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = _engine(connect, StaticPool)
    files = OpenFiles(path)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        files.check()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        files.note()

    @event.listens_for(engine, "commit")
    def commit(_connection: Any) -> None:
        files.check()

    return engine


def one_file_engine(path: Path) -> Engine:
    """An engine of one connection to a file that nobody else knows yet; it keeps no log beside it."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(file_uri(path, "rw"), uri=True, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("journal_mode = DELETE", *PRAGMAS[1:]):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = _engine(connect, StaticPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(path: Path) -> Engine:
    """An engine of read-only connections, safe to share between threads."""

    def connect() -> sqlite3.Connection:
        connection = raw_reader(path)
        connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        return connection

    engine = _engine(connect, QueuePool)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _engine(connect: Any, pool: type[Pool]) -> Engine:
    limits: dict[str, Any] = {"execution_options": sharing()}
    if pool is QueuePool:
        limits |= {"pool_size": 2, "max_overflow": READERS_MAX - 2, "pool_timeout": READER_WAIT_S}
    # Values of rows never go into error texts or logs.
    return create_engine(SQLITE, creator=connect, poolclass=pool, hide_parameters=True, **limits)
