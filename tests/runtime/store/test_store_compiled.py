"""What was compiled for one database is used for the next, and is the same."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from mooring.runtime.store.compiled import KEPT_MAX, OneSQLite, compiled_statements
from mooring.runtime.store.compiled_postgres import OnePostgres
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.store import Store
from tests.support.postgres import name_of


def compiled_for(places, dialect, monkeypatch):
    """How many statements were compiled to read every table of the first place, and of all of them."""
    for place in places:
        Store.open(place).close()
    compiled_statements().clear()
    made: list[object] = []
    compiler: Any = dialect.statement_compiler

    class Counted(compiler):
        def __init__(self, dialect, statement, **how):
            made.append(statement)
            super().__init__(dialect, statement, **how)

    monkeypatch.setattr(dialect, "statement_compiler", Counted)
    counts = []
    for place in places:
        with closing(Reader.open(place)) as reader:
            assert not any(reader.page(str(table.name)).items for table in EVIDENCE)
        counts.append(len(made))
    return counts[0], counts[-1]


def test_a_statement_is_compiled_for_the_first_database_only(tmp_path, monkeypatch):
    places = [Place.of(tmp_path / f"{number}.db") for number in range(2)]
    first, all_of_them = compiled_for(places, OneSQLite, monkeypatch)
    assert all_of_them == first > 0
    assert len(compiled_statements()) <= KEPT_MAX


def test_a_statement_is_compiled_for_the_first_database_of_servers_of_a_version_only(postgres, pg_place, monkeypatch):
    places = [pg_place, postgres.place(postgres.database())]
    first, all_of_them = compiled_for(places, OnePostgres, monkeypatch)
    postgres.drop(name_of(places[1]))
    assert all_of_them == first > 0


def test_servers_of_two_versions_share_nothing():
    one, other, same = OnePostgres(), OnePostgres(), OnePostgres()
    one.server_version_info = same.server_version_info = (15, 4)
    other.server_version_info = (17, 0)
    assert one == same
    assert one != other
    assert one != OneSQLite()


@pytest.mark.parametrize(("ours", "theirs"), [(OneSQLite, SQLiteDialect_pysqlite), (OnePostgres, PGDialect_psycopg)])
def test_it_says_of_every_table_what_the_dialect_says(ours, theirs):
    for table in EVIDENCE:
        for statement in (select(table), insert(table)):
            assert str(statement.compile(dialect=ours())) == str(statement.compile(dialect=theirs()))
