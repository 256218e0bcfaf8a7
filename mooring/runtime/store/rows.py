"""Rows made complete and exact before they are hashed, and the one statement that inserts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table, insert, select

from mooring.errors import Invalid
from mooring.runtime.domain.money import INT64_MAX, INT64_MIN
from mooring.runtime.store.failures import NOTHING_WRITTEN
from mooring.runtime.store.hashing import HASH_COLUMNS, RowHasher
from mooring.runtime.store.parents import Parents
from mooring.runtime.store.types import Head, HourClose, Row

TEXT_MAX: Final = 65_536
BLOB_MAX: Final = 64 * 1024 * 1024
ROWS_MAX: Final = 20_000

AccountOf = Callable[[str], str | None]


class _Kind:
    """A dialect; those of one kind of database are equal, as they say the same of a statement."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._said = (dialect.name, dialect.driver, dialect.paramstyle)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Kind) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)


@cache  # as many as there are tables and kinds of databases, whatever is opened
def _inserting(table: Table, kind: _Kind) -> tuple[str, Sequence[str] | None]:
    """The statement that inserts a row, and the order of its values where they have no names."""
    compiled = insert(table).compile(dialect=kind.dialect)
    order: Sequence[str] | None = getattr(compiled, "positiontup", None)
    return compiled.string, order


@cache
def _reading_last(table: Table, kind: _Kind) -> str:
    newest = select(table.c.seq, table.c.row_hash).order_by(table.c.seq.desc()).limit(1)
    return str(newest.compile(dialect=kind.dialect, compile_kwargs={"literal_binds": True}))


def last_row(connection: Connection, table: Table) -> tuple[int, str] | None:
    """(seq, row_hash) of the newest row of a table of evidence; None where it is empty."""
    last = connection.exec_driver_sql(_reading_last(table, _Kind(connection.dialect))).first()
    return None if last is None else (last[0], last[1])


class RowShape:
    """One evidence table as the writer sees it: which columns, how hashed, how inserted."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self.table = str(table.name)
        self._columns = [(str(c.name), bool(c.nullable)) for c in table.c if c.name not in HASH_COLUMNS | {"seq"}]
        self._names = {name for name, _ in self._columns}
        self._hourly = "hour_ts_utc" in table.c
        self._hasher = RowHasher(table)
        # Compiled once: building and looking up the statement for each batch costs more than the insert itself.
        self._sql, order = _inserting(table, _Kind(dialect))
        self._in_order = None if order is None else itemgetter(*order)

    def complete(self, given: Mapping[str, Any], hour: HourClose | None, account_of: AccountOf) -> Row:
        """The row with every column but seq and the hashes, each an exact int, str, bytes or None.

        Args:
            given: by column.
            hour: whose run and hour rows have that name none.
            account_of: gives the account of a run, for rows of the hour that name none.

        Raises:
            Invalid: a column is missing, unknown, of a wrong type, or too large.
        """
        if hour is not None and self._hourly and (row := self._plain(given, hour, account_of)) is not None:
            return row
        row = {}
        known = 0
        for name, nullable in self._columns:
            value = given.get(name)
            if name in given:
                known += 1
            elif hour is not None and name in {"run_id", "hour_ts_utc"}:
                value = getattr(hour, name)
            if value is None and name == "account_id" and self._hourly:
                value = account_of(row["run_id"])
            if value is None:
                if not nullable:
                    raise self._bad(name, "it is missing")
            else:
                value = self._exact(name, value)
            row[name] = value
        if known != len(given):
            extra = next(name for name in given if name not in row)
            raise self._bad(extra, "there is no such column to give")
        return row

    def _plain(self, given: Mapping[str, Any], hour: HourClose, account_of: AccountOf) -> Row | None:
        """The row, where it is as nearly all are: every column there, whole numbers and ASCII text; else None."""
        row: Row = {"run_id": hour.run_id, "hour_ts_utc": hour.hour_ts_utc, **given}
        if "account_id" not in row and type(row["run_id"]) is str:
            row["account_id"] = account_of(row["run_id"])
        if row.keys() != self._names:
            return None
        for value in row.values():
            if type(value) is int:
                if not INT64_MIN <= value <= INT64_MAX:
                    return None
            elif type(value) is not str or len(value) > TEXT_MAX or not value.isascii() or "\0" in value:
                return None
        return row

    def append(self, connection: Connection, rows: list[Row], head: Head, parents: Parents) -> Head:
        """Chain the rows to the end, each to its parent too, and insert them; the new end."""
        seq, prev = head.count, head.head
        for row in rows:
            seq += 1
            row["seq"] = seq
            row["prev_hash"] = prev
            parent = row["parent_hash"] = parents.of(self.table, row)
            prev = row["row_hash"] = self._hasher.hash_row(prev, parent, row)
            parents.note(self.table, row)
        values: Any = rows if self._in_order is None else list(map(self._in_order, rows))
        connection.exec_driver_sql(self._sql, values)
        return Head(count=seq, head=prev)

    def _exact(self, column: str, value: Any) -> int | str | bytes:
        if isinstance(value, str):
            if len(value) > TEXT_MAX or "\0" in value:
                raise self._bad(column, f"text must have at most {TEXT_MAX} characters and no NUL")
            try:
                value.encode()
            except UnicodeEncodeError:
                raise self._bad(column, "it is not valid Unicode text") from None
            return str(value)
        if isinstance(value, bytes):
            if len(value) > BLOB_MAX:
                raise self._bad(column, f"more than {BLOB_MAX} bytes")
            return value
        if isinstance(value, float) or not hasattr(value, "__index__"):
            raise self._bad(column, f"it is a {type(value).__name__}, not a whole number or text")
        number = int(value)  # bool, IntEnum and NumPy's integers become what will be read back
        if not INT64_MIN <= number <= INT64_MAX:
            raise self._bad(column, "it does not fit 64 bits")
        return number

    def _bad(self, column: str, why: str) -> Invalid:
        return Invalid(
            "bad_row",
            f"A row for {self.table} cannot be stored: {column}: {why}.",
            money=NOTHING_WRITTEN,
            todo="Report this with the log; it should not happen.",
        )
