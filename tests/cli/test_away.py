"""What commands say where no daemon answers: off, off for a reason, and the worst of the three, there and silent."""

from __future__ import annotations

import errno
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mooring.control_api.client import Client
from mooring.daemon import kill_press, kill_request
from mooring.daemon.instance import InstanceLock
from mooring.daemon.supervision import attention
from mooring.errors import Invalid
from mooring.home import Home
from tests.support.odd_daemon import STATUS, odd_daemon

COMMANDS = [
    "pause",
    "stop",
    "cancel-all",
    "health",
    "token",
    "dashboard --print",
    "settings set risk.daily_loss_bps 300",
    "bundle list",
    "secrets rotate-token",
]


@pytest.fixture
def place(home: Path) -> Home:
    found = Home(root=home)
    found.prepare()
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_a_daemon_that_is_off_is_said_to_be_off_and_nothing_to_be_done(mooring, place: Home, command: str) -> None:
    said = mooring(*command.split())
    assert said.status == 4
    what, money, *_ = said.err.splitlines()
    assert what == "Mooring is off. Nothing is being traded."
    assert money == "Nothing of this command was done."


def test_a_kill_is_noted_for_the_next_start_where_the_daemon_is_off(mooring, place: Home) -> None:
    said = mooring("kill", "--reason", "enough")
    assert said.status == 4
    what, money, todo, *_ = said.err.splitlines()
    assert what == "Mooring is off. Nothing is being traded."
    assert money == kill_press.AT_START
    assert todo.endswith("Orders can be cancelled at Kraken itself, too.")
    assert "mooring up" in todo
    found = kill_request.read(place)
    assert found is not None
    assert (found.actor, found.reason) == ("cli", "enough")
    assert mooring("status").err.splitlines()[1] == "The kill switch is noted: the next start begins with it on."


@pytest.mark.parametrize("noted", [True, False])
def test_where_it_cannot_be_seen_whether_one_runs_what_became_of_a_kill_is_said(
    mooring, place: Home, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    """As where the home, or the lock alone, is closed to this user; "Nothing was changed" would be untrue."""
    real = os.open

    def closed(path: str | os.PathLike[str], *args: int, **more: int) -> int:
        if path == place.lock_file or (not noted and kill_request.FILE in str(path)):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **more)

    monkeypatch.setattr(os, "open", closed)
    said = mooring("kill", "--json")
    assert said.error["code"] == ("daemon_not_yours" if noted else "kill_not_noted")
    assert said.error["what"].startswith(
        "Whether Mooring runs" if noted else "The kill switch was not pressed. Whether"
    )
    assert said.error["money"].startswith(kill_press.WHEN_ABLE if noted else "It could not be noted in the home either")
    assert said.error["todo"].endswith("Orders can be cancelled at Kraken itself, too.")
    assert kill_request.is_asked(place) is noted


def test_a_kill_is_noted_where_a_daemon_runs_and_does_not_answer(mooring, place: Home) -> None:
    with InstanceLock(place, pid=4711):
        said = mooring("kill", "--json")
    assert (said.status, said.error["code"]) == (4, "daemon_silent")
    assert said.error["what"] == "A daemon runs (process 4711) but does not answer."
    assert said.error["money"].endswith(kill_press.WHEN_ABLE)
    assert "mooring down" in said.error["todo"]
    assert kill_request.is_asked(place)


def test_a_kill_that_was_asked_and_not_answered_is_noted_too(mooring, place: Home) -> None:
    with odd_daemon(place, {"/v1/kill-switch": 500}) as odd:
        said = mooring("kill", "--json")
        assert "POST /v1/kill-switch" in odd.asked
    assert (said.status, said.error["code"]) == (4, "strange_answer")
    assert said.error["money"] == kill_press.TAKEN_UP
    assert kill_request.is_asked(place)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_kill_whose_answer_nobody_waited_for_is_noted(
    mooring, place: Home, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def connect(*_: Any, **__: Any) -> Client:
        signal.raise_signal(number)
        raise AssertionError

    monkeypatch.setattr(Client, "connect", connect)
    before = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    began = signal.signal(number, before)  # who started the suite may have had it ignored
    try:
        said = mooring("kill", "--reason", "enough", "--json")
        assert signal.getsignal(number) is before
    finally:
        signal.signal(number, began)
    assert (said.status, said.error["code"]) == (4, "kill_not_awaited")
    assert said.error["money"] == kill_press.TAKEN_UP
    found = kill_request.read(place)
    assert found is not None
    assert found.reason == "enough"


def test_a_kill_that_waits_is_said_beside_what_the_daemon_says_of_itself(mooring, place: Home) -> None:
    with odd_daemon(place, {"/v1/status": STATUS}):
        assert mooring("status").err == ""
        kill_request.leave(place, actor="cli", reason="", now=1)
        assert mooring("status").err.splitlines() == [kill_press.NOT_YET]


def test_a_kill_in_a_home_that_no_daemon_ever_had_is_not_said_to_be_noted(mooring, home: Path) -> None:
    said = mooring("kill", "--json")
    assert (said.status, said.error["code"]) == (4, "kill_not_noted")
    assert "the next start begins without it" in said.error["money"]
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("command", [*COMMANDS, "settings show", "onboard kraken --status", "status"])
def test_one_that_holds_the_home_and_does_not_answer_is_never_said_to_be_off(mooring, place: Home, command) -> None:
    with InstanceLock(place, pid=4711):
        said = mooring(*command.split(), "--json")
        assert said.status == 4
        assert said.error["code"] == "daemon_silent"
        assert said.error["what"] == "A daemon runs (process 4711) but does not answer."
        assert "It may be trading, with real orders where it was armed" in said.error["money"]
        assert ("Nothing of this command was done." in said.error["money"]) is (command != "status")
        assert "mooring down" in said.error["todo"]
        assert "off" not in mooring(*command.split()).out


def test_what_keeps_it_from_running_is_said_by_every_command(mooring, place: Home) -> None:
    wrong = Invalid("bad_setting", "A setting is wrong.", money="Nothing was sent.", todo="Correct it.")
    attention.write(place, wrong, datetime(2024, 1, 5, tzinfo=UTC), {})
    for command in ("status", "kill"):
        said = mooring(command, "--json")
        assert (said.status, said.error["code"]) == (4, "needs_attention")
        assert said.error["what"] == "Mooring is off: A setting is wrong."
        assert said.error["todo"].startswith("Correct it.")


def test_one_of_another_version_is_not_said_to_be_silent(mooring, place: Home) -> None:
    with odd_daemon(place, {"/healthz": 500}):
        assert mooring("status", "--json").error["code"] != "daemon_silent"


class _Gone(dict[str, Any]):
    """Answers of a daemon that goes while one waits for what it was asked for: no answer at all."""

    def get(self, path: str, default: Any = None) -> Any:
        if path.startswith("/v1/operations/"):
            raise ConnectionError
        return super().get(path, default)


@pytest.mark.parametrize("command", ["bundle check", "bundle update --yes"])
def test_what_was_taken_before_the_daemon_went_is_not_said_to_be_left_undone(mooring, place: Home, command) -> None:
    operation = {"id": "op", "kind": "bundle_check", "state": "running", "created_at": "2024-01-05T00:00:00Z"}
    with odd_daemon(place) as odd:
        odd.answers = _Gone({"/v1/bundles/check": operation})
        said = mooring(*command.split(), "--json")
        assert odd.asked[-2:] == ["POST /v1/bundles/check", "GET /v1/operations/op"]
    assert (said.status, said.error["code"]) == (4, "daemon_silent")
    assert "Nothing of this command" not in said.error["money"]
    assert said.error["money"].endswith("taken before; it may have been done or not.")


def test_settings_that_are_all_at_their_defaults_are_said_to_be(mooring, place: Home) -> None:
    said = mooring("settings", "show")
    assert said.status == 0
    assert "Every setting is at its default" in said.out
    place.settings_file.write_text("[risk]\ndaily_loss_bps = 200\n")
    shown = mooring("settings", "show").out
    assert shown.startswith("risk.daily_loss_bps  200")
    assert "default" not in shown


def test_a_home_without_a_log_says_so(mooring, place: Home) -> None:
    said = mooring("logs")
    assert (said.status, said.out) == (0, "")
    assert said.err == f"There is no log of a daemon in {place.logs_dir} yet.\n"
    place.log_file.write_text(json.dumps({"event": "daemon_started"}) + "\n")
    assert mooring("logs").err == ""


def test_a_time_that_is_none_is_answered_with_one_that_would_do(mooring, place: Home) -> None:
    said = mooring("replay", "hour", "--hour", "soon", "--json")
    assert (said.status, said.error["todo"]) == (2, "Write it like 2024-01-05T07:00.")
