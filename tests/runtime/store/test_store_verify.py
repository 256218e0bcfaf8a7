"""Spoil a finished run in every way somebody or some disk could, and see it found and named."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.errors import NotFound
from mooring.runtime.store import locate
from mooring.runtime.store.hashing import ZERO, RowHasher
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.schema_hourly import ledger
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow
from mooring.runtime.store.verify import verify
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS

pytestmark = pytest.mark.sampled

LEDGER = book.LEDGER_OF_FIRST + (HOURS - 1) * book.LEDGER_OF_OTHERS  # postings in all
SHORTEN = (
    "UPDATE chain_heads SET count = count - 1, head = (SELECT row_hash FROM ledger ORDER BY seq DESC LIMIT 1) "
    "WHERE table_name = 'ledger'"
)
COPIED, FROM = "INSERT INTO control_actions", "FROM control_actions WHERE seq = 1"
TABLES = [str(t.name) for t in EVIDENCE]


def places(report):
    return [(b.table, b.seq, b.column) for b in report.breaks]


def columns_of(path, table):
    """All but seq and the hashes."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")][4:]


def test_untouched_run_is_whole(finished_run):
    seen = []
    report = verify(finished_run, progress=lambda table, rows: seen.append((table, rows)))
    assert report.breaks == []
    assert report.ok
    with Store.open(finished_run) as store:
        assert report.head == store.reader().heads()["manifests"].head
        assert report.heads == store.reader().heads()
    assert report.rows == sum(head.count for head in report.heads.values()) == seen[-1][1]


def test_empty_database_is_whole(tmp_path):
    Store.open(tmp_path / "m.db").close()
    report = verify(tmp_path / "m.db")
    assert (report.ok, report.rows, report.head) == (True, 0, ZERO)


def test_database_in_use_can_be_verified(store, tmp_path):
    store.commit(book.hour(0))
    assert verify(tmp_path / "mooring.db").ok


def test_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        verify(tmp_path / "m.db")


def test_edited_amount_is_named_once_and_its_neighbours_are_not(run_copy, spoil):
    spoil(run_copy, ("UPDATE ledger SET amount = amount + 1 WHERE seq = 5", ()))
    report = verify(run_copy)
    assert not report.ok
    assert places(report) == [("ledger", 5, "amount")]
    assert str(report.breaks[0]) == "ledger row 5 (fill-order-0, 2), amount: It was 13 and is 14."
    assert report.breaks[0].key == {"txn_id": "fill-order-0", "line": 2}


@pytest.mark.parametrize("table", TABLES)
def test_each_column_of_each_table_is_guarded(run_copy, spoil, table, monkeypatch):
    monkeypatch.setattr(locate, "WORK_MAX", 0)  # which field it was is another test's
    for column in columns_of(run_copy, table):
        with closing(sqlite3.connect(run_copy)) as connection:
            (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE seq = 1").fetchone()
            (kind,) = connection.execute(
                f"SELECT type FROM pragma_table_info('{table}') WHERE name = '{column}'"
            ).fetchone()
        if kind == "INTEGER":
            other = (value or 0) + 1000
        elif isinstance(value, bytes):
            other = value + b"x"
        else:
            other = (value or "") + "x"
        spoil(run_copy, (f"UPDATE {table} SET {column} = ? WHERE seq = 1", (other,)))
        assert (table, 1) in [(b.table, b.seq) for b in verify(run_copy).breaks], column
        spoil(run_copy, (f"UPDATE {table} SET {column} = ? WHERE seq = 1", (value,)))
    assert verify(run_copy).ok


def test_changed_hash_is_named_as_such(run_copy, spoil):
    spoil(run_copy, ("UPDATE ledger SET row_hash = ? WHERE seq = 5", ("a" * 64,)))
    assert places(verify(run_copy)) == [("ledger", 5, "row_hash")]


def test_changed_link_is_named_as_such(run_copy, spoil):
    spoil(run_copy, ("UPDATE ledger SET prev_hash = ? WHERE seq = 5", ("a" * 64,)))
    assert places(verify(run_copy)) == [("ledger", 5, "prev_hash")]


def test_changed_parent_is_named_as_such(run_copy, spoil):
    spoil(run_copy, ("UPDATE ledger SET parent_hash = ? WHERE seq = 5", ("a" * 64,)))
    assert places(verify(run_copy)) == [("ledger", 5, "parent_hash")]


def test_renumbered_row_is_named_with_the_number_it_should_have(run_copy, spoil):
    spoil(run_copy, ("UPDATE ledger SET seq = 500 WHERE seq = 12", ()))
    found = {(b.seq, b.column): b.what for b in verify(run_copy).breaks if b.table == "ledger"}
    assert found[12, None] == "Row 12 is missing before row 13."
    assert found[500, "seq"] == "It was row 12."


@pytest.mark.parametrize("number", [LEDGER + 1, 500])
def test_renumbered_last_row_is_named_with_the_number_it_should_have(run_copy, spoil, number):
    spoil(run_copy, ("UPDATE ledger SET seq = ? WHERE seq = ?", (number, LEDGER)))
    (found,) = verify(run_copy).breaks
    assert (found.table, found.seq, found.column, found.what) == ("ledger", number, "seq", f"It was row {LEDGER}.")


@pytest.mark.parametrize("number", [0, -1, -(2**63)])
def test_row_with_a_number_below_1_is_named(run_copy, spoil, number):
    hashes = "prev_hash, parent_hash, row_hash"
    spoil(run_copy, (f"{COPIED} SELECT ?, {hashes}, at, actor, action, reason, result {FROM}", (number,)))
    assert places(verify(run_copy)) == [("control_actions", number, "seq")]


def test_row_replaced_with_a_fitting_hash_is_named(run_copy, spoil):
    hasher = RowHasher(ledger)
    with closing(sqlite3.connect(run_copy)) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM ledger WHERE seq = 5").fetchone())
    row["account"] = "mine"
    new = hasher.hash_row(row["prev_hash"], row["parent_hash"], row)
    spoil(run_copy, ("UPDATE ledger SET account = 'mine', row_hash = ? WHERE seq = 5", (new,)))
    assert places(verify(run_copy)) == [("ledger", 5, "row_hash")]


def rehash_from(path, spoil, first):
    """Forge: hash the ledger anew from a row on, and note the new end."""
    hasher = RowHasher(ledger)
    statements = []
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(r) for r in connection.execute("SELECT * FROM ledger ORDER BY seq")]
    prev = rows[first - 1]["prev_hash"]
    for row in rows[first - 1 :]:
        new = hasher.hash_row(prev, row["parent_hash"], row)
        statements.append(("UPDATE ledger SET prev_hash = ?, row_hash = ? WHERE seq = ?", (prev, new, row["seq"])))
        prev = new
    spoil(path, *statements, ("UPDATE chain_heads SET head = ? WHERE table_name = 'ledger'", (prev,)))


def test_chain_forged_to_its_end_disagrees_with_the_manifest_of_that_hour(run_copy, spoil):
    spoil(run_copy, ("UPDATE ledger SET kind = 'mine' WHERE seq = 10", ()))
    rehash_from(run_copy, spoil, 10)
    report = verify(run_copy)
    end_of_that_hour = book.LEDGER_OF_FIRST + book.LEDGER_OF_OTHERS
    assert [(b.table, b.seq) for b in report.breaks] == [("ledger", end_of_that_hour)]
    assert "Manifest 2" in report.breaks[0].what


def test_deleted_last_row_is_named(run_copy, spoil):
    spoil(run_copy, (f"DELETE FROM ledger WHERE seq = {LEDGER}", ()))
    assert [(b.table, b.seq) for b in verify(run_copy).breaks] == [("ledger", LEDGER)]


def test_deleted_last_row_is_named_even_where_the_noted_end_was_changed_too(run_copy, spoil):
    spoil(
        run_copy,
        (f"DELETE FROM ledger WHERE seq = {LEDGER}", ()),
        (SHORTEN, ()),
    )
    report = verify(run_copy)
    assert ("ledger", LEDGER) in [(b.table, b.seq) for b in report.breaks]
    assert f"manifest {HOURS} counts them" in report.breaks[0].what


def test_deleted_rows_in_the_middle_are_named_as_a_gap(run_copy, spoil):
    spoil(run_copy, ("DELETE FROM signals WHERE seq BETWEEN 10 AND 12", ()))
    (found,) = verify(run_copy).breaks
    assert (found.table, found.seq, found.what) == ("signals", 10, "Rows 10 to 12 are missing before row 13.")


def test_deleted_first_row_is_named(run_copy, spoil):
    spoil(run_copy, ("DELETE FROM cycles WHERE seq = 1", ()))
    assert [(b.table, b.seq) for b in verify(run_copy).breaks] == [("cycles", 1)]


def test_swapped_rows_are_both_named(run_copy, spoil):
    spoil(
        run_copy,
        ("UPDATE equity SET seq = -2 WHERE seq = 2", ()),
        ("UPDATE equity SET seq = 2 WHERE seq = 4", ()),
        ("UPDATE equity SET seq = 4 WHERE seq = -2", ()),
    )
    assert [(b.table, b.seq) for b in verify(run_copy).breaks] == [("equity", 2), ("equity", 4)]


def test_added_row_is_named(run_copy, spoil):
    spoil(
        run_copy,
        (f"{COPIED} SELECT 2, row_hash, parent_hash, ?, at, actor, action, reason, result {FROM}", ("b" * 64,)),
    )
    assert [(b.table, b.seq) for b in verify(run_copy).breaks] == [("control_actions", 2)]


def test_edited_manifest_is_named_and_its_claims_are_not_believed(run_copy, spoil):
    change = "UPDATE manifests SET heads = replace(heads, '\"ledger\":[17,', '\"ledger\":[13,') WHERE seq = 2"
    spoil(run_copy, (change, ()))
    assert places(verify(run_copy)) == [("manifests", 2, "heads")]


def test_all_manifests_deleted_is_found(run_copy, spoil):
    spoil(run_copy, ("DELETE FROM manifests", ()))
    report = verify(run_copy)
    assert ("manifests", 1) in [(b.table, b.seq) for b in report.breaks]
    assert report.head == ZERO


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("head = replace(head, substr(head, 1, 1), 'g')", "head"),
        ("count = count + 1", "count"),
        ("count = count - 1", "count"),
        ("count = -5", "count"),
    ],
)
def test_edited_noted_end_is_found(run_copy, spoil, change, column):
    spoil(run_copy, (f"UPDATE chain_heads SET {change} WHERE table_name = 'fills'", ()))
    (found,) = verify(run_copy).breaks
    assert (found.table, found.seq, found.column, found.key) == ("chain_heads", None, column, {"table_name": "fills"})


def test_changed_state_is_found_though_its_own_hash_was_changed_too(run_copy, spoil):
    other = "13b0cf3e2d7c5e1b2d2f3d6f9e3f4a1cf6a7c3f2b4f43e4b83e4a1a0d5f1f0aa"
    spoil(run_copy, ("UPDATE state_latest SET state = ?", (b"else",)))
    assert places(verify(run_copy)) == [("state_latest", None, "state")]
    spoil(run_copy, ("UPDATE state_latest SET state_hash = ?", (other,)))
    assert places(verify(run_copy)) == [("state_latest", None, "state")]
    digest = book.digest("else")
    spoil(run_copy, ("UPDATE state_latest SET state = ?, state_hash = ?", (b"else", digest)))
    assert places(verify(run_copy)) == [("state_latest", None, "state_hash")]


def test_unbalanced_postings_with_fitting_hashes_are_found(store, tmp_path, spoil):
    path = tmp_path / "mooring.db"
    hour = {"run_id": book.RUN, "hour_ts_utc": book.hour_ts_utc(0)}
    store.commit(Batch(rows=[(table, row | hour) for table, row in book.postings("txn", 500)]))
    store.close()
    spoil(path, ("UPDATE ledger SET amount = amount + 7 WHERE seq = 2", ()))
    rehash_from(path, spoil, 2)
    (found,) = verify(path).breaks
    assert str(found) == "ledger row 1 (txn, 0), amount: The postings of txn do not sum to zero in USDT."


@pytest.mark.parametrize(
    ("statement", "table", "words"),
    [
        ("DROP TRIGGER tg_ledger_update", "ledger", "trigger tg_ledger_update is missing"),
        ("DROP INDEX ix_fills_client_order_id", "fills", "index ix_fills_client_order_id is missing"),
        ("CREATE TABLE extra (a)", "extra", "table extra is not one of Mooring's"),
        ("ALTER TABLE ledger ADD COLUMN note TEXT", "ledger", "table ledger is not as Mooring makes it"),
        ("UPDATE alembic_version SET version_num = '0000'", "alembic_version", "revision is not"),
        ("DROP TABLE control_actions", "control_actions", "table control_actions is missing"),
    ],
)
def test_changed_schema_is_named(run_copy, statement, table, words):
    with closing(sqlite3.connect(run_copy, isolation_level=None)) as connection:
        connection.execute(statement)
    found = [b for b in verify(run_copy).breaks if words in b.what]
    assert [b.table for b in found] == [table]


def test_a_state_that_was_taken_away_is_found(run_copy):
    with closing(sqlite3.connect(run_copy)) as connection:
        (run_id,) = connection.execute("SELECT run_id FROM state_latest").fetchone()
        connection.execute("DELETE FROM state_latest")
        connection.commit()
    (found,) = verify(run_copy).breaks
    assert (found.table, found.seq) == ("state_latest", None)
    assert found.key == {"run_id": run_id}


@pytest.mark.parametrize(
    "change",
    ["UPDATE controls SET kill_active = 0", "DELETE FROM controls WHERE seq = (SELECT max(seq) FROM controls)"],
)
def test_a_kill_switch_turned_off_from_outside_is_found(tmp_path, spoil, change):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        store.commit(Batch(control=ControlRow(updated_at=1)))
        store.commit(Batch(control=ControlRow(kill_active=True, kill_reason="enough", kill_since=2, updated_at=2)))
    assert verify(path).ok
    spoil(path, (change, ()))
    assert "controls" in {found.table for found in verify(path).breaks}
