"""Connections to PostgreSQL: one that writes, others that only read.

The writer holds an advisory lock of its session, so that two of them never write to one database; its commits are on
the server's disk when they return. Readers see one state of the database for the whole of a transaction. Every wait has
a limit, on the server too: what a client that died leaves behind is cleaned up there.
Source: https://www.postgresql.org/docs/15/runtime-config-client.html, explicit-locking.html#ADVISORY-LOCKS.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Engine, QueuePool, StaticPool, create_engine, event
from sqlalchemy.engine import ExceptionContext

from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, NotFound, Unknown, Unreachable
from mooring.runtime.store.compiled import POSTGRESQL, sharing
from mooring.runtime.store.failures import NOTHING_WRITTEN, sqlstate
from mooring.runtime.store.place import SCHEMA, Place

VERSION_MIN: Final = 150_000
LOCK: Final = (0x4D4F4F52, 1)  # "MOOR", the writer
CONNECT_TIMEOUT_S: Final = 10
WRITE_TIMEOUT_MS: Final = 120_000
READ_TIMEOUT_MS: Final = 30_000
LONG_TIMEOUT_MS: Final = 12 * 3_600_000  # for checks and copies of a whole history
IDLE_WRITER_MS: Final = 600_000  # inside a transaction, which the writer never is for long
READERS_MAX: Final = 8
READER_WAIT_S: Final = 10.0
# A peer that went away is noticed in about half a minute, at both ends.
KEEPALIVE_S: Final = {"idle": 10, "interval": 5, "count": 4}
ENCODING: Final = "UTF8"


def driver() -> Any:
    """The module of psycopg, imported where a server is really asked for.

    Raises:
        Invalid: it is not installed.
    """
    try:
        return importlib.import_module("psycopg")
    except ImportError:
        raise Invalid(
            "no_postgres_driver",
            "The settings name a PostgreSQL database, and the driver for it is not installed.",
            money="Nothing was opened and nothing is traded.",
            todo="Install it with `make setup` in a clone of Mooring, or unset store.url to keep records in a file.",
        ) from None


def writer_engine(place: Place, *, busy_timeout_ms: int, statement_timeout_ms: int = WRITE_TIMEOUT_MS) -> Engine:
    """An engine of exactly one connection that no other writer shares; for one thread alone.

    Its first connection is made, and checked, when it is first used.

    Args:
        busy_timeout_ms: how long to wait for a lock of somebody else.
    """
    seen = [False]

    def connect() -> Any:
        try:
            connection = _connect(place, "mooring-writer")
            try:
                _set(
                    connection,
                    lock_timeout=max(1, busy_timeout_ms),  # 0 would be for ever
                    statement_timeout=statement_timeout_ms,
                    idle_in_transaction_session_timeout=max(IDLE_WRITER_MS, statement_timeout_ms),
                )
                _require_durable(connection, place)
                _take_lock(connection, place)
                connection.commit()
            except BaseException:
                connection.close()
                raise
        except MooringError as error:
            if not seen[0]:
                raise
            raise _lost_for_good(error) from error
        seen[0] = True
        return connection

    engine = _engine(connect, poolclass=StaticPool)
    _notice_lost_commits(engine)
    return engine


def reader_engine(place: Place, *, statement_timeout_ms: int = READ_TIMEOUT_MS) -> Engine:
    """An engine of read-only connections, safe to share between threads; a transaction sees one state throughout."""

    def connect() -> Any:
        connection = _connect(place, "mooring-reader")
        try:
            connection.execute("SET default_transaction_isolation = 'repeatable read'")
            connection.execute("SET default_transaction_read_only = on")
            _set(
                connection,
                lock_timeout=min(statement_timeout_ms, READ_TIMEOUT_MS),
                statement_timeout=statement_timeout_ms,
                idle_in_transaction_session_timeout=LONG_TIMEOUT_MS,
            )
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    limits = {"pool_size": 2, "max_overflow": READERS_MAX - 2, "pool_timeout": READER_WAIT_S}
    return _engine(connect, poolclass=QueuePool, **limits)


def _engine(connect: Callable[[], Any], **how: Any) -> Engine:
    # pre_ping: a server that was started anew since is connected to again before work begins, not in the middle of it.
    return create_engine(
        POSTGRESQL,
        execution_options=sharing(),
        module=driver(),
        creator=connect,
        hide_parameters=True,  # values of rows never go into error texts or logs
        pool_pre_ping=True,
        use_native_hstore=False,
        **how,
    )


def _connect(place: Place, name: str) -> Any:
    psycopg = driver()
    place.lines.require()
    wanted = {"connect_timeout": CONNECT_TIMEOUT_S, **place.parameters}
    try:
        connection = psycopg.connect(
            **wanted,
            options="",  # nor what the environment may state
            client_encoding=ENCODING,
            application_name=name,
            **{f"keepalives_{what}": value for what, value in KEEPALIVE_S.items()},
            tcp_user_timeout=30_000,
        )
    except psycopg.Error as error:
        raise connect_failure(error, place) from None  # the driver's own words may hold parts of the URL
    place.lines.add(connection)
    try:
        _require_version(connection.info.server_version)
        # Only our own schema: no table, function or operator of anybody else can stand in for ours.
        connection.execute(f"SET search_path = {SCHEMA}, pg_temp")
        connection.execute("SET timezone = 'UTC'")
        _set(connection, **{f"tcp_keepalives_{what}": value for what, value in KEEPALIVE_S.items()})
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: Any, **numbers: int) -> None:
    for name, value in numbers.items():
        connection.execute(f"SET {name} = {int(value)}")


def _require_version(version: int) -> None:
    if version < VERSION_MIN:
        raise Invalid(
            "old_postgres",
            f"The server is PostgreSQL {version // 10_000}; Mooring needs 15 or newer.",
            money="Nothing was opened and nothing is traded.",
            todo="Move to a newer server, or unset store.url to keep the records in a file.",
        )


def _require_durable(connection: Any, place: Place) -> None:
    """See that what is committed stays, and that the rules of the database are in force.

    Raises:
        Invalid: the server is set up so that they do not.
    """
    connection.execute("SET synchronous_commit = on")
    row = connection.execute(
        "SELECT current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(), "
        "current_setting('session_replication_role'), current_setting('server_encoding')"
    ).fetchone()
    fsync, whole_pages, standby, role, encoding = row
    wrong = [
        "it is a standby, which cannot be written" if standby else "",
        "its fsync is off, so a power cut could lose hours that were said to be stored" if fsync != "on" else "",
        "its full_page_writes is off, so a power cut could damage it" if whole_pages != "on" else "",
        "session_replication_role is not origin, so its rules would not be kept" if role != "origin" else "",
        f"its encoding is {encoding} and not {ENCODING}" if encoding != ENCODING else "",
    ]
    if any(wrong):
        raise Invalid(
            "unfit_database",
            f"The database {place} is not fit for evidence: {'; '.join(filter(None, wrong))}.",
            money="Nothing was opened and nothing is traded.",
            todo="Have the server set up as docs/postgres.md says, or unset store.url to keep the records in a file.",
        )


def _take_lock(connection: Any, place: Place) -> None:
    try:
        connection.execute("SELECT pg_advisory_lock(%s, %s)", LOCK)
    except driver().Error as error:
        if sqlstate(error) != "55P03":
            raise
        raise Conflict(
            "database_in_use",
            f"Another Mooring writes to the database {place}.",
            money="Two daemons would trade the same account, so this one did not begin.",
            todo="End the other one, then start again.",
        ) from None


def _notice_lost_commits(engine: Engine) -> None:
    """A connection that breaks while a commit is on its way leaves unknown whether it was done."""

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.info["committing"] = False

    @event.listens_for(engine, "commit")
    def commit(connection: Any) -> None:
        connection.info["committing"] = True

    @event.listens_for(engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or not context.is_disconnect or connection.invalidated:
            return
        if connection.info.get("committing"):
            raise Unknown(
                "commit_unanswered",
                "The connection to the database broke while a step was being stored.",
                money="This step may or may not be stored; nothing is sent because of it.",
                todo="See that the server runs, then start again; the daemon goes on from what is stored.",
            ) from context.original_exception


def connect_failure(error: BaseException, place: Place) -> MooringError:
    """What it means that no connection could be made. The server gives no code that early, only words."""
    said = " ".join(str(error).split())
    low = said.lower()
    database = "" if place.url is None else str(place.url.database)
    if f'database "{database}" does not exist' in said:
        return NotFound(
            "no_database",
            f"There is no database {place}.",
            money="Nothing was opened and nothing is traded.",
            todo="Make it with createdb, as docs/postgres.md says, or correct store.url.",
        )
    if any(words in low for words in REFUSALS):
        return Denied(
            "database_refused",
            f"The server refuses to open {place}: user or password is not accepted, or lacks the right.",
            money="Nothing was opened and nothing is traded.",
            todo="Correct user and password in store.url or in the .pgpass file, or the server's pg_hba.conf.",
        )
    return Unreachable(
        "database_unreachable",
        f"The database {place} cannot be reached ({_reason(low)}).",
        money="Nothing is traded without a record.",
        todo="See that the server runs and that host and port in store.url are right.",
    )


REFUSALS: Final = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "authentication failed",
    "pg_hba.conf rejects",
    "permission denied for database",
    "is not permitted to log in",
    'role "',
)
REASONS: Final = {
    "connection refused": "no server answers there",
    "no such file or directory": "there is no socket of a server",
    "timeout": "no answer in time",
    "starting up": "the server is starting up",
    "shutting down": "the server is shutting down",
    "too many": "the server has no connection left",
    "remaining connection slots": "the server has no connection left",
    "resolve": "its host is not known",
    "translate host": "its host is not known",
    "name or service": "its host is not known",
    "certificate": "the server's certificate is not accepted",
    "ssl": "no secure connection",
}


def _reason(low: str) -> str:
    """Why, in words of ours: what the driver says may repeat what the URL states."""
    return next((ours for theirs, ours in REASONS.items() if theirs in low), "the connection failed")


def _lost_for_good(error: MooringError) -> Halt:
    """A writer that was connected before, and cannot be again."""
    return Halt("database_unreachable", error.what, money=NOTHING_WRITTEN, todo=error.todo)
