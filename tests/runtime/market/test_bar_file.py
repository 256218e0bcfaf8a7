from __future__ import annotations

import contextlib
import re
from pathlib import Path

import polars as pl
import pytest

from mooring.errors import Invalid
from mooring.runtime.market import bar_file
from mooring.runtime.market.bar_file import read_bar_file
from mooring.runtime.market.universe import instrument

ETH = instrument("ETH-USDT")
HOUR = 3600
NAN = float("nan")
BAD_ROWS = [
    ("ts", 2, None, "ts is missing"),
    ("close", 1, None, "close is missing"),
    ("volume", 3, None, "volume is missing"),
    ("open", 1, NAN, "open is not a finite number"),
    ("high", 2, float("inf"), "high is not a finite number"),
    ("volume", 0, NAN, "volume is not a finite number"),
    ("ts", 2, HOUR * 102 + 60, "ts is not on the hour"),
    ("ts", 2, HOUR * 101, "ts is the same as in the row before"),
    ("ts", 3, HOUR * 7, "ts is before that of the row before"),
    ("ts", 0, -HOUR, "ts is not in the years 1970 to 2099, in seconds"),
    ("ts", 3, 1_700_000_000_000, "ts is not in the years 1970 to 2099, in seconds"),
    ("low", 1, 0.0, "low is not above zero"),
    ("open", 2, -10.0, "open is not above zero"),
    ("low", 2, 13.0, "low is above high"),
    ("high", 1, 10.5, "high is below open or close"),
    ("low", 3, 10.5, "low is above open or close"),
    ("volume", 1, -0.5, "volume is negative"),
    ("low", 1, 0.004, "low rounds to zero at 2 decimals"),
    ("high", 2, 1e18, "high is too large to be counted exactly"),
    ("volume", 0, 1e11, "volume is too large to be counted exactly"),
]


def good_rows(count=4):
    return {
        "ts": [HOUR * (100 + i) for i in range(count)],
        "open": [10.0] * count,
        "high": [12.5] * count,
        "low": [9.25] * count,
        "close": [11.005] * count,
        "volume": [3.5] * count,
    }


@pytest.fixture
def write(tmp_path):
    def _write(rows, name="1h.parquet"):
        path = tmp_path / name
        pl.DataFrame(rows).write_parquet(path)
        return path

    return _write


def refusal(path, listed=ETH):
    with pytest.raises(Invalid) as caught:
        read_bar_file(path, listed)
    assert str(path) in caught.value.what
    assert caught.value.money
    assert caught.value.todo
    return caught.value


def test_a_good_file_is_counted_in_ticks_and_lots(write):
    found = read_bar_file(write({**good_rows(2), "trades": ["a", "b"]}), ETH)
    assert found.ts.tolist() == [360_000, 363_600]
    assert {name: ticks.tolist() for name, ticks in found.prices.items()} == {
        "open": [1000, 1000],
        "high": [1250, 1250],
        "low": [925, 925],
        "close": [1100, 1100],  # 11.005 is half a tick: to the even one
    }
    assert found.volume.tolist() == [350_000_000, 350_000_000]


def test_a_gap_and_a_bar_without_volume_are_fine(write):
    rows = {**good_rows(2), "ts": [0, 10 * HOUR], "volume": [0.0, 1.0]}
    assert read_bar_file(write(rows), ETH).ts.tolist() == [0, 36_000]


@pytest.mark.parametrize(("column", "row", "value", "reason"), BAD_ROWS)
def test_a_bad_row_refuses_the_file_and_is_named(write, column, row, value, reason):
    rows = good_rows()
    rows[column][row] = value
    error = refusal(path := write(rows))
    assert error.what == f"{path}, row {row}: {reason}."
    assert error.code == "bad_bars"


def test_the_documents_name_every_reason():
    text = (Path(__file__).parents[3] / "docs/data.md").read_text("utf-8")
    for column, _, _, reason in BAD_ROWS:
        general = re.sub(r"\d decimals", "N decimals", reason)
        assert f"`{general}`" in text or f"`{general.replace(column, '…', 1)}`" in text, reason


def test_of_several_bad_rows_the_first_is_named(write):
    rows = good_rows()
    rows["volume"][1], rows["ts"][3], rows["low"][2] = -1.0, 7, 13.0
    assert ", row 1: volume is negative." in refusal(write(rows)).what


@pytest.mark.parametrize("column", ["ts", "open", "high", "low", "close", "volume"])
def test_a_missing_column_is_named(write, column):
    rows = good_rows()
    del rows[column]
    error = refusal(write(rows))
    assert f"column {column} is missing" in error.what
    assert error.code == "bad_bar_file"


def test_a_column_of_the_wrong_type_is_named(write):
    assert "column close is String, not Float64" in refusal(write({**good_rows(1), "close": ["11"]})).what
    assert "column ts is Float64, not Int64" in refusal(write({**good_rows(1), "ts": [3600.0]})).what
    assert "column volume is Int64, not Float64" in refusal(write({**good_rows(1), "volume": [3]})).what


def test_an_empty_file_is_refused(write):
    frame = pl.DataFrame(good_rows()).clear()
    assert "it has no rows" in refusal(write(frame)).what


@pytest.mark.parametrize("content", [b"", b"ts,open\n1,2\n", b"PAR1", b"PAR1" + b"\0" * 64 + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path, content):
    path = tmp_path / "1h.parquet"
    path.write_bytes(content)
    assert "it cannot be read, or is no Parquet file" in refusal(path).what


def test_a_cut_or_missing_file_or_a_directory_is_refused(write, tmp_path):
    path = write(good_rows(1000))
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read" in refusal(path).what
    assert "cannot be read" in refusal(tmp_path / "absent.parquet").what
    assert "cannot be read" in refusal(tmp_path).what


def test_a_damaged_file_is_refused_or_read_but_nothing_else(write):
    path = write(good_rows(50))
    whole = path.read_bytes()
    refused = read = 0
    for position in range(4, len(whole) - 4, 41):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with contextlib.suppress(Invalid):
            read_bar_file(path, ETH)
            read += 1
            continue
        refused += 1
    assert refused > 10
    assert read + refused == len(range(4, len(whole) - 4, 41))


def test_too_many_rows_or_bytes_are_refused(write, monkeypatch):
    path = write(good_rows(4))
    monkeypatch.setattr(bar_file, "ROWS_MAX", 3)
    assert "it has more than 3 rows" in refusal(path).what
    monkeypatch.setattr(bar_file, "FILE_BYTES_MAX", 10)
    assert "it is larger than" in refusal(path).what
