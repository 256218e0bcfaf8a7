"""Damage the file itself, as a disk would: what cannot be read is named, and the rest is still checked."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.runtime.store import book


def places(report):
    return [(b.table, b.seq, b.column) for b in report.breaks]


def flip(path, offset, mask=0x01):
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ mask]))


def pages_of(path, name):
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno"
        try:
            numbers = [number for (number,) in connection.execute(query, (name,))]
        except sqlite3.OperationalError:
            pytest.skip("this SQLite is built without dbstat")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return size, numbers


def find_in(path, name, what):
    """Offset of some bytes inside the pages of a table or index."""
    size, numbers = pages_of(path, name)
    data = path.read_bytes()
    for number in numbers:
        at = data.rfind(what, (number - 1) * size, number * size)
        if at >= 0:
            return at
    raise AssertionError(f"{what!r} is not in {name}")


def test_flipped_byte_in_a_ledger_row_of_the_file_is_named(run_copy):
    with closing(sqlite3.connect(run_copy)) as connection:
        (row_hash,) = connection.execute("SELECT row_hash FROM ledger WHERE seq = 7").fetchone()
    at = find_in(run_copy, "ledger", row_hash.encode())
    flip(run_copy, at + 64 + 2)  # past the hash: inside run_id
    report = verify(run_copy)
    assert ("ledger", 7) in [(b.table, b.seq) for b in report.breaks]
    assert {b.table for b in report.breaks} == {"ledger"}


def test_byte_that_breaks_the_text_of_a_row_is_named_with_its_column(run_copy):
    at = find_in(run_copy, "ledger", b"fill-order-2")
    flip(run_copy, at, 0x80)
    report = verify(run_copy)
    (found,) = [b for b in report.breaks if b.seq is not None]
    with closing(sqlite3.connect(run_copy)) as connection:
        connection.text_factory = bytes
        (txn,) = connection.execute("SELECT txn_id FROM ledger WHERE seq = ?", (found.seq,)).fetchone()
    assert (found.column, txn) == ("txn_id", b"\xe6ill-order-2")
    assert {b.table for b in report.breaks} == {"ledger"}


def test_flipped_byte_in_an_index_only_is_found(run_copy):
    at = find_in(run_copy, "sqlite_autoindex_ledger_1", b"fill-order-3")
    flip(run_copy, at + 4)
    report = verify(run_copy)
    assert not report.ok
    assert {b.table for b in report.breaks} == {"ledger"}


def test_ruined_page_is_survived_and_the_rest_is_still_checked(tmp_path):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        store.commit(book.begin())
        for n in range(25):
            store.commit(book.hour(n))
    size, numbers = pages_of(path, "signals")
    victim = numbers[len(numbers) // 2]
    with path.open("r+b") as file:
        file.seek((victim - 1) * size)
        file.write(b"\xff" * size)
    report = verify(path)
    rows = [b.seq for b in report.breaks if b.table == "signals" and b.seq is not None]
    assert rows
    assert {b.table for b in report.breaks} <= {"signals", "database"}
    assert report.heads["ledger"].count == book.LEDGER_OF_FIRST + 24 * book.LEDGER_OF_OTHERS
    assert report.heads["signals"].count == 225


@pytest.mark.parametrize("keep", [0, 10, 100, 4096, 20_000])
def test_cut_file_is_reported_not_raised(run_copy, keep):
    data = run_copy.read_bytes()[:keep]
    run_copy.write_bytes(data)
    report = verify(run_copy)
    assert not report.ok
    assert report.breaks
