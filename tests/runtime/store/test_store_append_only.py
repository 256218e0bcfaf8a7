from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.store.columns import unique_keys
from mooring.runtime.store.schema import EVIDENCE

TABLES = [str(t.name) for t in EVIDENCE]


@pytest.fixture
def plain(run_copy):
    """A connection as any other program opens it: no pragma of ours is set."""
    with closing(sqlite3.connect(run_copy)) as connection:
        yield connection


@pytest.mark.parametrize("table", TABLES)
def test_update_is_refused(plain, table):
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only, update refused"):
        plain.execute(f"UPDATE {table} SET row_hash = row_hash")


@pytest.mark.parametrize("table", TABLES)
def test_delete_is_refused(plain, table):
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only, delete refused"):
        plain.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("table", TABLES)
def test_replacing_a_row_by_its_number_is_refused(plain, table):
    with pytest.raises(sqlite3.IntegrityError, match="seq is not the next"):
        plain.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE seq = 1")


@pytest.mark.parametrize("table", [str(t.name) for t in EVIDENCE if unique_keys(t)])
def test_replacing_a_row_by_its_key_is_refused_even_as_the_next_in_the_chain(plain, table):
    columns = [row[1] for row in plain.execute(f"PRAGMA table_info({table})")][3:]
    count, head = plain.execute(f"SELECT seq, row_hash FROM {table} ORDER BY seq DESC LIMIT 1").fetchone()
    listed = ", ".join(columns)
    with pytest.raises(sqlite3.IntegrityError, match="already"):
        plain.execute(
            f"INSERT OR REPLACE INTO {table} (seq, prev_hash, row_hash, {listed}) "
            f"SELECT ?, ?, row_hash, {listed} FROM {table} WHERE seq = 1",
            (count + 1, head),
        )
    assert plain.execute(f"SELECT count(*) FROM {table}").fetchone() == (count,)


def test_a_row_that_does_not_follow_the_last_is_refused(plain):
    with pytest.raises(sqlite3.IntegrityError, match="does not follow the last row"):
        plain.execute(
            "INSERT INTO control_actions "
            "SELECT max(seq) + 1, ?, parent_hash, row_hash, at, actor, action, reason, result "
            "FROM control_actions",
            ("f" * 64,),
        )


def test_upsert_is_refused(plain):
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        plain.execute(
            "INSERT INTO ledger SELECT * FROM ledger WHERE seq = 1 ON CONFLICT DO UPDATE SET amount = amount + 1"
        )


def test_text_in_a_column_of_amounts_is_refused(plain):
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT value in INTEGER column"):
        plain.execute("UPDATE chain_heads SET count = 'many'")
