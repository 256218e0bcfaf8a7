"""A history moves between databases unchanged, whole or not at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mooring.errors import Conflict, Halt, Invalid, MooringError, NotFound, Unverified
from mooring.runtime.store import copy
from mooring.runtime.store.copy import copy_history
from mooring.runtime.store.place import SCHEMA, Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow
from mooring.runtime.store.verify import verify
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS
from tests.support.postgres import name_of

ROOT = Path(__file__).parents[3]


def contents(place):
    """Every value of every row, and what stands beside them."""
    reader = Reader.open(place)
    try:
        with reader._engine.connect() as connection:
            return {
                table: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1")]
                for table in (*(str(t.name) for t in EVIDENCE), "chain_heads", "state_latest", "alembic_version")
            }
    finally:
        reader.close()


def left_in(folder):
    return {path.name for path in folder.iterdir()} - {
        "mooring.db",
        "mooring.db-wal",
        "mooring.db-shm",
        "mooring.db.mark",
    }


def test_history_goes_to_a_server_and_back_and_is_the_same(run_copy, pg_place, tmp_path):
    seen = []
    there = copy_history(Place.of(run_copy), pg_place, progress=lambda done, total: seen.append((done, total)))
    back = copy_history(pg_place, Place.of(tmp_path / "back.db"))
    assert there == back
    assert there.head == verify(run_copy).head
    assert contents(run_copy) == contents(pg_place) == contents(tmp_path / "back.db")
    assert (there.rows * 2, there.rows * 2) == seen[-1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert left_in(tmp_path) == {"back.db"}


def test_copies_go_on_alike_in_every_database(run_copy, pg_place, tmp_path):
    copy_history(Place.of(run_copy), pg_place)
    copy_history(Place.of(run_copy), Place.of(tmp_path / "file.db"))
    ends = []
    for place in (run_copy, pg_place, tmp_path / "file.db"):
        with Store.open(place) as store:
            assert store.reader().latest_state(book.RUN).cycles == HOURS
            store.commit(book.hour(HOURS, snapshot=True))
            ends.append(store.reader().heads())
        assert verify(place).ok
    assert ends[0] == ends[1] == ends[2]


def test_server_to_server(postgres, pg_copy, pg_place):
    done = copy_history(pg_copy, pg_place)
    assert done.head == verify(pg_copy).head
    assert contents(pg_copy) == contents(pg_place)


def test_empty_history_is_copied_too(tmp_path, pg_place):
    Store.open(tmp_path / "m.db").close()
    assert copy_history(Place.of(tmp_path / "m.db"), pg_place).rows == 0
    with Store.open(pg_place) as store:
        store.commit(book.begin())


def test_text_and_bytes_of_any_kind_arrive_as_they_were(tmp_path, pg_place):
    path = tmp_path / "m.db"
    odd = "tab\t newline\n return\r backslash \\ \\N \\. quote ' \" percent %s %(a)s nul-free é 😀 "
    with Store.open(path) as store:
        store.commit(book.begin())
        store.commit(Batch(control=ControlRow(kill_active=True, kill_reason=odd, kill_since=None, updated_at=1)))
        hour = book.hour(0, snapshot=True)
        store.commit(replace(hour, state=replace(hour.state, state=bytes(range(256)) * 9)))
    copy_history(Place.of(path), pg_place)
    copy_history(pg_place, Place.of(tmp_path / "back.db"))
    assert contents(path) == contents(pg_place) == contents(tmp_path / "back.db")


def test_many_batches_of_rows_are_one_history(tmp_path, run_copy, pg_place, monkeypatch):
    monkeypatch.setattr(copy, "BATCH_ROWS", 3)
    monkeypatch.setattr(copy, "BATCH_BLOBS", 1)
    copy_history(Place.of(run_copy), pg_place)
    assert contents(run_copy) == contents(pg_place)


def test_source_that_is_written_to_meanwhile_is_copied_as_of_one_moment(run_copy, pg_place):
    with Store.open(run_copy) as store:
        hours = iter(range(HOURS, HOURS + 100))

        def write(done, total):
            if done < total // 2:
                store.commit(book.hour(next(hours)))

        copied = copy_history(Place.of(run_copy), pg_place, progress=write)
        assert store.reader().count("manifests") > HOURS
    report = verify(pg_place)
    assert (report.ok, report.head, report.heads["manifests"].count) == (True, copied.head, HOURS)


@pytest.mark.parametrize("name", ["m.db", "m.db-wal", "m.db-journal", "m.db.mark"])
def test_file_that_is_there_is_not_copied_over(run_copy, tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(Conflict) as caught:
        copy_history(Place.of(run_copy), Place.of(tmp_path / "m.db"))
    assert caught.value.code == "target_not_empty"
    assert (tmp_path / name).read_bytes() == b"mine"
    assert left_in(tmp_path) == {name}


def test_database_that_holds_something_is_not_copied_into(run_copy, pg_copy):
    before = contents(pg_copy)
    with pytest.raises(Conflict) as caught:
        copy_history(Place.of(run_copy), pg_copy)
    assert caught.value.code == "target_not_empty"
    assert contents(pg_copy) == before


def test_history_whose_revision_somebody_took_away_is_not_taken_for_a_copy_that_was_not_finished(
    run_copy, postgres, pg_copy
):
    with postgres.owner(pg_copy) as connection:
        connection.execute("DELETE FROM alembic_version")
        with pytest.raises(Conflict, match="holds a schema"):
            copy_history(Place.of(run_copy), pg_copy)
        assert connection.execute("SELECT count(*) FROM manifests").fetchone() == (HOURS,)


def test_database_that_a_daemon_has_is_not_copied_into(run_copy, pg_copy, monkeypatch):
    monkeypatch.setattr(copy, "BUSY_TIMEOUT_MS", 200)
    with Store.open(pg_copy), pytest.raises(Conflict) as caught:
        copy_history(Place.of(run_copy), pg_copy)
    assert caught.value.code == "database_in_use"


def test_nothing_is_copied_from_nowhere_or_to_nowhere(postgres, run_copy, tmp_path, pg_place):
    with pytest.raises(NotFound):
        copy_history(Place.of(tmp_path / "nothing.db"), pg_place)
    with pytest.raises(NotFound):
        copy_history(pg_place, Place.of(tmp_path / "new.db"))
    with pytest.raises(NotFound):
        copy_history(Place.of(run_copy), postgres.place("nowhere"))
    with pytest.raises(Invalid) as caught:
        copy_history(Place.of(run_copy), Place.of(tmp_path / "no" / "folder.db"))
    assert caught.value.code == "file_unwritable"
    assert left_in(tmp_path) == set()


@pytest.mark.parametrize("to", ["server", "file"])
def test_source_whose_rows_were_changed_gives_no_copy(run_copy, spoil, request, tmp_path, to):
    """Nothing that the triggers see; only the hash tells."""
    spoil(run_copy, ("UPDATE equity SET cash = cash + 1, equity = equity + 1 WHERE seq = 2", ()))
    target = Place.of(tmp_path / "new.db") if to == "file" else request.getfixturevalue("pg_place")
    with pytest.raises(Unverified, match="equity row 2") as caught:
        copy_history(Place.of(run_copy), target)
    assert caught.value.code == "copy_broken"
    with pytest.raises(NotFound):
        Reader.open(target)
    assert left_in(tmp_path) == set()


@pytest.mark.parametrize("to", ["server", "file"])
def test_source_with_a_row_missing_gives_no_copy(run_copy, spoil, request, tmp_path, to):
    spoil(run_copy, ("DELETE FROM signals WHERE seq = 5", ()))
    target = Place.of(tmp_path / "new.db") if to == "file" else request.getfixturevalue("pg_place")
    with pytest.raises(Halt) as caught:
        copy_history(Place.of(run_copy), target)
    assert caught.value.code == "constraint_refused"
    with pytest.raises(NotFound):
        Reader.open(target)


def test_source_that_lost_its_last_rows_is_not_copied(run_copy, spoil, tmp_path):
    spoil(run_copy, ("DELETE FROM alerts WHERE seq = 6", ()))
    with pytest.raises(Unverified) as caught:
        copy_history(Place.of(run_copy), Place.of(tmp_path / "new.db"))
    assert caught.value.code == "chain_end_differs"


def test_source_without_a_revision_is_not_copied(run_copy, tmp_path):
    with closing(sqlite3.connect(run_copy, isolation_level=None)) as connection:
        connection.execute("DELETE FROM alembic_version")
    with pytest.raises(Conflict) as caught:
        copy_history(Place.of(run_copy), Place.of(tmp_path / "new.db"))
    assert caught.value.code == "schema_not_newest"


@pytest.mark.parametrize("to", ["server", "file"])
def test_copy_that_is_not_equal_is_not_kept(run_copy, request, tmp_path, monkeypatch, to):
    real = copy.verify

    def other(place, **how):
        report = real(place, **how)
        return replace(report, heads={**report.heads, "alerts": replace(report.heads["alerts"], head="f" * 64)})

    monkeypatch.setattr(copy, "verify", other)
    target = Place.of(tmp_path / "new.db") if to == "file" else request.getfixturevalue("pg_place")
    with pytest.raises(Unverified, match="chain of alerts") as caught:
        copy_history(Place.of(run_copy), target)
    assert caught.value.code == "copy_differs"
    with pytest.raises(NotFound):
        Reader.open(target)


def test_target_that_fails_midway_keeps_nothing(run_copy, postgres, pg_place):
    with postgres.admin() as connection:
        connection.execute(f"ALTER DATABASE {name_of(pg_place)} SET default_transaction_read_only = on")
    with pytest.raises(Halt) as caught:
        copy_history(Place.of(run_copy), pg_place)
    assert caught.value.code == "database_read_only"
    with postgres.admin() as connection:
        connection.execute(f"ALTER DATABASE {name_of(pg_place)} RESET default_transaction_read_only")
    copy_history(Place.of(run_copy), pg_place)


CHILD = """
import os, sys
from mooring.runtime.store import copy
from mooring.runtime.store.place import Place
point = sys.argv[3]
real = copy._prove
def prove(*given):
    if point == "committed":
        os.kill(os.getpid(), 9)
    real(*given)
    if point == "proved":
        os.kill(os.getpid(), 9)
copy._prove = prove
def told(done, total):
    if point == "copying" and done > total // 4:
        os.kill(os.getpid(), 9)
copy.copy_history(Place.of(sys.argv[1]), Place.of(sys.argv[2]), progress=told)
"""


@pytest.mark.parametrize("point", ["copying", "committed", "proved"])
@pytest.mark.parametrize("to", ["server", "file"])
def test_kill_9_leaves_nothing_that_could_be_used_and_the_next_copy_is_whole(
    postgres, run_copy, request, tmp_path, to, point
):
    (tmp_path / "to").mkdir()
    target = Place.of(tmp_path / "to" / "new.db") if to == "file" else request.getfixturevalue("pg_place")
    stated = str(target) if to == "file" else postgres.url(name_of(target))
    command = [sys.executable, "-c", CHILD, str(run_copy), stated, point]
    child = subprocess.run(command, cwd=ROOT, timeout=120, check=False)
    assert child.returncode == -signal.SIGKILL
    with pytest.raises(MooringError) as caught:
        Store.open(target, create=False).close()
    assert caught.value.code in {"no_database", "no_records", "copy_unfinished"}
    copy_history(Place.of(run_copy), target)
    assert contents(run_copy) == contents(target)
    if to == "file":
        assert left_in(tmp_path / "to") == {"new.db"}


def test_copy_in_a_database_that_holds_other_things_leaves_them_alone(postgres, run_copy, pg_place, monkeypatch):
    with postgres.admin(pg_place) as connection:
        connection.execute("CREATE TABLE public.theirs (a int)")
    monkeypatch.setattr(copy, "_prove", lambda *_: (_ for _ in ()).throw(copy._differs("told so")))
    with pytest.raises(Unverified):
        copy_history(Place.of(run_copy), pg_place)
    with postgres.admin(pg_place) as connection:
        assert connection.execute("SELECT to_regclass('public.theirs') IS NOT NULL").fetchone() == (True,)
        assert connection.execute(f"SELECT to_regnamespace('{SCHEMA}') IS NULL").fetchone() == (True,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_the_right_to_write_says_so(run_copy, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    with pytest.raises(Invalid) as caught:
        copy_history(Place.of(run_copy), Place.of(folder / "new.db"))
    assert caught.value.code == "file_unwritable"
