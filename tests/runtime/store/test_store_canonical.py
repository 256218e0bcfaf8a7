"""The committed schema is what the code says, and what databases are made from."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.errors import Invalid
from mooring.runtime.store.canonical import DATABASES, canonical_sql, split, statements, written


@pytest.mark.parametrize("database", DATABASES)
def test_committed_schema_is_the_one_that_the_code_makes(database):
    """Where it is not: python -m mooring.runtime.store.canonical."""
    assert canonical_sql(database) == written(database)


@pytest.mark.parametrize("database", DATABASES)
def test_file_falls_into_the_statements_it_was_made_of(database):
    assert split(canonical_sql(database)) == statements(database)


def test_anyone_can_make_the_tables_from_the_file_with_sqlite_alone():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(canonical_sql("sqlite"))
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"runs", "ledger", "manifests", "chain_heads", "state_latest"} <= names


def test_no_name_is_longer_than_postgresql_takes():
    """It would be cut, and two of them could become one."""
    words = {word.strip('"(),;') for word in canonical_sql("postgresql").split()}
    assert [w for w in words if w.startswith(("uq_", "ix_", "fk_", "ck_", "pk_", "tg_", "fn_")) and len(w) > 63] == []


def test_schema_of_a_database_that_is_none_is_refused():
    with pytest.raises(Invalid, match="mysql"):
        canonical_sql("mysql")
