"""A database whose own rules are gone is not traded on, and gets them back once every row was proved."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mooring.errors import Conflict, Unverified
from mooring.runtime.store.guards import repair, require_guards
from mooring.runtime.store.place import SCHEMA, Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support.postgres import Server

HERE = f"SET search_path = {SCHEMA}, pg_temp AS"
NOW = 1_700_000_000


def changed(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(sql)
    return path


def required(place: Path | Place) -> Unverified | None:
    reader = Reader.open(place)
    try:
        require_guards(reader)
    except Unverified as error:
        return error
    finally:
        reader.close()
    return None


def mended(place: Path | Place) -> tuple[str, ...]:
    done = repair(Place.of(place), now=NOW, actor="cli")
    assert done.rows > 0
    assert required(place) is None
    with Store.open(place) as store:
        action = store.reader().find("control_actions", action="repair")
    assert action is not None
    assert action["at"] == NOW
    return done.made


GONE = {
    "trigger": ("DROP TRIGGER tg_fills_update", "trigger tg_fills_update"),
    "trigger that does nothing": (
        "DROP TRIGGER tg_fills_update; CREATE TRIGGER tg_fills_update BEFORE UPDATE ON fills BEGIN SELECT 1; END",
        "trigger tg_fills_update",
    ),
    "index": ("DROP INDEX ix_run_events_run_id", "index ix_run_events_run_id"),
    "view": ("DROP VIEW controls_now; CREATE VIEW controls_now AS SELECT 1 AS seq", "view controls_now"),
}


@pytest.mark.parametrize("case", GONE)
def test_what_is_gone_from_a_file_is_refused_and_made_anew(run_copy: Path, case: str) -> None:
    sql, made = GONE[case]
    assert required(run_copy) is None
    error = required(changed(run_copy, sql))
    assert error is not None
    assert (error.code, error.exit_code) == ("schema_differs", 6)
    assert made in error.what
    assert "mooring db repair" in error.todo
    assert mended(run_copy) == (made,)
    assert verify(run_copy).ok


def test_what_a_reader_added_keeps_nothing_from_being_traded_and_stays(run_copy: Path) -> None:
    changed(run_copy, "CREATE VIEW mine AS SELECT * FROM fills; CREATE INDEX also_mine ON fills (price)")
    assert required(run_copy) is None
    changed(run_copy, "DROP TRIGGER tg_fills_delete")
    assert mended(run_copy) == ("trigger tg_fills_delete",)
    found = {one.what for one in verify(run_copy).breaks}
    assert found == {"The index also_mine is not one of Mooring's.", "The view mine is not one of Mooring's."}


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TRIGGER mine AFTER INSERT ON fills BEGIN UPDATE state_latest SET cycles = 0; END",
        "ALTER TABLE fills ADD COLUMN note TEXT",
        "DROP TABLE state_latest",
    ],
)
def test_what_cannot_be_made_anew_is_refused_both_times(run_copy: Path, sql: str) -> None:
    assert required(changed(run_copy, sql)) is not None
    before = run_copy.read_bytes()
    with pytest.raises(Unverified) as caught:
        repair(Place.of(run_copy), now=NOW, actor="cli")
    assert caught.value.code == "schema_not_repairable"
    assert run_copy.read_bytes() == before


def test_one_of_an_earlier_version_is_to_be_upgraded_first_and_not_said_to_be_beyond_repair(run_copy: Path) -> None:
    changed(run_copy, "UPDATE alembic_version SET version_num = '0003'; DROP VIEW controls_now")
    with pytest.raises(Conflict) as caught:
        repair(Place.of(run_copy), now=NOW, actor="cli")
    assert caught.value.code == "schema_not_newest"
    assert "mooring db upgrade" in caught.value.todo


def test_no_rule_is_made_anew_for_rows_that_were_changed_meanwhile(run_copy: Path) -> None:
    changed(run_copy, "DROP TRIGGER tg_fills_update; UPDATE fills SET price = price + 1 WHERE seq = 2")
    with pytest.raises(Unverified) as caught:
        repair(Place.of(run_copy), now=NOW, actor="cli")
    assert caught.value.code == "database_broken"
    assert "fills row 2" in caught.value.what
    assert required(run_copy) is not None, "the trigger is as gone as before"


ON_SERVER = {
    "trigger": ("DROP TRIGGER tg_fills_update ON fills", "trigger tg_fills_update"),
    "trigger turned off": ("ALTER TABLE fills DISABLE TRIGGER tg_fills_truncate", "trigger tg_fills_truncate"),
    "function": (
        f"CREATE OR REPLACE FUNCTION fn_append_only() RETURNS trigger LANGUAGE plpgsql {HERE} 'BEGIN RETURN NEW; END'",
        "function fn_append_only()",
    ),
}


@pytest.mark.parametrize("case", ON_SERVER)
def test_what_is_gone_from_a_server_is_refused_and_made_anew(postgres: Server, pg_copy: Place, case: str) -> None:
    sql, made = ON_SERVER[case]
    with postgres.admin(pg_copy) as connection:
        connection.execute(sql)
    error = required(pg_copy)
    assert error is not None
    assert made in error.what
    assert mended(pg_copy) == (made,)
    assert verify(pg_copy).ok


def test_what_a_server_s_keeper_added_or_tuned_keeps_nothing_from_being_traded(
    postgres: Server, pg_copy: Place
) -> None:
    with postgres.admin(pg_copy) as connection:
        connection.execute("ALTER TABLE fills SET (autovacuum_vacuum_scale_factor = 0.01)")
        connection.execute("CREATE MATERIALIZED VIEW mine AS SELECT * FROM fills")
        connection.execute("CREATE UNIQUE INDEX also_mine ON mine (seq)")
    assert required(pg_copy) is None


def test_rules_that_were_restored_from_a_dump_are_ours_though_spelt_otherwise_and_weaker_ones_are_not(
    postgres: Server, pg_copy: Place
) -> None:
    """As pg_dump writes them and psql makes them again: with other brackets than at first."""
    rule = "ALTER TABLE risk_states DROP CONSTRAINT ck_risk_states_cap, ADD CONSTRAINT ck_risk_states_cap "
    with postgres.admin(pg_copy) as connection:
        spelt = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_risk_states_cap'"
        (first,) = connection.execute(spelt).fetchone()
        connection.execute(rule + first)
        (again,) = connection.execute(spelt).fetchone()
        assert again != first
        assert required(pg_copy) is None
        assert verify(pg_copy).ok
        connection.execute(rule + again.replace("cap_value >= 0", "cap_value >= '-1'::integer"))
    error = required(pg_copy)
    assert error is not None
    assert "ck_risk_states_cap" in error.what


def test_on_a_server_where_nothing_can_be_made_to_compare_with_what_is_gone_is_found_by_name(
    postgres: Server, pg_copy: Place
) -> None:
    with postgres.admin(pg_copy) as connection:
        connection.execute(f"REVOKE CREATE ON DATABASE {connection.info.dbname} FROM PUBLIC")
        connection.execute(f"ALTER DATABASE {connection.info.dbname} OWNER TO postgres")
        assert required(pg_copy) is None
        connection.execute("ALTER TABLE fills DISABLE TRIGGER tg_fills_delete; DROP VIEW controls_now")
    error = required(pg_copy)
    assert error is not None
    assert "The view controls_now is missing." in error.what
    assert "The trigger tg_fills_delete is not as Mooring makes it." in error.what
