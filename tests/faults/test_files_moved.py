"""Files deleted, replaced or put back under a daemon, or between two of them: it halts, and no hour is lost unnoticed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mooring.errors import Halt, Unverified
from mooring.runtime.store.backup import back_up
from mooring.runtime.store.restore import Wish, restore
from mooring.runtime.store.store import Store
from tests.faults import broken
from tests.support import history, runs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "mooring.db"


@pytest.mark.parametrize("what", ["mooring.db", "mooring.db-wal", "mooring.db-shm"])
@pytest.mark.parametrize("how", ["deleted", "renamed", "replaced"])
def test_a_file_that_is_taken_away_while_running_halts_before_the_next_hour_is_said_to_be_stored(
    tmp_path, database, what, how
):
    other = tmp_path / "other.db"
    history.go_on(other, 3)
    told = runs.Told()
    with Store.open(database) as store:
        made = history.engine(store, told=told)
        runs.ahead(made, 20)
        there = database.with_name(what)
        if how == "deleted":
            there.unlink()
        elif how == "renamed":
            there.rename(tmp_path / "elsewhere")
        else:
            shutil.copy(other, tmp_path / "copy")
            (tmp_path / "copy").replace(there)
        broken.run_into_a_halt(made, told, "database_moved")
        assert made.status.hours == 20
        with pytest.raises(Halt) as caught:
            made.start()  # still so: it must not go on
        assert caught.value.code == "database_moved"
        made.stop()


def test_a_log_deleted_while_running_costs_nothing_where_the_process_ends_in_order(database, wanted):
    told = runs.Told()
    with Store.open(database) as store:
        made = history.engine(store, told=told)
        runs.ahead(made, 20)
        database.with_name("mooring.db-wal").unlink()
        broken.run_into_a_halt(made, told, "database_moved")
        made.stop()
    assert broken.hours_of(database) == 20
    assert broken.end_of(database) == wanted


def test_a_file_put_back_lets_the_same_process_go_on(tmp_path, database, wanted):
    told = runs.Told()
    with Store.open(database) as store:
        made = history.engine(store, told=told)
        runs.ahead(made, 20)
        database.rename(tmp_path / "elsewhere")
        broken.run_into_a_halt(made, told, "database_moved")
        (tmp_path / "elsewhere").rename(database)
        runs.run_out(made)
    assert broken.end_of(database) == wanted


def test_a_file_taken_away_between_the_rows_and_their_commit_is_noticed_too(tmp_path, database):
    moved = []

    def fault(at):
        if at == "before-commit" and moved == [False]:
            moved[:] = [True]
            database.rename(tmp_path / "elsewhere")

    told = runs.Told()
    with Store.open(database, fault=fault) as store:
        made = history.engine(store, told=told)
        runs.ahead(made, 5)
        moved.append(False)
        broken.run_into_a_halt(made, told, "database_moved")
        made.stop()
    (tmp_path / "elsewhere").rename(database)
    assert broken.hours_of(database) == 5


KILLED = """
import os, pathlib, sys
from mooring.runtime.store.store import Store
from tests.support import history, runs
store = Store.open(pathlib.Path(sys.argv[1]))
made = history.engine(store)
runs.ahead(made, int(sys.argv[2]))
if sys.argv[3:]:
    getattr(made, sys.argv[3])("enough")
os.kill(os.getpid(), 9)
"""


def killed_after(path, hours, *act):
    """A process does so many hours and dies; they are in its log."""
    command = [sys.executable, "-c", KILLED, str(path), str(hours), *act]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode == -signal.SIGKILL
    assert path.with_name(path.name + "-wal").stat().st_size > 0


def refused(path):
    """The next process does not begin."""
    with pytest.raises(Unverified) as caught, Store.open(path):
        pass
    assert caught.value.code == "rows_missing"
    assert "mooring db restore" in caught.value.todo
    return caught.value


@pytest.mark.parametrize("also", [[], ["-shm"]])
def test_a_log_deleted_after_a_crash_is_missed_at_the_next_start(database, also):
    history.go_on(database, 10)
    killed_after(database, 5)
    for end in ["-wal", *also]:
        database.with_name(f"mooring.db{end}").unlink()
    assert broken.hours_of(database) == 10, "what is left agrees with itself, so nothing else would tell"
    refused(database)
    refused(database)


def test_a_kill_switch_that_was_lost_with_the_log_is_missed_too(database):
    history.go_on(database, 10)
    killed_after(database, 0, "kill")
    database.with_name("mooring.db-wal").unlink()
    refused(database)


def test_a_database_that_was_deleted_is_not_begun_anew(database):
    history.go_on(database, 10)
    database.unlink()
    refused(database)
    assert not database.exists()
    database.touch()
    refused(database)


def test_an_older_copy_put_in_place_by_hand_is_missed_and_restoring_it_pauses_and_tells(tmp_path, database):
    history.go_on(database, 10)
    back_up(database, tmp_path / "ten.db", now=0)
    history.go_on(database, 5)
    shutil.copy(tmp_path / "ten.db", database)
    assert "rows" in refused(database).what
    restore(tmp_path / "ten.db", database, Wish(now=1, actor="cli"))
    with Store.open(database) as store:
        made = history.engine(store)
        assert (made.status.hours, store.reader().control_state().paused) == (10, True)


def test_another_history_of_the_same_length_put_in_place_by_hand_is_noticed(tmp_path, database):
    history.go_on(database, 10)
    other = tmp_path / "other.db"
    history.go_on(other, 5, lambda engine: engine.pause("never happened"))
    history.go_on(other, 8)
    shutil.copy(other, database)
    assert "hour 10" in refused(database).what


def test_a_crash_with_everything_in_place_is_no_reason_to_refuse(database, wanted):
    for hours in (3, 5, 7):
        killed_after(database, hours)
    assert broken.hours_of(database) == 15
    assert broken.end_of(database) == wanted


@pytest.mark.parametrize("mark", [b"", b"{", b"[]", b'{"format":"mooring-mark-1"}', b'{"format":"x","rows":99999}'])
def test_a_note_that_cannot_be_read_accuses_nobody(database, wanted, mark):
    history.go_on(database, 10)
    database.with_name("mooring.db.mark").write_bytes(mark)
    assert broken.end_of(database) == wanted


READ_ONLY = """
import os, pathlib, sys
from mooring.errors import Invalid
from mooring.runtime.store.store import Store
if os.geteuid() == 0:  # who may write everything: somebody else tries
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Store.open(pathlib.Path(sys.argv[1]))
except Invalid as error:
    print(error.code)
"""


def test_a_database_made_read_only_between_two_starts_is_refused_and_says_so():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        Path(folder).chmod(0o755)
        path = Path(folder) / "mooring.db"
        history.go_on(path, 3)
        path.chmod(0o444)
        command = [sys.executable, "-c", READ_ONLY, str(path)]
        done = subprocess.run(command, cwd=ROOT, check=True, timeout=120, capture_output=True, text=True)
    assert done.stdout == "database_unwritable\n"
