"""A home as the doctor finds it: whole, open to others, damaged, of another version."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mooring import __version__
from mooring.daemon import doctor_home
from mooring.daemon.doctor import CheckResult
from mooring.daemon.doctor_home import daemon_version, database_file, permissions, schema
from mooring.daemon.examine import examine
from mooring.daemon.instance import InstanceLock
from mooring.errors import Denied
from mooring.home import Home
from mooring.runtime.store.place import Place
from tests.daemon.daemons import running, short_home


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of a few hours."""
    kept = tmp_path_factory.mktemp("done") / "mooring.db"
    with short_home() as home:
        with running(home, hours=5) as it:
            it.finish()
        home.database.rename(kept)
    return kept


def with_database(home: Home, done: Path) -> Home:
    home.prepare()
    home.database.write_bytes(done.read_bytes())
    home.database.chmod(0o600)
    return home


def by_name(lines: list[CheckResult]) -> dict[str, CheckResult]:
    assert all(bool(line.fix) == (line.state != "ok") for line in lines), lines
    return {line.name: line for line in lines}


def locked(*_: object) -> None:
    raise Denied("keychain_locked", "The keychain is locked, and nobody is there to unlock it.", todo="Unlock it.")


class Locked:
    read_only = False
    where = "the keychain"
    probe = get = locked


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mooring.daemon.examine.keychain_of", lambda _home: Locked())
    monkeypatch.setattr("mooring.daemon.examine.vault_of", lambda _home, _settings: Locked())


def test_a_whole_home_is_well(home: Home, done: Path) -> None:
    with_database(home, done)
    assert permissions(home).state == "ok"
    assert schema(Place(file=home.database)).state == "ok"
    assert database_file(Place(file=home.database)).state == "ok"
    assert daemon_version(home).state == "ok"


@pytest.mark.usefixtures("keychain")
def test_a_locked_keychain_fails_alone(home: Home, done: Path) -> None:
    lines = by_name(examine(with_database(home, done), {}))
    assert [name for name, line in lines.items() if line.state == "fail"] == ["keychain"]
    assert lines["keychain"].fix == "Unlock it."


@pytest.mark.usefixtures("keychain")
@pytest.mark.parametrize("text", ["[market", '[risk]\ndaily_loss_bps = "all"', "[nonsense]\nx = 1"])
def test_unreadable_settings_fail_and_the_records_are_looked_at_all_the_same(home: Home, done: Path, text: str) -> None:
    with_database(home, done).settings_file.write_text(text)
    home.settings_file.chmod(0o600)
    lines = by_name(examine(home, {}))
    assert lines["settings"].state == "fail"
    assert lines["database"].state == lines["schema"].state == "ok"
    assert "5 hours" in lines["database"].detail


@pytest.mark.usefixtures("keychain")
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"no database at all" * 500,
        lambda data: data[: len(data) // 2],
        lambda data: data[:4096] + os.urandom(8 * 4096) + data[9 * 4096 :],
        lambda data: b"",
    ],
)
def test_a_damaged_database_fails_and_is_kept_as_it_is(
    home: Home, done: Path, damage: Callable[[bytes], bytes]
) -> None:
    with_database(home, done)
    home.database.write_bytes(damage(done.read_bytes()))
    before = home.database.read_bytes()
    lines = by_name(examine(home, {}))
    assert lines["database"].state == "fail" or lines["schema"].state == "fail"
    assert home.database.read_bytes() == before
    assert lines["disk"].state in {"ok", "warn"}, "the others are looked at all the same"


def test_a_table_that_was_changed_is_named(home: Home, done: Path) -> None:
    with_database(home, done)
    with sqlite3.connect(home.database) as writable:
        (name,) = writable.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' LIMIT 1").fetchone()
        writable.execute(f'DROP TRIGGER "{name}"')
    writable.close()
    result = schema(Place(file=home.database))
    assert (result.state, name in result.detail) == ("fail", True)


def test_another_revision_of_the_schema_says_how_to_go_on(home: Home, done: Path) -> None:
    with_database(home, done)
    with sqlite3.connect(home.database) as writable:
        writable.execute("UPDATE alembic_version SET version_num = '9999'")
    writable.close()
    result = schema(Place(file=home.database))
    assert (result.state, "9999" in result.detail, "mooring db upgrade" in result.fix) == ("fail", True, True)


def test_a_database_too_large_to_look_through_is_left_to_the_command(
    home: Home, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_database(home, done)
    monkeypatch.setattr(doctor_home, "QUICK_BYTES_MAX", 1000)
    assert "mooring db check" in doctor_home.database_line(Place(file=home.database))


def test_much_that_is_not_folded_in_is_worth_a_word(home: Home, done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_database(home, done)
    monkeypatch.setattr(doctor_home, "WAL_WARN_BYTES", 10)
    home.database.with_name("mooring.db-wal").write_bytes(b"x" * 11)
    assert database_file(Place(file=home.database)).state == "warn"


@pytest.mark.parametrize(
    ("name", "mode", "state", "said"),
    [
        ("data/mooring.db", 0o666, "fail", "written by others"),
        ("data/mooring.db", 0o644, "warn", "read by others"),
        ("settings.toml", 0o622, "fail", "written by others"),
        ("settings.toml", 0o644, "ok", "Only you"),
        ("run", 0o770, "fail", "written by others"),
        ("logs", 0o750, "warn", "read by others"),
        (".", 0o777, "fail", "written by others"),
        (".", 0o755, "ok", "Only you"),
    ],
)
def test_what_others_may_do_is_found(home: Home, done: Path, name: str, mode: int, state: str, said: str) -> None:
    with_database(home, done).settings_file.write_text("")
    home.settings_file.chmod(0o600)
    (home.root / name).chmod(mode)
    result = permissions(home)
    assert (result.state, said in result.detail) == (state, True)
    assert state == "ok" or str((home.root / name).resolve()) in result.fix


def test_a_link_in_the_home_fails(home: Home, tmp_path: Path) -> None:
    home.prepare()
    home.database.symlink_to(tmp_path / "elsewhere.db")
    assert (permissions(home).state, "lead elsewhere" in permissions(home).detail) == ("fail", True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_fails(home: Home) -> None:
    home.prepare()
    home.log_file.touch(0o600)
    os.chown(home.log_file, 65534, 65534)
    assert "belong to another user" in permissions(home).detail


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "later")
    assert permissions(home).state == schema(Place(file=home.database)).state == "ok"
    assert not home.root.exists()


@pytest.mark.parametrize(
    ("said", "state"), [({"version": __version__}, "ok"), ({"version": "0.0.1\x1b["}, "warn"), ([], "warn")]
)
def test_a_daemon_of_another_version_is_worth_a_word(home: Home, said: object, state: str) -> None:
    home.prepare()
    home.control_json.write_text(json.dumps(said))
    with InstanceLock(home, pid=4242):
        result = daemon_version(home)
    assert (result.state, "\x1b" in result.detail) == (state, False)
