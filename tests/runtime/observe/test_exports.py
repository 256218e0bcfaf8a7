from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from mooring.errors import Conflict, Invalid, Unverified
from mooring.runtime.market.times import utc_text
from mooring.runtime.observe.export_books import LEDGER, TRADES, LedgerExport, TradesExport
from mooring.runtime.observe.export_table import Column
from mooring.runtime.observe.export_tax_lots import TAX_LOTS, TaxLotsExport
from mooring.runtime.observe.exports import ExportRequest, write_csv, write_export, write_parquet
from mooring.runtime.observe.history import load_account, recorded
from mooring.runtime.portfolio.tax_lots import Method
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from tests.runtime.observe.conftest import MARKET
from tests.support import core, runs

COLUMNS = {"ledger": LEDGER, "trades": TRADES, "tax-lots": TAX_LOTS}
MONEY = Decimal(1).scaleb(-8)
LOT = Decimal(1).scaleb(-4)


def export(reader, folder, kind, fmt="csv", **more):
    return write_export(reader, ExportRequest(kind=kind, format=fmt, out=folder / f"{kind}.{fmt}", **more))


def lines(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def recorded_rows(reader, kind):
    return [row for run in load_account(reader).runs for row in reader.scan(kind, run["run_id"])]


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_a_file_has_the_stated_columns_and_totals_beside_it(reader, tmp_path, kind, fmt):
    totals = export(reader, tmp_path, kind, fmt)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f"{kind}.{fmt}", f"{kind}.{fmt}.totals.json"]
    names = [column.name for column in COLUMNS[kind]]
    found = tmp_path / f"{kind}.{fmt}"
    assert found.stat().st_mode & 0o777 == 0o600
    if fmt == "csv":
        assert found.read_text().splitlines()[0] == ",".join(names)
        assert len(lines(found)) == totals["totals"]["rows"]
    else:
        assert pl.read_parquet_schema(found).names() == names
        assert len(pl.read_parquet(found)) == totals["totals"]["rows"]
        assert pl.read_parquet_metadata(found)["account_id"] == totals["account_id"]
    written = json.loads((tmp_path / f"{kind}.{fmt}.totals.json").read_text())
    assert written == {name: value for name, value in totals.items() if name not in {"file", "totals_file"}}
    assert written["reconciles"] is True
    assert all(check["exported"] == check["recorded"] for check in written["checks"])
    assert written["head"] == recorded_rows(reader, "manifests")[-1]["row_hash"]


def test_the_ledger_is_every_posting_with_exact_amounts_and_sums_to_the_balances(reader, tmp_path):
    totals = export(reader, tmp_path, "ledger")
    shown, stored = lines(tmp_path / "ledger.csv"), recorded_rows(reader, "ledger")
    assert len(shown) == len(stored) > 100
    balances = defaultdict(Decimal)
    for line, row in zip(shown, stored, strict=True):
        unit = MONEY if row["asset"] == "USD" else LOT
        assert line["amount"] == format(row["amount"] * unit, "f")
        assert line["time"] == utc_text(row["hour_ts_utc"])
        assert (line["txn_id"], line["row_hash"]) == (row["txn_id"], row["row_hash"])
        balances[line["account"], line["asset"]] += Decimal(line["amount"])
    said = reader.balances_of_account(load_account(reader).account_id)
    assert balances == {key: amount * (MONEY if key[1] == "USD" else LOT) for key, amount in said.items()}
    told = {(b["account"], b["asset"]): Decimal(b["balance"]) for b in totals["totals"]["balances"]}
    assert told == balances


def test_trades_sum_to_the_realised_profit_of_the_last_hour(reader, tmp_path):
    totals = export(reader, tmp_path, "trades")
    shown = lines(tmp_path / "trades.csv")
    realised = recorded_rows(reader, "equity")[-1]["realised_pnl"] * MONEY
    assert sum(Decimal(line["pnl"]) for line in shown) == realised == Decimal(totals["totals"]["pnl"])
    assert sum(Decimal(one["pnl"]) for one in totals["totals"]["by_symbol"]) == realised
    for line in shown:
        assert Decimal(line["proceeds"]) - Decimal(line["cost"]) == Decimal(line["pnl"])
        opened, closed = (datetime.fromisoformat(line[name]) for name in ("opened_at", "closed_at"))
        assert opened <= closed
        assert closed.tzinfo == UTC


@pytest.mark.parametrize("method", Method)
def test_tax_lots_of_every_method_account_for_every_unit_bought_and_all_that_was_earned(reader, tmp_path, method):
    totals = export(reader, tmp_path, "tax-lots", method=method)["totals"]
    shown, fills = lines(tmp_path / "tax-lots.csv"), recorded_rows(reader, "fills")
    assert {line["method"] for line in shown} == {str(method)}
    assert [line["number"] for line in shown] == [str(n + 1) for n in range(len(shown))]
    sold = [line for line in shown if line["status"] == "sold"]
    earned = sum(f["notional"] - f["fee"] for f in fills if f["side"] == "sell") * MONEY
    spent = sum(f["notional"] + f["fee"] for f in fills if f["side"] == "buy") * MONEY
    assert sum(Decimal(line["proceeds"]) for line in sold) == earned == Decimal(totals["proceeds"])
    assert sum(Decimal(line["cost"]) for line in shown) == spent
    assert sum(Decimal(line["gain"]) for line in sold) == Decimal(totals["gain"])
    assert sum(Decimal(line["quantity"]) for line in shown) == sum(
        f["quantity"] * LOT for f in fills if f["side"] == "buy"
    )
    for line in shown:
        if line["status"] == "held":
            assert (line["proceeds"], line["gain"], line["closed_at"], line["term"]) == ("", "", "", "")


def test_fifo_is_the_recorded_trades_row_by_row(reader, tmp_path):
    export(reader, tmp_path, "tax-lots")
    shown = [line for line in lines(tmp_path / "tax-lots.csv") if line["status"] == "sold"]
    trades = recorded_rows(reader, "trades")
    assert len(shown) == len(trades) > 20
    for line, trade in zip(shown, trades, strict=True):
        assert Decimal(line["quantity"]) == trade["quantity"] * LOT
        for name, column in (("cost", "cost"), ("proceeds", "proceeds"), ("gain", "pnl")):
            assert Decimal(line[name]) == trade[column] * MONEY
        assert line["open_fill_id"] == trade["open_fill_id"]
        assert line["close_fill_id"] == trade["close_fill_id"]
        assert line["opened_at"] == utc_text(trade["opened_ts"])


def test_the_term_follows_the_stated_days(reader, tmp_path):
    short = export(reader, tmp_path, "tax-lots")["totals"]
    assert short["gain_long"] == "0.00000000"
    long = export(reader, tmp_path, "tax-lots", long_days=0, force=True)["totals"]
    assert long["gain_long"] != "0.00000000"
    assert Decimal(long["gain_long"]) + Decimal(long["gain_short"]) == Decimal(short["gain"])


@pytest.mark.parametrize("kind", COLUMNS)
def test_parquet_says_exactly_what_csv_says(reader, tmp_path, kind):
    export(reader, tmp_path, kind, "csv")
    export(reader, tmp_path, kind, "parquet")
    frame = pl.read_parquet(tmp_path / f"{kind}.parquet")
    for column in COLUMNS[kind]:
        expected = {
            "money": pl.Decimal(38, 8),
            "amount": pl.Decimal(38, 10),
            "time": pl.Datetime("ms", "UTC"),
            "whole": pl.Int64,
            "text": pl.String,
        }[column.kind]
        assert frame.schema[column.name] == expected
    for line, row in zip(lines(tmp_path / f"{kind}.csv"), frame.iter_rows(named=True), strict=True):
        for column in COLUMNS[kind]:
            text, value = line[column.name], row[column.name]
            if value is None:
                assert text == ""
            elif column.kind == "time":
                assert text == value.strftime("%Y-%m-%dT%H:%M:%SZ")
            elif column.kind in ("money", "amount"):
                assert Decimal(text) == value
            else:
                assert text == str(value)


def test_the_same_account_gives_the_same_bytes(reader, tmp_path):
    for fmt in ("csv", "parquet"):
        export(reader, tmp_path, "tax-lots", fmt)
        first = (tmp_path / f"tax-lots.{fmt}").read_bytes()
        export(reader, tmp_path, "tax-lots", fmt, force=True)
        assert (tmp_path / f"tax-lots.{fmt}").read_bytes() == first


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_a_number_none(tmp_path, text):
    columns = (Column(name="t", kind="text"), Column(name="n", kind="money"), Column(name="w", kind="whole"))
    write_csv(tmp_path / "a.csv", columns, [(text, Decimal("-1.50"), -3), ("plain=1", Decimal(0), 0)])
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [[f"'{text}", "-1.50", "-3"], ["plain=1", "0", "0"]]


def test_the_largest_numbers_stay_exact(tmp_path):
    columns = (Column(name="m", kind="money"), Column(name="a", kind="amount"))
    largest = [(Decimal(2**63 - 1).scaleb(-8), Decimal(2**63 - 1)), (Decimal(-(2**63)).scaleb(-8), Decimal(-(2**63)))]
    write_parquet(tmp_path / "a.parquet", columns, iter(largest), {})
    assert pl.read_parquet(tmp_path / "a.parquet").rows() == largest


def test_a_file_that_is_there_is_kept_and_so_are_its_totals(reader, tmp_path):
    (tmp_path / "ledger.csv.totals.json").write_text("old")
    with pytest.raises(Conflict) as caught:
        export(reader, tmp_path, "ledger")
    assert caught.value.code == "file_exists"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["ledger.csv.totals.json"]
    export(reader, tmp_path, "ledger", force=True)
    assert json.loads((tmp_path / "ledger.csv.totals.json").read_text())["reconciles"]


def test_unknown_kinds_and_formats_are_refused_with_the_list(reader, tmp_path):
    with pytest.raises(Invalid) as caught:
        export(reader, tmp_path, "gossip")
    assert (caught.value.code, caught.value.todo) == ("unknown_kind", "Choose one of ledger, trades, tax-lots.")
    with pytest.raises(Invalid) as caught:
        export(reader, tmp_path, "ledger", "xlsx")
    assert caught.value.code == "unknown_format"
    assert list(tmp_path.iterdir()) == []


SPOILED = {
    "ledger": "UPDATE ledger SET amount = amount + 1 WHERE seq = 7",
    "trades": "UPDATE trades SET proceeds = proceeds + 1, pnl = pnl + 1 WHERE seq = 3",
    "tax-lots": "UPDATE fills SET fee = fee + 1 WHERE seq = 3",
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_where_one_unit_is_wrong_there_is_no_file(recorded_file, tmp_path, kind, fmt):
    copy = runs.copied(recorded_file, tmp_path)
    runs.spoil(copy, SPOILED[kind])
    reader = Reader.open(copy)
    (tmp_path / "out").mkdir()
    with pytest.raises(Unverified) as caught:
        export(reader, tmp_path / "out", kind, fmt)
    reader.close()
    assert caught.value.code == "export_differs"
    assert caught.value.exit_code == 6
    assert "recorded" in caught.value.what
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_fills_that_are_not_whole_end_the_export_as_what_they_are(recorded_file, tmp_path, fmt):
    copy = runs.copied(recorded_file, tmp_path)
    runs.spoil(
        copy,
        "UPDATE fills SET quantity = quantity + 1000000 WHERE seq = (SELECT min(seq) FROM fills WHERE side = 'sell')",
    )
    reader = Reader.open(copy)
    (tmp_path / "out").mkdir()
    with pytest.raises(Unverified) as caught:
        export(reader, tmp_path / "out", "tax-lots", fmt)
    reader.close()
    assert caught.value.code == "fills_not_whole"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_an_account_without_an_hour_has_an_empty_table(tmp_path, kind, fmt):
    with Store.open(tmp_path / "m.db") as store:
        runs.open_run(runs.plan(2, market='{"source":"replay"}'), store, now=runs.NOW)
        totals = export(store.reader(), tmp_path, kind, fmt)
    assert totals["totals"]["rows"] == 0
    assert totals["hours"]["last"] is None
    found = tmp_path / f"{kind}.{fmt}"
    names = [column.name for column in COLUMNS[kind]]
    assert (lines(found) == []) if fmt == "csv" else (pl.read_parquet(found).columns == names)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from mooring.errors import Invalid
from mooring.runtime.observe.exports import ExportRequest, write_export
from mooring.runtime.store.reader import Reader
import polars
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
reader = Reader.open(Path(sys.argv[1]))
reader.latest_run()  # what the database itself has to write beside its file is there before
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    write_export(reader, ExportRequest(kind="ledger", format=sys.argv[3], out=Path(sys.argv[2])))
except Invalid as error:
    print(error.code, error.what)
"""


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_no_room_for_the_file_is_said_and_leaves_nothing(recorded_file, tmp_path, fmt):
    out = tmp_path / f"ledger.{fmt}"
    said = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(recorded_file), str(out), fmt],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert said.stdout.startswith("cannot_write_file"), said.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "made", [LedgerExport, TradesExport, partial(TaxLotsExport, method=Method.FIFO, long_days=365)]
)
def test_hours_that_close_meanwhile_are_left_out_and_everything_still_adds_up(tmp_path, made):
    with Store.open(tmp_path / "m.db") as store:
        engine = runs.make_engine(store, core.random_bars(8, 100, 3), runs.plan(3, market=MARKET))
        with runs.stopping(engine):
            runs.ahead(engine, 60)
            reader = store.reader()
            account = load_account(reader)
            said = recorded(reader, account)
            table = made(reader, account, said)
            runs.ahead(engine, 40)
            assert reader.count("ledger") > said.counts["ledger"]
            assert list(table.rows())
            assert [check for check in table.checks() if not check.holds] == []
