"""What a check reads from: one read-only transaction on SQLite or PostgreSQL, fast over whole tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

BATCH: Final = 4096


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

    def all(self, sql: str, **values: Any) -> Sequence[Sequence[Any]]:
        """Every row of a small query; values as `:name` in it."""
        return self._connection.execute(text(sql), values).all()

    def first(self, sql: str, **values: Any) -> Sequence[Any] | None:
        """The first row, or None."""
        return self._connection.execute(text(sql), values).first()

    def batches(self, sql: str) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a large query, some thousand at a time, straight from the driver."""
        if self.is_sqlite:
            cursor = self._raw.execute(sql)
            while batch := cursor.fetchmany(BATCH):
                yield batch
            return
        # A named cursor stays on the server; the client holds one batch.
        with self._raw.cursor(name="mooring_walk", binary=True) as cursor:
            cursor.itersize = BATCH
            cursor.execute(sql)
            while batch := cursor.fetchmany(BATCH):
                yield batch
