"""The menu's link against whole daemons over their sockets: there, gone, back, silent, and of another version."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from mooring.daemon.instance import InstanceLock
from mooring.daemon.supervision import attention
from mooring.errors import Denied, Invalid
from mooring.home import Home
from mooring.menubar.link import ASKED_MAX, DaemonLink
from mooring.menubar.look import Link
from tests.daemon.daemons import running
from tests.menubar.told import Told


@pytest.fixture
def told() -> Told:
    return Told()


@contextmanager
def linked(home: Home, told: Told) -> Iterator[DaemonLink]:
    link = DaemonLink(home, told)
    link.start()
    try:
        yield link
    finally:
        link.close()


def test_without_a_daemon_it_is_off_and_what_keeps_it_down_is_said(home, told):
    home.prepare()
    attention.write(
        home, Invalid("bad", "A setting is wrong.", todo="Change it."), datetime(2026, 1, 1, tzinfo=UTC), {}
    )
    with linked(home, told):
        known = told.until(lambda known: known.link is Link.OFF)
        assert known.why == "Mooring is off: A setting is wrong. Change it."


def test_what_is_asked_is_done_and_known_at_once(home, told):
    with running(home, hours=None, speed=1.0) as daemon, linked(home, told) as link:
        told.until(lambda known: known.link is Link.THERE)
        assert link.ask("Starting …", lambda client: client.start("menu"))
        told.until(lambda known: known.status is not None and known.status.state == "running" and not known.busy)
        assert link.ask("Pausing …", lambda client: client.pause("lunch"))
        known = told.until(lambda known: known.status is not None and known.status.state == "paused")
        assert known.status.state_reason == "lunch"
        rows = daemon.client.page("audit").items
        assert {row["actor"] for row in rows if row["action"] in {"runtime.start", "runtime.pause"}} == {"menubar"}


def test_hours_that_are_done_change_todays_result(home, told):
    with running(home) as daemon, linked(home, told):
        told.until(lambda known: known.link is Link.THERE)
        daemon.finish()
        told.until(lambda known: known.today.endswith(" USDT"))


def test_a_change_by_somebody_else_is_known_without_asking(home, told):
    with running(home) as daemon, linked(home, told):
        told.until(lambda known: known.link is Link.THERE)
        daemon.client.kill_switch(active=True, reason="by hand")
        known = told.until(lambda known: known.status is not None and known.status.kill_switch.active)
        assert known.status.kill_switch.reason == "by hand"


def test_the_kill_switch_overtakes_what_was_asked_before(home, told):
    blocked, go = threading.Event(), threading.Event()

    def wait(_):
        blocked.set()
        assert go.wait(20)

    with running(home), linked(home, told) as link:
        told.until(lambda known: known.link is Link.THERE)
        link.ask("Waiting …", wait)
        assert blocked.wait(20)
        link.kill("menu")
        known = told.until(lambda known: known.status is not None and known.status.kill_switch.active)
        assert known.busy == "Waiting …"
        go.set()


def test_a_refusal_is_told_and_nothing_changes(home, told):
    with running(home) as daemon, linked(home, told) as link:
        told.until(lambda known: known.link is Link.THERE)
        link.ask("Arming …", lambda client: client.arm("I_UNDERSTAND"))
        error = told.until_error()
        assert isinstance(error, Denied)
        assert not daemon.client.status().armed


def test_a_daemon_that_goes_and_comes_back_is_followed(home, told):
    with linked(home, told):
        for _ in range(2):
            with running(home):
                told.until(lambda known: known.link is Link.THERE)
            told.until(lambda known: known.link is Link.OFF)


def test_one_that_runs_and_does_not_answer_is_silent_not_off(home, told):
    home.prepare()
    with InstanceLock(home), linked(home, told):
        assert told.until(lambda known: known.link is not Link.LOOKING).link is Link.SILENT


@contextmanager
def other_version(home: Home) -> Iterator[list[str]]:
    """Something that answers well-formed calls at the socket in another way than this version knows."""
    home.prepare()
    seen: list[str] = []
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(home.control_socket))
    server.listen()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, suppress(BrokenPipeError):
                    line = connection.recv(65_536).decode().partition("\r\n")[0]
                    seen.append(line)
                    body = b'{"status":"ok"}' if "/healthz" in line else b'{"another":"shape"}'
                    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
                    connection.sendall(head.encode() + b"connection: close\r\n\r\n" + body)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    info = {
        "pid": 1,
        "started_at": "x",
        "version": "0",
        "url": "http://127.0.0.1:1",
        "socket": str(home.control_socket),
    }
    home.control_json.write_text(json.dumps(info))
    home.control_json.chmod(0o600)
    home.control_socket.chmod(0o600)
    try:
        yield seen
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def test_one_of_another_version_is_said_and_can_still_be_killed(home, told):
    with other_version(home) as seen, linked(home, told) as link:
        told.until(lambda known: known.link is Link.STRANGE)
        link.kill("menu")
        with told.changed:
            told.changed.wait_for(lambda: any("/v1/kill-switch" in line for line in seen), 10)
        assert any("POST /v1/kill-switch" in line for line in seen)
        assert told.errors == []


def test_too_much_at_once_is_refused_not_kept(home, told):
    go = threading.Event()
    home.prepare()
    with linked(home, told) as link:
        answers = [link.work("Waiting …", lambda: go.wait(20)) for _ in range(ASKED_MAX + 2)]
        assert answers == [True] * ASKED_MAX + [False] * 2
        go.set()
        told.until(lambda known: not known.busy)


def test_a_fault_of_its_own_is_told_and_it_goes_on(home, told):
    with running(home), linked(home, told) as link:
        told.until(lambda known: known.link is Link.THERE)
        link.ask("Breaking …", lambda _: 1 // 0)
        assert told.until_error().code == "menu_failed"
        link.ask("Killing …", lambda client: client.kill_switch(active=True, reason="after"))
        told.until(lambda known: known.status is not None and known.status.kill_switch.reason == "after")
