"""What `db check` says of a database that somebody changed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mooring.home import Home
from tests.support import history
from tests.support.forge import spoil


@pytest.fixture
def database(home: Path) -> Path:
    """Twelve hours in the home; the first begins 2021-05-12 00:00 UTC."""
    made = Home(root=home)
    made.prepare()
    history.go_on(made.database, 12)
    return made.database


def cash_of(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        (cash,) = connection.execute("SELECT cash FROM equity WHERE seq = 4").fetchone()
    return int(cash)


def test_a_changed_field_is_named_with_table_row_hour_and_field_and_status_6(mooring, database: Path) -> None:
    cash = cash_of(database)
    spoil(database, "UPDATE equity SET cash = cash + 2 WHERE seq = 4")
    said = mooring("db", "check")
    assert said.status == 6
    assert f"equity row 4 (2021-05-12T04:00Z), cash: It was {cash} and is {cash + 2}." in said.err.replace(
        os.linesep, " "
    )
    assert said.out == ""
    as_json = mooring("db", "check", "--json")
    assert (as_json.status, as_json.answer["ok"]) == (6, False)
    (found,) = as_json.answer["breaks"]
    assert (found["table"], found["seq"], found["column"]) == ("equity", 4, "cash")
    assert found["key"]["hour_ts_utc"] == 1_620_792_000
    assert found["key"].keys() == {"run_id", "account_id", "hour_ts_utc"}
    assert found["text"].startswith("equity row 4 (2021-05-12T04:00Z), cash: ")


def test_what_is_no_row_of_evidence_is_named_by_its_key(mooring, database: Path) -> None:
    spoil(database, "UPDATE chain_heads SET count = count + 1 WHERE table_name = 'bars'")
    spoil(database, "UPDATE state_latest SET cycles = 7")
    breaks = mooring("db", "check", "--json").answer["breaks"]
    assert [(b["table"], b["seq"], b["column"], list(b["key"])) for b in breaks] == [
        ("chain_heads", None, "count", ["table_name"]),
        ("state_latest", None, "cycles", ["run_id"]),
    ]
    assert "chain_heads (bars), count: " in mooring("db", "check").err


def test_a_key_that_is_no_text_any_more_is_still_said(mooring, database: Path) -> None:
    spoil(database, "UPDATE equity SET hour_ts_utc = 9223372036854775807 WHERE seq = 4")
    said = mooring("db", "check")
    assert said.status == 6
    assert "equity row 4 (9223372036854775807)" in said.err


def test_a_sound_database_has_no_breaks(mooring, database: Path) -> None:
    said = mooring("db", "check", "--json").answer
    assert (said["ok"], said["breaks"]) == (True, [])
    assert mooring("db", "check").out.startswith(f"All {said['rows']} rows hold. Head {said['head']}")
