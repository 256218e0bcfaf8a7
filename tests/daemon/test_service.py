"""The daemon as a child process: starts that fail say why, two starts are one, and an end is waited for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mooring.daemon import service
from mooring.daemon.instance import InstanceLock, holder
from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, Unreachable, Unverified
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock


class Hurried(SystemClock):
    """Every look at it is a second later, so that no test waits for a deadline."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def monotonic(self) -> float:
        self._seconds += 1.0
        return self._seconds

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        return False


def child(home: Home, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `up` start this code instead of a daemon; its standard output is the boot log."""

    def start(_: Home, boot_log: Path) -> subprocess.Popen[bytes]:
        with boot_log.open("wb") as file:
            process = subprocess.Popen([sys.executable, "-c", code], stdout=file, stderr=file)
        process.wait(30)
        return process

    monkeypatch.setattr(service, "_start", start)


def error_line(code: str) -> str:
    return json.dumps({"error": {"code": code, "what": "It did not.", "money": "", "todo": "Do that.", "exit_code": 0}})


@pytest.mark.parametrize(
    ("status", "kind"), [(2, Invalid), (3, Denied), (6, Unverified), (7, Conflict), (1, Halt), (99, Halt)]
)
def test_error_of_the_daemon_is_passed_on_with_its_kind(
    home: Home, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[MooringError]
) -> None:
    child(home, f"print('noise'); print({error_line('a_reason')!r}); raise SystemExit({status})", monkeypatch)
    with pytest.raises(kind) as caught:
        service.up(home, lambda: False, SystemClock())
    assert (caught.value.code, caught.value.what, caught.value.todo) == ("a_reason", "It did not.", "Do that.")
    assert "Nothing is being traded" in caught.value.money


@pytest.mark.parametrize("code", ["raise RuntimeError('boom')", "", "print('[]')", "print('{\"error\": 3}')"])
def test_daemon_that_says_nothing_of_use_is_reported_with_its_log(
    home: Home, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    child(home, code, monkeypatch)
    with pytest.raises(Halt) as caught:
        service.up(home, lambda: False, SystemClock())
    assert caught.value.code == "daemon_did_not_start"
    assert str(home.logs_dir / "boot.log") in caught.value.todo


def test_where_another_start_was_sooner_its_daemon_is_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.prepare()
    lock = InstanceLock(home, pid=4321)

    def start(_: Home, boot_log: Path) -> subprocess.Popen[bytes]:
        lock.__enter__()
        process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
        process.wait(30)
        return process

    monkeypatch.setattr(service, "_start", start)
    answers = iter([False, False, True])
    try:
        assert service.up(home, lambda: next(answers), SystemClock()) == 4321
    finally:
        lock.__exit__(None, None, None)


def test_running_daemon_is_not_started_twice(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.prepare()
    monkeypatch.setattr(service, "_start", lambda *_: pytest.fail("started a second one"))
    with InstanceLock(home, pid=4321):
        assert service.up(home, lambda: True, SystemClock()) == 4321


def test_daemon_that_never_answers_is_unreachable_and_may_be_trading(home: Home) -> None:
    home.prepare()
    with InstanceLock(home, pid=4321), pytest.raises(Unreachable) as caught:
        service.up(home, lambda: False, Hurried())
    assert caught.value.code == "daemon_slow"
    assert "may be trading" in caught.value.money


def test_boot_log_is_private_and_a_link_in_its_place_is_not_followed(home: Home, tmp_path: Path) -> None:
    home.prepare()
    (home.logs_dir / "boot.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MooringError):
        service.up(home, lambda: False, SystemClock())
    assert not (tmp_path / "elsewhere").exists()


def test_down_where_none_runs_says_so(home: Home) -> None:
    assert service.down(home, SystemClock()) is False


HOLDER = """
import signal, sys, threading
from pathlib import Path
from mooring.daemon.instance import InstanceLock
from mooring.home import Home
stop = threading.Event()
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
with InstanceLock(Home(root=Path(sys.argv[1]))):
    print("held", flush=True)
    stop.wait(60)
"""


@pytest.mark.parametrize("manner", ["obedient", "deaf"])
def test_down_asks_the_holder_to_end_and_waits_until_it_has(home: Home, manner: str) -> None:
    home.prepare()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.root), manner], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"held\n"
        assert holder(home) == process.pid
        if manner == "obedient":
            assert service.down(home, SystemClock()) is True
            assert process.wait(30) == 0
        else:
            with pytest.raises(Halt) as caught:
                service.down(home, Hurried())
            assert caught.value.code == "daemon_stuck"
            assert str(process.pid) in caught.value.what
            assert process.poll() is None, "it is never ended by force"
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        process.stdout.close()


def test_down_never_signals_a_process_group_while_a_daemon_is_just_starting(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.prepare()
    monkeypatch.setattr(os, "kill", lambda pid, _: pytest.fail(f"signalled {pid}"))
    with InstanceLock(home, pid=0), pytest.raises(Halt):
        service.down(home, Hurried())
