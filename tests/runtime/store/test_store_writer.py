from __future__ import annotations

import enum
import resource
import sqlite3
import threading
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Halt, Invalid, MooringError, Unknown, Unverified
from mooring.runtime.store.checks import RANK, TERMINAL, _forward
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.schema_hourly import STATUSES
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow, StateRow
from mooring.runtime.store.verify import verify
from tests.runtime.store import book


def with_row(table, **columns):
    """Hour 0 with the columns of each row of a table changed."""
    batch = book.hour(0)
    return replace(batch, rows=[(t, row | columns if t == table else row) for t, row in batch.rows])


def refused(store, batch, error=Halt):
    """The code with which a batch is refused; nothing of it is stored, and the next one is."""
    before = store.reader().heads()
    with pytest.raises(error) as caught:
        store.commit(batch)
    assert store.reader().heads() == before
    store.commit(book.hour(0))
    return caught.value.code


def event(order, status, filled=0):
    columns = {"client_order_id": order, "status": status, "filled_quantity": filled, "reason": ""}
    return ("order_events", columns | {"run_id": book.RUN, "hour_ts_utc": book.hour_ts_utc(0)})


def test_commit_tells_what_is_durable(store):
    done = store.commit(book.hour(0))
    heads = store.reader().heads()
    assert done.manifest_hash == heads["manifests"].head
    assert (done.ledger_rows, done.ledger_head) == (book.LEDGER_OF_FIRST, heads["ledger"].head)
    assert done.counts["signals"] == len(book.SYMBOLS) * len(book.PRODUCERS)
    assert done.counts["snapshots"] == 0


def test_batch_without_an_hour_writes_no_manifest(store):
    done = store.commit(Batch(control=ControlRow(kill_active=True, kill_reason="test", kill_since=5, updated_at=5)))
    assert (done.manifest_hash, done.ledger_head, done.ledger_rows) == (None, ZERO, 0)
    assert store.reader().control_state().kill_active is True


def test_same_batches_give_the_same_hashes(tmp_path):
    ends = []
    for name in ("a.db", "b.db"):
        with Store.open(tmp_path / name) as store:
            store.commit(book.begin())
            ends.append([store.commit(book.hour(n)) for n in range(3)])
    assert ends[0] == ends[1]


def test_postings_that_do_not_balance_are_refused(store):
    assert refused(store, with_row("ledger", amount=1)) == "unbalanced_postings"


def test_postings_balance_asset_by_asset(store):
    rows = [(t, dict(row)) for t, row in book.hour(0).rows]
    next(row for t, row in rows if t == "ledger")["asset"] = "BTC"
    assert refused(store, replace(book.hour(0), rows=rows)) == "unbalanced_postings"


@pytest.mark.parametrize(
    "value", [1.0, None, 2**63, -(2**63) - 1, object(), "x" * 70_000, "nul\0", "\ud800"], ids=lambda v: repr(v)[:12]
)
def test_value_that_cannot_be_kept_exactly_is_refused(store, value):
    column = "account" if isinstance(value, str) else "amount"
    assert refused(store, with_row("ledger", **{column: value}), Invalid) == "bad_row"


def test_unknown_column_and_missing_column_are_refused(store):
    assert refused(store, with_row("cycles", colour=1), Invalid) == "bad_row"
    with pytest.raises(Invalid, match="kill: it is missing"):
        store.commit(Batch(rows=[("cycles", {})], hour=book.hour(1).hour))


@pytest.mark.parametrize("table", ["manifests", "snapshots", "chain_heads", "controls", "nothing"])
def test_tables_that_are_the_writers_own_take_no_rows(store, table):
    assert refused(store, Batch(rows=[(table, {})]), Invalid) == "no_such_table"


def test_snapshot_without_a_state_is_refused(store):
    assert refused(store, Batch(snapshot=True), Invalid) == "bad_row"


def test_whole_numbers_of_other_kinds_are_kept_as_what_is_read_back(store, tmp_path):
    class Flag(enum.IntEnum):
        ON = 1

    store.commit(with_row("cycles", kill=True, paused=Flag.ON, bars_present=np.int64(3)))
    store.close()
    report = verify(tmp_path / "mooring.db")
    assert report.ok, report.breaks


def test_hour_that_is_closed_cannot_be_closed_again(store):
    store.commit(book.hour(0))
    store.commit(book.hour(1))
    with pytest.raises(Halt) as caught:
        store.commit(replace(book.hour(1), rows=[]))
    assert caught.value.code == "hour_out_of_order"
    with pytest.raises(Halt, match="does not come after"):
        store.commit(replace(book.hour(0), rows=[]))


def test_order_cannot_go_back_across_batches(store):
    store.commit(book.hour(0))
    with pytest.raises(Halt) as caught:
        store.commit(Batch(rows=[event("order-0", "OPEN", 5)]))
    assert caught.value.code == "order_went_back"


def test_filled_quantity_never_shrinks(store):
    rows = [row for row in book.hour(0).rows if row[0] != "order_events"]
    store.commit(replace(book.hour(0), rows=rows))
    store.commit(Batch(rows=[event("order-0", "UNKNOWN"), event("order-0", "PARTIAL", 3)]))
    with pytest.raises(Halt, match="3 filled"):
        store.commit(Batch(rows=[event("order-0", "CANCELLED", 2)]))
    store.commit(Batch(rows=[event("order-0", "PARTIAL", 4), event("order-0", "CANCELLED", 4)]))
    assert store.reader().unresolved_intents(book.RUN) == []


STEPS = st.tuples(st.sampled_from(STATUSES), st.integers(0, 3))


@given(st.lists(STEPS, min_size=1, max_size=12))
def test_any_accepted_history_of_an_order_only_moves_forward(steps):
    history = [steps[0]]
    for status, filled in steps[1:]:
        if _forward(*history[-1], status, filled):
            history.append((status, filled))
    ranks = [RANK[status] for status, _ in history]
    assert ranks == sorted(ranks)
    assert [filled for _, filled in history] == sorted(filled for _, filled in history)
    assert all(status not in TERMINAL for status, _ in history[:-1])
    assert len(set(history)) == len(history)


@given(st.sampled_from(sorted(TERMINAL)), STEPS)
def test_nothing_follows_a_final_status(final, step):
    assert not _forward(final, 0, *step)


def test_second_writer_is_noticed_and_nothing_is_mixed(store, tmp_path):
    path = tmp_path / "mooring.db"
    with Store.open(path) as other:
        assert other.reader().latest_run()["run_id"] == book.RUN
        other.commit(book.hour(0))
        with pytest.raises(Halt) as caught:
            store.commit(book.hour(1))
        assert caught.value.code == "second_writer"
    assert verify(path).ok


def test_locked_database_halts_and_later_goes_on(tmp_path):
    path = tmp_path / "m.db"
    with Store.open(path, busy_timeout_ms=20) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        store.commit(book.begin())
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Halt) as caught:
            store.commit(book.hour(0))
        assert caught.value.code == "database_locked"
        other.execute("ROLLBACK")
        store.commit(book.hour(0))
    assert verify(path).ok


def hours_until_halt(store):
    """Commit hours from the second on: (hours stored in all, the halt that ended it)."""
    for n in range(1, 200):
        try:
            store.commit(book.hour(n))
        except Halt as halt:
            return n, halt
    raise AssertionError("the limit was never reached")


def test_full_database_halts_with_nothing_half_written(store, tmp_path):
    def limit(pages):
        with store._writer._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    store.commit(book.hour(0))
    limit(1)  # SQLite takes the size it has
    done, halt = hours_until_halt(store)
    assert halt.code == "disk_full"
    assert store.reader().count("cycles") == done
    limit(1_000_000)
    store.commit(book.hour(done))
    store.close()
    assert verify(tmp_path / "mooring.db").ok


@contextmanager
def file_size_limit(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_that_takes_no_more_bytes_halts_with_nothing_half_written(store, tmp_path):
    path = tmp_path / "mooring.db"
    store.commit(book.hour(0))
    with file_size_limit((tmp_path / "mooring.db-wal").stat().st_size + 8192):
        done, halt = hours_until_halt(store)
    assert halt.code in {"disk_full", "database_failed"}
    assert "Nothing of this step was stored" in str(halt)
    assert store.reader().count("cycles") == done
    store.commit(book.hour(done))
    store.close()
    assert verify(path).ok


def test_read_only_connection_halts(store):
    with store._writer._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(Halt) as caught:
        store.commit(book.hour(0))
    assert caught.value.code == "database_read_only"


@pytest.mark.parametrize("point", ["before-begin", "after-table:ledger", "after-table:manifests", "before-commit"])
def test_failure_at_a_point_before_commit_leaves_nothing(tmp_path, point):
    armed = []

    def fault(at):
        if armed and at == point:
            raise OSError(at)

    with Store.open(tmp_path / "m.db", fault=fault) as store:
        store.commit(book.begin())
        before = store.reader().heads()
        armed.append(True)
        with pytest.raises(OSError, match=point):
            store.commit(book.hour(0))
        assert store.reader().heads() == before
        assert store.reader().latest_state(book.RUN) is None
        armed.clear()
        store.commit(book.hour(0))
    assert verify(tmp_path / "m.db").ok


def test_answer_that_takes_too_long_is_unknown_not_failed(tmp_path):
    gate, seen = threading.Event(), threading.Event()

    def fault(point):
        if point == "after-table:cycles":
            seen.set()
            gate.wait(30)

    with Store.open(tmp_path / "m.db", fault=fault, commit_timeout_s=0.2) as store:
        # A first migration is not waited for here: only commits have the time-out.
        while True:
            try:
                store.commit(book.begin())
                break
            except MooringError:
                break
        with pytest.raises(Unknown) as caught:
            store.commit(book.hour(0))
        assert caught.value.code == "commit_unanswered"
        assert seen.wait(30)
        gate.set()
    assert verify(tmp_path / "m.db").heads["cycles"].count == 1


def test_many_threads_commit_one_after_another(store, tmp_path):
    def act(who):
        for at in range(10):
            row = {"at": at, "actor": who, "action": "pause", "reason": "", "result": "ok"}
            store.commit(Batch(rows=[("control_actions", row)]))

    threads = [threading.Thread(target=act, args=(f"t{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    report = verify(tmp_path / "mooring.db")
    assert report.ok
    assert report.heads["control_actions"].count == 61


def test_closed_store_refuses(store):
    store.close()
    store.close()
    with pytest.raises(Halt) as caught:
        store.commit(book.hour(0))
    assert caught.value.code == "store_closed"


def test_rows_taken_away_at_the_end_are_noticed_when_opening(run_copy, spoil):
    spoil(run_copy, ("DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)", ()))
    with pytest.raises(Unverified, match="last row of ledger") as caught:
        Store.open(run_copy)
    assert caught.value.code == "chain_end_differs"


def test_snapshot_keeps_the_state_as_evidence(store, tmp_path):
    store.commit(book.hour(0, snapshot=True))
    again = StateRow(run_id=book.RUN, hour_ts_utc=book.hour_ts_utc(0), cycles=1, state=b"again")
    store.commit(Batch(state=again, snapshot=True))
    assert store.reader().count("snapshots") == 2
