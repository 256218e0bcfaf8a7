"""Commands about the database itself, and a home whose records are on a server."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from mooring.daemon.instance import InstanceLock
from mooring.home import Home
from mooring.runtime.store.canonical import canonical_sql
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from tests.runtime.store import book
from tests.support import history
from tests.support.postgres import PASSWORD, Server, name_of

ZERO = "0" * 64


@pytest.fixture
def database(home: Path, demo) -> Path:
    """Twenty hours in the home, as the demo does them."""
    demo(20)
    return Home(root=home).database


@pytest.fixture
def url(postgres: Server, pg_place: Place) -> str:
    return postgres.url(name_of(pg_place))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_schema_is_printed_as_it_is_committed(mooring, kind: str) -> None:
    assert mooring("db", "schema", "--database", kind).out == canonical_sql(kind)
    answer = mooring("db", "schema", "--database", kind, "--json").answer
    assert (answer["database"], answer["sql"]) == (kind, canonical_sql(kind))


def test_schema_of_a_database_that_is_none_is_refused(mooring) -> None:
    assert mooring("db", "schema", "--database", "mysql").status == 2


def test_upgrade_says_that_there_is_nothing_to_do(mooring, database: Path) -> None:
    assert "already" in mooring("db", "upgrade").out
    assert mooring("db", "upgrade", "--json").answer == {"before": "0004", "after": "0004"}


def test_upgrade_needs_a_database_and_no_daemon(mooring, home: Path, database: Path) -> None:
    with InstanceLock(Home(root=home)):
        assert mooring("db", "upgrade", "--json").error["code"] == "already_running"
    database.unlink()
    said = mooring("db", "upgrade", "--json")
    assert (said.status, said.error["code"]) == (5, "no_database")


def test_repair_says_what_it_made_anew_and_that_nothing_was_gone(mooring, home: Path, database: Path) -> None:
    with sqlite3.connect(database) as other:
        other.execute("DROP TRIGGER tg_equity_update")
    other.close()
    with InstanceLock(Home(root=home)):
        assert mooring("db", "repair", "--json").error["code"] == "already_running"
    assert "Made anew: trigger tg_equity_update" in mooring("db", "repair").out
    again = mooring("db", "repair", "--json").answer
    assert again["made"] == []
    assert mooring("db", "check", "--json").answer["head"] == again["head"]


def test_history_is_copied_to_a_server_and_back_and_the_heads_are_the_same(
    mooring, database: Path, url: str, tmp_path: Path
) -> None:
    there = mooring("db", "copy", "--to", url)
    assert there.status == 0
    assert PASSWORD not in there.out + there.err
    back = mooring("db", "copy", "--from", url, "--to", tmp_path / "back.db", "--json").answer
    assert f"Head {back['head']}" in there.out
    assert history.heads(tmp_path / "back.db") == history.heads(database)
    again = mooring("db", "copy", "--to", url, "--json")
    assert (again.status, again.error["code"]) == (7, "target_not_empty")


def test_copy_of_a_changed_history_ends_with_6_and_leaves_nothing(mooring, database: Path, tmp_path: Path) -> None:
    from tests.support.forge import spoil  # noqa: PLC0415

    spoil(database, "UPDATE equity SET cash = cash + 2, equity = equity + 2 WHERE seq = 4")
    said = mooring("db", "copy", "--to", tmp_path / "new.db", "--json")
    assert (said.status, said.error["code"]) == (6, "copy_broken")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("to", "code", "status"),
    [
        ("mysql://u:Canary-password@h/db", "bad_database_url", 2),
        ("postgresql:/u:Canary-password@h/db", "bad_database_url", 2),
        ("postgresql://u:Canary-password@h/db?options=-cfsync%3Doff", "bad_database_url", 2),
        ("postgresql://u:Canary-password@127.0.0.1:1/db", "database_unreachable", 4),
    ],
)
@pytest.mark.parametrize("side", ["--to", "--from"])
def test_url_that_cannot_be_used_is_refused_and_its_password_not_shown(
    mooring, database: Path, tmp_path: Path, to: str, code: str, status: int, side: str
) -> None:
    other = [] if side == "--to" else ["--to", tmp_path / "new.db"]
    said = mooring("db", "copy", side, to, *other, "--json")
    assert (said.status, said.error["code"]) == (status, code)
    assert "Canary" not in said.out + said.err


@pytest.fixture
def on_server(home: Path, database: Path, mooring, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose records were moved to a server; its file is still there."""
    assert mooring("db", "copy", "--to", url).status == 0
    monkeypatch.setenv("MOORING_STORE__URL", url)
    return database


def test_commands_that_read_records_read_those_on_the_server(mooring, on_server: Path, tmp_path: Path) -> None:
    heads = history.heads(on_server)
    on_server.unlink()
    assert mooring("db", "check", "--json").answer["head"] == heads["manifests"][1]
    assert json.loads(mooring("db", "anchor").out)["head"] == heads["manifests"][1]
    assert mooring("db", "check", "--against", anchored(mooring, tmp_path)).status == 0
    assert mooring("replay", "verify", "--json").status == 0
    assert mooring("export", "ledger", "--out", tmp_path / "ledger.csv", "--json").status == 0


def anchored(mooring, folder: Path) -> Path:
    assert mooring("db", "anchor", "--out", folder / "anchor.json").status == 0
    return folder / "anchor.json"


@pytest.mark.parametrize("words", [["backup"], ["restore", "some.db"]])
def test_commands_for_files_say_that_the_records_are_not_in_one(mooring, on_server: Path, words: list[str]) -> None:
    said = mooring("db", *words, "--json")
    assert (said.status, said.error["code"]) == (2, "records_on_a_server")
    assert PASSWORD not in said.out + said.err


def test_doctor_says_what_is_on_the_server(mooring, on_server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def database_line() -> dict[str, str]:
        checks = mooring("doctor", "--json").answer["items"]
        return next(check for check in checks if check["name"] == "database")

    assert "20 hours" in database_line()["detail"]
    monkeypatch.setenv("MOORING_STORE__URL", f"postgresql://mooring:{PASSWORD}@127.0.0.1:1/mooring")
    assert database_line()["state"] == "fail"
    assert PASSWORD not in json.dumps(database_line())


def test_demo_keeps_its_records_in_its_own_home_whatever_the_settings_say(
    mooring, home: Path, postgres: Server, pg_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOORING_STORE__URL", postgres.url(name_of(pg_place)))
    said = mooring("demo", "--no-bundle", "--hours", "2", "--no-open", "--json", "--home", home)
    assert said.status == 0
    assert (home / "data" / "mooring.db").exists()
    with Store.open(pg_place) as store:  # nothing was in it
        store.commit(book.begin())
