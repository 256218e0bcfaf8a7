"""Backups, restores and anchors as a person meets them: what is said, what is kept, and with what status."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from mooring.daemon.instance import InstanceLock
from mooring.home import Home
from tests.support import history


@pytest.fixture
def database(home: Path) -> Path:
    """Twenty hours in the home."""
    made = Home(root=home)
    made.prepare()
    history.go_on(made.database, 20)
    return made.database


def test_a_backup_says_where_it_is_and_stands_in_the_home(mooring, home: Path, database: Path) -> None:
    said = mooring("db", "backup", "--json")
    assert said.status == 0
    made = said.answer
    path = Path(made["path"])
    assert path.parent == home / "backups"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert made["bytes"] == path.stat().st_size
    assert history.heads(path) == history.heads(database)
    plain = mooring("db", "backup", "--out", home / "mine.db")
    assert plain.out.splitlines()[0] == str(home / "mine.db")
    assert made["head"] in plain.out
    assert mooring("db", "backup", "--out", home / "mine.db", "--json").error["code"] == "file_exists"
    assert mooring("db", "backup", "--out", home / "mine.db", "--force").status == 0


def test_backups_beyond_the_number_to_keep_are_removed_and_named(mooring, home: Path, database: Path) -> None:
    (home / "backups").mkdir()
    old = home / "backups" / "mooring-20200101T000000Z-0123456789ab.db"
    old.touch()
    said = mooring("db", "backup", "--keep", "1")
    assert said.status == 0
    assert str(old) in said.err
    assert not old.exists()
    assert mooring("db", "backup", "--keep", "0", "--json").error["code"] == "bad_keep"
    assert mooring("db", "backup", "--keep", "1", "--out", home / "b.db", "--json").error["code"] == "bad_keep"


@pytest.mark.parametrize("words", [["backup"], ["anchor"], ["check"]])
def test_a_home_without_a_database_has_nothing_to_copy(mooring, home: Path, words: list[str]) -> None:
    said = mooring("db", *words, "--json")
    assert (said.status, said.error["code"]) == (5, "no_database")
    assert not (home / "backups").exists()


def test_a_restore_goes_back_only_when_it_is_told_to_and_says_where_the_old_one_is(
    mooring, home: Path, database: Path
) -> None:
    backup = mooring("db", "backup", "--json").answer["path"]
    history.go_on(database, 5)
    refused = mooring("db", "restore", backup, "--json")
    assert (refused.status, refused.error["code"]) == (7, "backup_is_older")
    done = mooring("db", "restore", backup, "--older", "--json")
    assert done.status == 0
    assert (done.answer["restored"]["hours"], done.answer["replaced"]["hours"]) == (20, 25)
    assert history.heads(Path(done.answer["kept_as"]))["manifests"][0] == 25
    assert mooring("db", "check").status == 0
    plain = mooring("db", "restore", done.answer["kept_as"], "--discard")
    assert plain.status == 0
    assert "Trading is paused" in plain.out
    assert history.heads(database)["manifests"][0] == 25


def test_nothing_is_restored_under_a_daemon_that_runs(mooring, home: Path, database: Path) -> None:
    backup = mooring("db", "backup", "--json").answer["path"]
    before = history.heads(database)
    with InstanceLock(Home(root=home)):
        said = mooring("db", "restore", backup, "--older", "--json")
    assert (said.status, said.error["code"]) == (7, "already_running")
    assert history.heads(database) == before


def test_a_file_that_is_no_backup_is_refused(mooring, home: Path, database: Path) -> None:
    assert mooring("db", "restore", home / "none.db", "--json").status == 5
    (home / "text.db").write_text("no database")
    said = mooring("db", "restore", home / "text.db", "--json")
    assert (said.status, said.error["code"]) == (6, "not_a_database")


def test_an_anchor_is_printed_or_kept_and_the_database_holds_against_it(mooring, home: Path, database: Path) -> None:
    printed = mooring("db", "anchor", "--json")
    assert printed.answer["head"] == mooring("db", "check", "--json").answer["head"]
    assert mooring("db", "anchor", "--quick").answer["heads"] == printed.answer["heads"]
    kept = mooring("db", "anchor", "--out", home / "anchor.json", "--json")
    assert kept.answer == {"path": str(home / "anchor.json"), "head": printed.answer["head"]}
    assert json.loads((home / "anchor.json").read_text())["heads"] == printed.answer["heads"]
    assert mooring("db", "anchor", "--out", home / "anchor.json", "--json").error["code"] == "file_exists"
    history.go_on(database, 5)
    said = mooring("db", "check", "--against", home / "anchor.json", "--json")
    assert (said.status, said.answer["ok"]) == (0, True)
    assert said.answer["anchor"]["head"] == printed.answer["head"]
    assert mooring("db", "check", "--against", home / "anchor.json").status == 0


def test_a_history_that_was_forged_as_a_whole_ends_with_6_and_names_the_table(
    mooring, home: Path, database: Path
) -> None:
    mooring("db", "anchor", "--out", home / "anchor.json")
    database.unlink()
    (database.parent / "mooring.db.mark").unlink()
    history.go_on(database, 10, lambda engine: engine.pause("never happened"))
    history.go_on(database, 15)
    assert mooring("db", "check").status == 0
    said = mooring("db", "check", "--against", home / "anchor.json")
    assert said.status == 6
    assert "cycles row 20" in said.err
    as_json = mooring("db", "check", "--against", home / "anchor.json", "--json")
    assert (as_json.status, as_json.answer["ok"]) == (6, False)


def test_a_malformed_anchor_is_refused_before_anything_is_read(mooring, home: Path, database: Path) -> None:
    (home / "anchor.json").write_text("{}")
    said = mooring("db", "check", "--against", home / "anchor.json", "--json")
    assert (said.status, said.error["code"]) == (2, "bad_anchor")
