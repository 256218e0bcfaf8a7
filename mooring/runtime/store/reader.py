"""Reads, each in its own short transaction on a read-only connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, LargeBinary, Select, Table, exists, func, select
from sqlalchemy.sql.elements import ColumnElement

from mooring.errors import Invalid, Unverified
from mooring.runtime.store.checks import TERMINAL
from mooring.runtime.store.columns import metadata
from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.failures import KEEP, reading
from mooring.runtime.store.hashing import sha256
from mooring.runtime.store.migrate import stored_revision
from mooring.runtime.store.place import Place
from mooring.runtime.store.schema import EVIDENCE, alert_acks, controls, runs, state_latest
from mooring.runtime.store.schema_hourly import alerts, ledger, order_events, order_intents
from mooring.runtime.store.types import ControlRow, Head, Page, Row, StoredState
from mooring.runtime.store.writer import read_heads

LIMIT_MAX: Final = 500
INT64_MAX: Final = 2**63 - 1
ALIASES: Final = {"prices": "bars", "orders": "order_intents", "audit": "control_actions"}


class Reader:
    """Reads of one database; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, place: Path | Place) -> Reader:
        """A reader of its own, for a program that never writes.

        Raises:
            NotFound: there is no database.
            Unverified: the file is something else.
            Unreachable, Denied: the server cannot be reached, or refuses.
        """
        return cls(open_reader(Place.of(place)))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def latest_state(self, run_id: str) -> StoredState | None:
        """The state the run goes on from; None before its first.

        Raises:
            Unverified: the stored bytes are not those that were written.
        """
        row = self._first(select(state_latest).where(state_latest.c.run_id == run_id))
        if row is None:
            return None
        if sha256(row["state"]) != row["state_hash"]:
            raise Unverified(
                "state_changed",
                "The stored state of the run is not the one that was written.",
                money="Nothing is traded from it.",
                todo=KEEP,
            )
        return StoredState(**row)

    def run(self, run_id: str) -> Row | None:
        """A run's row."""
        return self._first(select(runs).where(runs.c.run_id == run_id))

    def latest_run(self) -> Row | None:
        """The row of the run that was begun last."""
        return self._first(select(runs).order_by(runs.c.seq.desc()).limit(1))

    def control_state(self) -> ControlRow:
        """Kill switch and pause; all off before they were ever written."""
        row = self._first(select(controls).order_by(controls.c.seq.desc()).limit(1))
        if row is None:
            return ControlRow()
        for name in ("seq", "prev_hash", "parent_hash", "row_hash"):
            del row[name]
        flags = {name: bool(row[name]) for name in ("kill_active", "paused", "rebase")}
        return ControlRow(**(row | flags))

    def page(
        self,
        kind: str,
        *,
        limit: int = 100,
        before_seq: int | None = None,
        filters: Mapping[str, str | int] | None = None,
        account_id: str | None = None,
    ) -> Page:
        """Rows of a table, newest first.

        Args:
            kind: a table of evidence, or `prices`, `orders` (with `status`, `status_reason`, `filled_quantity`),
                `audit`; `alerts` come with `acknowledged_at` and `acknowledged_by`.
            limit: 1 to 500.
            before_seq: only rows before this one.
            filters: column = value.
            account_id: only rows of the runs that carry this account.

        Raises:
            Invalid: unknown kind or column, a list that belongs to no run, or a number out of bounds.
        """
        table = self._table(kind)
        if not 1 <= limit <= LIMIT_MAX:
            raise Invalid("bad_limit", f"limit must be 1 to {LIMIT_MAX}.", todo="Ask for fewer rows at a time.")
        extra = _extra_columns(table)
        query = select(*_plain(table), *extra.values()).order_by(table.c.seq.desc()).limit(limit + 1)
        if before_seq is not None:
            if not 1 <= before_seq <= INT64_MAX:
                raise Invalid("bad_cursor", "The cursor is none that this daemon gave.", todo="Begin without one.")
            query = query.where(table.c.seq < before_seq)
        if account_id is not None:
            query = query.where(_of_account(table, account_id))
        for name, value in (filters or {}).items():
            query = query.where(_equals(table, extra, name, value))
        rows = self._all(query)
        return Page(items=rows[:limit], next_before=rows[limit - 1]["seq"] if len(rows) > limit else None)

    def find(self, kind: str, **equals: str | int) -> Row | None:
        """The newest row with these values, or None."""
        return next(iter(self.page(kind, limit=1, filters=equals).items), None)

    def heads(self) -> dict[str, Head]:
        """Count and last hash of each chain."""
        with reading(), self._engine.connect() as connection:
            return read_heads(connection)

    def revision(self) -> str | None:
        """The revision of the schema that the database is at."""
        with reading(), self._engine.connect() as connection:
            return stored_revision(connection)

    def count(self, kind: str, *, run_id: str | None = None) -> int:
        """Rows of a table, all in all or of one run."""
        table = self._table(kind)
        if run_id is None:
            return self.heads()[table.name].count
        query = select(func.count()).select_from(table).where(table.c.run_id == run_id)
        with reading(), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def hour(self, run_id: str, hour_ts_utc: int) -> dict[str, list[Row]]:
        """Every row of an hour, by table, in the order written; tables without any are left out."""
        found: dict[str, list[Row]] = {}
        with reading(), self._engine.connect() as connection:
            for table in EVIDENCE:
                if "hour_ts_utc" not in table.c:
                    continue
                query = select(*_plain(table)).where(table.c.run_id == run_id, table.c.hour_ts_utc == hour_ts_utc)
                rows = [dict(row) for row in connection.execute(query.order_by(table.c.seq)).mappings()]
                if rows:
                    found[table.name] = rows
        return found

    def scan(self, kind: str, run_id: str, *, batch: int = 5000) -> Iterator[Row]:
        """Every row of a run in the order written, read `batch` rows at a time."""
        table = self._table(kind)
        after = 0
        while True:
            query = select(*_plain(table)).where(table.c.run_id == run_id, table.c.seq > after)
            rows = self._all(query.order_by(table.c.seq).limit(batch))
            yield from rows
            if len(rows) < batch:
                return
            after = rows[-1]["seq"]

    def unresolved_intents(self, run_id: str) -> list[Row]:
        """Intents without a final event, oldest first, with `status` (None before the first) and `filled_quantity`."""
        e, i = order_events, order_intents
        done = exists().where(e.c.client_order_id == i.c.client_order_id, e.c.status.in_(sorted(TERMINAL)))
        columns = [*_plain(i), *_extra_columns(i).values()]
        return self._all(select(*columns).where(i.c.run_id == run_id, ~done).order_by(i.c.seq))

    def open_alerts(self, run_id: str | None = None) -> list[Row]:
        """Alerts nobody has acknowledged, newest first, at most 500."""
        seen = exists().where(alert_acks.c.alert_id == alerts.c.alert_id)
        query = select(*_plain(alerts)).where(~seen).order_by(alerts.c.seq.desc()).limit(LIMIT_MAX)
        return self._all(query if run_id is None else query.where(alerts.c.run_id == run_id))

    def balances(self, run_id: str) -> dict[tuple[str, str], int]:
        """Sum of the postings of a run by (account, asset), in the asset's units."""
        return self._balances(ledger.c.run_id == run_id)

    def balances_of_account(self, account_id: str) -> dict[tuple[str, str], int]:
        """As `balances`, over every run of an account."""
        return self._balances(ledger.c.run_id.in_(select(runs.c.run_id).where(runs.c.account_id == account_id)))

    def _balances(self, of: ColumnElement[bool]) -> dict[tuple[str, str], int]:
        columns = (ledger.c.account, ledger.c.asset)
        query = select(*columns, func.sum(ledger.c.amount).label("total")).where(of)
        rows = self._all(query.group_by(*columns).order_by(*columns))
        return {(row["account"], row["asset"]): int(row["total"]) for row in rows}

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection for the store's own modules, which see one state of the database as long as they have it."""
        with reading(), self._engine.connect() as connection:
            yield connection

    def tuples(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        """What a query of the store's own modules gives, as plain tuples: half the work of rows, for many of them."""
        with self.connected() as connection:
            return list(connection.execute(query).cursor.fetchall())

    def _table(self, kind: str) -> Table:
        table = metadata.tables.get(ALIASES.get(kind, kind))
        if table is None or "evidence" not in table.info:
            raise Invalid("unknown_kind", f"There is no list of {kind}.", todo="Name one that the documents list.")
        return table

    def _all(self, query: Select[Any]) -> list[Row]:
        with reading(), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _first(self, query: Select[Any]) -> Row | None:
        return next(iter(self._all(query)), None)


def _plain(table: Table) -> list[Column[Any]]:
    """The columns that are no bytes."""
    return [column for column in table.c if not isinstance(column.type, LargeBinary)]


def _extra_columns(table: Table) -> dict[str, ColumnElement[Any]]:
    if table is order_intents:
        e = order_events.c
        last = select(e.status).where(e.client_order_id == table.c.client_order_id).order_by(e.seq.desc()).limit(1)
        filled = func.coalesce(last.with_only_columns(e.filled_quantity).scalar_subquery(), 0)
        why = func.coalesce(last.with_only_columns(e.reason).scalar_subquery(), "")
        return {
            "status": last.scalar_subquery().label("status"),
            "status_reason": why.label("status_reason"),
            "filled_quantity": filled.label("filled_quantity"),
        }
    if table is alerts:
        a = alert_acks.c
        ack = select(a.at).where(a.alert_id == table.c.alert_id).order_by(a.seq).limit(1)
        return {
            "acknowledged_at": ack.scalar_subquery().label("acknowledged_at"),
            "acknowledged_by": ack.with_only_columns(a.actor).scalar_subquery().label("acknowledged_by"),
        }
    return {}


def _of_account(table: Table, account_id: str) -> ColumnElement[bool]:
    if "run_id" not in table.c:
        raise Invalid("unknown_filter", f"{table.name} cannot be filtered by account.", todo="Leave that filter out.")
    carrying = select(runs.c.run_id).where(runs.c.account_id == account_id)
    # As an expression, not as a column: the index on the run would have every row of the account sorted for one page.
    return table.c.run_id.concat("").in_(carrying)


def _equals(table: Table, extra: Mapping[str, ColumnElement[Any]], name: str, value: str | int) -> ColumnElement[bool]:
    column: ColumnElement[Any] | None = extra.get(name)
    if column is None and name in {c.name for c in _plain(table)}:
        column = table.c[name]
    if column is None:
        raise Invalid("unknown_filter", f"{table.name} cannot be filtered by {name}.", todo="Leave that filter out.")
    if column.type.python_type is int:
        try:
            value = int(value)
        except ValueError:
            raise Invalid("bad_filter", f"{name} must be a whole number.", todo="Give a whole number.") from None
        if not -INT64_MAX <= value <= INT64_MAX:
            raise Invalid("bad_filter", f"{name} is out of bounds.", todo="Give a smaller whole number.")
    return column == value
