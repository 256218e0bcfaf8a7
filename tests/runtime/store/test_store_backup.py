"""A backup is one moment of the database, proved, and never in the way of the writer or over another file."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mooring.errors import Conflict, Invalid, NotFound, Unverified
from mooring.runtime.store.backup import back_up, copy_moment
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import history, runs

ROOT = Path(__file__).parents[3]
NOW = 1_704_438_000  # 2024-01-05 07:00 UTC


@pytest.fixture(scope="module")
def thirty_hours(tmp_path_factory):
    path = tmp_path_factory.mktemp("thirty") / "mooring.db"
    history.go_on(path, 30)
    return path


@pytest.fixture
def database(thirty_hours, tmp_path):
    return Path(shutil.copy(thirty_hours, tmp_path / "mooring.db"))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "backups"
    made.mkdir()
    return made


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_holds_every_row_is_private_and_needs_no_file_beside_it(database, folder):
    done = back_up(database, folder, now=NOW)
    assert history.heads(done.path) == history.heads(database)
    report = verify(database)
    assert (done.head, done.rows, done.size) == (report.head, report.rows, done.path.stat().st_size)
    assert names(folder) == [f"mooring-20240105T070000Z-{report.head[:12]}.db"]
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600
    folder.chmod(0o500)  # as a disk that can only be read
    assert verify(done.path).ok
    folder.chmod(0o700)
    assert names(folder) == [done.path.name]


def test_a_backup_holds_what_is_still_in_the_log(tmp_path, folder):
    with Store.open(tmp_path / "mooring.db") as store:
        runs.ahead(history.engine(store), 5)
        assert (tmp_path / "mooring.db-wal").stat().st_size > 0
        done = back_up(tmp_path / "mooring.db", folder, now=NOW)
        assert history.heads(done.path)["manifests"][0] == 5


def test_hours_done_between_two_steps_of_a_backup_wait_for_nothing_and_are_not_in_it(database, tmp_path):
    copy = tmp_path / "copy.db"
    copy.touch()
    with Store.open(database, busy_timeout_ms=0) as store:
        made = history.engine(store)
        before = history.heads(database)
        wanted = iter(range(3, 200, 4))
        at = next(wanted)

        def step(done, _all):
            nonlocal at
            if done >= at and made.status.hours < 55:
                at = next(wanted)
                runs.ahead(made, 1)

        copy_moment(database, copy, pages=1, progress=step)
        assert made.status.hours > 40
    assert history.heads(copy) == before
    assert history.heads(database)["manifests"][0] == made.status.hours


WRITING = """
import pathlib, sys
from mooring.runtime.store.store import Store
from tests.support import history, runs
with Store.open(pathlib.Path(sys.argv[1])) as store:
    made = history.engine(store)
    print("ready", flush=True)
    sys.stdin.readline()
    while not made.status.ended:
        runs.ahead(made, 1)
print(made.status.hours, flush=True)
"""


def test_backups_made_while_another_process_does_hours_are_each_a_moment_of_the_same_history(database, folder):
    child = subprocess.Popen(
        [sys.executable, "-c", WRITING, str(database)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    made = []
    try:
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("go\n")
        child.stdin.flush()
        while child.poll() is None and len(made) < 30:
            place = folder / f"{len(made)}.db"
            back_up(database, place, now=NOW)
            made.append(place)
        out, _ = child.communicate(timeout=120)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, out) == (0, "60\n")
    assert made
    with Store.open(database) as store:
        for heads in map(history.heads, made):
            for table, (count, head) in heads.items():
                assert count == 0 or store.reader().find(table, seq=count)["row_hash"] == head


def test_a_file_that_is_there_is_kept_unless_replacing_it_is_asked_for(database, tmp_path):
    place = tmp_path / "mine.db"
    place.write_text("mine")
    with pytest.raises(Conflict) as caught:
        back_up(database, place, now=NOW)
    assert caught.value.code == "file_exists"
    assert place.read_text() == "mine"
    back_up(database, place, now=NOW, force=True)
    assert history.heads(place) == history.heads(database)


def test_a_file_that_appears_while_the_backup_is_made_is_kept(database, tmp_path):
    place = tmp_path / "mine.db"
    with pytest.raises(Conflict):
        back_up(database, place, now=NOW, progress=lambda *_: place.write_text("mine"))
    assert place.read_text() == "mine"
    assert [name for name in names(tmp_path) if "mooring.db" not in name] == ["mine.db"]


def test_where_a_file_system_knows_no_links_a_file_that_is_there_is_kept_all_the_same(database, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    place = tmp_path / "mine.db"
    back_up(database, place, now=NOW)
    assert history.heads(place) == history.heads(database)
    place.write_text("mine")
    with pytest.raises(Conflict):
        back_up(database, place, now=NOW)
    assert place.read_text() == "mine"


def test_a_backup_never_replaces_the_database_itself(database):
    with pytest.raises(Invalid) as caught:
        back_up(database, database, now=NOW, force=True)
    assert caught.value.code == "file_unwritable"
    assert history.heads(database)["manifests"][0] == 30


def test_a_disk_without_room_leaves_no_half_backup_and_the_one_before(database, tmp_path, folder):
    place = folder / "last.db"
    back_up(database, place, now=NOW)
    before = place.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (database.stat().st_size // 2, hard))
    try:
        with pytest.raises(Invalid) as caught:
            back_up(database, place, now=NOW, force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "file_unwritable"
    assert names(folder) == ["last.db"]
    assert place.read_bytes() == before


def test_a_folder_that_is_not_there_is_said_so(database, tmp_path):
    with pytest.raises(Invalid, match="No such file or directory"):
        back_up(database, tmp_path / "gone" / "b.db", now=NOW)


def test_no_database_no_backup(tmp_path):
    with pytest.raises(NotFound):
        back_up(tmp_path / "none.db", tmp_path, now=NOW)


@pytest.mark.parametrize("damage", ["row", "page", "text"])
def test_a_database_that_does_not_hold_gives_no_backup(database, folder, damage, spoil):
    if damage == "row":
        spoil(database, ("UPDATE ledger SET amount = amount + 1 WHERE seq = 3", ()))
    elif damage == "page":
        with database.open("r+b") as file:
            file.seek(40 * 4096)
            file.write(b"\xff" * 4096)
    else:
        database.write_text("no database at all")
    with pytest.raises(Unverified) as caught:
        back_up(database, folder, now=NOW)
    assert caught.value.code in {"backup_broken", "database_corrupt", "not_a_database"}
    assert names(folder) == []


def test_keeping_some_removes_the_oldest_of_its_own_and_nothing_else(database, folder):
    others = ["mooring-old.db", "mooring-20200101T000000Z-0123456789ab.db.txt", "mine.db"]
    for name in others:
        (folder / name).write_text("mine")
    for n in range(5):
        done = back_up(database, folder, now=NOW + n, keep=3)
    ours = [name for name in names(folder) if name not in others]
    assert [name[8:24] for name in ours] == ["20240105T070002Z", "20240105T070003Z", "20240105T070004Z"]
    assert [path.name[8:24] for path in done.removed] == ["20240105T070001Z"]
    assert set(others) <= set(names(folder))


def test_the_backup_just_made_is_kept_though_the_clock_went_back(database, folder):
    for n in range(3):
        back_up(database, folder, now=NOW + n)
    done = back_up(database, folder, now=NOW - 1000, keep=2)
    assert names(folder) == sorted([done.path.name, names(folder)[-1]])
    assert names(folder)[-1][8:24] == "20240105T070002Z"


@pytest.mark.parametrize("keep", [0, -1])
def test_a_number_to_keep_below_one_is_refused(database, folder, keep):
    with pytest.raises(Invalid) as caught:
        back_up(database, folder, now=NOW, keep=keep)
    assert caught.value.code == "bad_keep"


def test_only_one_backup_at_a_time_in_a_folder(database, folder):
    codes = []

    def second(*_):
        if not codes:
            with pytest.raises(Conflict) as caught:
                back_up(database, folder, now=NOW + 1)
            codes.append(caught.value.code)

    back_up(database, folder, now=NOW, progress=second)
    assert codes == ["backup_running"]
    assert len(names(folder)) == 1


KILLED = """
import os, pathlib, sys
from mooring.runtime.store import backup
backup.copy_moment.__kwdefaults__["pages"] = 8  # many steps, also for a small database
def die(done, all):
    if done >= all // 2:
        os.kill(os.getpid(), 9)
backup.back_up(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), now=0, progress=die)
"""


def test_a_killed_backup_leaves_nothing_that_looks_like_one_and_the_next_one_tidies_up(database, folder):
    command = [sys.executable, "-c", KILLED, str(database), str(folder)]
    ended = [subprocess.run(command, cwd=ROOT, check=False).returncode for _ in range(2)]
    assert ended == [-signal.SIGKILL] * 2
    left = names(folder)
    assert left
    assert not [name for name in left if not name.startswith(".mooring-part-")]
    done = back_up(database, folder, now=NOW)
    assert names(folder) == [done.path.name]
    assert history.heads(done.path) == history.heads(database)
