"""What the system is told while the daemon trades. macOS itself was never there to hear it; its runtime has a stand-in."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mooring.daemon.activity import Working, activities
from mooring.daemon.app_activity import ALLOWING_SLEEP, AppActivity, Runtime
from mooring.daemon.keep_awake import KeepAwake, awake_line
from tests.daemon.daemons import running

STUB = Path(__file__).with_name("objc_stub.c")


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


@pytest.fixture(scope="module")
def objc(tmp_path_factory) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("objc") / "libobjc.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(STUB)], check=True, timeout=60)
    return str(library)


def told(objc: str) -> list[str]:
    stub = ctypes.CDLL(objc).stub_told
    stub.restype = ctypes.c_char_p
    return stub().decode().splitlines()


def test_an_activity_is_begun_kept_and_ended_with_whole_pointers(objc):
    activity = AppActivity("Mooring is trading", lambda: Runtime(objc, objc))
    before = len(told(objc))
    activity.end()
    activity.begin()
    activity.end()
    activity.end()
    assert told(objc)[before:] == [
        "begin Mooring is trading efffff",
        "retain  123456789abcdef0",
        "pop  7fedcba987654321",
        "end info 123456789abcdef0",
        "release  123456789abcdef0",
        "pop  7fedcba987654321",
    ]


def test_it_asks_not_to_be_slowed_down_and_lets_the_machine_sleep():
    assert ALLOWING_SLEEP & (1 << 20) == 0
    assert ALLOWING_SLEEP & (1 << 14), "sudden termination"
    assert ALLOWING_SLEEP & (1 << 15), "automatic termination"


def test_a_system_that_gives_none_is_said_and_leaves_its_pool(objc):
    before = len(told(objc))
    with pytest.raises(OSError, match="no activity"):
        Runtime(objc, objc).begin(1, "refused")
    assert told(objc)[before:] == ["begin refused 1", "pop  7fedcba987654321"]


def test_a_machine_without_these_libraries_says_so():
    with pytest.raises(OSError, match="none"):
        Runtime("/none/libobjc.so", "/none/Foundation")


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
