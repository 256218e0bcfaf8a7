"""The manifests and roots of the hours: what each says is held to the tables, and to the hour before."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest
import rfc8785

from mooring.runtime.store.hashing import ZERO, RowHasher, with_root
from mooring.runtime.store.schema import IN_MANIFEST
from mooring.runtime.store.schema_hourly import manifests
from mooring.runtime.store.verify import verify
from mooring.runtime.store.verify_marks import Mark, Marks
from tests.runtime.store.conftest import HOURS
from tests.support.forge import forge, unguarded

HASHES = [hashlib.sha256(bytes([n])).hexdigest() for n in range(10)]


def rows_of(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM manifests ORDER BY seq")]


def rewrite_last(path, **columns):
    """Give the last manifest these columns, and hash it again, so that nothing but what it says is wrong.

    A column may be a function of the row; `root` is computed again unless it is given.
    """
    row = rows_of(path)[-1]
    told = {name: value(row) if callable(value) else value for name, value in columns.items()}
    row = (row if "root" in columns else with_root(row | told)) | told
    row["row_hash"] = RowHasher(manifests).hash_row(row["prev_hash"], row["parent_hash"], row)
    with unguarded(path) as connection:
        sets = ", ".join(f"{name} = :{name}" for name in row)
        connection.execute(f"UPDATE manifests SET {sets} WHERE seq = :seq", row)
        connection.execute("UPDATE chain_heads SET head = :row_hash WHERE table_name = 'manifests'", row)
        connection.execute("UPDATE state_latest SET manifest_hash = :row_hash WHERE run_id = :run_id", row)


def heads(change):
    """What the manifest says of the tables, changed."""

    def changed(row):
        said = orjson.loads(row["heads"])
        change(said)
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()

    return changed


def test_roots_follow_from_all_that_a_manifest_says_and_from_the_hour_before(lived_through):
    last = {}
    for row in rows_of(lived_through):
        hashes = {"seq", "prev_hash", "parent_hash", "row_hash", "root"}
        said = {name: value for name, value in row.items() if name not in hashes}
        assert row["root"] == hashlib.sha256(rfc8785.dumps(said)).hexdigest()
        assert row["previous_root"] == last.get(row["run_id"], ZERO)
        last[row["run_id"]] = row["root"]
    assert len(last) == 3


def test_a_manifest_says_where_every_table_of_the_hour_ends(lived_through):
    with closing(sqlite3.connect(lived_through)) as connection:
        for row in rows_of(lived_through):
            for name, (count, head) in orjson.loads(row["heads"]).items():
                found = connection.execute(f"SELECT row_hash FROM {name} WHERE seq = ?", (count,)).fetchone()
                assert (found or (ZERO,))[0] == head
                later = f"SELECT count(*) FROM {name} WHERE seq <= ? AND hour_ts_utc > ?"
                assert connection.execute(later, (count, row["hour_ts_utc"])).fetchone() == (0,)
            assert orjson.loads(row["heads"]).keys() == set(IN_MANIFEST)


def cut(said):
    said["ledger"][0] -= 30


def other(said):
    said["ledger"][1] = HASHES[0]


def more(said):
    said["ledger"] = [said["ledger"][0] + 1, HASHES[0]]


def without(said):
    del said["ledger"]


def short(said):
    said["ledger"][1] = "ab"


def worded(said):
    said["ledger"][0] = "many"


@pytest.mark.parametrize(
    ("columns", "table", "column", "words"),
    [
        ({"root": HASHES[0]}, "manifests", "root", "It is not the root of what the manifest says."),
        ({"previous_root": HASHES[0]}, "manifests", "previous_root", "does not name the root of the run's hour before"),
        ({"previous_root": ZERO}, "manifests", "previous_root", "does not name the root of the run's hour before"),
        ({"heads": "{"}, "manifests", "heads", "It does not say where the tables ended."),
        ({"heads": "[]"}, "manifests", "heads", "It does not say where the tables ended."),
        ({"heads": heads(cut)}, "manifests", "heads", "It does not say where the tables ended."),
        ({"heads": heads(without)}, "manifests", "heads", "It does not say where the tables ended."),
        ({"heads": heads(short)}, "manifests", "heads", "It does not say where the tables ended."),
        ({"heads": heads(worded)}, "manifests", "heads", "It does not say where the tables ended."),
        ({"heads": heads(other)}, "ledger", None, f"Manifest {HOURS} names another hash for the chain here."),
        ({"heads": heads(more)}, "ledger", None, f"though manifest {HOURS} counts them"),
        ({"blob_hash": HASHES[0]}, "state_latest", "state_hash", "The state is not that of its manifest."),
    ],
)
def test_a_manifest_that_says_something_else_is_found_though_it_was_hashed_again(
    run_copy, columns, table, column, words
):
    rewrite_last(run_copy, **columns)
    (found,) = verify(run_copy).breaks
    assert (found.table, found.column) == (table, column)
    assert words in found.what


def test_a_manifest_hashed_again_with_nothing_changed_is_sound(run_copy):
    rewrite_last(run_copy)
    assert verify(run_copy).ok


@pytest.mark.parametrize("hour", range(1, HOURS))
def test_an_hour_taken_out_is_found_where_the_next_one_keeps_the_root_it_named(run_copy, hour):
    with unguarded(run_copy) as connection:
        connection.execute("DELETE FROM manifests WHERE seq = ?", (hour,))
    found = [(b.table, b.seq, b.column) for b in verify(run_copy).breaks]
    assert ("manifests", hour, None) in found
    assert ("manifests", hour + 1, "previous_root") in found


def test_hours_of_one_run_do_not_follow_those_of_another(lived_through, tmp_path):
    path = Path(shutil.copy(lived_through, tmp_path / "m.db"))
    first, second = (row["run_id"] for row in (rows_of(path)[0], rows_of(path)[-1]))
    forge(path, ("UPDATE manifests SET run_id = ? WHERE seq = (SELECT max(seq) FROM manifests)", (first,)))
    assert first != second
    found = {b.table for b in verify(path).breaks}
    assert {"cycles", "state_latest"} & found


def test_marks_are_taken_in_order():
    marks = Marks()
    assert (marks.next_rows, marks.passed) == (None, None)
    marks.add(1, 3, HASHES[2])
    marks.add(2, 5, HASHES[4])
    assert (marks.next_rows, marks.passed) == (3, None)
    assert marks.take() == Mark(manifest=1, rows=3, head=HASHES[2])
    assert (marks.next_rows, marks.passed) == (5, 3)


@pytest.mark.parametrize(
    ("first", "count", "agree", "then"),
    [
        (1, 10, True, None),  # all of them at once
        (1, 4, True, 5),  # up to the first
        (4, 2, True, 8),  # the one in the middle
        (1, 2, True, 3),  # none of them
        (9, 2, True, None),  # behind them all: those before are behind
    ],
)
def test_marks_agree_with_the_rows_they_stand_at(first, count, agree, then):
    marks = Marks()
    for manifest, rows in enumerate((3, 5, 8), start=1):
        marks.add(manifest, rows, HASHES[rows - 1])
    assert marks.agree(first, HASHES[first - 1 : first - 1 + count]) == agree
    assert marks.next_rows == then


@pytest.mark.parametrize("row", [3, 5, 8])
def test_marks_that_do_not_agree_are_all_still_there(row):
    marks = Marks()
    for manifest, rows in enumerate((3, 5, 8), start=1):
        marks.add(manifest, rows, HASHES[rows - 1])
    changed = list(HASHES)
    changed[row - 1] = HASHES[0]
    assert not marks.agree(1, changed)
    assert marks.next_rows == 3


@pytest.mark.parametrize("head", ["", "ab", "zz" * 32, HASHES[0] + "00"])
def test_a_mark_without_a_hash_is_none(head):
    with pytest.raises(ValueError):
        Marks().add(1, 1, head)
