from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mooring.daemon.doctor import CheckResult, Probes, free_bytes, missing_packages, run_checks
from mooring.daemon.instance import InstanceLock
from mooring.errors import Denied, Invalid, Unverified
from mooring.home import Home
from mooring.settings import Settings

WELL = Probes(
    keychain=lambda: "keyring.backends.macOS",
    database=lambda: "12 rows, chain intact.",
    now=lambda: datetime(2026, 11, 21, tzinfo=UTC),
    free=lambda path: 5 * 1024**3,
    python=lambda: (3, 12, 1),
    missing=lambda: (),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home")
    made.prepare()
    return made


def checked(home: Home, settings: Any = None, **probes: Any) -> dict[str, CheckResult]:
    results = run_checks(home, settings or Settings(), probes=replace(WELL, **probes))
    assert results
    assert all(bool(result.fix) == (result.state != "ok") for result in results)
    assert all(result.detail for result in results)
    return {result.name: result for result in results}


def raising(error: Exception) -> Any:
    def probe(*_args: object) -> Any:
        raise error

    return probe


def test_a_healthy_machine_passes_every_check(home: Home) -> None:
    results = checked(home)
    names = ["python", "packages", "clock", "home", "disk", "settings", "instance", "keychain", "database"]
    assert list(results) == names
    assert {result.state for result in results.values()} == {"ok"}
    assert "keyring.backends.macOS" in results["keychain"].detail
    assert results["database"].detail == "12 rows, chain intact."


def test_a_home_that_does_not_exist_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "later")
    assert checked(home)["home"].state == "ok"
    assert not home.root.exists()


def test_an_open_directory_is_a_warning_with_the_command_that_closes_it(home: Home) -> None:
    home.data_dir.chmod(0o755)
    result = checked(home)["home"]
    assert result.state == "warn"
    assert result.fix == f"Run: chmod 700 '{home.data_dir}'"


def test_a_file_in_the_homes_place_fails(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("x")
    assert checked(Home(root=tmp_path / "home"))["home"].state == "fail"


def test_a_home_too_long_for_its_socket_fails(tmp_path: Path) -> None:
    assert checked(Home(root=tmp_path / ("a" * 120)))["home"].state == "fail"


@pytest.mark.parametrize(("free", "state"), [(1024**3, "ok"), (1024**3 - 1, "warn"), (200 * 1024**2 - 1, "fail")])
def test_little_room_on_the_disk_warns_and_then_fails(free: int, state: str, home: Home) -> None:
    assert checked(home, free=lambda path: free)["disk"].state == state


@pytest.mark.parametrize(
    ("year", "state"), [(1970, "fail"), (2025, "fail"), (2026, "ok"), (2099, "ok"), (2100, "fail")]
)
def test_a_clock_before_the_build_or_far_ahead_fails(year: int, state: str, home: Home) -> None:
    assert checked(home, now=lambda: datetime(year, 6, 1, tzinfo=UTC))["clock"].state == state


@pytest.mark.parametrize(
    ("version", "state"), [((3, 10, 9), "fail"), ((3, 11, 0), "ok"), ((3, 13, 9), "ok"), ((3, 14, 0), "fail")]
)
def test_only_supported_pythons_pass(version: tuple[int, int, int], state: str, home: Home) -> None:
    assert checked(home, python=lambda: version)["python"].state == state


def test_a_missing_package_is_named(home: Home) -> None:
    result = checked(home, missing=lambda: ("uvicorn",))["packages"]
    assert (result.state, "uvicorn" in result.detail) == ("fail", True)


def test_broken_settings_fail_with_their_own_next_step(home: Home) -> None:
    result = checked(home, Invalid("bad_setting", "risk.daily_loss_bps is 9.", todo="Correct it."))["settings"]
    assert (result.state, result.detail, result.fix) == ("fail", "risk.daily_loss_bps is 9.", "Correct it.")


def test_no_keychain_fails_and_the_other_checks_go_on(home: Home) -> None:
    results = checked(home, keychain=raising(Denied("no_keychain", "None answers.", todo="Sign in.")))
    assert (results["keychain"].state, results["keychain"].fix) == ("fail", "Sign in.")
    assert results["database"].state == "ok"


def test_a_broken_chain_fails(home: Home) -> None:
    results = checked(home, database=raising(Unverified("bad_row", "Row 7 does not match.", todo="Keep the file.")))
    assert (results["database"].state, results["database"].detail) == ("fail", "Row 7 does not match.")


def test_a_check_that_fails_itself_shows_no_text_of_its_error(home: Home) -> None:
    result = checked(home, keychain=raising(RuntimeError("password=hunter2")))["keychain"]
    assert result.state == "fail"
    assert "RuntimeError" in result.detail
    assert "hunter2" not in result.detail + result.fix


def test_a_running_daemon_is_named(home: Home) -> None:
    with InstanceLock(home, pid=4242):
        assert "4242" in checked(home)["instance"].detail
    assert "No daemon" in checked(home)["instance"].detail


def test_the_real_probes_answer_here(tmp_path: Path) -> None:
    assert missing_packages() == ()
    assert free_bytes(tmp_path / "not" / "there") > 0


def test_an_application_whose_parts_have_no_names_is_not_called_lacking(monkeypatch, home: Home) -> None:
    monkeypatch.setattr("sys.frozen", True, raising=False)
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["no-such-package>=1"])
    said = checked(home)["packages"]
    assert (said.state, "selftest" in said.detail) == ("ok", True)
    monkeypatch.delattr("sys.frozen")
    assert missing_packages() == ("no-such-package",)
