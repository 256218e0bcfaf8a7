"""The one value of a row that was changed is found, and said with what it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.store import locate
from mooring.runtime.store.locate import NEAR, _near
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.runtime.store import book
from tests.support.forge import spoil

pytestmark = pytest.mark.sampled

UNFOUND = "Its values do not match its hash."
INT64 = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture
def only(run_copy):
    """What a check finds after one change, which is one break."""

    def after(change, *values):
        spoil(run_copy, (change, values))
        (found,) = verify(run_copy).breaks
        return found.table, found.seq, found.column, found.what

    return after


def value_of(path, table, seq, column):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {column} FROM {table} WHERE seq = ?", (seq,)).fetchone()[0]


@pytest.mark.parametrize("byte", range(8))
@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_one_byte_of_a_whole_number(only, run_copy, byte, mask):
    was = value_of(run_copy, "equity", 3, "cash")
    word = (was % 2**64) ^ (mask << (8 * byte))
    now = word - 2**64 if word >= 2**63 else word
    found = only("UPDATE equity SET cash = ? WHERE seq = 3", now)
    assert found == ("equity", 3, "cash", f"It was {was} and is {now}.")


def stored(value):
    """How SQLite keeps a whole number: in the fewest of these bytes that hold it."""
    return next(width for width in (1, 2, 3, 4, 6, 8) if -(2 ** (8 * width - 1)) <= value < 2 ** (8 * width - 1))


@given(INT64, st.integers(0, 7), st.integers(1, 255))
def test_any_byte_as_the_file_keeps_it_leads_back(was, byte, mask):
    width = stored(was)
    data = bytearray(was.to_bytes(width, signed=True))
    data[byte % width] ^= mask
    now = int.from_bytes(data, signed=True)
    assert was in set(_near(now))


@given(st.integers(-(2**62), 2**62), st.integers(1, NEAR))
def test_small_steps_and_the_sign_lead_back(was, step):
    assert was in set(_near(was + step)) & set(_near(was - step)) & set(_near(-was))


@pytest.mark.parametrize("place", [0, 7, 11])
@pytest.mark.parametrize("char", ["#", "\x01", "\x7f"])
def test_one_byte_of_a_text(only, place, char):
    was = "fill-order-4"
    now = was[:place] + char + was[place + 1 :]
    found = only("UPDATE fills SET fill_id = ? WHERE fill_id = ?", now, was)
    assert found == ("fills", 8, "fill_id", f"It was {was!r} and is {now!r}.")


@pytest.mark.parametrize(("was", "now"), [("é", "è"), ("é", "ũ"), ("h", "H"), ("2", "3")])
def test_one_byte_of_a_text_that_is_not_all_ascii(only, was, now):
    assert len(was.encode()) == len(now.encode())
    found = only(f"UPDATE alerts SET text = replace(text, '{was}', '{now}') WHERE seq = 3")
    text = "hour 2, ok é"
    assert found == ("alerts", 3, "text", f"It was {text!r} and is {text.replace(was, now)!r}.")


@pytest.mark.parametrize("place", [1, 1500, 2999])
def test_one_byte_of_a_long_text(tmp_path, place):
    text = '{"name":"' + "Mooring, " * 332 + '.."}'
    assert len(text) == 3001
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        batch = book.begin()
        rows = [(table, dict(row)) for table, row in batch.rows]
        next(row for table, row in rows if table == "settings_versions")["settings"] = text
        store.commit(type(batch)(rows=rows))
    changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
    spoil(path, ("UPDATE settings_versions SET settings = ?", (changed,)))
    (found,) = verify(path).breaks
    assert (found.table, found.seq, found.column) == ("settings_versions", 1, "settings")
    assert len(found.what) < 250


def test_two_values_that_were_exchanged(only):
    found = only("UPDATE bars SET high = low, low = high WHERE seq = 5")
    assert found == ("bars", 5, "high", "Its high and low were exchanged.")


def test_a_value_that_a_neighbour_has(only):
    found = only("UPDATE bars SET symbol = 'SOL-USDT!' WHERE seq = 5")
    assert found[:3] == ("bars", 5, "symbol")
    assert found[3] == "It was 'ETH-USDT' and is 'SOL-USDT!'."


def test_a_value_where_there_was_none(only):
    found = only("UPDATE runs SET bundle = 'mine'")
    assert found == ("runs", 1, "bundle", "It was None and is 'mine'.")


def test_a_parent_that_is_another(only):
    found = only("UPDATE fills SET parent_hash = (SELECT row_hash FROM order_intents WHERE seq = 1) WHERE seq = 5")
    assert found == ("fills", 5, "parent_hash", "It does not name the hash of the row it follows from.")


def test_bytes_whose_hash_the_manifest_has(only):
    found = only("UPDATE snapshots SET state = ? WHERE seq = 2", b"else")
    assert found == ("snapshots", 2, "state", "Its bytes are not those that were written.")


def test_a_field_beside_bytes(only):
    found = only("UPDATE snapshots SET hour_ts_utc = hour_ts_utc + 1 WHERE seq = 2")
    assert found[:3] == ("snapshots", 2, "hour_ts_utc")


def test_rows_that_changed_places_are_each_named_with_their_number(run_copy):
    spoil(
        run_copy,
        "UPDATE equity SET seq = -2 WHERE seq = 2",
        "UPDATE equity SET seq = 2 WHERE seq = 4",
        "UPDATE equity SET seq = 4 WHERE seq = -2",
    )
    found = [(b.seq, b.column, b.what) for b in verify(run_copy).breaks]
    assert found == [(2, "seq", "It was row 4."), (4, "seq", "It was row 2.")]


def test_what_nobody_can_guess_is_named_without_its_field(only):
    assert only("UPDATE fills SET fill_id = 'something else' WHERE seq = 5") == ("fills", 5, None, UNFOUND)


def test_two_changes_have_no_one_field(only):
    assert only("UPDATE equity SET cash = cash + 1, peak = peak + 1 WHERE seq = 2") == ("equity", 2, None, UNFOUND)


def test_the_search_in_one_row_has_an_end(only, monkeypatch):
    monkeypatch.setattr(locate, "WORK_MAX", 10_000)
    assert only("UPDATE equity SET realised_pnl = realised_pnl + 77 WHERE seq = 2") == ("equity", 2, None, UNFOUND)


def test_only_so_many_rows_are_searched(run_copy, monkeypatch):
    monkeypatch.setattr(locate, "ROWS_MAX", 3)
    spoil(run_copy, "UPDATE signals SET conviction = conviction + 1 WHERE seq % 10 = 0")
    found = [b.column for b in verify(run_copy).breaks if b.table == "signals"]
    assert found == ["conviction"] * 3 + [None] * 2
