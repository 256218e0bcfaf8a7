"""What was compiled for one database is used for the next, and is the same."""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from mooring.runtime.store.compiled import KEPT_MAX, OneSQLite, compiled_statements
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.store import Store


def test_a_statement_is_compiled_for_the_first_database_only(tmp_path, monkeypatch):
    places = [Place.of(tmp_path / f"{number}.db") for number in range(2)]
    for place in places:
        Store.open(place).close()
    compiled_statements().clear()
    made: list[object] = []
    compiler = OneSQLite.statement_compiler

    class Counted(compiler):
        def __init__(self, dialect, statement, **how):
            made.append(statement)
            super().__init__(dialect, statement, **how)

    monkeypatch.setattr(OneSQLite, "statement_compiler", Counted)
    for number, place in enumerate(places):
        with closing(Reader.open(place)) as reader:
            assert not any(reader.page(str(table.name)).items for table in EVIDENCE), number
        if number == 0:
            first = len(made)
    assert len(made) == first > 0
    assert len(compiled_statements()) <= KEPT_MAX


def test_it_says_of_every_table_what_the_dialect_of_sqlite_says():
    for table in EVIDENCE:
        assert str(select(table).compile(dialect=OneSQLite())) == str(
            select(table).compile(dialect=SQLiteDialect_pysqlite())
        )
