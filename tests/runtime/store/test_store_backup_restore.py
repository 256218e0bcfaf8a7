"""A restore puts a proved database in place or leaves the old one whole, and never trades on unasked."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from mooring.errors import Conflict, Invalid, NotFound, Unverified
from mooring.runtime.store.backup import back_up
from mooring.runtime.store.relation import Relation
from mooring.runtime.store.restore import PAUSE_REASON, Wish, restore
from mooring.runtime.store.store import Store
from tests.support import history, runs

ROOT = Path(__file__).parents[3]
NOW = 1_704_438_000  # 2024-01-05 07:00 UTC
ASKED = Wish(now=NOW, actor="cli")
OLDER = Wish(now=NOW, actor="cli", older=True)
DISCARD = Wish(now=NOW, actor="cli", discard=True)
KEPT = "mooring.db.replaced-20240105T070000Z"
POINTS = ["copied", "proved", "recorded", "settled", "database settled", "kept", "cleared", "swapped", "done"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A database of thirty hours, and a backup of its first twenty."""
    folder = tmp_path_factory.mktemp("made")
    history.go_on(folder / "mooring.db", 20)
    back_up(folder / "mooring.db", folder / "twenty.db", now=NOW)
    history.go_on(folder / "mooring.db", 10)
    return folder


@pytest.fixture
def twenty(made):
    return made / "twenty.db"


@pytest.fixture
def thirty(made):
    return made / "mooring.db"


@pytest.fixture
def database(thirty, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return history.copied(thirty, folder)


def names(database):
    """What lies in the folder but the mark, which is there whenever a database is."""
    found = sorted(path.name for path in database.parent.iterdir())
    assert ("mooring.db.mark" in found) == ("mooring.db" in found)
    return [name for name in found if name != "mooring.db.mark"]


def refused(code, error, backup, database, wish=ASKED):
    """The restore is refused and the database in place is as it was."""
    before = history.heads(database)
    with pytest.raises(error) as caught:
        restore(backup, database, wish)
    assert caught.value.code == code
    assert caught.value.todo
    assert history.heads(database) == before
    return caught.value


def test_a_backup_that_is_behind_is_refused_and_says_what_would_be_lost(twenty, database):
    said = refused("backup_is_older", Conflict, twenty, database)
    assert "10 hours" in said.what
    assert "--older" in said.todo
    refused("backup_is_older", Conflict, twenty, database, DISCARD)


def test_going_back_on_purpose_restores_keeps_the_old_one_and_waits_for_a_person(twenty, thirty, database):
    done = restore(twenty, database, OLDER)
    assert done.found.relation is Relation.BEHIND
    assert (done.kept.name, names(database)) == (KEPT, ["mooring.db", KEPT])
    assert history.heads(done.kept) == history.heads(thirty)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    before, now = history.heads(twenty), history.heads(database)
    added = {"run_events", "control_actions", "controls", "alerts"}
    assert {name for name in before if now[name] != before[name]} == added
    assert all(now[name][0] == before[name][0] + 1 for name in added)
    with Store.open(database) as store:
        made = history.engine(store)
        assert made.status.hours == 20
        assert made.status.alerts_open == 1
        control = store.reader().control_state()
        assert (control.paused, control.pause_reason, control.pause_since) == (True, PAUSE_REASON, NOW)
        alert = store.reader().find("alerts")
        assert (alert["severity"], alert["code"]) == ("critical", "restored")
        assert "10 hours" in alert["text"]
        detail = orjson.loads(store.reader().page("run_events", filters={"kind": "restored"}).items[0]["detail"])
        assert detail["backup_head"] == before["manifests"][1]
        assert detail["replaced_head"] == history.heads(thirty)["manifests"][1]
        assert detail["replaced_is_kept_as"] == KEPT
        audit = store.reader().find("control_actions")
        assert (audit["actor"], audit["action"], audit["reason"]) == ("cli", "restore", "twenty.db")


def test_after_a_restore_nothing_is_bought_until_a_person_resumes(made, tmp_path, database):
    restore(made / "twenty.db", database, OLDER)
    with Store.open(database) as store:
        engine = history.engine(store)
        runs.ahead(engine, 30)
        bought = [row for row in runs.rows(store, "decisions", engine) if row["action"] == "enter"]
        assert max(row["hour_ts_utc"] for row in bought) <= store.reader().find("manifests", seq=20)["hour_ts_utc"]
        engine.resume()
        runs.ahead(engine, 10)
        runs.assert_sound(database, store)


def test_a_kill_switch_that_nobody_released_outlives_a_restore(twenty, database):
    history.go_on(database, 0, lambda engine: engine.kill("enough"))
    restore(twenty, database, OLDER)
    with Store.open(database) as store:
        control = store.reader().control_state()
        assert (control.kill_active, control.kill_reason, control.paused) == (True, "enough", True)


def test_a_backup_that_is_ahead_needs_no_insisting(twenty, thirty, tmp_path):
    place = Path(shutil.copy(twenty, tmp_path / "mooring.db"))
    assert restore(thirty, place, ASKED).found.relation is Relation.AHEAD
    assert history.heads(place)["manifests"] == history.heads(thirty)["manifests"]


def test_the_same_history_may_be_restored_over_itself(thirty, database):
    assert restore(thirty, database, ASKED).found.relation is Relation.SAME


def test_where_no_database_is_the_backup_becomes_it_and_still_waits_for_a_person(twenty, tmp_path):
    place = tmp_path / "mooring.db"
    done = restore(twenty, place, ASKED)
    assert (done.found.relation, done.kept, names(place)) == (Relation.NEW, None, ["mooring.db"])
    with Store.open(place) as store:
        assert store.reader().control_state().paused
        assert "cannot be known" in store.reader().find("alerts")["text"]


def test_a_backup_from_before_the_first_run_is_restored_too(tmp_path):
    with Store.open(tmp_path / "empty.db"):
        pass
    place = tmp_path / "mooring.db"
    restore(tmp_path / "empty.db", place, ASKED)
    assert history.heads(place)["alerts"][0] == 0
    with Store.open(place) as store:
        assert store.reader().control_state().paused


def test_another_history_is_refused_unless_the_one_in_place_may_go(twenty, tmp_path):
    place = Path(shutil.copy(twenty, tmp_path / "mooring.db"))
    history.go_on(place, 5, lambda engine: engine.pause("lunch"))
    other = Path(shutil.copy(twenty, tmp_path / "other.db"))
    history.go_on(other, 0, lambda engine: engine.pause("tea"))
    refused("other_history", Conflict, other, place)
    refused("other_history", Conflict, other, place, OLDER)
    done = restore(other, place, DISCARD)
    assert done.found.relation is Relation.OTHER
    assert history.heads(done.kept)["manifests"][0] == 25
    assert history.heads(place)["manifests"][0] == 20


@pytest.mark.parametrize("damage", ["row", "page", "cut"])
def test_a_backup_that_does_not_hold_replaces_nothing(twenty, database, tmp_path, damage, spoil):
    bad = Path(shutil.copy(twenty, tmp_path / "bad.db"))
    if damage == "row":
        spoil(bad, ("UPDATE ledger SET amount = amount + 1 WHERE seq = 3", ()))
    elif damage == "page":
        with bad.open("r+b") as file:
            file.seek(40 * 4096)
            file.write(b"\xff" * 4096)
    else:
        bad.write_bytes(bad.read_bytes()[: 20 * 4096])
    before = history.heads(database)
    with pytest.raises(Unverified):
        restore(bad, database, OLDER)
    assert history.heads(database) == before
    assert not [name for name in names(database) if not name.startswith("mooring.db") or "re" in name]


def test_what_is_no_backup_is_refused(database, tmp_path):
    refused("no_backup", NotFound, tmp_path / "none.db", database)
    refused("backup_in_place", Invalid, database, database)
    link = tmp_path / "link.db"
    link.symlink_to(database)
    refused("backup_in_place", Invalid, link, database)


def test_a_database_that_somebody_else_has_open_is_not_replaced(twenty, database):
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM bars").fetchone()
        with pytest.raises(Conflict) as caught:
            restore(twenty, database, OLDER)
        assert caught.value.code == "database_open_elsewhere"
    assert history.heads(database)["manifests"][0] == 30
    assert KEPT not in names(database)
    restore(twenty, database, OLDER)


CRASHED = """
import os, pathlib, sys
from mooring.runtime.store.store import Store
from tests.support import history, runs
store = Store.open(pathlib.Path(sys.argv[1]))
runs.ahead(history.engine(store), int(sys.argv[2]))
os.kill(os.getpid(), 9)
"""


def crash_with_a_log(path, hours):
    """Hours that are in the write-ahead log alone, as a daemon leaves them that is killed."""
    command = [sys.executable, "-c", CRASHED, str(path), str(hours)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert path.with_name(path.name + "-wal").stat().st_size > 0


def test_the_log_of_the_old_database_goes_aside_with_it_and_never_into_the_new_one(twenty, database):
    crash_with_a_log(database, 7)
    done = restore(twenty, database, OLDER)
    assert "17 hours" in _alert(database)
    assert history.heads(done.kept)["manifests"][0] == 37
    assert history.heads(database)["manifests"][0] == 20


def _alert(database):
    with Store.open(database) as store:
        return store.reader().find("alerts")["text"]


def test_a_damaged_database_goes_aside_as_it_is_with_its_log(twenty, database):
    crash_with_a_log(database, 7)
    log = database.with_name("mooring.db-wal").read_bytes()
    with database.open("r+b") as file:
        file.write(b"\xff" * 4096 * 3)
    damaged = database.read_bytes()
    with pytest.raises(Conflict) as caught:
        restore(twenty, database, ASKED)
    assert caught.value.code == "database_unreadable_in_place"
    done = restore(twenty, database, OLDER)
    assert done.found.relation is Relation.UNKNOWN
    assert done.kept.read_bytes() == damaged
    assert done.kept.with_name(f"{KEPT}-wal").read_bytes() == log
    assert names(database) == ["mooring.db", KEPT, f"{KEPT}-wal"]
    assert history.heads(database)["manifests"][0] == 20


def test_rows_missing_at_the_end_of_the_database_in_place_count_as_damage(twenty, thirty, database):
    runs.spoil(database, "DELETE FROM signals WHERE seq > 90")
    with pytest.raises(Conflict) as caught:
        restore(thirty, database, ASKED)
    assert caught.value.code == "database_unreadable_in_place"


def test_the_log_of_a_database_that_was_deleted_never_gets_into_the_new_one(twenty, database):
    crash_with_a_log(database, 7)
    database.unlink()
    done = restore(twenty, database, ASKED)
    assert (done.found.relation, done.kept) == (Relation.NEW, None)
    assert history.heads(database)["manifests"][0] == 20
    assert f"{KEPT}-wal" in names(database)


def test_each_database_that_was_replaced_keeps_a_name_of_its_own(twenty, thirty, database):
    for _ in range(3):
        restore(twenty, database, OLDER)
    assert names(database) == ["mooring.db", KEPT, f"{KEPT}-2", f"{KEPT}-3"]
    assert history.heads(database.with_name(KEPT)) == history.heads(thirty)


def test_a_link_leads_to_where_the_database_is(twenty, database, tmp_path):
    link = tmp_path / "mooring.db"
    link.symlink_to(database)
    restore(twenty, link, OLDER)
    assert link.is_symlink()
    assert history.heads(database)["manifests"][0] == 20


# One interpreter forks a victim for each point.
KILLED = """
import os, pathlib, sys
from mooring.runtime.store.restore import Wish, restore
backup, *places = map(pathlib.Path, sys.argv[1:])
for place in places:
    point = place.parent.name
    if (victim := os.fork()) == 0:
        fault = lambda at: os.kill(os.getpid(), 9) if at == point else None
        restore(backup, place, Wish(now=5, actor="cli", older=True), fault=fault)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1]))
"""


@pytest.fixture(scope="module", params=["whole", "with a log", "damaged"])
def killed(request, made, tmp_path_factory):
    """(kind, databases that a process was restoring when it was killed, by point)"""
    root = tmp_path_factory.mktemp("killed")
    place = history.copied(made / "mooring.db", root)
    if request.param != "whole":
        crash_with_a_log(place, 7)
    if request.param == "damaged":
        with place.open("r+b") as file:
            file.write(b"\xff" * 4096 * 3)
    places = {}
    for point in POINTS:
        (root / point).mkdir()
        for path in (p for p in root.iterdir() if p.is_file() and not p.name.endswith("-shm")):
            shutil.copy(path, root / point)
        places[point] = root / point / "mooring.db"
    command = [sys.executable, "-c", KILLED, str(made / "twenty.db"), *map(str, places.values())]
    done = subprocess.run(command, cwd=ROOT, timeout=240, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["-9"] * len(POINTS), "a point was never passed"
    return request.param, places


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_any_step_leaves_the_old_or_the_new_database_whole_and_the_next_restore_works(killed, twenty, point):
    kind, places = killed
    place = places[point]
    swapped = point in {"swapped", "done"}
    kept = sorted(p for p in place.parent.glob("mooring.db.replaced-*") if not p.name.endswith("-wal"))
    hours = {"whole": 30, "with a log": 37}.get(kind)
    if swapped:
        assert history.heads(place)["manifests"][0] == 20
        if hours is not None:
            assert [history.heads(path)["manifests"][0] for path in kept] == [hours]
    elif hours is not None:
        assert history.heads(place)["manifests"][0] == hours
        history.go_on(place, 1)
        assert history.heads(place)["manifests"][0] == hours + 1
    done = restore(twenty, place, OLDER)
    assert history.heads(place)["manifests"][0] == 20
    if hours is not None and not swapped:
        assert history.heads(done.kept)["manifests"][0] == hours + 1
    if kind == "damaged" and not swapped:
        assert done.kept.with_name(f"{done.kept.name}-wal").stat().st_size > 0
        assert len([name for name in names(place) if ".replaced-" in name]) == 2
    twice = [path for path in place.parent.glob("mooring.db*") if path.stat().st_nlink > 1]
    assert twice == []
    assert not list(place.parent.glob("*.restoring*"))
