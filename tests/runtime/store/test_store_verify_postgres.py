"""The check of a PostgreSQL database: a superuser with every trigger off changes something, and it is named."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from mooring.errors import Retry
from mooring.runtime.store import parents
from mooring.runtime.store.columns import metadata
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from mooring.runtime.store.verify_books import validations
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS
from tests.runtime.store.test_store_books import BY_HAND, CASES
from tests.support.forge import spoil

pytestmark = pytest.mark.sampled

TRIGGERS = (
    "SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "WHERE NOT t.tgisinternal AND c.relname = ANY(%s)"
)
ENABLE = {"O": "ENABLE", "A": "ENABLE ALWAYS"}
COPIED, FROM = "INSERT INTO control_actions", "at, actor, action, reason, result FROM control_actions"
LEDGER = book.LEDGER_OF_FIRST + (HOURS - 1) * book.LEDGER_OF_OTHERS


@pytest.fixture
def past_the_rules(postgres, pg_copy):
    """Run statements as somebody whom no trigger stops; where the database is then."""

    def run(*statements):
        touched = {name for name in metadata.tables if re.search(rf"\b{name}\b", " ".join(statements))}
        with postgres.admin(pg_copy) as connection:
            connection.execute("SET session_replication_role = replica")  # references are not looked at
            triggers = connection.execute(TRIGGERS, [sorted(touched)]).fetchall()
            for table, trigger, _enabled in triggers:
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement
            for table, trigger, enabled in triggers:
                connection.execute(f"ALTER TABLE {table} {ENABLE[enabled]} TRIGGER {trigger}")
        return pg_copy

    return run


def places(report):
    return [(b.table, b.seq, b.column) for b in report.breaks]


def test_a_history_is_whole_and_its_report_is_that_of_the_file(pg_copy, finished_run):
    seen = []
    report = verify(pg_copy, progress=lambda table, rows: seen.append((table, rows)))
    assert report == verify(finished_run)
    assert report.ok
    assert seen[-1][1] == report.rows


def test_an_empty_database_is_whole(pg_place):
    Store.open(pg_place).close()
    report = verify(pg_place)
    assert (report.ok, report.rows, report.head) == (True, 0, ZERO)


def test_a_database_in_use_can_be_checked(pg_copy):
    with Store.open(pg_copy) as store:
        store.commit(book.hour(HOURS))
        assert verify(pg_copy).heads["manifests"].count == HOURS + 1


@pytest.mark.parametrize(
    ("change", "place", "text"),
    [
        (
            "UPDATE ledger SET amount = amount + 1 WHERE seq = 5",
            ("ledger", 5, "amount"),
            "ledger row 5 (fill-order-0, 2), amount: It was 13 and is 14.",
        ),
        (
            "UPDATE alerts SET text = replace(text, 'é', 'è') WHERE seq = 3",
            ("alerts", 3, "text"),
            "alerts row 3 (alert-2), text: It was 'hour 2, ok é' and is 'hour 2, ok è'.",
        ),
        (
            "UPDATE signals SET symbol = 'SOL-USDT!' WHERE seq = 4",
            ("signals", 4, "symbol"),
            "signals row 4 (2020-09-13T13:00Z, SOL-USDT!, rsi), symbol: It was 'ETH-USDT' and is 'SOL-USDT!'.",
        ),
        (
            "UPDATE bars SET open = close, close = open WHERE seq = 5",
            ("bars", 5, "close"),
            "bars row 5 (2020-09-13T14:00Z, ETH-USDT), close: Its close and open were exchanged.",
        ),
        (
            "UPDATE fills SET parent_hash = repeat('a', 64) WHERE seq = 5",
            ("fills", 5, "parent_hash"),
            "fills row 5 (fill-exit-2), parent_hash: It does not name the hash of the row it follows from.",
        ),
        (
            "UPDATE snapshots SET state = 'else' WHERE seq = 2",
            ("snapshots", 2, "state"),
            "snapshots row 2 (2020-09-13T16:00Z), state: Its bytes are not those that were written.",
        ),
        (
            "UPDATE runs SET bundle = 'mine'",
            ("runs", 1, "bundle"),
            "runs row 1 (run-1), bundle: It was None and is 'mine'.",
        ),
    ],
)
def test_a_changed_field_is_named_with_table_key_and_column(past_the_rules, change, place, text):
    report = verify(past_the_rules(change))
    assert not report.ok
    assert places(report) == [place]
    assert str(report.breaks[0]) == text


def test_each_table_is_guarded(past_the_rules):
    tables = [str(table.name) for table in EVIDENCE]
    place = past_the_rules(*(f"UPDATE {table} SET row_hash = repeat('a', 64) WHERE seq = 1" for table in tables))
    found = places(verify(place))
    assert set(found) >= {(table, 1, "row_hash") for table in tables}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (["DELETE FROM signals WHERE seq BETWEEN 10 AND 12"], [("signals", 10, None)]),
        ([f"DELETE FROM ledger WHERE seq = {LEDGER}"], [("ledger", LEDGER, None)]),
        (["DELETE FROM cycles WHERE seq = 1"], [("cycles", 1, None)]),
        (
            ["UPDATE ledger SET seq = 500 WHERE seq = 12"],
            [("ledger", 12, None), ("ledger", 58, None), ("ledger", 500, "seq")],
        ),
        (
            [f"UPDATE equity SET seq = {now} WHERE seq = {was}" for was, now in ((2, -2), (4, 2), (-2, 4))],
            [("equity", 2, "seq"), ("equity", 4, "seq")],
        ),
        (
            [f"{COPIED} SELECT 2, row_hash, parent_hash, repeat('b', 64), {FROM}"],
            [("control_actions", 2, None)],
        ),
        (
            [f"{COPIED} SELECT 0, prev_hash, parent_hash, row_hash, {FROM}"],
            [("control_actions", 0, "seq")],
        ),
        (
            ["UPDATE manifests SET heads = replace(heads, '\"ledger\":[17,', '\"ledger\":[13,') WHERE seq = 2"],
            [("manifests", 2, "heads")],
        ),
        (["UPDATE chain_heads SET count = count + 1 WHERE table_name = 'fills'"], [("chain_heads", None, "count")]),
        (["DELETE FROM chain_heads WHERE table_name = 'fills'"], [("chain_heads", None, None)]),
        (["UPDATE state_latest SET state = 'else'"], [("state_latest", None, "state")]),
        (["UPDATE state_latest SET cycles = 5"], [("state_latest", None, "cycles")]),
        (["DELETE FROM state_latest"], [("state_latest", None, None)]),
        (["UPDATE alembic_version SET version_num = '0000'"], [("alembic_version", None, "version_num")]),
    ],
)
def test_what_was_taken_away_added_or_moved_is_named(past_the_rules, changes, found):
    assert places(verify(past_the_rules(*changes))) == found


@pytest.mark.parametrize(
    ("statement", "table", "words"),
    [
        ("DROP TABLE control_actions CASCADE", "control_actions", "is missing"),
        ("ALTER TABLE treasury DROP COLUMN reason", "treasury", "reason"),
        ("ALTER TABLE treasury RENAME COLUMN reason TO other", "treasury", "other"),
        ("DROP VIEW lots_now", "lots_now", "is missing"),
        ("ALTER TABLE ledger DISABLE TRIGGER ALL", "ledger", "trigger"),
        ("ALTER TABLE treasury ALTER COLUMN principal TYPE numeric", "treasury", "principal"),
        ("DROP TABLE chain_heads CASCADE", "chain_heads", "is missing"),
        ("DROP TABLE state_latest CASCADE", "state_latest", "is missing"),
        ("DROP TABLE alembic_version", "alembic_version", "revision"),
    ],
)
def test_what_the_schema_lost_is_named_and_the_rest_is_still_read(postgres, pg_copy, statement, table, words):
    with postgres.admin(pg_copy) as connection:
        connection.execute(statement)
    report = verify(pg_copy)
    assert any(found.table == table and words in found.what for found in report.breaks), report.breaks
    assert report.heads["manifests"].count == HOURS
    assert report.heads["alerts"].count == HOURS


def found_by_rules(ask):
    found = {one.name: sorted(tuple(map(str, row)) for row in ask(one.sql)) for one in validations()}
    return {name: rows for name, rows in found.items() if rows}


def test_each_rule_of_the_books_finds_the_same_as_on_sqlite(postgres, pg_copy, finished_run, tmp_path):
    with postgres.admin(pg_copy) as connection:
        connection.execute("SET session_replication_role = replica")
        for name, (rule, given, *_) in {**CASES, **BY_HAND}.items():
            changes = [given] if isinstance(given, str) else given
            file = shutil.copy(finished_run, tmp_path / "m.db")
            spoil(file, *changes)
            with closing(sqlite3.connect(file)) as other:
                on_sqlite = found_by_rules(lambda sql, other=other: other.execute(sql).fetchall())
            assert rule in on_sqlite
            with connection.transaction(force_rollback=True):
                for table in metadata.tables:
                    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                for change in changes:
                    connection.execute(change)
                assert found_by_rules(lambda sql: connection.execute(sql).fetchall()) == on_sqlite, name


def test_the_open_hour_of_a_live_account_is_the_same_on_a_server(postgres, pg_copy, run_copy):
    for place in (pg_copy, run_copy):
        with Store.open(place) as store:
            store.commit(book.between(HOURS))
        assert verify(place).ok
    changes = (
        "UPDATE accounts SET mode = 'shadow'",
        f"UPDATE fills SET hour_ts_utc = hour_ts_utc + 3600 WHERE hour_ts_utc = {book.hour_ts_utc(HOURS)}",
        f"UPDATE ledger SET hour_ts_utc = hour_ts_utc - 3600 WHERE hour_ts_utc = {book.hour_ts_utc(HOURS)}",
    )
    with postgres.admin(pg_copy) as connection:
        connection.execute("SET session_replication_role = replica")
        for change in changes:
            with closing(sqlite3.connect(run_copy)) as other:
                for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                    other.execute(f"DROP TRIGGER {name}")
                other.execute(change)
                on_sqlite = found_by_rules(lambda sql, other=other: other.execute(sql).fetchall())
                other.rollback()
            assert on_sqlite
            with connection.transaction(force_rollback=True):
                for table in metadata.tables:
                    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                connection.execute(change)
                assert found_by_rules(lambda sql: connection.execute(sql).fetchall()) == on_sqlite, change


def test_what_is_outside_is_added_up_on_a_server_too(past_the_rules):
    place = past_the_rules("UPDATE movements SET amount = '-7' WHERE seq = 1")
    assert places(verify(place)) == [("movements", 1, None)]
    assert not verify(place).ok


def test_books_that_never_held_are_found_though_every_hash_does(pg_place):
    hour = book.hour(1)
    with Store.open(pg_place) as store:
        store.commit(book.begin())
        store.commit(book.hour(0))
        rows = [
            (t, row | {"cash": row["cash"] + 7, "equity": row["equity"] + 7} if t == "equity" else row)
            for t, row in hour.rows
        ]
        store.commit(replace(hour, rows=rows))
    (found,) = verify(pg_place).breaks
    assert (found.table, found.seq, found.column) == ("equity", 2, "cash")
    assert found.what == "The cash stated is not what the postings come to."


# Of each form: by hour, by another table's name for it, the hour before, one of two.
@pytest.mark.parametrize("table", ["runs", "cycles", "signals", "lots", "ledger", "equity"])
def test_a_row_that_never_named_its_parent_is_found_though_every_hash_holds(pg_place, monkeypatch, table):
    right = parents.Parents.of
    monkeypatch.setattr(
        parents.Parents, "of", lambda self, name, row: "ab" * 32 if name == table else right(self, name, row)
    )
    with Store.open(pg_place) as store:
        store.commit(book.begin())
        store.commit(book.hour(0, snapshot=True))
        store.commit(book.hour(1))
    found = verify(pg_place).breaks
    assert {(b.table, b.column) for b in found} == {(table, "parent_hash")}
    assert found[0].seq == 1


def test_a_sum_beyond_64_bits_is_summed_by_the_server_and_still_a_break(past_the_rules):
    place = past_the_rules(f"UPDATE ledger SET amount = {2**63 - 1} WHERE seq <= 2")
    assert {found.table for found in verify(place).breaks} == {"ledger"}


@pytest.mark.parametrize("table", ["manifests", "signals", "snapshots"])
def test_a_server_that_went_away_in_the_middle_is_not_a_broken_database(postgres, pg_copy, table):
    def cut(name, _rows):
        if name == table:
            with postgres.admin(pg_copy) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    with pytest.raises(Retry) as caught:
        verify(pg_copy, progress=cut)
    assert caught.value.code == "database_unreachable"
    assert verify(pg_copy).ok
