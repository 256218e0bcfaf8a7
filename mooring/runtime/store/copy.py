"""A whole history copied into another database, unchanged: from a file to a server, back, or to another of its kind.

Rows keep their numbers and hashes. All of them go in one transaction, past the same triggers that the writer's rows go
past, into a target that holds nothing; the copy is proved before anybody can use it. One that is interrupted leaves
nothing that could be taken for a history: a file gets its name, and a schema its revision, only at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, LargeBinary, Table, insert, select, text

from mooring.durable import sync_file
from mooring.errors import Conflict, Unverified
from mooring.runtime.store.connect import BUSY_TIMEOUT_MS, one_file_engine
from mooring.runtime.store.connect_postgres import LONG_TIMEOUT_MS, writer_engine
from mooring.runtime.store.disk import SIDE_FILES, file_beside, move_into_place, unwritable
from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.failures import DAMAGE, driver_failures, reading, write_failure
from mooring.runtime.store.migrate import COPYING, HEAD, create_newest, is_empty, require_known, stored_revision
from mooring.runtime.store.place import SCHEMA, Place
from mooring.runtime.store.schema import EVIDENCE, state_latest
from mooring.runtime.store.types import Head, Report, Row
from mooring.runtime.store.verify import verify
from mooring.runtime.store.writer import MOVE_HEAD, check_tails

BATCH_ROWS: Final = 5000
BATCH_BLOBS: Final = 4  # rows that hold a whole state each
NOTHING_COPIED: Final = "Nothing was copied; the history stays where it is."

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What was copied.

    Attributes:
        rows: of evidence.
        head: hash of the last manifest, 64 zeros if there is none; the same in both databases.
    """

    rows: int
    head: str


def copy_history(source: Place, target: Place, *, progress: Progress | None = None) -> Copied:
    """Copy every row of evidence, the ends of the chains and the states that runs go on from.

    Args:
        source: is only read, as of one moment; a daemon may write to it meanwhile.
        target: a file that is not there, or a database whose schema of ours is not there or empty.
        progress: called with (rows done, rows to do); each row is copied, and then checked.

    Raises:
        NotFound: there is no source, or no database to copy into.
        Conflict: the target holds something, or is in use, or the source is of another revision.
        Unverified: source or copy do not hold, or they are not equal; nothing is left of the copy.
        Invalid: the target cannot be written.
        Halt: the target failed while it was written to; nothing is left of the copy.
        Retry, Unreachable, Denied: as for any read, and for any server.
    """
    engine = open_reader(source, long=True)
    try:
        with engine.connect() as connection:
            with reading():
                connection.begin()
                history = _History(connection)
            told = _Told(progress or (lambda _done, _all: None), 2 * history.rows)
            to = _to_server if target.file is None else _to_file
            to(history, target, told)
            return Copied(rows=history.rows, head=history.heads["manifests"].head)
    finally:
        engine.dispose()


class _History:
    """What is copied, as of one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        revision = stored_revision(connection)
        require_known(revision)
        if revision != HEAD:
            raise Conflict(
                "schema_not_newest",
                f"The database to copy from is at revision {revision}, and this version of Mooring writes {HEAD}.",
                money=NOTHING_COPIED,
                todo="Bring it to the newest revision with `mooring db upgrade`, then copy again.",
            )
        self.heads = check_tails(connection)

    @property
    def rows(self) -> int:
        return sum(head.count for head in self.heads.values())

    def batches(self, table: Table) -> Iterator[list[tuple[Any, ...]]]:
        """Every row in the order written, some at a time; values in the order of the table's columns."""
        size = BATCH_BLOBS if any(isinstance(column.type, LargeBinary) for column in table.c) else BATCH_ROWS
        after = 0
        while True:
            query = select(table).where(table.c.seq > after).order_by(table.c.seq).limit(size)
            with reading():
                rows = [tuple(row) for row in self._connection.execute(query)]
            if rows:
                yield rows
            if len(rows) < size:
                return
            after = rows[-1][0]

    def states(self) -> Iterator[Row]:
        """The states that runs go on from, one at a time."""
        with reading():
            runs = self._connection.execute(select(state_latest.c.run_id).order_by(state_latest.c.run_id)).scalars()
            names = list(runs)
        for run_id in names:
            with reading():
                query = select(state_latest).where(state_latest.c.run_id == run_id)
                row = dict(self._connection.execute(query).mappings().one())
            yield row


class _Told:
    """Progress over copying and checking."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._before = 0

    def copied(self, rows: int) -> None:
        self._before += rows
        self._progress(self._before, self._total)

    def checked(self, _table: str, rows: int) -> None:
        self._progress(min(self._before + rows, self._total), self._total)


def _to_file(history: _History, target: Place, told: _Told) -> None:
    path = target.file
    assert path is not None
    beside = [path, *(path.with_name(path.name + end) for end in (*SIDE_FILES, ".mark"))]
    for one in beside:
        if one.exists():
            raise _not_empty(f"There is a file {one} already.")
    try:
        with file_beside(path.parent) as part:
            engine = one_file_engine(part)
            try:
                with _writing(engine) as connection:
                    create_newest(connection)
                    _fill(connection, history, told, _insert_many)
            finally:
                engine.dispose()
            sync_file(part)
            _prove(Place(file=part), history, told)
            move_into_place(part, path)
    except OSError as error:
        raise unwritable(path, error.strerror or "refused") from error


def _to_server(history: _History, target: Place, told: _Told) -> None:
    engine = writer_engine(target, busy_timeout_ms=BUSY_TIMEOUT_MS, statement_timeout_ms=LONG_TIMEOUT_MS)
    try:
        with _writing(engine) as connection:
            if _is_unfinished(connection):
                _take_away(connection)
            elif not is_empty(connection):
                raise _not_empty(f"The database {target} holds a schema {SCHEMA} already.")
            create_newest(connection)
            _set_revision(connection, COPYING)  # so no daemon opens it until it has been proved
            _fill(connection, history, told, _copy_in)
        try:
            _prove(target, history, told)
        except BaseException:
            with _writing(engine) as connection:
                _take_away(connection)
            raise
        with _writing(engine) as connection:
            _set_revision(connection, HEAD)
    finally:
        engine.dispose()


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except DAMAGE as error:
        raise write_failure(error) from error


Insert = Callable[[Connection, Table, list[tuple[Any, ...]]], None]


def _fill(connection: Connection, history: _History, told: _Told, put: Insert) -> None:
    for table in EVIDENCE:
        for rows in history.batches(table):
            put(connection, table, rows)
            told.copied(len(rows))
    ends = [{"name": n, "new_count": head.count, "new_head": head.head} for n, head in sorted(history.heads.items())]
    connection.execute(MOVE_HEAD, ends)
    for state in history.states():
        connection.execute(insert(state_latest), state)
    _require_equal(history.heads, check_tails(connection))


def _insert_many(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    names = [column.name for column in table.c]
    # Names of our own schema only.
    sql = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
    connection.exec_driver_sql(sql, rows)


def _copy_in(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    names = ", ".join(column.name for column in table.c)
    with driver_failures(), driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _prove(target: Place, history: _History, told: _Told) -> None:
    """See that the copy holds by itself, and is equal to what was copied."""
    report = verify(target, progress=told.checked)
    # On a server the revision comes last.
    breaks = [found for found in report.breaks if target.file is not None or found.table != "alembic_version"]
    if breaks:
        raise Unverified(
            "copy_broken",
            f"The copy does not hold, as what it was copied from does not: {breaks[0]}",
            money="Neither can be trusted from there on; nothing is left of the copy.",
            todo="Keep the database as it is, and run `mooring db check`.",
        )
    _require_equal(history.heads, report.heads)
    _require_same_head(history, report)


def _require_equal(wanted: Mapping[str, Head], found: Mapping[str, Head]) -> None:
    for table, head in wanted.items():
        if found.get(table) != head:
            raise _differs(f"the chain of {table} does not end in the same row")


def _require_same_head(history: _History, report: Report) -> None:
    if report.head != history.heads["manifests"].head or report.rows != history.rows:
        raise _differs("head or number of rows are not the same")


def _is_unfinished(connection: Connection) -> bool:
    """What a copy left that was killed before it had been proved."""
    return stored_revision(connection) == COPYING


def _set_revision(connection: Connection, revision: str) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def _take_away(connection: Connection) -> None:
    connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))


def _differs(what: str) -> Unverified:
    return Unverified(
        "copy_differs",
        f"The copy is not equal to what was copied: {what}.",
        money="Nothing is left of the copy; the history stays where it is.",
        todo="Run `mooring db check` on the database that was copied from, and report this.",
    )


def _not_empty(what: str) -> Conflict:
    return Conflict(
        "target_not_empty",
        f"{what} A history is copied into an empty database only.",
        money=NOTHING_COPIED,
        todo="Name a new file, or an empty database.",
    )
