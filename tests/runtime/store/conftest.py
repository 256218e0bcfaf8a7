"""A finished run of six hours, made once and copied for each test that spoils it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from tests.runtime.store import book
from tests.support import lived
from tests.support.postgres import Server

HOURS = 6


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("finished") / "mooring.db"
    with Store.open(path) as store:
        store.commit(book.begin())
        for n in range(HOURS):
            store.commit(book.hour(n, snapshot=n % 3 == 0))
    return path


@pytest.fixture(scope="session")
def lived_through(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that a real engine made; see `lived`."""
    return lived.make(tmp_path_factory.mktemp("lived") / "mooring.db")


@pytest.fixture
def run_copy(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(finished_run, tmp_path / "mooring.db"))


@pytest.fixture(scope="session")
def finished_on_server(postgres: Server) -> str:
    """The finished run in PostgreSQL: the name of a database to be copied, and never opened."""
    name = postgres.database()
    with Store.open(postgres.place(name)) as store:
        store.commit(book.begin())
        for n in range(HOURS):
            store.commit(book.hour(n, snapshot=n % 3 == 0))
    return name


@pytest.fixture
def pg_copy(postgres: Server, finished_on_server: str) -> Iterator[Place]:
    """A copy of the finished run in PostgreSQL, for one test."""
    name = postgres.database(template=finished_on_server)
    yield postgres.place(name)
    postgres.drop(name)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "mooring.db") as opened:
        opened.commit(book.begin())
        yield opened


@pytest.fixture
def spoil() -> Callable[..., None]:
    """Run SQL on a file past its triggers, which are put back afterwards: what somebody who knows SQLite can do."""

    def run(path: Path, *statements: tuple[str, tuple]) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            connection.execute("BEGIN")
            for name, _sql in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for sql, values in statements:
                assert connection.execute(sql, values).rowcount != 0, sql
            for _name, sql in triggers:
                connection.execute(sql)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return run
