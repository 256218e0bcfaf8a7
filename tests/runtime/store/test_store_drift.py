"""Each way in which a schema can drift from the canonical one is named by table and object."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.store.drift import schema_drift
from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.place import SCHEMA, Place
from mooring.runtime.store.store import Store
from tests.support.postgres import OWNER

pytestmark = pytest.mark.sampled


def drift(place):
    engine = open_reader(place)
    try:
        with engine.connect() as connection, connection.begin():
            return schema_drift(connection)
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def new_on_server(postgres):
    """A database with a new store in it, to be copied for each test."""
    name = postgres.database()
    Store.open(postgres.place(name)).close()
    yield name
    postgres.drop(name)


@pytest.fixture
def changed(postgres, new_on_server):
    """The drift of a copy of that database after some SQL of a superuser."""
    made = []

    def change(*statements, user=OWNER):
        made.append(postgres.database(template=new_on_server))
        with postgres.admin(made[-1]) as connection:
            connection.execute(f"SET search_path = {SCHEMA}")
            for sql in statements:
                connection.execute(sql)
        return drift(postgres.place(made[-1], user=user))

    yield change
    for name in made:
        postgres.drop(name)


@pytest.fixture
def changed_file(tmp_path):
    """The drift of an SQLite file after some SQL of another program."""

    def change(sql):
        path = tmp_path / "m.db"
        Store.open(path).close()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.executescript(sql)
        return drift(Place.of(path))

    return change


HERE = f"SET search_path = {SCHEMA}, pg_temp AS"
AMOUNT = "ledger", "The column ledger.amount is not as Mooring makes it."
POSTGRES = {
    "dropped trigger": (
        "DROP TRIGGER tg_ledger_update ON ledger",
        "ledger",
        "The trigger tg_ledger_update is missing.",
    ),
    "trigger that was turned off": (
        "ALTER TABLE ledger DISABLE TRIGGER tg_ledger_delete",
        "ledger",
        "The trigger tg_ledger_delete is not as Mooring makes it.",
    ),
    "trigger that a replica would skip": (
        "ALTER TABLE ledger ENABLE TRIGGER tg_ledger_append",
        "ledger",
        "The trigger tg_ledger_append is not as Mooring makes it.",
    ),
    "added trigger": (
        "CREATE TRIGGER mine BEFORE INSERT ON fills FOR EACH ROW EXECUTE FUNCTION fn_append_only()",
        "fills",
        "The trigger mine is not one of Mooring's.",
    ),
    "function that does less": (
        f"CREATE OR REPLACE FUNCTION fn_ledger_append() RETURNS trigger LANGUAGE plpgsql {HERE} 'BEGIN RETURN NEW; END'",
        "ledger",
        "The function fn_ledger_append() is not as Mooring makes it.",
    ),
    "function that looks elsewhere": (
        "ALTER FUNCTION fn_ledger_append() RESET search_path",
        "ledger",
        "The function fn_ledger_append() is not as Mooring makes it.",
    ),
    "added function": (
        "CREATE FUNCTION sum_up() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "database",
        "The function sum_up() is not one of Mooring's.",
    ),
    "dropped index": (
        "DROP INDEX ix_ledger_run_id_account_id_hour_ts_utc",
        "ledger",
        "The index ix_ledger_run_id_account_id_hour_ts_utc is missing.",
    ),
    "index that became unique": (
        "DROP INDEX ix_run_events_run_id; CREATE UNIQUE INDEX ix_run_events_run_id ON run_events (run_id)",
        "run_events",
        "The index ix_run_events_run_id is not as Mooring makes it.",
    ),
    "dropped rule": (
        "ALTER TABLE equity DROP CONSTRAINT ck_equity_cash",
        "equity",
        "The rule ck_equity_cash is missing.",
    ),
    "loosened rule": (
        "ALTER TABLE equity DROP CONSTRAINT ck_equity_cash, ADD CONSTRAINT ck_equity_cash CHECK (cash >= -1)",
        "equity",
        "The rule ck_equity_cash is not as Mooring makes it.",
    ),
    "reference that is not checked": (
        (
            "ALTER TABLE lots DROP CONSTRAINT fk_lots_lot_id, ADD CONSTRAINT fk_lots_lot_id FOREIGN KEY (lot_id) "
            "REFERENCES fills (fill_id) NOT VALID"
        ),
        "lots",
        "The rule fk_lots_lot_id is not as Mooring makes it.",
    ),
    "references turned off": (
        "ALTER TABLE lots DISABLE TRIGGER ALL, "
        + ", ".join(f"ENABLE ALWAYS TRIGGER tg_lots_{word}" for word in ("append", "update", "delete", "truncate")),
        "lots",
        "The check of references fk_lots_lot_id is not one of Mooring's.",
    ),
    "column of another type": (
        "ALTER TABLE alert_acks ALTER at TYPE numeric",
        "alert_acks",
        "The column alert_acks.at is not as Mooring makes it.",
    ),
    "column that may be null": ("ALTER TABLE ledger ALTER amount DROP NOT NULL", *AMOUNT),
    "column with a default": ("ALTER TABLE ledger ALTER amount SET DEFAULT 0", *AMOUNT),
    "column with the rules of a language": (
        'ALTER TABLE alert_acks ALTER actor TYPE text COLLATE "default"',
        "alert_acks",
        "The column alert_acks.actor is not as Mooring makes it.",
    ),
    "added column": ("ALTER TABLE ledger ADD note text", "ledger", "The column ledger.note is not one of Mooring's."),
    "added table": ("CREATE TABLE extra (a int)", "extra", "The table extra is not one of Mooring's."),
    "dropped table": ("DROP TABLE control_actions", "control_actions", "The table control_actions is missing."),
    "table that a crash empties": (
        "ALTER TABLE control_actions SET UNLOGGED",
        "control_actions",
        "The table control_actions is not as Mooring makes it.",
    ),
    "rows that are hidden": (
        "ALTER TABLE control_actions ENABLE ROW LEVEL SECURITY",
        "control_actions",
        "The table control_actions is not as Mooring makes it.",
    ),
    "insert that does nothing": (
        "CREATE RULE nothing AS ON INSERT TO alerts DO INSTEAD NOTHING",
        "alerts",
        "The rewrite rule nothing is not one of Mooring's.",
    ),
    "rows from another table": (
        "CREATE SCHEMA other; CREATE TABLE other.more () INHERITS (control_actions)",
        "control_actions",
        "The heir other.more is not one of Mooring's.",
    ),
    "changed view": (
        "CREATE OR REPLACE VIEW settings_now AS SELECT * FROM settings_versions WHERE version = 1",
        "settings_now",
        "The view settings_now is not as Mooring makes it.",
    ),
    "dropped view": ("DROP VIEW controls_now", "controls_now", "The view controls_now is missing."),
    "other revision": (
        "UPDATE alembic_version SET version_num = '0000'",
        "alembic_version",
        "The schema's revision is not 0004.",
    ),
    "lost revision": ("DROP TABLE alembic_version", "alembic_version", "The schema's revision is not 0004."),
}
SQLITE = {
    "dropped trigger": ("DROP TRIGGER tg_ledger_update", "ledger", "The trigger tg_ledger_update is missing."),
    "dropped index": (
        "DROP INDEX ix_ledger_run_id_account_id_hour_ts_utc",
        "ledger",
        "The index ix_ledger_run_id_account_id_hour_ts_utc is missing.",
    ),
    "added table": ("CREATE TABLE extra (a)", "extra", "The table extra is not one of Mooring's."),
    "added column": (
        "ALTER TABLE ledger ADD COLUMN note TEXT",
        "ledger",
        "The table ledger is not as Mooring makes it.",
    ),
    "dropped table": ("DROP TABLE control_actions", "control_actions", "The table control_actions is missing."),
    "changed view": (
        "DROP VIEW controls_now; CREATE VIEW controls_now AS SELECT * FROM controls",
        "controls_now",
        "The view controls_now is not as Mooring makes it.",
    ),
    "other revision": (
        "UPDATE alembic_version SET version_num = '0000'",
        "alembic_version",
        "The schema's revision is not 0004.",
    ),
}


def test_new_database_on_a_server_has_not_drifted(changed):
    assert changed() == []


def test_new_file_has_not_drifted(changed_file):
    assert changed_file("SELECT 1") == []


@pytest.mark.parametrize("case", POSTGRES)
def test_drift_of_a_server_is_named(changed, case):
    sql, table, what = POSTGRES[case]
    found = changed(sql)
    assert (table, what) in found
    assert {name for name, _ in found} <= {table}, found


@pytest.mark.parametrize("case", SQLITE)
def test_drift_of_a_file_is_named(changed_file, case):
    sql, table, what = SQLITE[case]
    assert changed_file(sql) == [(table, what)]


def test_comparing_leaves_nothing_behind_on_the_server(postgres, changed):
    assert changed() == []
    with postgres.admin() as connection:
        (last,) = connection.execute("SELECT max(datname) FROM pg_database WHERE datname LIKE 'test_%'").fetchone()
    with postgres.admin(last) as connection:
        schemas = {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace")}
    assert SCHEMA in schemas
    assert not {name for name in schemas if "compared" in name}


def test_user_who_may_not_compare_is_told_so_and_it_does_not_pass_for_sound(changed):
    reads_only = [
        "DROP ROLE IF EXISTS looker",
        "CREATE ROLE looker LOGIN PASSWORD 'not-a-secret-4711'",
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO looker",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO looker",
    ]
    ((table, what),) = changed(*reads_only, user="looker")
    assert table == "database"
    assert "cannot be compared" in what
    assert "permission denied" in what
