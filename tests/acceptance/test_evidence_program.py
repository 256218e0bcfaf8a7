"""A person proves what was recorded: on the file, on a spoilt copy of it, and on a PostgreSQL server."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.program import mooring, short_home
from tests.support.postgres import Server

HOURS = 72


@pytest.fixture(scope="module")
def lived() -> Iterator[Path]:
    """The home of a demo that has ended."""
    with short_home() as root:
        done = mooring("demo", "--no-bundle", "--hours", HOURS, "--home", root, "--no-open", "--json")
        assert done.returncode == 0, done.stderr
        yield root


def proved(home: Path, **env: str) -> dict:
    done = mooring("replay", "verify", "--home", home, "--json", **env)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_every_hour_of_a_demo_comes_out_again(lived: Path) -> None:
    said = proved(lived)
    assert (said["ok"], said["hours"], said["differences"], said["breaks"]) == (True, HOURS, [], [])
    told = mooring("replay", "verify", "--home", lived)
    assert said["head"] in told.stdout


def test_an_hour_that_a_person_names_has_equal_hashes(lived: Path) -> None:
    done = mooring("replay", "hour", "--hour", "2024-01-02T07:00", "--home", lived)
    assert done.returncode == 0
    for name in ("Decisions", "State", "Root"):
        recorded, recomputed = (line.split() for line in done.stdout.split(name, 1)[1].splitlines()[:2])
        assert recorded[-1] == recomputed[-2]
        assert recomputed[-1] == "equal"


def test_a_changed_byte_is_named_by_table_key_and_field(lived: Path, home: Path) -> None:
    shutil.copytree(lived, home, dirs_exist_ok=True)
    path = home / "data" / "mooring.db"
    with sqlite3.connect(path) as connection:
        seq, hashes, symbol = connection.execute(
            "SELECT seq, prev_hash || parent_hash || row_hash, symbol FROM decisions WHERE reason = 'score_low' "
            "ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    connection.close()
    data = bytearray(path.read_bytes())
    at = data.index(b"score_low", data.index(hashes.encode()))
    data[at] = ord("z")
    path.write_bytes(data)
    done = mooring("replay", "verify", "--home", home)
    assert done.returncode == 6
    assert f"decisions row {seq}" in done.stderr
    assert symbol in done.stderr
    assert "reason: It was 'score_low' and is 'zcore_low'." in done.stderr
    assert "recorded zcore_low, recomputed score_low" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_copy_on_postgresql_has_the_same_head_and_replays(lived: Path, postgres: Server, home: Path) -> None:
    name = postgres.database()
    url = postgres.url(name)
    head = proved(lived)["head"]
    copied = mooring("db", "copy", "--to", url, "--home", lived, "--json")
    assert copied.returncode == 0, copied.stderr
    assert json.loads(copied.stdout)["head"] == head
    assert proved(home, MOORING_STORE__URL=url)["head"] == head
    assert url not in copied.stdout + copied.stderr
    postgres.drop(name)
