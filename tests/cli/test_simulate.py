"""`mooring simulate kraken` as a person starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def simulator(*options: object) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    words = [sys.executable, "-m", "mooring", "simulate", "kraken", "--symbols", "BTC-USD", *map(str, options)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline() or "{}")
    finally:
        process.kill()
        process.communicate()


def get(said: dict[str, str], path: str) -> dict:
    with urllib.request.urlopen(said["rest"] + path, timeout=30) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_line_says_where_and_with_which_key_and_a_signal_ends_it_with_0(number: signal.Signals) -> None:
    with simulator("--speed", 0, "--seed", 7) as (process, said):
        assert set(said) == {"rest", "ws", "ws_auth", "api_key", "api_secret"}
        assert said["rest"].startswith("http://127.0.0.1:")
        assert get(said, "/0/public/Time")["result"]["unixtime"] == 1706659200
        process.send_signal(number)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_same_seed_gives_the_same_key_and_prices_and_another_others() -> None:
    seen = []
    for seed in (7, 7, 8):
        with simulator("--speed", 0, "--seed", seed) as (_, said):
            seen.append((said["api_key"], said["api_secret"], get(said, "/0/public/OHLC?pair=XBTUSD")))
    assert seen[0] == seen[1]
    assert seen[0][0] != seen[2][0]
    assert seen[0][2] != seen[2][2]


def test_a_scenario_recorded_prices_and_a_port(tmp_path: Path, market_data: Path) -> None:
    (tmp_path / "faults.toml").write_text('[[fault]]\nkind = "error"\nmatch = "rest:Time"\ntext = "EService:Busy"\n')
    options = ("--faults", tmp_path / "faults.toml", "--data", market_data / "kraken", "--speed", 0)
    with simulator(*options) as (_, said):
        assert get(said, "/0/public/Time") == {"error": ["EService:Busy"]}
        port = said["rest"].rpartition(":")[2]
        with simulator("--port", port) as (second, nothing):
            assert nothing == {}
            assert second.wait(30) == 7
            assert second.stderr is not None
            assert "port_taken" in second.stderr.read()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--speed", "-1"], "bad_simulation"),
        (["--speed", "nan"], "bad_simulation"),
        (["--port", "70000"], "bad_simulation"),
        (["--seed", "-1"], "bad_simulation"),
        (["--tier", "gold"], "bad_simulation"),
        (["--rights", "query-funds,fly"], "bad_simulation"),
        (["--balance", "USD"], "bad_simulation"),
        (["--balance", "USD=1e5"], "bad_simulation"),
        (["--from", "2024-01-01T00:30"], "bad_simulation"),
        (["--symbols", "BTC-USD,BTC-USD"], "bad_simulation"),
        (["--symbols", "bitcoin"], "bad_symbol"),
        (["--faults", "/nowhere.toml"], "bad_scenario"),
        (["--data", "/nowhere"], "no_bars_dir"),
    ],
)
def test_options_that_are_wrong_are_refused(mooring, options: list[str], code: str) -> None:
    said = mooring("simulate", "kraken", "--json", *options)
    assert said.error["code"] == code
    assert said.status == said.error["exit_code"]
