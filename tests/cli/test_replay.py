"""`mooring replay …` over a database that a short run left, sound or forged."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mooring.home import Home
from mooring.runtime.store.store import Store
from tests.support import core, forge, pasts, runs

BARS = core.random_bars(61, 60, 2)
T = "2021-05-13T06:00"  # close of the 30th hour
HOUR = int(BARS.ts[29]) + 3600
OTHER = {"strategy": {"cooldown_bars": 2}}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A database of two runs on one account."""
    path = tmp_path_factory.mktemp("made") / "m.db"
    for hours, over in ((20, {}), (20, OTHER)):
        with Store.open(path) as store:
            engine = pasts.engine(store, BARS, **over)
            pasts.ahead(engine, hours)
            engine.kill("test")
            pasts.ahead(engine, 1)
            engine.release()
    return path


@pytest.fixture
def database(home: Path, made: Path) -> Path:
    """The same in the home."""
    where = Home(root=home)
    where.prepare()
    where.database.write_bytes(made.read_bytes())
    return where.database


def one(path: Path, sql: str) -> dict:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return dict(connection.execute(sql).fetchone())


def test_an_hour_shows_recorded_and_recomputed_hashes_and_that_they_are_equal(mooring, database):
    said = mooring("replay", "hour", "--hour", T)
    assert said.status == 0
    manifest = one(database, f"SELECT * FROM manifests WHERE hour_ts_utc = {HOUR}")
    for name in ("decision_hash", "state_hash", "blob_hash", "root"):
        assert said.out.count(manifest[name]) == 2
    assert said.out.count("equal") == 4
    assert "Equal: every row came out again." in said.out
    answer = mooring("replay", "hour", "--hour", T, "--json").answer
    assert answer["ok"]
    assert answer["recorded"] == answer["recomputed"]
    assert answer["recorded"]["root"] == manifest["root"]
    assert answer["differences"] == []


@pytest.mark.parametrize("row", [0, 1, 19, 20, 21, 22, 41])
def test_the_root_of_an_hour_comes_out_again_wherever_in_its_run_it_stands(mooring, database, row):
    run = "" if row > 20 else one(database, "SELECT run_id FROM runs WHERE seq = 1")["run_id"]
    hour = int(BARS.ts[row]) + 3600
    time = one(database, f"SELECT strftime('%Y-%m-%dT%H:%M', {hour}, 'unixepoch') AS t")["t"]
    answer = mooring("replay", "hour", "--hour", time, *(["--run", run] if run else []), "--json").answer
    assert answer["ok"]
    assert answer["recorded"] == answer["recomputed"]


def test_a_forged_row_ends_with_6_and_names_table_key_field_values_and_inputs(mooring, database):
    row = one(database, f"SELECT * FROM decisions WHERE hour_ts_utc = {HOUR} AND symbol = 'S1-USD'")
    forge.forge(database, f"UPDATE decisions SET score = score + 1 WHERE seq = {row['seq']}")
    assert mooring("db", "check").status == 0
    said = mooring("replay", "hour", "--hour", T)
    assert said.status == 6
    expected = f"{T}:00Z decisions (S1-USD), score: recorded {row['score'] + 1}, recomputed {row['score']}"
    assert expected in said.err
    assert "  from {" in said.err
    assert "(replay_differs)" in said.err
    answer = mooring("replay", "hour", "--hour", T, "--json")
    assert answer.status == 6
    (found,) = answer.answer["differences"]
    assert (found["table"], found["key"], found["field"]) == ("decisions", {"symbol": "S1-USD"}, "score")
    assert (found["recorded"], found["recomputed"]) == (row["score"] + 1, row["score"])
    assert {"bars", "features", "signals", "controls", "before"} <= found["inputs"].keys()
    assert all(signal["symbol"] == "S1-USD" for signal in found["inputs"]["signals"])
    # The root covers the forged row, so that it is not the one that comes out.
    assert answer.answer["recorded"]["decision_hash"] == answer.answer["recomputed"]["decision_hash"]
    assert answer.answer["recorded"]["root"] != answer.answer["recomputed"]["root"]


def test_a_window_is_compared_hour_by_hour(mooring, database):
    answer = mooring("replay", "window", "--from", "2021-05-13T00:00", "--to", T, "--json").answer
    assert (answer["ok"], answer["first"], answer["last"]) == (True, "2021-05-13T00:00:00Z", f"{T}:00Z")
    said = mooring("replay", "window", "--from", "2021-05-13T00:00", "--to", T)
    assert said.out == f"Equal: every row of 2021-05-13T00:00:00Z to {T}:00Z came out again.\n"
    forge.forge(database, f"UPDATE equity SET fees_paid = fees_paid + 1 WHERE hour_ts_utc = {HOUR}")
    assert mooring("replay", "window", "--from", "2021-05-13T00:00", "--to", "2021-05-13T05:00").status == 0
    assert mooring("replay", "window", "--from", "2021-05-13T00:00", "--to", T).status == 6


def test_verify_proves_hashes_and_recomputes_every_run(mooring, database):
    report = mooring("db", "check", "--json").answer
    answer = mooring("replay", "verify", "--json").answer
    assert (answer["ok"], answer["head"], answer["rows"]) == (True, report["head"], report["rows"])
    assert [run["hours"] for run in answer["runs"]] == [21, 21]
    said = mooring("replay", "verify")
    assert said.status == 0
    assert f"All {report['rows']} rows hold, and all 42 hours came out again. Head {report['head']}" in said.out


def test_verify_names_field_and_values_of_a_row_whose_hash_does_not_hold(mooring, database):
    row = one(database, f"SELECT * FROM equity WHERE hour_ts_utc = {HOUR}")
    runs.spoil(database, f"UPDATE equity SET peak = peak + 5, fees_paid = fees_paid + 7 WHERE seq = {row['seq']}")
    said = mooring("replay", "verify", "--json")
    assert said.status == 6
    found = next(each for each in said.answer["breaks"] if (each["table"], each["seq"]) == ("equity", row["seq"]))
    assert found["recomputed"] == [
        {"field": "peak", "recorded": row["peak"] + 5, "recomputed": row["peak"]},
        {"field": "fees_paid", "recorded": row["fees_paid"] + 7, "recomputed": row["fees_paid"]},
    ]
    told = mooring("replay", "verify")
    assert told.status == 6
    assert f"fees_paid: recorded {row['fees_paid'] + 7}, recomputed {row['fees_paid']}." in told.err


def test_verify_of_records_whose_hashes_alone_do_not_hold_says_that(mooring, database):
    runs.spoil(database, f"UPDATE bars SET row_hash = 'x' || substr(row_hash, 2) WHERE hour_ts_utc = {HOUR}")
    said = mooring("replay", "verify")
    assert said.status == 6
    assert "(database_broken)" in said.err
    assert mooring("replay", "verify", "--json").answer["differences"] == []


@pytest.mark.parametrize("table", ["cycles", "runs", "chain_heads"])
def test_verify_of_a_damaged_file_says_what_cannot_be_read(mooring, database, table):
    with closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(database.read_bytes())
    data[(page - 1) * size : page * size] = b"\xff" * size
    database.write_bytes(data)
    said = mooring("replay", "verify", "--json")
    assert said.status == 6
    assert not said.answer["ok"]
    assert said.answer["breaks"]
    assert said.answer["not_replayed"] or table == "chain_heads"
    assert mooring("replay", "verify").status == 6


def test_verify_of_some_hours_compares_those_alone(mooring, database):
    forge.forge(database, f"UPDATE decisions SET score = score + 1 WHERE hour_ts_utc = {HOUR}")
    assert mooring("replay", "verify", "--to", "2021-05-13T05:00").status == 0
    assert mooring("replay", "verify", "--from", "2021-05-13T07:00").status == 0
    assert mooring("replay", "verify", "--from", T, "--to", T).status == 6


def test_an_executed_hour_prints_the_rows_that_are_recorded(mooring, database):
    said = mooring("replay", "execute-hour", "--hour", T)
    assert said.status == 0
    rows = [json.loads(line) for line in said.out.splitlines()]
    for table in ("bars", "features", "signals", "decisions", "equity", "treasury"):
        with closing(sqlite3.connect(database)) as connection:
            connection.row_factory = sqlite3.Row
            query = f"SELECT * FROM {table} WHERE hour_ts_utc = {HOUR} ORDER BY seq"
            recorded = [dict(row) for row in connection.execute(query)]
        made = [row for row in rows if row["table"] == table]
        assert len(made) == len(recorded) > 0
        for ours, theirs in zip(made, recorded, strict=True):
            assert all(theirs[name] == value for name, value in ours.items() if name != "table")
    answer = mooring("replay", "execute-hour", "--hour", T, "--json").answer
    assert answer["rows"] == rows
    assert (
        answer["decision_hash"] == one(database, f"SELECT * FROM manifests WHERE hour_ts_utc = {HOUR}")["decision_hash"]
    )


def test_an_executed_hour_compares_nothing(mooring, database):
    before = mooring("replay", "execute-hour", "--hour", T).out
    forge.forge(database, f"UPDATE equity SET fees_paid = fees_paid + 1 WHERE hour_ts_utc = {HOUR}")
    after = mooring("replay", "execute-hour", "--hour", T)
    assert (after.status, after.out) == (0, before)


def test_a_manifest_is_a_graph_whose_edges_are_the_parents(mooring, database):
    said = mooring("replay", "manifest", "--hour", T)
    graph = json.loads(said.out)
    inside = {node["id"]: node for node in graph["nodes"] if not node["outside"]}
    (signal, *_) = [node for node in inside.values() if node["table"] == "signals"]
    assert inside[signal["parent"]]["table"] == "features"
    assert {(edge["from"], edge["to"]) for edge in graph["edges"]} >= {(signal["parent"], signal["id"])}
    assert graph["root"] == one(database, f"SELECT * FROM manifests WHERE hour_ts_utc = {HOUR}")["root"]
    assert graph["chains"]["bars"]["after"]["count"] - graph["chains"]["bars"]["before"]["count"] == 2


def test_a_picture_is_written_whole_and_never_over_another_unasked(mooring, database, tmp_path):
    out = tmp_path / "hour.svg"
    command = ("replay", "manifest", "--hour", T, "--format", "svg", "--out", out)
    assert mooring(*command).status == 0
    root = ET.fromstring(out.read_text("utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert mooring(*command, "--json").error["code"] == "file_exists"
    assert mooring(*command, "--force", "--json").answer["path"] == str(out)
    assert mooring("replay", "manifest", "--hour", T, "--format", "png", "--json").error["code"] == "unknown_format"


@pytest.mark.parametrize("command", ["hour", "execute-hour", "manifest"])
def test_an_hour_or_run_that_is_not_there_ends_with_5(mooring, database, command):
    assert mooring("replay", command, "--hour", "2030-01-01T00:00", "--json").error["code"] == "no_such_hour"
    assert mooring("replay", command, "--hour", T, "--run", "zzz", "--json").error["code"] == "no_such_run"
    assert mooring("replay", command, "--hour", "yesterday", "--json").error["code"] == "bad_time"
    assert mooring("replay", command, "--hour", T, "--run", "zzz").status == 5


def test_a_window_that_holds_no_hour_ends_with_5_and_one_that_ends_before_it_begins_with_2(mooring, database):
    empty = mooring("replay", "window", "--from", "2030-01-01", "--to", "2030-01-02", "--json")
    assert (empty.status, empty.error["code"]) == (5, "no_such_hour")
    turned = mooring("replay", "window", "--from", "2021-05-14", "--to", "2021-05-13", "--json")
    assert (turned.status, turned.error["code"]) == (2, "bad_range")


def test_a_home_without_a_database_ends_with_5(mooring, home):
    assert mooring("replay", "verify", "--json").error["code"] == "no_database"
    assert mooring("replay", "hour", "--hour", T).status == 5


def test_a_run_is_found_by_the_beginning_of_its_id(mooring, database):
    first = one(database, "SELECT run_id FROM runs WHERE seq = 1")["run_id"]
    answer = mooring("replay", "hour", "--hour", "2021-05-12T10:00", "--run", first[:6], "--json").answer
    assert (answer["ok"], answer["run_id"]) == (True, first)


def test_a_run_of_another_version_is_done_again_and_the_version_is_named(mooring, database):
    said = mooring("replay", "verify")
    assert said.status == 0
    assert "was made by version test; this is" in said.err


def test_it_works_beside_a_daemon_that_writes(mooring, database):
    with Store.open(database) as store:
        engine = pasts.engine(store, BARS, **OTHER)
        pasts.ahead(engine, 3)
        assert mooring("replay", "verify").status == 0
        pasts.ahead(engine, 3)
        assert mooring("replay", "verify").status == 0
