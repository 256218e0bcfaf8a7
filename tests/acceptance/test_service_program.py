"""The daemon in the background under a real keychain: every command, every word, and no token where none belongs."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.program import answer, mooring, short_home
from tests.support.keyring_session import keyring_session, why_not

OFF = "Mooring is off. Nothing is being traded."
pytestmark = [pytest.mark.keyring, pytest.mark.xdist_group("service")]


@pytest.fixture(scope="module")
def day() -> Iterator[dict[str, Any]]:
    """The facts of the scenario, which is run once."""
    if why_not():
        pytest.skip(why_not())
    with short_home() as home, keyring_session() as session:
        code = f"from tests.acceptance.keychain_scenario import main; main({str(home)!r})"
        done = session.run(code, timeout=120)
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)


def told(fact: dict[str, Any]) -> dict[str, Any]:
    value = json.loads(fact["out"])
    assert isinstance(value, dict)
    return value


def test_before_it_is_started_it_is_off_and_nothing_can_be_told_it(day: dict[str, Any]) -> None:
    assert day["status before"]["status"] == 4
    assert day["status before"]["err"].startswith(OFF)
    assert "mooring up" in day["status before"]["err"]
    assert told(day["status before, json"])["error"]["what"] == OFF
    assert day["kill before"]["status"] == 4
    assert day["down before"]["status"] == 0


def test_up_starts_one_daemon_and_a_second_up_finds_it(day: dict[str, Any]) -> None:
    assert day["up"]["status"] == day["up again"]["status"] == 0, day["up"]["err"]
    assert day["up"]["out"].startswith("Paper trading. No real orders can leave this ")
    assert day["pid"] == day["pid again"] == told(day["up again"])["pid"]
    assert told(day["up again"])["word"] == "Paper"
    assert told(day["up again"])["made_up_prices"] is True


def test_second_run_is_refused_and_names_the_first(day: dict[str, Any]) -> None:
    assert day["second run"]["status"] == 7
    assert f"process {day['pid']}" in day["second run"]["err"]
    assert "mooring status" in day["second run"]["err"]


def test_control_file_is_private_and_has_no_token_in_it(day: dict[str, Any]) -> None:
    assert set(day["control"]) == {"pid", "started_at", "version", "url", "socket"}
    assert day["control"]["url"].startswith("http://127.0.0.1:")
    assert day["modes"] == {
        "control.json": stat.S_IRUSR | stat.S_IWUSR,
        "control.sock": stat.S_IRUSR | stat.S_IWUSR,
        "run": stat.S_IRWXU,
    }


def test_token_is_in_the_keychain_while_it_runs_is_new_at_each_start_and_is_gone_after(day: dict[str, Any]) -> None:
    assert day["master length"] >= 43, "256 bits in base64"
    assert day["token is new"] is True
    assert day["token after down"] is False
    assert day["tcp old token"]["status"] == 401


def test_no_token_is_in_files_logs_arguments_environment_or_output(day: dict[str, Any]) -> None:
    assert day["places_looked_at"] > 5
    assert day["seen"] == []


def test_scopes_of_tokens_over_tcp(day: dict[str, Any]) -> None:
    assert day["tcp healthz"] == {"status": 200, "body": {"status": "ok"}}
    assert day["tcp without token"]["status"] == day["tcp wrong token"]["status"] == 401
    assert day["tcp read status"]["status"] == 200
    assert day["tcp read kill"]["status"] == 403
    assert day["tcp control kill"]["status"] == 200
    assert day["tcp read status after"]["body"]["word"] == "Killed"
    assert day["tcp control release"]["body"]["word"] == "Paper"
    assert [day[f"tcp {which} arm"]["status"] for which in ("read", "control", "master")] == [403, 403, 403]
    assert day["token secrets"]["status"] == 2


def test_controls_change_the_state_and_its_sentence(day: dict[str, Any]) -> None:
    assert day["pause"]["out"].startswith("Paused by you at ")
    assert ": lunch. Exits still work." in day["pause"]["out"]
    assert told(day["paused"])["word"] == "Paused"
    assert told(day["resume"])["word"] == "Paper"
    assert told(day["cancel-all"]) == {"cancelled": 0}
    assert told(day["stop"])["word"] == "Off"
    assert told(day["stop"])["first_line"].startswith(OFF)
    assert told(day["mode shadow"])["mode"] == "shadow"
    assert told(day["start"])["word"] == "Shadow"
    assert told(day["start"])["first_line"].startswith(
        "Shadow: decisions are recorded, nothing is sent. Fills are simulated."
    )
    assert [day[name]["status"] for name in ("stop again", "mode paper", "start again")] == [0, 0, 0]


def test_what_cannot_be_done_says_so_with_its_status(day: dict[str, Any]) -> None:
    assert day["mode while running"]["status"] == 7
    assert "mooring stop" in day["mode while running"]["err"]
    assert day["mode live"]["status"] == 3
    assert told(day["mode live"])["error"]["code"] == "live_needs_kraken"
    assert day["scan"]["status"] == 7
    assert "next full hour" in day["scan"]["err"]


def test_kill_switch_is_safe_to_press_twice_and_survives_a_killed_daemon(day: dict[str, Any]) -> None:
    first, again = told(day["kill"])["kill_switch"], told(day["kill again"])["kill_switch"]
    assert first == again
    assert first["reason"] == "enough"
    after = told(day["up after SIGKILL"])
    assert after["word"] == "Killed"
    assert after["kill_switch"] == first
    assert told(day["release"])["word"] == "Paper"


def test_after_a_killed_daemon_it_is_off_and_can_be_started_again(day: dict[str, Any]) -> None:
    assert day["status after SIGKILL"]["status"] == 4
    assert day["status after SIGKILL"]["err"].startswith(OFF)
    assert day["up after SIGKILL"]["status"] == 0, day["up after SIGKILL"]["err"]


def test_a_daemon_that_does_not_answer_is_not_called_off(day: dict[str, Any]) -> None:
    silent = day["status of a silent daemon"]
    assert silent["status"] == 4
    assert OFF not in silent["err"]
    assert "may be trading" in silent["err"]


def test_doctor_health_and_database_are_well_while_it_runs(day: dict[str, Any]) -> None:
    checks = {item["name"]: item for item in told(day["doctor"])["items"]}
    assert checks["keychain"]["state"] == checks["database"]["state"] == "ok"
    assert str(day["pid"]) in checks["instance"]["detail"]
    assert {item["state"] for item in told(day["health"])["items"]} == {"ok"}
    assert day["db check"]["status"] == 0


def test_down_ends_it_in_order_and_leaves_a_database_that_holds(day: dict[str, Any]) -> None:
    assert day["down"] | {"seconds": 0} == {"status": 0, "out": "Mooring is off.\n", "err": "", "seconds": 0}
    assert day["files after down"] == ["daemon.lock"]
    assert told(day["down again"]) == {"ended": False, "orders_left": False}
    assert day["status after"]["status"] == 4
    assert told(day["db check after"])["ok"] is True


def test_up_passes_on_why_the_daemon_did_not_start(day: dict[str, Any]) -> None:
    assert day["up with bad settings"]["status"] == 2
    error = told(day["up with bad settings"])["error"]
    assert error["code"] == "bad_setting"
    assert "risk.daily_loss_bps" in error["what"]


def test_sigterm_drains_and_ends_with_0(day: dict[str, Any]) -> None:
    assert day["run and SIGTERM"] == {"status": 0, "err": ""}


def test_without_a_keychain_it_refuses_and_the_demo_still_works(home: Path) -> None:
    run = mooring("run", "--home", home)
    up = mooring("up", "--home", home, "--json")
    doctor = mooring("doctor", "--home", home, "--json")
    assert run.returncode == up.returncode == 3
    assert "no order was sent" in run.stderr
    assert "mooring demo" in run.stderr
    assert answer(up)["error"]["code"] == "no_keychain"
    assert doctor.returncode == 1
    keychain = next(item for item in answer(doctor)["items"] if item["name"] == "keychain")
    assert keychain["state"] == "fail"
    assert keychain["fix"]
    assert mooring("demo", "--no-bundle", "--hours", 3, "--home", home, "--json").returncode == 0
