"""Evidence in PostgreSQL: the same as in SQLite, by one writer at a time, on a server that is fit for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from mooring.errors import Conflict, Denied, Halt, Invalid, NotFound, Unreachable, Unverified
from mooring.runtime.store import migrate
from mooring.runtime.store.connect_postgres import writer_engine
from mooring.runtime.store.drift_postgres import found_objects
from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.place import SCHEMA, Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow
from mooring.runtime.store.verify import verify
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS
from tests.support.postgres import OWNER, PASSWORD, name_of

ROOT = Path(__file__).parents[3]
BUSY_MS = 200


def test_same_batches_give_the_same_hashes_in_both_databases(pg_place, tmp_path):
    ends = []
    for place in (pg_place, tmp_path / "m.db"):
        with Store.open(place) as store:
            store.commit(book.begin())
            done = [store.commit(book.hour(n, snapshot=n % 2 == 0)) for n in range(3)]
            store.commit(Batch(control=ControlRow(kill_active=True, kill_reason="é", kill_since=5, updated_at=5)))
            reader = store.reader()
            ends.append((done, reader.heads(), reader.latest_state(book.RUN), reader.control_state()))
            ends[-1] += (reader.balances(book.RUN), reader.page("orders").items, reader.hour(book.RUN, book.START))
    assert ends[0] == ends[1]
    assert verify(pg_place).ok


def test_history_goes_on_where_it_was_closed(pg_copy):
    with Store.open(pg_copy) as store:
        assert store.reader().count("manifests") == HOURS
        store.commit(book.hour(HOURS))
    report = verify(pg_copy)
    assert report.ok, report.breaks
    assert report.heads["manifests"].count == HOURS + 1


def test_all_migration_scripts_in_a_row_make_the_same_as_a_new_database(postgres, pg_place):
    def contents(engine):
        with engine.connect() as connection:
            rows = [
                connection.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all()
                for table in ("chain_heads", "alembic_version")
            ]
            return found_objects(connection), rows

    Store.open(pg_place).close()
    other = postgres.place(postgres.database())
    made = writer_engine(other, busy_timeout_ms=BUSY_MS)
    with made.begin() as connection:
        migrate.run_scripts(connection, migrate.HEAD)
    expected = open_reader(pg_place)
    try:
        assert contents(made) == contents(expected)
    finally:
        made.dispose()
        expected.dispose()


def test_second_writer_is_refused_at_its_start_and_may_begin_when_the_first_has_ended(pg_copy):
    with Store.open(pg_copy):
        with pytest.raises(Conflict) as caught:
            Store.open(pg_copy, busy_timeout_ms=BUSY_MS)
        assert caught.value.code == "database_in_use"
        assert PASSWORD not in str(caught.value)
    Store.open(pg_copy, busy_timeout_ms=BUSY_MS).close()


def test_writer_waits_for_one_that_is_just_ending(pg_copy):
    first = Store.open(pg_copy)
    ending = threading.Timer(0.2, first.close)
    ending.start()
    Store.open(pg_copy, busy_timeout_ms=60_000).close()
    ending.join()


def test_writers_of_two_databases_of_one_server_do_not_meet(postgres, pg_place, pg_copy):
    with Store.open(pg_place) as one, Store.open(pg_copy) as other:
        one.commit(book.begin())
        other.commit(book.hour(HOURS))


CHILD = """
import os, sys
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from tests.runtime.store import book
store = Store.open(Place.of(sys.argv[1]), fault=lambda at: os.kill(os.getpid(), 9) if at == sys.argv[2] else None)
store.commit(book.hour(6, snapshot=True))
"""


@pytest.mark.parametrize("point", ["before-begin", "after-table:ledger", "before-commit", "after-commit"])
def test_kill_9_at_a_point_of_an_hour_then_going_on_equals_an_undisturbed_run(
    postgres, pg_copy, finished_run, tmp_path, point
):
    url = postgres.url(name_of(pg_copy))
    child = subprocess.run([sys.executable, "-c", CHILD, url, point], cwd=ROOT, timeout=120, check=False)
    assert child.returncode == -signal.SIGKILL
    stored = HOURS + (point == "after-commit")
    with Store.open(pg_copy) as store:  # the dead writer's lock is gone with its connection
        assert store.reader().latest_state(book.RUN).cycles == stored
        for n in range(stored, HOURS + 2):
            store.commit(book.hour(n, snapshot=n == HOURS))
        heads = store.reader().heads()
    (tmp_path / "m.db").write_bytes(finished_run.read_bytes())
    with Store.open(tmp_path / "m.db") as undisturbed:
        for n in range(HOURS, HOURS + 2):
            undisturbed.commit(book.hour(n, snapshot=n == HOURS))
        assert undisturbed.reader().heads() == heads
    assert verify(pg_copy).ok


def test_crash_while_a_database_is_made_leaves_nothing_and_the_next_start_goes_on(postgres, pg_place):
    code = (
        "import os, sys\n"
        "from mooring.runtime.store import migrate\n"
        "from mooring.runtime.store.place import Place\n"
        "real = migrate.create_newest\n"
        "def die(connection):\n    real(connection)\n    os.kill(os.getpid(), 9)\n"
        "migrate.create_newest = die\n"
        "from mooring.runtime.store.store import Store\n"
        "Store.open(Place.of(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, postgres.url(name_of(pg_place))]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
    with pytest.raises(NotFound):
        Reader.open(pg_place)
    Store.open(pg_place).close()
    assert verify(pg_place).ok


def test_readers_cannot_write_and_see_one_state_throughout(pg_copy):
    engine = open_reader(pg_copy)
    try:
        with Store.open(pg_copy) as store, engine.connect() as connection:
            count = text("SELECT count(*) FROM manifests")
            assert connection.execute(count).scalar() == HOURS
            store.commit(book.hour(HOURS))
            assert connection.execute(count).scalar() == HOURS
            connection.rollback()
            assert connection.execute(count).scalar() == HOURS + 1
            with pytest.raises(Exception, match="read-only transaction"):
                connection.execute(text("DELETE FROM state_latest"))
    finally:
        engine.dispose()


def test_commits_are_on_the_disk_though_the_user_is_set_up_otherwise(postgres, pg_copy):
    with postgres.admin(pg_copy) as connection:
        connection.execute(f"ALTER DATABASE {name_of(pg_copy)} SET synchronous_commit = off")
    with Store.open(pg_copy) as store, store._writer._engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"


def test_environment_cannot_turn_the_rules_off(postgres, pg_copy, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c search_path=public")
    with Store.open(pg_copy) as store, store._writer._engine.connect() as connection:
        assert connection.execute(text("SHOW search_path")).scalar() == f"{SCHEMA}, pg_temp"


@pytest.mark.parametrize(
    ("setting", "why"),
    [("session_replication_role = replica", "rules would not be kept"), ("default_transaction_read_only = on", None)],
)
def test_database_that_is_set_up_wrongly_is_refused(postgres, pg_copy, setting, why):
    with postgres.admin(pg_copy) as connection:
        connection.execute(f"ALTER DATABASE {name_of(pg_copy)} SET {setting}")
    if why is None:  # it can be opened; the first write says what is wrong
        with Store.open(pg_copy) as store, pytest.raises(Halt) as halted:
            store.commit(book.hour(HOURS))
        assert halted.value.code == "database_read_only"
        return
    with pytest.raises(Invalid, match=why) as caught:
        Store.open(pg_copy)
    assert caught.value.code == "unfit_database"


def test_server_that_could_lose_what_it_said_to_be_stored_is_refused(postgres, pg_copy):
    with postgres.admin() as connection:
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        with pytest.raises(Invalid, match="full_page_writes is off") as caught:
            until(lambda: Store.open(pg_copy).close())
    finally:
        with postgres.admin() as connection:
            connection.execute("ALTER SYSTEM RESET full_page_writes")
            connection.execute("SELECT pg_reload_conf()")
    assert caught.value.code == "unfit_database"


def until(act):
    """Do it again and again until it fails: the server reads its configuration anew when it comes to it."""
    for _ in range(200):
        act()
    raise AssertionError("it never failed")


def test_database_of_another_encoding_is_refused(postgres):
    with postgres.admin() as connection:
        connection.execute(f"CREATE DATABASE ascii OWNER {OWNER} ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(Invalid, match="encoding is SQL_ASCII"):
        Store.open(postgres.place("ascii"))
    postgres.drop("ascii")


def test_schema_that_holds_something_else_is_refused_and_kept(postgres, pg_place):
    with postgres.owner(pg_place) as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        connection.execute("CREATE TABLE notes (said text)")
    with pytest.raises(Unverified) as caught:
        Store.open(pg_place)
    assert caught.value.code == "not_our_database"


def test_tables_of_others_in_the_database_stay_as_they_are(postgres, pg_place):
    with postgres.admin(pg_place) as connection:
        connection.execute("CREATE TABLE public.runs (theirs int)")
        connection.execute("INSERT INTO public.runs VALUES (1)")
    with Store.open(pg_place) as store:
        store.commit(book.begin())
    with postgres.admin(pg_place) as connection:
        assert connection.execute("SELECT * FROM public.runs").fetchall() == [(1,)]
    assert verify(pg_place).ok


def test_schema_that_was_made_for_a_user_without_the_right_to_make_one_is_used(postgres, pg_place):
    name = name_of(pg_place)
    with postgres.admin(pg_place) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
        guest = postgres.place(name, user="guest")
        with pytest.raises(Halt) as caught:
            Store.open(guest)
        assert caught.value.code == "database_read_only"
        connection.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION guest")
        with Store.open(guest) as store:
            store.commit(book.begin())
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        connection.execute("DROP ROLE guest")


@pytest.mark.parametrize(("revision", "code"), [("9999", "newer_schema"), ("0001", "unreleased_schema")])
def test_database_of_another_revision_is_refused_unchanged(postgres, pg_copy, revision, code):
    with postgres.owner(pg_copy) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", [revision])
    with pytest.raises(Conflict, match=revision) as caught:
        Store.open(pg_copy)
    assert caught.value.code == code


def test_database_that_is_not_there_is_named_without_the_password(postgres):
    with pytest.raises(NotFound) as caught:
        Store.open(postgres.place("nowhere"))
    assert caught.value.code == "no_database"
    assert "nowhere" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_database_without_records_is_not_filled_unasked(pg_place):
    with pytest.raises(NotFound) as caught:
        Store.open(pg_place, create=False)
    assert caught.value.code == "no_records"
    with pytest.raises(NotFound):
        Reader.open(pg_place)
    with pytest.raises(NotFound):
        verify(pg_place)


def test_wrong_password_and_unknown_user_are_denied(postgres, pg_copy):
    url = postgres.url(name_of(pg_copy))
    for wrong in (url.replace(PASSWORD, "another-secret-1"), url.replace(f"{OWNER}:", "nobody:")):
        with pytest.raises(Denied) as caught:
            Reader.open(Place.of(wrong))
        assert caught.value.code == "database_refused"
        assert "secret" not in str(caught.value)


def test_server_that_does_not_answer_is_unreachable(postgres):
    place = Place.of(f"postgresql://{OWNER}:{PASSWORD}@127.0.0.1:1/mooring")
    for attempt in (Store.open, Reader.open, verify):
        with pytest.raises(Unreachable, match="no server answers there") as caught:
            attempt(place)
        assert caught.value.code == "database_unreachable"
        assert PASSWORD not in str(caught.value)


def test_without_the_driver_it_is_said_what_to_install(postgres, pg_place, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Invalid, match="make setup") as caught:
        Store.open(pg_place)
    assert caught.value.code == "no_postgres_driver"


def test_driver_is_not_imported_for_a_file(tmp_path):
    code = (
        "import sys, pathlib; from mooring.runtime.store.store import Store\n"
        f"Store.open(pathlib.Path({str(tmp_path / 'm.db')!r})).close(); assert 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_socket_of_the_server_does_as_well_as_its_port(postgres, pg_copy):
    url = f"postgresql://{OWNER}:{PASSWORD}@/{name_of(pg_copy)}?host={postgres.root}&port={postgres.port}"
    reader = Reader.open(Place.of(url))
    try:
        assert reader.count("manifests") == HOURS
    finally:
        reader.close()


def test_hour_of_a_real_size_is_one_transaction_that_readers_never_see_in_part(pg_place):
    seen, done = set(), threading.Event()
    with Store.open(pg_place) as store:
        store.commit(book.begin())
        reader = store.reader()

        def watch():
            while not done.is_set():
                heads = reader.heads()
                seen.add((heads["manifests"].count, heads["cycles"].count, heads["equity"].count))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            for n in range(10):
                store.commit(book.hour(n))
        finally:
            done.set()
            watcher.join()
    assert {len(set(counts)) for counts in seen} == {1}


def test_process_that_forgets_to_close_keeps_no_lock_when_it_ends(postgres, pg_copy):
    url = postgres.url(name_of(pg_copy))
    code = CHILD.replace("store.commit(book.hour(6, snapshot=True))", "os._exit(0)")
    child = subprocess.run([sys.executable, "-c", code, url, "never"], cwd=ROOT, timeout=60, check=False)
    assert child.returncode == os.EX_OK
    Store.open(pg_copy).close()
