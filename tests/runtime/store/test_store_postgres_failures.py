"""Each way in which a server fails, made to happen: the same errors as with a file, nothing stored, and it goes on."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mooring.errors import Denied, Halt, Retry, Unknown, Unverified
from mooring.runtime.store import checks
from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.failures import read_failure, reading
from mooring.runtime.store.place import SCHEMA
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.runtime.store.verify import verify
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS
from tests.support.postgres import OWNER, PASSWORD, name_of

NEXT = HOURS  # the hour that comes next in the finished run
BUSY_MS = 200


@pytest.fixture
def store(pg_copy):
    with Store.open(pg_copy, busy_timeout_ms=BUSY_MS) as opened:
        yield opened


@pytest.fixture
def admin(postgres, pg_copy):
    with postgres.admin(pg_copy) as connection:
        yield connection


@contextmanager
def halts(code, error=Halt):
    with pytest.raises(error) as caught:
        yield caught
    assert caught.value.code == code
    assert PASSWORD not in str(caught.value)


def writer_pid(admin):
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'mooring-writer' AND datname = current_database()"
    )
    return admin.execute(query).fetchone()[0]


def terminate(admin):
    """End the session of the writer on the server, and wait until it has ended."""
    pid = writer_pid(admin)
    admin.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])
    return pid


def with_row(table, **columns):
    batch = book.hour(NEXT)
    return replace(batch, rows=[(t, row | columns if t == table else row) for t, row in batch.rows])


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("equity", {"cash": -1, "equity": -1, "positions_value": 0}),
        ("positions", {"quantity": -1}),
        ("order_intents", {"side": "short"}),
        ("order_intents", {"parent_id": "no-such-order"}),
        ("fills", {"client_order_id": "no-such-order"}),
        ("fills", {"fill_id": "fill-order-0"}),
        ("trades", {"pnl": 1}),
    ],
)
def test_row_that_must_not_be_is_refused_and_named_without_its_values(store, pg_copy, table, columns):
    before = store.reader().heads()
    with halts("constraint_refused") as caught:
        store.commit(with_row(table, **columns))
    assert "no-such" not in str(caught.value)
    assert store.reader().heads() == before
    store.commit(book.hour(NEXT))
    assert verify(pg_copy).ok


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_slips_past_the_writers_own_checks_the_database_refuses(request, run_copy, database, monkeypatch):
    monkeypatch.setattr(checks, "postings_balance", lambda _rows: None)
    monkeypatch.setattr(checks, "orders_move_forward", lambda _connection, _rows: None)
    event = {"client_order_id": "order-0", "status": "OPEN", "filled_quantity": 5, "reason": ""}
    place = run_copy if database == "sqlite" else request.getfixturevalue("pg_copy")
    with Store.open(place) as store:
        before = store.reader().heads()
        with halts("constraint_refused") as caught:
            store.commit(with_row("ledger", amount=1))
        assert "do not sum to zero" in str(caught.value)
        with halts("constraint_refused") as caught:
            store.commit(
                Batch(rows=[("order_events", event | {"run_id": book.RUN, "hour_ts_utc": book.hour_ts_utc(0)})])
            )
        assert "only moves forward" in str(caught.value)
        assert store.reader().heads() == before


STATES = {
    "53100": "disk_full",
    "53200": "database_failed",
    "58030": "database_failed",
    "57014": "database_failed",
    "40001": "database_locked",
    "40P01": "database_locked",
    "25006": "database_read_only",
    "42501": "database_read_only",
    "23514": "constraint_refused",
    "08006": "database_unreachable",
    "XX001": "database_corrupt",
    "XX002": "database_corrupt",
    "22003": "database_failed",
}


@pytest.mark.parametrize("state", STATES)
def test_failure_that_the_server_reports_is_the_error_that_a_file_would_give(store, admin, state):
    """The server itself says so, in the midst of an hour."""
    admin.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{state}', DETAIL = 'of a value'; END $$"
    )
    admin.execute("CREATE TRIGGER tg_fail BEFORE INSERT ON equity FOR EACH ROW EXECUTE FUNCTION fail()")
    before = store.reader().heads()
    with halts(STATES[state]) as caught:
        store.commit(book.hour(NEXT))
    assert "of a value" not in str(caught.value)
    assert store.reader().heads() == before
    admin.execute("DROP TRIGGER tg_fail ON equity")
    store.commit(book.hour(NEXT))


def test_right_that_was_taken_away_halts(store, admin):
    admin.execute(f"REVOKE INSERT ON equity FROM {OWNER}")
    with halts("database_read_only") as caught:
        store.commit(book.hour(NEXT))
    assert "permission denied" in str(caught.value)
    admin.execute(f"GRANT INSERT ON equity TO {OWNER}")
    store.commit(book.hour(NEXT))


def test_table_that_another_program_holds_halts_and_later_goes_on(postgres, store, pg_copy):
    with postgres.owner(pg_copy) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE ledger IN EXCLUSIVE MODE")
        with halts("database_locked"):
            store.commit(book.hour(NEXT))
        other.execute("ROLLBACK")
    store.commit(book.hour(NEXT))
    assert verify(pg_copy).ok


def test_another_programs_row_is_noticed_and_nothing_is_mixed(postgres, store, pg_copy):
    store.commit(book.hour(NEXT))
    with postgres.owner(pg_copy) as other:
        other.execute("UPDATE chain_heads SET count = count + 1 WHERE table_name = 'alerts'")
    with halts("second_writer"):
        store.commit(book.hour(NEXT + 1))


def test_server_that_was_started_anew_between_two_hours_is_connected_to_again(store, admin, pg_copy):
    store.commit(book.hour(NEXT))
    before = terminate(admin)
    store.commit(book.hour(NEXT + 1))
    assert writer_pid(admin) != before
    assert verify(pg_copy).ok


def test_writer_that_lost_its_place_to_another_does_not_write(store, admin, pg_copy):
    terminate(admin)
    with Store.open(pg_copy) as other:
        other.commit(book.hour(NEXT))
        with halts("database_unreachable") as caught:
            store.commit(book.hour(NEXT))
        assert "Another Mooring writes" in str(caught.value)
    with halts("second_writer"):
        pretend_it_knows(store)
        store.commit(book.hour(NEXT))


def pretend_it_knows(store):
    """As it is where the connection was lost between two hours, and what was written before is remembered."""
    heads = store.reader().heads()
    store._writer._ends = (heads | {"alerts": replace(heads["alerts"], count=0)},)


def test_connection_lost_in_the_midst_of_an_hour_halts_with_nothing_stored(pg_copy, admin):
    lost = []

    def fault(point):
        if point == "after-table:ledger" and not lost:
            lost.append(terminate(admin))

    with Store.open(pg_copy, fault=fault) as store:
        before = store.reader().heads()
        with halts("database_unreachable"):
            store.commit(book.hour(NEXT))
        assert store.reader().heads() == before
        store.commit(book.hour(NEXT))
    assert verify(pg_copy).ok


SLOW_COMMIT = (
    "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'",
    (
        "CREATE CONSTRAINT TRIGGER tg_slow AFTER INSERT ON manifests DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION sleep()"
    ),
)


def end_it_while_committing(admin):
    """Wait until the writer's commit is on its way on the server, then end the session there."""
    for _ in range(600):
        query = admin.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [writer_pid(admin)]).fetchone()[0]
        if query == "COMMIT":
            return terminate(admin)
        time.sleep(0.05)
    raise AssertionError("it never committed")


def test_connection_lost_during_the_commit_is_unknown_not_failed(store, admin, pg_copy):
    """Here the server had not committed; nobody on our side could tell."""
    for sql in SLOW_COMMIT:
        admin.execute(sql)
    ender = threading.Thread(target=end_it_while_committing, args=[admin])
    ender.start()
    with halts("commit_unanswered", Unknown):
        store.commit(book.hour(NEXT))
    ender.join()
    admin.execute("DROP TRIGGER tg_slow ON manifests")
    assert store.reader().count("manifests") == HOURS
    store.commit(book.hour(NEXT))
    admin.execute(f"DROP FUNCTION {SCHEMA}.sleep")
    assert verify(pg_copy).ok


def test_hour_that_was_stored_though_the_answer_was_lost_is_not_stored_twice(postgres, pg_copy, admin):
    """The commit waits for a second server that never answers: it is done here, and its answer never comes."""
    with Store.open(pg_copy) as store:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            wait_for(lambda: admin.execute("SHOW synchronous_standby_names").fetchone() == ("nobody",))
            ender = threading.Thread(target=end_it_while_committing, args=[admin])
            ender.start()
            with halts("commit_unanswered", Unknown):
                store.commit(book.hour(NEXT))
            ender.join()
        finally:
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
        assert store.reader().count("manifests") == HOURS + 1
        with halts("hour_out_of_order"):
            store.commit(replace(book.hour(NEXT), rows=[]))
    with Store.open(pg_copy) as store:
        assert store.reader().latest_state(book.RUN).cycles == HOURS + 1
        store.commit(book.hour(NEXT + 1))
    assert verify(pg_copy).ok


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came about")


def test_server_that_is_gone_halts_and_is_found_again(postgres, pg_copy):
    with Store.open(pg_copy) as store:
        with postgres.admin() as connection:
            connection.execute(f"ALTER DATABASE {name_of(pg_copy)} ALLOW_CONNECTIONS false")
            connection.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s", [name_of(pg_copy)]
            )
            with halts("database_unreachable"):
                store.commit(book.hour(NEXT))
            connection.execute(f"ALTER DATABASE {name_of(pg_copy)} ALLOW_CONNECTIONS true")
        store.commit(book.hour(NEXT))


def test_read_that_lost_its_connection_may_be_asked_again(pg_copy, admin):
    engine = open_reader(pg_copy)
    try:
        with engine.connect() as connection:
            (pid,) = connection.exec_driver_sql("SELECT pg_backend_pid()").one()
            admin.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])
            with halts("database_unreachable", Retry), reading():
                connection.exec_driver_sql("SELECT 1")
    finally:
        engine.dispose()


def test_reader_goes_on_after_its_connections_were_ended(pg_copy, admin):
    reader = Reader.open(pg_copy)
    try:
        assert reader.count("manifests") == HOURS
        admin.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'mooring-reader'"
        )
        assert reader.count("manifests") == HOURS
    finally:
        reader.close()


def test_read_that_takes_too_long_is_ended_and_may_be_asked_again(pg_copy):
    engine = open_reader(pg_copy)
    try:
        with engine.connect() as connection, halts("database_busy", Retry), reading():
            connection.exec_driver_sql("SET statement_timeout = 20")
            connection.exec_driver_sql("SELECT pg_sleep(60)")
    finally:
        engine.dispose()


def test_user_who_may_not_read_a_table_is_denied(postgres, pg_copy, admin):
    admin.execute("DROP ROLE IF EXISTS half")
    admin.execute(f"CREATE ROLE half LOGIN PASSWORD '{PASSWORD}'")
    admin.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO half")
    reader = Reader.open(postgres.place(name_of(pg_copy), user="half"))
    try:
        with halts("database_refused", Denied):
            reader.latest_run()
    finally:
        reader.close()


def test_damaged_page_on_the_servers_disk_is_found_and_not_read(postgres, finished_on_server):
    """The file of the ledger is overwritten before the server reads it for the first time."""
    with postgres.admin(finished_on_server) as connection:
        (file,) = connection.execute("SELECT pg_relation_filepath('mooring.ledger')").fetchone()
    name, folder = postgres.copied_as_files(finished_on_server)
    path = folder / Path(file).name
    path.write_bytes(b"\xff" * path.stat().st_size)
    report = verify(postgres.place(name))
    assert not report.ok
    assert {found.table for found in report.breaks} & {"ledger", "database"}
    reader = Reader.open(postgres.place(name))
    try:
        with halts("database_corrupt", Unverified):
            reader.balances(book.RUN)
    finally:
        reader.close()
    with pytest.raises(Unverified):
        Store.open(postgres.place(name))
    postgres.drop(name)


def test_failure_that_no_server_explains_is_not_taken_for_anything_else():
    assert read_failure(RuntimeError("?")).code == "database_unreadable"
