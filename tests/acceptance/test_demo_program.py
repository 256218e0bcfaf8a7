"""`mooring demo` from outside: its summary, and that neither speed nor an end at any moment changes what comes out."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.program import answer, begin, end, mooring, same, short_home

CONTRACT = (
    "hours signals decisions orders fills equity max_drawdown ledger_rows ledger_head decision_hash state_hash verified"
).split()
KILLED_HOURS = 100
SYMBOLS = "BTC-USDT,ETH-USDT,SOL-USDT"


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """A run of KILLED_HOURS that nobody touched."""
    with short_home() as root:
        return answer(mooring("demo", "--no-bundle", "--hours", KILLED_HOURS, "--home", root, "--no-open", "--json"))


def hours_done(home: Path) -> int:
    """Hours that are durable in a home that another process may be writing."""
    path = home / "data" / "mooring.db"
    if not path.exists():
        return 0
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        return int(connection.execute("SELECT count(*) FROM manifests").fetchone()[0])
    except sqlite3.OperationalError:  # the tables are not there yet
        return 0
    finally:
        connection.close()


def wait_for_hours(home: Path, hours: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while hours_done(home) < hours:
        assert time.monotonic() < deadline, f"no {hours} hours within {seconds} s"
        time.sleep(0.02)


@dataclass(frozen=True)
class Told:
    """A finished demo of 48 hours: its home, and what it said."""

    home: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with short_home() as root:
        yield Told(root, mooring("demo", "--hours", 48, "--home", root, "--no-open", "--json"))


def test_summary_is_one_object_with_the_contracts_keys_and_says_on_stderr_that_prices_are_made_up(told: Told) -> None:
    figures = answer(told.done)
    assert told.done.returncode == 0
    assert set(CONTRACT) <= set(figures)
    assert figures["hours"] == 48
    assert figures["verified"] is True
    assert figures["decisions"] == 48 * 5
    assert figures["fills"] > 0, "a demo in which nothing happens shows nothing"
    assert figures["bundle"]["candidate"].startswith("starter@1:"), "brought in through the daemon's own update"
    assert [one.partition(":")[0] for one in figures["bundle"]["offered"]] == ["starter@2"]
    assert "Made-up prices" in told.done.stderr
    assert "Traceback" not in told.done.stderr


def test_the_same_call_once_more_changes_nothing_and_tells_people_the_same(told: Told) -> None:
    again = mooring("demo", "--hours", 48, "--home", told.home, "--no-open")
    figures = answer(told.done)
    assert again.returncode == 0
    first, second, *_ = again.stdout.splitlines()
    assert first == "Mooring is off. Nothing is being traded. The market has ended."
    assert second.startswith(f"48 hours, 240 decisions, {figures['orders']} orders")
    assert (
        f"Verified: every row holds and every hour came out again. Ledger head {figures['ledger_head']}" in again.stdout
    )


def test_a_slower_run_carried_on_to_more_hours_equals_one_as_fast_as_possible(home: Path, told: Told) -> None:
    slow = answer(
        mooring("demo", "--no-bundle", "--hours", 12, "--speed", 36_000, "--home", home, "--no-open", "--json")
    )
    longer = answer(mooring("demo", "--no-bundle", "--hours", 48, "--home", home, "--no-open", "--json"))
    assert (slow["hours"], longer["hours"]) == (12, 48)
    assert slow["verified"]
    assert slow["run_id"] == longer["run_id"]
    assert same(longer) == same(answer(told.done))


def test_killed_at_random_moments_and_carried_on_it_comes_to_the_same_end(
    home: Path, undisturbed: dict[str, Any]
) -> None:
    moments = random.Random(20_261_121)
    wanted = ("demo", "--no-bundle", "--hours", KILLED_HOURS, "--home", home, "--no-open", "--json")
    stopped_at: list[int] = []
    for _ in range(4):
        process = begin(*wanted)
        wait_for_hours(home, min(hours_done(home) + 1, KILLED_HOURS - 1))
        time.sleep(moments.uniform(0.0, 0.3))
        status, _, _ = end(process, signal.SIGKILL)
        assert status in (-signal.SIGKILL, 0)
        stopped_at.append(hours_done(home))
    finished = answer(mooring(*wanted))
    assert stopped_at == sorted(stopped_at)
    assert len(set(stopped_at)) > 1, "it went on each time"
    assert stopped_at[0] < KILLED_HOURS
    assert finished["verified"]
    assert finished["hours"] == KILLED_HOURS
    assert same(finished) == same(undisturbed)
    assert finished["run_id"] == undisturbed["run_id"]


def test_stopped_by_each_signal_it_sums_up_and_ends_with_0_and_goes_on_to_the_same_end(
    home: Path, undisturbed: dict[str, Any]
) -> None:
    wanted = ("demo", "--no-bundle", "--hours", KILLED_HOURS, "--home", home, "--no-open", "--json")
    parts: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        process = begin(*wanted, "--speed", 180_000)
        wait_for_hours(home, (parts[-1] if parts else 0) + 10)
        status, out, err = end(process, number)
        figures = json.loads(out)
        assert status == 0, err
        assert figures["verified"]
        parts.append(figures["hours"])
    assert 0 < parts[0] < parts[1] < KILLED_HOURS
    assert same(answer(mooring(*wanted))) == same(undisturbed)


@pytest.mark.data
def test_demo_over_recorded_bars_and_backtest_agree(market_data: Path) -> None:
    which = ("--symbols", SYMBOLS, "--from", "2021-05-12", "--hours", 300, "--json")
    demo = mooring("demo", "--bars", market_data / "binance", "--no-open", *which)
    shown = answer(demo)
    tested = answer(mooring("backtest", "--data", market_data / "binance", "--plain", *which))
    assert shown["verified"]
    assert shown["made_up_prices"] is False
    assert "ade-up" not in demo.stdout + demo.stderr
    assert shown["decision_hash"] == tested["decision_hash"]
    assert shown["state_hash"] == tested["state_hash"]
    assert shown["equity"] == tested["final_equity"]
    assert shown["max_drawdown"] == pytest.approx(tested["max_drawdown"], abs=1e-4)
    for count in ("orders", "fills", "decisions", "signals"):
        assert shown[count] == tested.get(count, shown[count]), count


def test_live_is_rehearsed_with_orders_at_a_look_alike_and_its_books_are_the_daemons() -> None:
    said = mooring("demo", "--live", "--hours", 4, "--json", MOORING_VENUE__REST_URL="https://api.kraken.com")
    figures = answer(said)
    assert said.returncode == 0, said.stderr
    assert figures["books_equal"] is True
    assert figures["differences"] == []
    assert figures["verified"] is True
    assert figures["sent"] >= figures["filled"] > 0
    assert figures["unknown"] == figures["resolved"] > 0, "an answer is lost on purpose"
    assert figures["open_after_kill"] == 0
    assert figures["made_up_prices"] is True
    assert "look-alike on this machine" in said.stderr
    assert "Made-up prices" in said.stderr


def test_live_takes_no_home_and_no_bars_of_anybody(home: Path) -> None:
    said = mooring("demo", "--live", "--home", home, "--bars", home, "--json")
    assert said.returncode == 2
    assert answer(said)["error"]["code"] == "not_with_live"
    assert not any(home.iterdir())


def test_one_flipped_byte_of_a_ledger_row_is_found_and_named(told: Told) -> None:
    path = told.home / "data" / "mooring.db"
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        seq, hashes, account = connection.execute(
            "SELECT seq, prev_hash || parent_hash || row_hash, account FROM ledger ORDER BY seq LIMIT 1 OFFSET 5"
        ).fetchone()
    finally:
        connection.close()
    good = mooring("--home", told.home, "db", "check")
    data = bytearray(path.read_bytes())
    data[data.index(account.encode(), data.index(hashes.encode()))] ^= 0x01
    path.write_bytes(data)
    bad = mooring("--home", told.home, "db", "check")
    as_json = mooring("--home", told.home, "db", "check", "--json")
    assert good.returncode == 0
    assert bad.returncode == as_json.returncode == 6
    assert f"ledger row {seq}" in bad.stderr
    assert "Traceback" not in bad.stderr
    report = json.loads(as_json.stdout)
    assert report["ok"] is False
    assert [(b["table"], b["seq"], b["column"]) for b in report["breaks"]] == [("ledger", seq, "account")]
