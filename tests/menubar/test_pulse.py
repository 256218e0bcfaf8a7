from __future__ import annotations

import threading
from typing import Any

import pytest

from mooring.control_api.client import Client
from mooring.control_api.models import Page, Status
from mooring.errors import Denied, Unreachable
from mooring.menubar.link import DaemonLink
from mooring.menubar.look import Link
from mooring.menubar.pulse import Pulse
from tests.menubar.told import Told
from tests.support.odd_daemon import STATUS, odd_daemon

EMPTY = {"items": [], "next_cursor": None}


class Daemon:
    """What it answers to each question, and what was told of it."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.listening = True
        self.known_again = True
        self.told: list[str] = []

    def back(self) -> bool:
        self.told.append("back")
        return self.known_again

    def pulse(self) -> Pulse:
        return Pulse(
            lambda: self.listening, lambda: self.answers.pop(0), lambda: self.told.append("lost"), self.back, 60
        )


def test_one_missed_answer_is_no_alarm_and_two_are_one():
    daemon = Daemon(True, False, True, False, False, False, False)
    pulse = daemon.pulse()
    for _ in range(3):
        pulse.look()
    assert daemon.told == ["lost"]
    assert len(daemon.answers) == 2
    for _ in range(2):
        pulse.look()
    assert daemon.told == ["lost", "lost", "lost"], "each time: a state that came between hides no hang after it"


def test_a_fault_of_its_own_does_not_end_the_pulse():
    asked, again = [], threading.Event()

    def answers() -> bool:
        asked.append(1)
        if len(asked) == 1:
            raise ValueError("embedded null byte")
        again.set()
        return True

    pulse = Pulse(lambda: True, answers, lambda: None, lambda: True, 0.001)
    pulse.start()
    assert again.wait(20)
    pulse.close()


def test_that_it_answers_again_is_told_until_it_was_understood():
    daemon = Daemon(False, False, True, True, True)
    daemon.known_again = False
    pulse = daemon.pulse()
    for _ in range(2):
        pulse.look()
    daemon.known_again = True
    for _ in range(2):
        pulse.look()
    assert daemon.told == ["lost", "back", "back"]


def test_nobody_is_asked_where_nobody_is_listened_to():
    daemon = Daemon(False, False, True)
    pulse = daemon.pulse()
    pulse.look()
    daemon.listening = False
    pulse.look()
    daemon.listening = True
    pulse.look()
    assert daemon.told == ["lost"], "what is known of the next one came with its stream"


@pytest.fixture
def told() -> Told:
    return Told()


def test_one_that_hangs_with_its_stream_open_is_silent_and_known_again_when_it_goes_on(home, told):
    def quick(_: float) -> Client:
        return Client.connect(home.run_dir, actor="menubar", timeout_seconds=0.3)

    with odd_daemon(home, {"/v1/status": STATUS, "/v1/equity": EMPTY, "/v1/events": []}) as odd:
        link = DaemonLink(home, told, quick, pulse_seconds=0.02)
        link.start()
        told.until(lambda known: known.link is Link.THERE)
        odd.wait_for("GET /v1/events")
        odd.silent.set()
        assert told.until(lambda known: known.link is Link.SILENT).status is None
        assert odd.asked.count("GET /v1/events") == 1, "nobody had to wait for the stream to break"
        odd.silent.clear()
        told.until(lambda known: known.link is Link.THERE and known.status is not None)
        assert odd.asked.count("GET /v1/events") == 1
        link.close()


def test_one_that_says_something_and_hangs_again_is_silent_again(home, told):
    answering = threading.Event()

    def connect(_: float) -> Client:
        if answering.is_set():
            return Client.connect(home.run_dir, actor="menubar", timeout_seconds=5)
        raise Unreachable("daemon_not_reachable", "It does not answer.")

    with odd_daemon(home, {"/v1/status": STATUS, "/v1/equity": EMPTY, "/v1/events": []}) as odd:
        answering.set()
        link = DaemonLink(home, told, connect, pulse_seconds=0.01)
        link.start()
        told.until(lambda known: known.link is Link.THERE)
        odd.wait_for("GET /v1/events")
        answering.clear()
        told.until(lambda known: known.link is Link.SILENT)
        link._hear(Status(**STATUS))  # as its stream may tell between two hangs
        told.until(lambda known: known.link is Link.THERE)
        assert told.until(lambda known: known.link is Link.SILENT).status is None
        link.close()


def test_what_the_stream_told_is_not_overwritten_by_an_older_answer_to_the_pulse(home, told):
    killed = STATUS | {"kill_switch": {"active": True}, "word": "Killed"}

    class Late(Client):
        def status(self) -> Status:
            before = super().status()
            link._hear(Status(**killed))
            return before

    def connect(_: float) -> Client:
        return Late.connect(home.run_dir, actor="menubar")

    with odd_daemon(home, {"/v1/status": STATUS, "/v1/equity": EMPTY}):
        link = DaemonLink(home, told, connect)
        assert link._answers_again()
        assert link.known.status is not None
        assert link.known.status.kill_switch.active


def test_a_result_that_was_asked_for_earlier_and_comes_later_is_left_out(home, told):
    def hour(equity: str) -> dict[str, Any]:
        rows = [{"time": "2026-01-02T01:00:00Z", "equity": equity}, {"time": "2026-01-02T00:00:00Z", "equity": "100"}]
        return {"items": rows, "next_cursor": None}

    with odd_daemon(home, {"/v1/status": STATUS, "/v1/equity": hour("101")}) as odd:
        link = DaemonLink(home, told)
        newer = Client.connect(home.run_dir, actor="menubar")

        class Late(Client):
            def page(self, *args: Any, **more: Any) -> Page:
                before = super().page(*args, **more)
                odd.answers["/v1/equity"] = hour("107")
                link._count_today(newer)
                return before

        with newer, Late.connect(home.run_dir, actor="menubar") as older:
            link._count_today(older)
        assert link.known.today is not None
        assert link.known.today.text.startswith("+7.00")


def test_one_that_refuses_to_talk_answers_all_the_same(home, told):
    def refused(_: float) -> Client:
        raise Denied("too_many", "Too many ask.")

    assert DaemonLink(home, told, refused)._answers()
    assert not DaemonLink(home, told)._answers()
    with odd_daemon(home, {"/healthz": {"another": "shape"}}):
        assert DaemonLink(home, told)._answers()
