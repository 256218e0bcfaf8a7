"""`mooring report` and `mooring export`, over what a demo recorded."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest


@pytest.fixture
def three_days(mooring, home, demo):
    """(command, home, figures) with a demo of three days recorded in it."""
    figures = demo(72)
    assert figures["verified"]
    return mooring, home, figures


def test_a_demo_is_exported_in_every_kind_format_and_method_and_adds_up(three_days, tmp_path):
    mooring, _, figures = three_days
    for kind in ("ledger", "trades", "tax-lots"):
        for fmt in ("csv", "parquet"):
            for method in ("fifo", "lifo", "hifo", "average") if kind == "tax-lots" else ("",):
                out = tmp_path / f"{kind}{method}.{fmt}"
                said = mooring(
                    "export", kind, "--format", fmt, "--out", out, "--json", *(("--method", method) if method else ())
                )
                assert said.status == 0
                assert said.answer["reconciles"] is True
                assert said.answer["file"] == str(out)
                assert out.stat().st_mode & 0o777 == 0o600
                assert json.loads(Path(said.answer["totals_file"]).read_text())["totals"] == said.answer["totals"]
    with (tmp_path / "ledger.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == figures["ledger_rows"]
    assert lines[-1]["row_hash"] == figures["ledger_head"]
    cash = sum(Decimal(line["amount"]) for line in lines if line["account"] == "cash")
    told = mooring("report", "daily", "--out", tmp_path / "r.html", "--json").answer
    assert told["closing_equity"] == figures["equity"]
    assert told["prices"] == "made up"
    assert cash <= Decimal(figures["equity"])


def test_people_are_told_in_a_line_or_two_where_it_is(three_days, tmp_path, monkeypatch):
    mooring, _, _ = three_days
    monkeypatch.chdir(tmp_path)
    said = mooring("report", "weekly", "--week", "2024-W01")
    assert said.out.splitlines()[1] == f"Written to {tmp_path / 'mooring-weekly-2024-W01.html'}"
    assert said.out.startswith("2024-W01: equity ")
    assert said.err == ""
    assert "Made-up prices" in (tmp_path / "mooring-weekly-2024-W01.html").read_text()
    said = mooring("export", "trades", "--out", "t.csv")
    assert "add up to what is recorded" in said.out
    assert mooring("export", "trades", "--out", "t.csv").status == 7


def test_wrong_requests_end_with_their_code_and_write_nothing(three_days, tmp_path):
    mooring, _, _ = three_days
    out = tmp_path / "x"
    for arguments, code, status in (
        (("export", "tax-lots", "--method", "newest"), "unknown_method", 2),
        (("export", "tax-lots", "--long-days", "-1"), "bad_days", 2),
        (("export", "ledger", "--format", "xlsx"), "unknown_format", 2),
        (("export", "ledger", "--account", "nobody"), "no_such_account", 5),
        (("report", "daily", "--date", "yesterday"), "bad_time", 2),
        (("report", "weekly", "--week", "2024-01-01"), "bad_time", 2),
    ):
        said = mooring(*arguments, "--out", out, "--json")
        assert (said.error["code"], said.status) == (code, status)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("report", "daily"), ("export", "ledger")])
def test_a_home_without_a_database_is_said(mooring, home, tmp_path, arguments):
    said = mooring(*arguments, "--out", tmp_path / "x", "--json")
    assert (said.error["code"], said.status) == ("no_database", 5)


def test_a_report_needs_neither_polars_nor_numba_and_the_cli_imports_no_templates():
    code = (
        "import sys; import mooring.cli.main, mooring.daemon.evidence, mooring.runtime.observe.report; "
        "print(sorted({'polars', 'jinja2', 'numba', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_about_keys_loads_no_engine():
    code = (
        "import sys; import mooring.daemon.onboard, mooring.daemon.secret_items; "
        "print(sorted({'sqlalchemy', 'mooring.runtime.engine.engine'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
