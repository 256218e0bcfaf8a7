"""What the system is told while the daemon trades. macOS itself was never there to hear it."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mooring.app_activity import AppActivity
from mooring.daemon.activity import Working, activities
from mooring.daemon.keep_awake import KeepAwake, awake_line
from tests.daemon.daemons import running


class Remembers:
    """An activity that was begun and ended."""

    def __init__(self, *, failing: bool = False) -> None:
        self.told: list[str] = []
        self.failing = failing

    def begin(self) -> None:
        self.told.append("begin")
        if self.failing:
            raise OSError("there is no such library")

    def end(self) -> None:
        self.told.append("end")


@pytest.mark.parametrize(
    ("platform", "keep_awake", "kinds"),
    [
        ("darwin", False, [AppActivity]),
        ("darwin", True, [AppActivity, KeepAwake]),
        ("linux", False, []),
        ("freebsd14", True, []),
    ],
)
def test_each_system_is_told_what_it_understands(platform, keep_awake, kinds):
    assert [type(one) for one in activities(keep_awake=keep_awake, platform=platform)] == kinds


def test_a_machine_is_kept_awake_for_as_long_as_the_daemon_lives_however_it_ends():
    assert awake_line("darwin", 4711, "x") == ("/usr/bin/caffeinate", "-i", "-w", "4711")
    line = awake_line("linux", 4711, "Mooring is trading", lambda name: f"/usr/bin/{name}")
    assert line is not None
    assert line[0] == "/usr/bin/systemd-inhibit"
    assert "--what=idle:sleep" in line
    assert line[-4:] == ("/usr/bin/tail", "--pid=4711", "-f", "/dev/null")
    assert awake_line("linux", 4711, "x", lambda name: None) is None


@pytest.mark.skipif(sys.platform != "linux", reason="tail of GNU")
def test_what_keeps_it_awake_ends_with_the_process_it_was_told_of():
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    line = awake_line("linux", other.pid, "x", lambda name: f"/usr/bin/{name}")
    assert line is not None
    waiting = subprocess.Popen(line[-4:])
    other.communicate(b"\n")
    assert waiting.wait(30) == 0


def test_the_program_runs_while_it_trades():
    awake = KeepAwake(("/bin/sleep", "600"))
    awake.end()
    for _ in range(2):
        awake.begin()
        assert awake._process is not None
        pid = awake._process.pid
        os.kill(pid, 0)
        awake.end()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_one_that_ended_by_itself_is_said():
    awake = KeepAwake((sys.executable, "-c", "raise SystemExit(3)"))
    awake.begin()
    assert awake._process is not None
    awake._process.wait(30)
    with pytest.raises(OSError, match="not kept awake"):
        awake.end()


@pytest.mark.parametrize("states", [["running", "paused", "halted", "running", "stopped"], ["paused", "stopped"]])
def test_it_lasts_from_start_to_stop_over_pauses_and_halts(states):
    activity, passed = Remembers(), []
    working = Working(SimpleNamespace(status_changed=passed.append), [activity])
    for state in ["stopped", *states, states[0]]:
        working.status_changed(SimpleNamespace(state=state))
    working.end()
    working.end()
    assert activity.told == ["begin", "end", "begin", "end"]
    assert [one.state for one in passed] == ["stopped", *states, states[0]]


def test_a_system_that_fails_does_not_keep_the_daemon_from_trading():
    failing, well, passed = Remembers(failing=True), Remembers(), []
    working = Working(SimpleNamespace(status_changed=passed.append), [failing, well])
    working.status_changed(SimpleNamespace(state="running"))
    assert well.told == ["begin"]
    assert len(passed) == 1


def test_a_daemon_tells_of_its_trading_and_of_its_end(home, monkeypatch):
    activity, asked = Remembers(), []

    def made(*, keep_awake: bool) -> list[Remembers]:
        asked.append(keep_awake)
        return [activity]

    monkeypatch.setattr("mooring.daemon.app.activities", made)
    with running(home, hours=3) as it:
        assert activity.told == []
        it.client.start()
        assert activity.told == ["begin"]
    assert activity.told == ["begin", "end"]
    assert asked == [False]
