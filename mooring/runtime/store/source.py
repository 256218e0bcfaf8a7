"""What a check reads from: one read-only transaction on SQLite or PostgreSQL, fast over whole tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

from mooring.runtime.store.failures import driver_failures

BATCH: Final = 1024  # more at a time is slower: they no longer fit the caches of the processor


class Source:
    """One transaction of a reader.

    Args:
        connection: of a reader's engine, in a transaction that shows one state of the database from here on.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._raw: Any = connection.connection.driver_connection
        self.dialect: str = connection.dialect.name

    @property
    def connection(self) -> Connection:
        """For queries made of SQLAlchemy's parts."""
        return self._connection

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file that can be damaged without its server knowing."""
        return self.dialect == "sqlite"

    @property
    def sqlite(self) -> sqlite3.Connection:
        """SQLite's own connection, where it is one."""
        assert isinstance(self._raw, sqlite3.Connection)
        return self._raw

    def tables(self) -> set[str]:
        """The names of the tables there are."""
        return set(inspect(self._connection).get_table_names())

    def all(self, sql: str, **values: Any) -> Sequence[Sequence[Any]]:
        """Every row of a small query; values as `:name` in it."""
        if self.is_sqlite:
            found: list[tuple[Any, ...]] = self._raw.execute(sql, values).fetchall()
            return found
        return self._connection.execute(text(sql), values).all()

    def first(self, sql: str, **values: Any) -> Sequence[Any] | None:
        """The row of a query that has one at most, or None."""
        return next(iter(self.all(sql, **values)), None)

    def batches(self, sql: str, *, size: int = BATCH) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a large query, `size` at a time, straight from the driver."""
        if self.is_sqlite:
            cursor = self._raw.execute(sql)
            while batch := cursor.fetchmany(size):
                yield batch
            return
        # A named cursor stays on the server; the client holds one batch.
        with driver_failures(), self.apart(), self._raw.cursor(name="mooring_walk", binary=True) as cursor:
            cursor.itersize = size
            cursor.execute(sql)
            while batch := cursor.fetchmany(size):
                yield batch

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What fails inside spoils nothing of the transaction around it."""
        if self.is_sqlite:
            yield
            return
        with self._connection.begin_nested():
            yield
