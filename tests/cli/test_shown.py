"""What people are shown: money for a glance, tables that stand point under point, the screen of a demo."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mooring.cli.context import brief_money
from mooring.cli.control import show_status
from mooring.cli.demo import _screen, align_decimals, parse_speed
from mooring.cli.local import parse_time
from mooring.control_api.client import Client
from mooring.control_api.models import Status
from mooring.daemon.demo import DemoRequest, demonstration
from mooring.errors import Invalid
from mooring.home import Home
from mooring.runtime.domain.money import MONEY_DECIMALS, to_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10000.00000000", "10,000.00"),
        ("9999.99999999", "9,999.99"),
        ("0.00000001", "0.00"),
        ("-0.50000000", "-0.50"),
        ("-1234567.89100000", "-1,234,567.89"),
        ("7", "7.00"),
        (None, "unknown"),
    ],
)
def test_money_for_a_glance(text: str | None, shown: str) -> None:
    assert brief_money(text) == shown


@given(st.integers(-(2**62), 2**62))
def test_money_for_a_glance_is_cut_towards_zero_and_never_off_by_a_cent(units: int) -> None:
    exact = Decimal(units).scaleb(-MONEY_DECIMALS)
    shown = Decimal(brief_money(to_text(units, MONEY_DECIMALS)).replace(",", ""))
    assert abs(shown) <= abs(exact) < abs(shown) + Decimal("0.01")


STATUS: dict[str, Any] = {
    "version": "1", "mode": "paper", "state": "running", "word": "Paper", "first_line": "Paper trading.",
    "made_up_prices": False, "armed": False, "kill_switch": {"active": False}, "drawdown_tier": "normal",
    "venue": {"name": "paper", "connected": True}, "drawdown_percent": "0.00", "ledger_rows": 0, "quote": "EUR",
    "positions": 0, "alerts_open": 0, "run_id": "r", "cycles": 0, "pid": 1, "started_at": "2024-01-05T07:00:00Z",
    "uptime_seconds": 1,
}  # fmt: skip
HEAD = "0123456789abcdef" * 4


def test_head_of_the_records_is_short_for_people_and_whole_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    shown = {}
    for name, head in (("none", None), ("some", HEAD)):
        for as_json in (False, True):
            show_status(Status.model_validate(STATUS | {"head": head}), as_json=as_json)
            shown[name, as_json] = capsys.readouterr().out
    assert "Head" not in shown["none", False]
    assert "  Head of the records 0123456789ab\n" in shown["some", False]
    assert [json.loads(shown[name, True])["head"] for name in ("none", "some")] == [None, HEAD]


def test_a_daemon_that_was_stopped_has_no_next_hour(capsys: pytest.CaptureFixture[str]) -> None:
    times = {"last_cycle": "2024-01-05T06:00:00Z", "next_cycle": "2024-01-05T07:00:00Z"}
    shown = {}
    for state in ("running", "paused", "stopped"):
        show_status(Status.model_validate(STATUS | times | {"state": state}), as_json=False)
        shown[state] = capsys.readouterr().out
    assert "next 2024-01-05T07:00:00Z" in shown["running"]
    assert "next 2024-01-05T07:00:00Z" in shown["paused"]
    assert "next" not in shown["stopped"]


@given(st.lists(st.decimals(0, 10**6, places=3).map(str) | st.integers(0, 10**6).map(str), min_size=1))
def test_aligned_numbers_have_their_points_under_each_other(numbers: list[str]) -> None:
    aligned = align_decimals(numbers)
    width = max(map(len, aligned))
    points = {line.index(".") for line in (text.rjust(width) for text in aligned) if "." in line}
    assert len(points) <= 1
    assert [text.strip() for text in aligned] == numbers


@pytest.mark.parametrize(
    ("text", "hours", "speed"),
    [
        (None, None, 3600.0),
        (None, 48, 0.0),
        ("max", None, 0.0),
        ("1", None, 1.0),
        ("36000", 5, 36000.0),
        ("0.5", 5, 0.5),
    ],
)
def test_speed_of_a_demo(text: str | None, hours: int | None, speed: float) -> None:
    assert parse_speed(text, hours=hours) == speed


@pytest.mark.parametrize(
    ("text", "ts"),
    [
        (None, None),
        ("2021-05-12", 1_620_777_600),
        ("2021-05-12T08:00", 1_620_806_400),
        ("2021-05-12T08:00:00Z", 1_620_806_400),
        ("2021-05-12T10:00+02:00", 1_620_806_400),
        ("1970-01-01", 0),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text: str | None, ts: int | None) -> None:
    assert parse_time(text, "--from") == ts


@pytest.mark.parametrize("text", ["", "noon", "1969-12-31", "2100-01-01", "2021-05-12T25:00"])
def test_what_is_no_time_is_refused_with_the_option_named(text: str) -> None:
    with pytest.raises(Invalid, match="--to"):
        parse_time(text, "--to")


@pytest.fixture
def finished(home: Path) -> Home:
    return Home(root=home)


@pytest.mark.parametrize("width", [80, 120])
def test_screen_of_a_demo_fits_the_terminal_without_cutting_a_word_or_a_number(finished: Home, width: int) -> None:
    request = DemoRequest(home=finished, bars=None, symbols=None, start=None, hours=42, speed=0.0, seed=None)
    with demonstration(request, {}) as demo:
        assert demo.daemon.trader.engine.wait_finished(30)
        with Client.connect(finished.run_dir) as client:
            console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
            with console.file:
                console.print(_screen(client, width))
                text = console.export_text()
            rows = client.page("decisions", limit=5).items
            held = client.page("positions", limit=5).items
    lines = text.splitlines()
    assert len(rows) == 5
    assert held, "the test wants a position to be shown"
    assert "…" not in text
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("Mooring is off. Nothing is being traded. The market has ended."), lines[0]
    for row in rows:
        line = next(line for line in lines if line.strip().startswith(row["symbol"]))
        assert row["price"] in line
        assert row["reason"].replace("_", " ") in line
    for row in held:
        line = next(line for line in lines if line.strip().startswith(row["symbol"]))
        assert brief_money(row["value"]) in line
        assert (row["quantity"] in line) == (width == 120)
    assert "Hour 42" in lines[-1]
