"""What is wrong is refused with its status and the next step, before anything is done."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.support.core import START

HOURS = 48


def write_bars(directory: Path, symbol: str = "AAA-USD", **over: list[float]) -> Path:
    """An hour file as an archive has it."""
    closes = [100.0 + n % 7 for n in range(HOURS)]
    columns: dict[str, list[float] | list[int]] = {
        "ts": [START + 3600 * n for n in range(HOURS)],
        "open": closes,
        "high": [c + 1 for c in closes],
        "low": [c - 1 for c in closes],
        "close": closes,
        "volume": [10.0] * HOURS,
    }
    path = directory / symbol / "1h.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame(columns | over).write_parquet(path)
    return path


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--hours", "0"], "bad_range"),
        (["--hours", "-1"], "bad_range"),
        (["--hours", "1000001"], "bad_range"),
        (["--hours", "many"], "usage"),
        (["--speed", "0"], "bad_speed"),
        (["--speed", "-3"], "bad_speed"),
        (["--speed", "fast"], "bad_speed"),
        (["--speed", "nan"], "bad_speed"),
        (["--speed", "inf"], "bad_speed"),
        (["--from", "yesterday"], "bad_time"),
        (["--from", "2021-02-30"], "bad_time"),
        (["--from", "0001-01-01"], "bad_time"),
        (["--from", "9999-12-31"], "bad_time"),
        (["--symbols", ""], "bad_symbol"),
        (["--symbols", "btc"], "bad_symbol"),
        (["--symbols", "BTC-USDT,BTC-USDT"], "bad_setting"),
        (["--symbols", "BTC-USDT,ETH-EUR"], "bad_setting"),
        (["--seed", "-1"], "bad_setting"),
        (["--nonsense"], "usage"),
    ],
)
def test_demo_refuses_with_2(mooring, home: Path, given: list[str], code: str) -> None:
    said = mooring("demo", "--json", *given)
    assert said.status == 2
    assert said.error["code"] == code
    assert not (home / "data" / "mooring.db").exists()


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        (["--symbols", "NOPE-USD"], 5, "no_bars"),
        (["--symbols", "AAA-USD", "--to", "2021-05-13", "--hours", "5"], 2, "bad_range"),
        (["--symbols", "AAA-USD", "--hours", "0"], 2, "bad_range"),
        (["--symbols", "AAA-USD", "--hours", "-1"], 2, "bad_range"),
        (["--symbols", "AAA-USD", "--from", "2035-01-01"], 2, "empty_range"),
        (["--symbols", "AAA-USD", "--from", "2021-05-13", "--to", "2021-05-12"], 2, "empty_range"),
        (["--symbols", "AAA-USD", "--from", "x"], 2, "bad_time"),
        (["--symbols", "AAA-USD", "--to", "x"], 2, "bad_time"),
        (["--symbols", "AAA"], 2, "bad_symbol"),
        ([], 2, "usage"),
    ],
)
def test_backtest_refuses(mooring, home: Path, tmp_path: Path, given: list[str], status: int, code: str) -> None:
    write_bars(tmp_path)
    said = mooring("backtest", "--data", tmp_path, "--plain", "--json", *given)
    assert said.status == status
    assert said.error["code"] == code


def test_backtest_of_the_good_file_works_so_that_the_refusals_mean_something(
    mooring, home: Path, tmp_path: Path
) -> None:
    write_bars(tmp_path)
    said = mooring("backtest", "--data", tmp_path, "--symbols", "AAA-USD", "--plain", "--json")
    assert said.status == 0, said.out
    assert said.answer["bars"] == HOURS


@pytest.mark.parametrize("command", [["backtest", "--plain", "--data"], ["demo", "--hours", "5", "--bars"]])
@pytest.mark.parametrize(
    "damage", ["truncated", "text", "empty", "not a number", "infinite", "no column", "time twice"]
)
def test_damaged_bars_are_refused_and_the_file_is_named(
    mooring, home: Path, tmp_path: Path, command: list[str], damage: str
) -> None:
    closes = [100.0] * HOURS
    if damage == "not a number":
        path = write_bars(tmp_path, close=[*closes[:7], float("nan"), *closes[8:]])
    elif damage == "infinite":
        path = write_bars(tmp_path, high=[*closes[:7], float("inf"), *closes[8:]])
    elif damage == "time twice":
        path = write_bars(tmp_path, ts=[START] * HOURS)
    else:
        path = write_bars(tmp_path)
        data = path.read_bytes()
        if damage == "no column":
            pl.read_parquet(path).drop("volume").write_parquet(path)
        else:
            path.write_bytes({"truncated": data[: len(data) // 2], "text": b"date,open\n", "empty": b""}[damage])
    said = mooring(*command, tmp_path, "--symbols", "AAA-USD", "--json")
    assert said.status == 2
    assert str(path) in said.error["what"]


@pytest.mark.parametrize("directory", ["nowhere", "a file"])
def test_no_directory_of_bars_is_not_found(mooring, home: Path, tmp_path: Path, directory: str) -> None:
    (tmp_path / "a file").write_text("x")
    said = mooring("demo", "--bars", tmp_path / directory, "--hours", "3", "--json")
    assert (said.status, said.error["code"]) == (5, "no_bars_dir")


@pytest.mark.parametrize("command", [["demo", "--hours", "3"], ["run"], ["up"]])
@pytest.mark.parametrize("kind", ["a file", "in a file", "too long"])
def test_home_that_cannot_be_one_is_refused(mooring, tmp_path: Path, command: list[str], kind: str) -> None:
    (tmp_path / "file").write_text("x")
    homes = {"a file": tmp_path / "file", "in a file": tmp_path / "file" / "home", "too long": tmp_path / ("x" * 300)}
    said = mooring(*command, "--home", homes[kind], "--json")
    assert (said.status, said.error["code"]) == (2, "home_unusable")
    assert "no order was sent" in said.error["money"]


def test_home_too_long_for_its_socket_is_refused(mooring, tmp_path: Path) -> None:
    said = mooring("demo", "--hours", "3", "--home", tmp_path / ("d" * 100), "--json")
    assert (said.status, said.error["code"]) == (2, "home_path_too_long")


@pytest.mark.parametrize(
    "command", [["demo", "--hours", "3"], ["run"], ["backtest", "--symbols", "A-B", "--data", "."]]
)
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[risk\n", "broken_settings_file"),
        ("[risk]\ndaily_loss_bps = 999999\n", "bad_setting"),
        ("[risk]\ndaily_loss = 1\n", "unknown_setting"),
        ("[api]\nport = 80\n", "bad_setting"),
    ],
)
def test_wrong_settings_file_is_refused(mooring, home: Path, command: list[str], text: str, code: str) -> None:
    home.chmod(0o700)
    (home / "settings.toml").write_text(text)
    (home / "settings.toml").chmod(0o600)
    said = mooring(*command, "--json")
    assert (said.status, said.error["code"]) == (2, code)
    assert "settings.toml" in said.error["what"]


def test_variable_out_of_bounds_is_refused_and_named(mooring, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_RISK__MAX_OPEN_POSITIONS", "1000")
    said = mooring("demo", "--hours", "3", "--json")
    assert (said.status, said.error["code"]) == (2, "bad_setting")
    assert "MOORING_RISK__MAX_OPEN_POSITIONS" in said.error["what"]


def test_unknown_variable_is_refused(mooring, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_RISK__MAX_OPEN_POSITION", "3")
    said = mooring("demo", "--hours", "3", "--json")
    assert (said.status, said.error["code"]) == (2, "unknown_setting")


def test_live_in_the_settings_is_denied_before_keychain_and_database_are_touched(
    mooring, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("mooring.daemon.vaults.KeyringVault", lambda **_: asked.append("keychain"))
    monkeypatch.setenv("MOORING_TRADING__MODE", "live")
    said = mooring("run", "--json")
    assert (said.status, said.error["code"]) == (3, "live_needs_kraken")
    assert asked == []
    assert not (home / "data" / "mooring.db").exists()
    assert not (home / "run" / "daemon.lock").exists()


@pytest.mark.parametrize("name", ["missing", "x" * 300])
def test_database_that_is_not_there_is_not_found(mooring, tmp_path: Path, name: str) -> None:
    said = mooring("db", "check", "--home", tmp_path / name, "--json")
    assert (said.status, said.error["code"]) == (5, "no_database")


def test_database_that_is_none_does_not_verify(mooring, home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    (home / "data" / "mooring.db").write_bytes(b"this is no database" * 100)
    said = mooring("db", "check", "--json")
    assert (said.status, said.answer["ok"]) == (6, False)
    (found,) = said.answer["breaks"]
    assert found["what"] == f"{home}/data/mooring.db is not a database of Mooring."


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "health",
        "start",
        "stop",
        "pause",
        "resume",
        "kill",
        "release",
        "scan",
        "cancel-all",
        "token",
        "mode paper",
    ],
)
def test_commands_to_a_daemon_that_is_off_end_with_4(mooring, home: Path, command: str) -> None:
    said = mooring(*command.split(), "--json")
    assert said.status == 4
    assert "mooring up" in said.error["todo"]
    code = "kill_not_noted" if command == "kill" else "daemon_not_reachable"  # no home to note it in, either
    assert mooring(*command.split()).err.rstrip().endswith(f"({code})")


def test_without_json_an_error_is_said_on_stderr_with_its_code_last(mooring, home: Path) -> None:
    said = mooring("demo", "--hours", "0")
    assert said.out == ""
    assert said.err.splitlines() == ["--hours must be 1 to 1000000.", "Give a number of hours.", "(bad_range)"]
