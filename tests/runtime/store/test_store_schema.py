from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

from mooring.errors import Conflict, Invalid, NotFound, Unverified
from mooring.runtime.store import migrate
from mooring.runtime.store.columns import metadata
from mooring.runtime.store.drift import SQLITE_OBJECTS, expected_sqlite, sqlite_objects
from mooring.runtime.store.schema import EVIDENCE, IN_MANIFEST
from mooring.runtime.store.store import Store
from mooring.runtime.store.triggers import all_triggers, append_only


def schema_of(path):
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        return sqlite_objects(connection)


def contents(path):
    with closing(sqlite3.connect(path)) as connection:
        schema = connection.execute(SQLITE_OBJECTS).fetchall()
        rows = {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("chain_heads", "alembic_version")
        }
    made = {(kind, name): " ".join((sql or "").split()) for kind, name, _table, sql in schema}
    return made, rows


def migrated(path):
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        migrate.run_scripts(connection, migrate.HEAD)
    engine.dispose()
    return path


def test_schema_of_a_new_database_equals_what_the_code_declares(finished_run):
    assert schema_of(finished_run) == expected_sqlite()


def test_all_migration_scripts_in_a_row_make_the_same_as_a_new_database(tmp_path):
    Store.open(tmp_path / "new.db").close()
    assert contents(migrated(tmp_path / "old.db")) == contents(tmp_path / "new.db")
    assert schema_of(tmp_path / "old.db") == expected_sqlite()


def test_a_database_of_the_first_revision_is_carried_on_with_what_it_holds(tmp_path):
    """As it was before models said anything: one table is made anew, nothing else is touched."""
    path = tmp_path / "m.db"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        migrate.run_scripts(connection, "0003")
        columns = {name for _, name, *_ in connection.exec_driver_sql("PRAGMA table_info(model_outputs)")}
        assert "output" in columns
        connection.exec_driver_sql(
            "INSERT INTO assets VALUES (1, '', '', 'x', 'BTC', 8)".replace("''", f"'{'0' * 64}'")
        )
        connection.exec_driver_sql("UPDATE chain_heads SET count = 1, head = 'x' WHERE table_name = 'assets'")
    engine.dispose()
    with Store.open(path) as store:
        assert store.reader().find("assets", asset="BTC")["decimals"] == 8
    assert schema_of(path) == expected_sqlite()


BOOKS = {"tg_order_events_forward", "tg_chain_heads_ledger", "tg_chain_heads_delete"}


def test_each_evidence_table_has_its_triggers_and_the_books_have_theirs():
    names = {name for name, _sql in all_triggers("sqlite")}
    assert names == {f"tg_{t.name}_{word}" for t in EVIDENCE for word in ("append", "update", "delete")} | BOOKS
    made = {name for name, sql in all_triggers("postgresql") if sql.startswith("CREATE TRIGGER")}
    always = {name for name, sql in all_triggers("postgresql") if "ENABLE ALWAYS" in sql}
    assert made == always == names | {f"tg_{t.name}_truncate" for t in EVIDENCE} | {"tg_chain_heads_truncate"}


def test_revisions_known_to_the_code_are_those_of_the_scripts():
    config = Config()
    config.set_main_option("script_location", migrate.SCRIPTS)
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(s.revision for s in reversed(list(scripts.walk_revisions()))) == migrate.REVISIONS
    assert scripts.get_current_head() == migrate.HEAD


def test_every_table_is_strict_and_has_no_floats():
    with closing(sqlite3.connect(":memory:")) as connection:
        engine = create_engine("sqlite://", creator=lambda: connection)
        metadata.create_all(engine)
        rows = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
        types = connection.execute(
            "SELECT DISTINCT c.type FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        ).fetchall()
    assert {name for name, strict in rows if not strict and not name.startswith("sqlite_")} == set()
    assert {kind for (kind,) in types} == {"INTEGER", "TEXT", "BLOB"}


def test_manifest_covers_each_table_of_the_hour():
    assert set(IN_MANIFEST) == {
        "bars", "cycles", "features", "model_outputs", "signals", "decisions", "risk_states", "order_intents",
        "order_events", "fills", "venue_fills", "lots", "trades", "ledger", "movements", "reconciles", "campaigns",
        "positions", "equity", "treasury", "alerts",
    }  # fmt: skip


def test_unknown_kind_of_database_gets_no_tables_without_triggers():
    with pytest.raises(Invalid, match="no append-only triggers"):
        append_only(EVIDENCE[0], "mysql")


def test_open_does_not_import_alembic_where_the_schema_is_newest(tmp_path, finished_run):
    code = (
        "import sys, pathlib; from mooring.runtime.store.store import Store\n"
        f"Store.open(pathlib.Path({str(finished_run)!r})).close()\n"
        f"Store.open(pathlib.Path({str(tmp_path / 'new.db')!r})).close(); assert 'alembic' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], timeout=60, check=False).returncode == 0


def test_first_open_inside_a_running_loop_leaves_logging_alone(tmp_path):
    before = (list(logging.root.handlers), logging.root.level, logging.getLogger("mooring.test").disabled)

    async def open_it():
        Store.open(tmp_path / "m.db").close()

    asyncio.run(open_it())
    assert (list(logging.root.handlers), logging.root.level, logging.getLogger("mooring.test").disabled) == before


def test_crash_while_a_database_is_made_leaves_nothing_and_the_next_start_goes_on(tmp_path):
    path = tmp_path / "m.db"
    code = (
        "import os, pathlib\n"
        "from mooring.runtime.store import migrate, connect\n"
        "real = migrate.create_newest\n"
        "def die(connection):\n    real(connection)\n    os.kill(os.getpid(), 9)\n"
        "migrate.create_newest = die\n"
        "from mooring.runtime.store.store import Store\n"
        f"Store.open(pathlib.Path({str(path)!r}))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == -9
    assert schema_of(path) == {}
    Store.open(path).close()
    assert schema_of(path) == expected_sqlite()


@pytest.mark.parametrize(
    ("revision", "code"), [("9999", "newer_schema"), ("0001", "unreleased_schema"), ("copying", "copy_unfinished")]
)
def test_database_of_another_version_is_refused_unchanged(run_copy, revision, code):
    with closing(sqlite3.connect(run_copy)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.commit()
    before = run_copy.read_bytes()
    with pytest.raises(Conflict) as caught:
        Store.open(run_copy)
    assert caught.value.code == code
    assert caught.value.todo
    assert run_copy.read_bytes() == before


def test_file_that_is_no_database_is_refused_and_kept(tmp_path):
    path = tmp_path / "m.db"
    path.write_text("my diary, not a database")
    with pytest.raises(Unverified) as caught:
        Store.open(path)
    assert caught.value.code == "not_a_database"
    assert path.read_text() == "my diary, not a database"


def test_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "m.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    with pytest.raises(Unverified) as caught:
        Store.open(path)
    assert caught.value.code == "not_our_database"


def test_missing_database_is_not_made_unasked(tmp_path):
    with pytest.raises(NotFound) as caught:
        Store.open(tmp_path / "m.db", create=False)
    assert caught.value.code == "no_database"
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_says_so(tmp_path):
    with pytest.raises(Invalid) as caught:
        Store.open(tmp_path / "nowhere" / "m.db")
    assert caught.value.code == "database_unwritable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_the_right_to_write_says_so(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(Invalid) as caught:
            Store.open(tmp_path / "m.db")
    finally:
        tmp_path.chmod(0o700)
    assert caught.value.code == "database_unwritable"


def test_only_the_owner_can_read_the_file(tmp_path):
    with Store.open(tmp_path / "m.db"):
        assert {p.name: oct(p.stat().st_mode & 0o777) for p in tmp_path.iterdir()} == {
            "m.db": "0o600",
            "m.db-wal": "0o600",
            "m.db-shm": "0o600",
        }


def test_path_with_any_character_opens(tmp_path):
    folder = tmp_path / "a ?b#c%20é"
    folder.mkdir()
    Store.open(folder / "m.db").close()
    assert (folder / "m.db").stat().st_size > 0
