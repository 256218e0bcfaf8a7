"""The one thread that writes: a batch is one transaction, durable when `submit` returns."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, bindparam, insert, select, update

from mooring.errors import Halt, Invalid, Unknown, Unverified
from mooring.runtime.store import checks
from mooring.runtime.store.failures import DAMAGE, KEEP, NOTHING_WRITTEN, write_failure
from mooring.runtime.store.hashing import ZERO, canonical, sha256, with_root
from mooring.runtime.store.parents import Parents
from mooring.runtime.store.rows import ROWS_MAX, RowShape, last_row
from mooring.runtime.store.schema import EVIDENCE, IN_MANIFEST, chain_heads, runs, state_latest
from mooring.runtime.store.types import Batch, Committed, Head, HourClose, Row, StateRow

QUEUE_MAX: Final = 64
COMMIT_TIMEOUT_S: Final = 20.0  # below the time that a stop waits for the hour at hand
BY_THE_WRITER: Final = frozenset({"manifests", "snapshots", "controls"})

READ_HEADS: Final = select(chain_heads.c.table_name, chain_heads.c.count, chain_heads.c.head)
MOVE_HEAD: Final = (
    update(chain_heads)
    .where(chain_heads.c.table_name == bindparam("name"))
    .values(count=bindparam("new_count"), head=bindparam("new_head"))
)

Fault = Callable[[str], None]


def read_heads(connection: Connection) -> dict[str, Head]:
    """The end of each chain, as the writer noted it."""
    return {name: Head(count=count, head=head) for name, count, head in connection.execute(READ_HEADS)}


def check_tails(connection: Connection) -> dict[str, Head]:
    """The end of each chain, compared with the last row of each table.

    Raises:
        Unverified: they differ, so rows were added, changed or taken away by somebody else.
    """
    heads = read_heads(connection)
    for table in EVIDENCE:
        last = last_row(connection, table)
        found = Head(count=0, head=ZERO) if last is None else Head(count=last[0], head=last[1])
        if heads.get(table.name) != found:
            raise Unverified(
                "chain_end_differs",
                f"The last row of {table.name} is not the one that was written last.",
                money="The records were changed from outside, so nothing is traded from them.",
                todo=KEEP,
            )
    return heads


class Writer:
    """Owns the writing connection; everything it does happens in its own thread.

    Args:
        engine: from `connect.writer_engine`, of a database at the newest schema.
        fault: called at `before-begin`, `after-table:<name>`, `before-commit` and `after-commit`; tests die in it.
        commit_timeout_s: how long `submit` waits for an answer.
    """

    def __init__(
        self, engine: Engine, *, fault: Fault | None = None, commit_timeout_s: float = COMMIT_TIMEOUT_S
    ) -> None:
        self._engine = engine
        self._fault: Fault = fault or (lambda _point: None)
        self._timeout_s = commit_timeout_s
        self._shapes = {str(table.name): RowShape(table, engine.dialect) for table in EVIDENCE}
        # The ends of the chains that may be found: as the last commit left them. Empty before the first.
        self._ends: tuple[dict[str, Head], ...] = ()
        self._accounts: dict[str, str] = {}  # of each run seen; neither is ever renamed
        self._queue: queue.Queue[tuple[Batch, Future[Committed]] | None] = queue.Queue(maxsize=QUEUE_MAX)
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="mooring-store-writer", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> Committed:
        """Write a batch and wait until it is on the disk; see `Store.commit`."""
        answer: Future[Committed] = Future()
        with self._lock:
            if self._closed:
                raise Halt(
                    "store_closed", "The store is closed.", money=NOTHING_WRITTEN, todo="Start the daemon again."
                )
            try:
                self._queue.put((batch, answer), timeout=self._timeout_s)
            except queue.Full:
                raise Halt(
                    "writer_stalled",
                    "The database cannot keep up: too much waits to be written.",
                    money=NOTHING_WRITTEN,
                    todo="Look at the disk's health and load, then start again.",
                ) from None
        try:
            return answer.result(timeout=self._timeout_s)
        except TimeoutError:
            if answer.done():  # the batch itself ended with this error
                raise
            raise Unknown(
                "commit_unanswered",
                f"The database did not answer within {self._timeout_s:g} s.",
                money="This step may or may not be stored; nothing is sent because of it.",
                todo="Look at the disk's health, then start again; the daemon goes on from what is stored.",
            ) from None

    def close(self) -> None:
        """Write what waits, move the log into the file, close."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            batch, answer = item
            try:
                answer.set_result(self._write(batch))
            except BaseException as error:  # noqa: BLE001 -- the caller gets it, and the thread goes on
                answer.set_exception(error)
        if self._engine.dialect.name == "sqlite":
            try:
                with self._engine.connect() as connection:
                    raw: Any = connection.connection.driver_connection
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except Exception:  # noqa: BLE001, S110 -- tidying only: all of it is durable in the log already
                pass
        self._engine.dispose()

    def _write(self, batch: Batch) -> Committed:
        heads: dict[str, Head] = {}
        try:
            tables = self._prepare(batch)
            self._fault("before-begin")
            with self._engine.begin() as connection:
                self._start(connection, heads)
                manifest = self._insert_all(connection, batch, tables, heads)
                self._fault("before-commit")
        except DAMAGE as error:
            if self._ends and heads:  # whether a commit that failed is there after all, only the next one sees
                self._ends = (self._ends[0], heads)
            raise write_failure(error) from error
        self._ends = (heads,)
        self._fault("after-commit")
        return Committed(
            manifest_hash=manifest,
            ledger_head=heads["ledger"].head,
            ledger_rows=heads["ledger"].count,
            counts={name: head.count for name, head in heads.items()},
        )

    def _account_of(self, run_id: str) -> str | None:
        """The account of a run that is stored, or about to be; None where there is no such run."""
        if run_id not in self._accounts:
            with self._engine.connect() as connection:
                found = connection.execute(select(runs.c.account_id).where(runs.c.run_id == run_id)).scalar()
            if found is None:
                return None
            self._accounts[run_id] = found
        return self._accounts[run_id]

    def _start(self, connection: Connection, heads: dict[str, Head]) -> None:
        """Read the chains' ends into `heads`; they are those that this writer left."""
        heads.update(read_heads(connection))
        if self._ends and heads not in self._ends:
            raise Halt(
                "second_writer",
                "Another program wrote to the database while this one had it.",
                money=f"Two daemons may be trading the same account. {NOTHING_WRITTEN}",
                todo="Stop every Mooring of this home, run `mooring db check`, then start one.",
            )

    def _insert_all(
        self, connection: Connection, batch: Batch, tables: Mapping[str, list[Row]], heads: dict[str, Head]
    ) -> str | None:
        if "order_events" in tables:
            checks.orders_move_forward(connection, tables["order_events"])
        changed = set(tables)
        parents = Parents(connection)
        for table in EVIDENCE:
            name = str(table.name)
            if rows := tables.get(name):
                heads[name] = self._shapes[name].append(connection, rows, heads[name], parents)
                self._fault(f"after-table:{name}")
        manifest = None
        if batch.hour is not None:
            previous = checks.hour_follows(connection, batch.hour)
            shape = self._shapes["manifests"]
            given = _manifest(batch.hour, batch.state, heads, previous)
            row = with_root(shape.complete(given | {"root": ZERO}, batch.hour, self._account_of))
            heads["manifests"] = shape.append(connection, [row], heads["manifests"], parents)
            self._fault("after-table:manifests")
            manifest = heads["manifests"].head
            changed.add("manifests")
        if changed:
            new = [{"name": n, "new_count": heads[n].count, "new_head": heads[n].head} for n in sorted(changed)]
            connection.execute(MOVE_HEAD, new)
        if batch.state is not None:
            _put_state(connection, batch.state, manifest)
        return manifest

    def _prepare(self, batch: Batch) -> dict[str, list[Row]]:
        """The rows by table, complete and checked, before any lock is taken."""
        if len(batch.rows) > ROWS_MAX:
            raise Invalid(
                "batch_too_large",
                f"One step may store at most {ROWS_MAX} rows.",
                money=NOTHING_WRITTEN,
                todo="Report this.",
            )
        tables: dict[str, list[Row]] = {}
        self._accounts.update((row["run_id"], row["account_id"]) for name, row in batch.rows if name == "runs")
        for name, given in batch.rows:
            shape = self._shapes.get(name)
            if shape is None or name in BY_THE_WRITER:
                raise Invalid(
                    "no_such_table", f"Rows cannot be given for {name}.", money=NOTHING_WRITTEN, todo="Report this."
                )
            tables.setdefault(name, []).append(shape.complete(given, batch.hour, self._account_of))
        if batch.snapshot:
            if batch.state is None:
                raise Invalid("bad_row", "A snapshot needs a state.", money=NOTHING_WRITTEN, todo="Report this.")
            given = {"run_id": batch.state.run_id, "hour_ts_utc": batch.state.hour_ts_utc, "state": batch.state.state}
            tables["snapshots"] = [self._shapes["snapshots"].complete(given, None, self._account_of)]
        if batch.control is not None:
            tables["controls"] = [self._shapes["controls"].complete(asdict(batch.control), None, self._account_of)]
        if "ledger" in tables:
            checks.postings_balance(tables["ledger"])
        return tables


def _manifest(hour: HourClose, state: StateRow | None, heads: Mapping[str, Head], previous: str) -> Row:
    covered = state is not None and (state.run_id, state.hour_ts_utc) == (hour.run_id, hour.hour_ts_utc)
    return {
        "decision_hash": hour.decision_hash,
        "state_hash": hour.state_hash,
        "blob_hash": sha256(state.state) if state is not None and covered else None,
        "heads": canonical({name: [heads[name].count, heads[name].head] for name in IN_MANIFEST}).decode(),
        "previous_root": previous,
    }


def _put_state(connection: Connection, state: StateRow, manifest: str | None) -> None:
    values = {
        "hour_ts_utc": state.hour_ts_utc,
        "cycles": state.cycles,
        "state": state.state,
        "state_hash": sha256(state.state),
        "manifest_hash": manifest,
    }
    _put(connection, state_latest, {"run_id": state.run_id}, values)


def _put(connection: Connection, table: Table, key: Row, values: Row) -> None:
    (column, value), *_ = key.items()
    if connection.execute(update(table).where(table.c[column] == value).values(values)).rowcount == 0:
        connection.execute(insert(table).values(key | values))
