"""A daemon that another supervisor started stays in its hands; one that a person started does not become anybody's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mooring.daemon import service
from mooring.daemon.instance import holder
from mooring.daemon.supervision import attention, elsewhere, keeping
from mooring.home import Home
from mooring.programs import command_line
from mooring.runtime.market.clock import SystemClock
from tests.daemon.supervision.test_keeping import healthy, ready

__all__ = ["ready"]

CLOCK = SystemClock()
WAIT_SECONDS = 60.0


@pytest.fixture(autouse=True)
def _usual_hangup() -> Iterator[None]:
    """Whoever runs these tests may have it ignored, as by nohup, and processes that they start would too."""
    handler = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, handler)


@pytest.mark.parametrize(
    ("environ", "at_terminal", "known"),
    [
        ({}, False, False),
        ({"SUPERVISOR_ENABLED": "1"}, False, True),
        ({"SUPERVISOR_ENABLED": "1"}, True, False),
        ({"MOORING_SUPERVISOR": "other"}, False, True),
        ({"MOORING_SUPERVISOR": "other"}, True, True),
        ({"MOORING_SUPERVISOR": "launchd", "SUPERVISOR_ENABLED": "1"}, False, False),
        ({"MOORING_SUPERVISOR": "systemd"}, False, False),
    ],
)
def test_who_started_it(environ: dict[str, str], at_terminal: bool, known: bool) -> None:
    assert elsewhere.is_known(environ, at_terminal=at_terminal) is known


def test_what_stands_in_the_home_is_of_one_process_alone(ready: Home) -> None:
    assert not elsewhere.keeps(ready, 7)
    elsewhere.note(ready, 7)
    assert elsewhere.keeps(ready, 7)
    assert not elsewhere.keeps(ready, 8)
    assert not elsewhere.keeps(ready, 0)


def test_none_of_its_statuses_is_taken_for_a_wanted_end() -> None:
    assert elsewhere.AGAIN not in attention.STAY_DOWN | {0}


@contextmanager
def run(home: Home, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon as somebody else starts it, once it answers."""
    environ = {name: value for name, value in os.environ.items() if name != attention.SUPERVISORD} | more
    process = subprocess.Popen(
        command_line("--home", str(home.root), "--json", "run"),
        env=environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        noted = process.pid if elsewhere.is_known(environ, at_terminal=False) else None
        while not healthy(home)() or elsewhere.noted(home) != noted:  # which it says once it has begun
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("more", "status"), [({}, 0), ({"SUPERVISOR_ENABLED": "1"}, elsewhere.AGAIN)])
def test_where_its_terminal_goes_it_ends_in_order(ready: Home, more: dict[str, str], status: int) -> None:
    elsewhere.note(ready, 7)
    with run(ready, **more) as process:
        assert elsewhere.keeps(ready, process.pid) is bool(more)
        assert not elsewhere.keeps(ready, 7), "an id comes again, as in a container"
        process.send_signal(signal.SIGHUP)
        assert process.wait(WAIT_SECONDS) == status
    assert holder(ready) is None
    assert (elsewhere.noted(ready) == process.pid) is bool(more), "where one comes, `mooring down` waits for it"
    assert '"daemon_stopped"' in ready.log_file.read_text()


@pytest.mark.parametrize("order", [(signal.SIGHUP, signal.SIGTERM), (signal.SIGTERM, signal.SIGHUP)])
def test_one_that_is_told_to_stay_down_while_it_ends_for_another_stays_down(
    ready: Home, order: tuple[signal.Signals, ...]
) -> None:
    with run(ready, SUPERVISOR_ENABLED="1") as process:
        for number in order:
            process.send_signal(number)
        assert process.wait(WAIT_SECONDS) == 0, "with 75 its supervisor would start another one after `mooring down`"


def test_a_hangup_that_its_starter_has_ignored_is_ignored(ready: Home) -> None:
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which children are given, as by nohup
    try:
        with run(ready, SUPERVISOR_ENABLED="1") as process:
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_SECONDS) == 0, "that of a hangup is another one"
        assert elsewhere.noted(ready) is None, "it stays down"
    finally:
        signal.signal(signal.SIGHUP, handler)


def test_where_nobody_starts_it_again_restart_does(ready: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "TAKEN_UP_SECONDS", 0.2)
    with run(ready, SUPERVISOR_ENABLED="1") as process:
        keeping.restart(ready, None, healthy(ready), CLOCK, at_login=False)
        try:
            assert process.wait(WAIT_SECONDS) == elsewhere.AGAIN
            other = holder(ready)
            assert other not in (None, 0, process.pid)
            assert not elsewhere.keeps(ready, other or 0)
        finally:
            assert service.down(ready, CLOCK)


@pytest.mark.parametrize(("name", "value"), [(attention.SUPERVISORD, "1"), ("MOORING_SUPERVISOR", "other")])
def test_a_child_of_a_shell_that_another_supervisor_started_is_a_plain_child(
    ready: Home, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    pid = service.up(ready, healthy(ready), CLOCK)
    try:
        assert not elsewhere.keeps(ready, pid)
    finally:
        assert service.down(ready, CLOCK)


class Between:
    """A clock by whose second look another daemon has the home, as its supervisor started it then; ends if told."""

    def __init__(self, home: Home, *, comes: bool) -> None:
        self._home, self._comes, self._seconds = home, comes, 0.0
        self.next: subprocess.Popen[bytes] | None = None

    def monotonic(self) -> float:
        return self._seconds

    def sleep(self, seconds: float, _: threading.Event) -> None:
        if self._comes and self.next is None:
            elsewhere.note(self._home, 7)
            held = f"import time; from pathlib import Path; {HOLD.format(root=str(self._home.root))}"
            self.next = subprocess.Popen([sys.executable, "-c", held])
            while not holder(self._home):
                time.sleep(0.01)
        if self.next is not None:
            time.sleep(0.01)
        else:
            self._seconds += seconds


HOLD = (
    "from mooring.home import Home; from mooring.daemon.instance import InstanceLock; "
    "InstanceLock(Home(root=Path({root!r}))).__enter__(); time.sleep(600)"
)


def test_down_between_two_daemons_of_another_supervisor_ends_the_next_one(ready: Home) -> None:
    elsewhere.note(ready, 7)  # it has ended with 75, and nothing holds the home
    clock = Between(ready, comes=True)
    try:
        assert keeping.down(ready, None, clock)
        assert clock.next is not None
        assert clock.next.wait(WAIT_SECONDS) == -signal.SIGTERM
    finally:
        if clock.next is not None:
            clock.next.kill()
            clock.next.wait()


@pytest.mark.parametrize("noted", [True, False])
def test_down_waits_for_no_other_where_none_comes(ready: Home, noted: bool) -> None:
    if noted:
        elsewhere.note(ready, 7)
    clock = Between(ready, comes=False)
    assert not keeping.down(ready, None, clock)
    assert (clock.monotonic() >= elsewhere.TAKEN_UP_SECONDS) is noted
    began = clock.monotonic()
    assert not keeping.down(ready, None, clock)
    assert clock.monotonic() == began, "that none came is known from then on"
