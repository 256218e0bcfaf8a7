"""The menu's link against whole daemons over their sockets: there, gone, back, silent, and of another version."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from mooring.control_api.client import Client
from mooring.daemon.instance import InstanceLock
from mooring.daemon.supervision import attention
from mooring.errors import Denied, Invalid
from mooring.home import Home
from mooring.menubar.link import ASKED_MAX, DaemonLink
from mooring.menubar.look import Link
from tests.daemon.daemons import running
from tests.menubar.told import Told
from tests.support.odd_daemon import STATUS, STRANGE, odd_daemon

EMPTY = {"items": [], "next_cursor": None}
STARTED = ("runtime.start", "menu")


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
        told.until(lambda known: known.today is not None and known.today.text.endswith(" USDT"))


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
        told.until(lambda known: known.status is not None and known.status.kill_switch.active)
        told.until(lambda known: known.busy == "Waiting …")
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


def test_one_that_is_closed_to_this_user_is_not_said_to_be_off(home, told, monkeypatch):
    def closed(_):
        raise Denied("daemon_not_yours", "Whether Mooring runs cannot be seen.")

    monkeypatch.setattr("mooring.daemon.instance.holder", closed)
    with linked(home, told):
        assert told.until(lambda known: known.link is not Link.LOOKING).link is Link.SILENT


def test_one_of_another_version_is_said_with_its_number_and_can_still_be_killed(home, told):
    with odd_daemon(home, version="0.0.9") as odd, linked(home, told) as link:
        known = told.until(lambda known: known.link is Link.STRANGE)
        assert known.other_version == "0.0.9"
        link.kill("menu")
        odd.wait_for("POST /v1/kill-switch")
        # It cannot be known whether it was pressed, so that is said, and where it can be missed by nobody.
        assert told.until_error().code == "answer_not_understood"
        assert told.grave == ["kill"]


def test_one_whose_every_answer_is_strange_is_asked_to_kill_all_the_same(home, told):
    with odd_daemon(home, {"/healthz": STRANGE}) as odd, linked(home, told) as link:
        link.kill("menu")
        odd.wait_for("POST /v1/kill-switch")
        assert told.until_error().code == "answer_not_understood"


def test_what_a_newer_daemon_says_besides_is_left_out(home, told):
    newer = STATUS | {"mood": "calm", "venue": STATUS["venue"] | {"region": "eu"}}
    with odd_daemon(home, {"/v1/status": newer, "/v1/equity": EMPTY, "/v1/events": []}), linked(home, told):
        known = told.until(lambda known: known.link is Link.THERE)
        assert known.status is not None
        assert known.status.version == "9.9.9"


@pytest.mark.parametrize("status", [{k: v for k, v in STATUS.items() if k != "state"}, STATUS | {"word": "Asleep"}])
def test_a_status_without_a_needed_field_or_with_an_unknown_word_is_strange_and_no_fault(home, told, status):
    with odd_daemon(home, {"/v1/status": status}), linked(home, told):
        assert told.until(lambda known: known.link is not Link.LOOKING).link is Link.STRANGE
    assert told.errors == []


def test_an_event_that_is_not_understood_is_strange_until_the_daemon_is_another(home, told):
    answers = {"/v1/status": STATUS, "/v1/equity": EMPTY, "/v1/events": [("status", {"state": "dreaming"})]}
    with linked(home, told) as link:
        with odd_daemon(home, answers):
            told.until(lambda known: known.link is Link.THERE)
            told.until(lambda known: known.link is Link.STRANGE)
        told.until(lambda known: known.link is Link.OFF)
        with odd_daemon(home, answers | {"/v1/events": []}):
            link.look_again()
            told.until(lambda known: known.link is Link.THERE)


@pytest.mark.parametrize("equity", [404, STRANGE])
def test_a_list_that_cannot_be_had_does_not_hide_the_state(home, told, equity):
    answers = {"/v1/status": STATUS, "/v1/equity": equity, "/v1/events": [("equity", {})]}
    with odd_daemon(home, answers) as odd, linked(home, told):
        told.until(lambda known: known.link is Link.THERE)
        with odd.came:
            assert odd.came.wait_for(lambda: odd.asked.count("GET /v1/equity") == 2, 20)
        assert {known.link for known in told.all} == {Link.THERE}
        assert told.all[-1].today is None


def test_one_that_stops_answering_is_silent_and_known_again_when_it_does(home, told):
    def quick(_: float) -> Client:
        return Client.connect(home.run_dir, actor="menubar", timeout_seconds=0.2)

    with odd_daemon(home, {"/v1/status": STATUS, "/v1/equity": EMPTY, "/v1/events": []}) as odd:
        odd.silent.set()
        link = DaemonLink(home, told, quick)
        link.start()
        told.until(lambda known: known.link is Link.SILENT)
        odd.silent.clear()
        link.look_again()
        told.until(lambda known: known.link is Link.THERE)
        link.close()


def test_a_kill_switch_that_was_pressed_just_before_quitting_is_pressed(home, told):
    blocked, go = threading.Event(), threading.Event()
    with running(home) as daemon:

        def connect(seconds: float) -> Client:
            if threading.current_thread().name.startswith("kill"):
                blocked.set()
                assert go.wait(20)
            return Client.connect(home.run_dir, actor="menubar", timeout_seconds=seconds)

        link = DaemonLink(home, told, connect)
        assert link.kill("first")
        assert blocked.wait(20)
        assert link.kill("second")
        link.close()
        assert not link.kill("too late")
        go.set()
        told.until(lambda known: known.status is not None and known.status.kill_switch.active)
        told.until(lambda known: not known.busy)
        pressed = [row for row in daemon.client.page("audit").items if row["action"] == "kill_switch"]
        assert len(pressed) == 2


def test_stop_overtakes_what_was_asked_and_what_has_not_begun_is_forgotten(home, told):
    blocked, go = threading.Event(), threading.Event()

    def wait(_):
        blocked.set()
        assert go.wait(20)

    with running(home, hours=None, speed=1.0) as daemon, linked(home, told) as link:
        told.until(lambda known: known.link is Link.THERE)
        daemon.client.start("by hand")
        link.ask("Waiting …", wait)
        assert blocked.wait(20)
        link.ask("Starting …", lambda client: client.start("menu"))
        link.stop("menu")
        told.until(lambda known: known.status is not None and known.status.state == "stopped")
        go.set()
        told.until(lambda known: not known.busy)
        assert daemon.client.status().state == "stopped"
        assert [row for row in daemon.client.page("audit").items if row["reason"] == "menu"] != []
        assert not [row for row in daemon.client.page("audit").items if (row["action"], row["reason"]) == STARTED]


def test_what_went_wrong_is_known_until_something_else_is_asked(home, told):
    with running(home), linked(home, told) as link:
        told.until(lambda known: known.link is Link.THERE)
        link.ask("Arming …", lambda client: client.arm("I_UNDERSTAND"))
        told.until(lambda known: known.failed != "")
        link.ask("Looking …", lambda client: client.status())
        told.until(lambda known: known.failed == "" and not known.busy)


def test_a_window_that_waits_long_keeps_nobody_else_waiting(home, told):
    begun, go = threading.Event(), threading.Event()

    def wait(_):
        begun.set()
        assert go.wait(20)

    with running(home), linked(home, told) as link:
        told.until(lambda known: known.link is Link.THERE)
        assert link.ask_for_window(wait, lambda _: None)
        assert begun.wait(20)
        assert told.all[-1].busy == ""
        link.ask("Starting …", lambda client: client.start("menu"))
        told.until(lambda known: known.status is not None and known.status.state == "running")
        go.set()


def test_a_window_is_told_what_kept_it_from_asking_and_a_fault_of_its_own(home, told):
    refused = []
    with linked(home, told) as link:
        told.until(lambda known: known.link is Link.OFF)
        link.ask_for_window(lambda _: None, lambda error: (refused.append(error.code), told.failed(error)))
        assert told.until_error().code == "daemon_not_reachable"
        with running(home):
            link.ask_for_window(lambda _: 1 // 0, lambda error: refused.append(error.code))
            with told.changed:
                assert told.changed.wait_for(lambda: len(told.errors) == 2, 20)
    assert refused == ["daemon_not_reachable", "menu_failed"]


def test_too_much_at_once_is_refused_not_kept(home, told):
    go = threading.Event()
    home.prepare()
    with linked(home, told) as link:
        answers = [link.work("Waiting …", lambda: go.wait(20)) for _ in range(ASKED_MAX + 2)]
        assert answers == [True] * ASKED_MAX + [False] * 2
        assert told.until_error().code == "menu_busy"
        go.set()
        told.until(lambda known: not known.busy)


def test_a_fault_of_its_own_is_told_and_it_goes_on(home, told):
    with running(home), linked(home, told) as link:
        told.until(lambda known: known.link is Link.THERE)
        link.ask("Breaking …", lambda _: 1 // 0)
        assert told.until_error().code == "menu_failed"
        link.ask("Killing …", lambda client: client.kill_switch(active=True, reason="after"))
        told.until(lambda known: known.status is not None and known.status.kill_switch.reason == "after")
