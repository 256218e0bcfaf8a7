"""What comes in another order than it was asked or happened: the later wish holds, and the later state is shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mooring.control_api.client import Client, StreamEvent
from mooring.control_api.models import Status
from mooring.daemon import kill_press, kill_request
from mooring.daemon.instance import InstanceLock
from mooring.daemon.supervision import attention
from mooring.errors import Invalid, Retry, Unreachable
from mooring.menubar.link import DaemonLink
from mooring.menubar.look import Link
from tests.daemon.daemons import running
from tests.menubar.told import Told
from tests.support.odd_daemon import STATUS, odd_daemon

EMPTY = {"items": [], "next_cursor": None}


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_what_waits_for_a_connection_does_not_undo_a_kill_or_a_stop_that_came_after_it(home, told, way):
    waits, go = threading.Event(), threading.Event()

    def connect(seconds: float) -> Client:
        if threading.current_thread().name.startswith("ask"):
            waits.set()
            assert go.wait(20)
        return Client.connect(home.run_dir, actor="menubar", timeout_seconds=seconds)

    with running(home, hours=None, speed=1.0) as daemon:
        daemon.client.start("by hand")
        daemon.client.kill_switch(active=way == "kill", reason="before")
        link = DaemonLink(home, told, connect)
        try:
            released = []
            link.ask("Releasing …", lambda client: client.kill_switch(active=False, reason="menu"), released.append)
            assert waits.wait(20)
            assert getattr(link, way)("menu again")
            told.until(lambda known: known.status is not None and known.busy == "Releasing …")
            go.set()
            told.until(lambda known: not known.busy)
            assert released == []
            status = daemon.client.status()
            assert (status.kill_switch.active, status.state) == (
                (True, "running") if way == "kill" else (False, "stopped")
            )
            assert "menu" not in {row["reason"] for row in daemon.client.page("audit").items}
        finally:
            link.close()


def test_an_answer_that_is_older_than_what_was_heard_meanwhile_is_not_shown(home, told):
    with running(home, hours=None, speed=1.0) as daemon:
        link = DaemonLink(home, told)
        link.start()
        try:
            told.until(lambda known: known.link is Link.THERE)

            def late(client: Client) -> object:
                before = client.status()
                daemon.client.kill_switch(active=True, reason="by somebody else")
                told.until(lambda known: known.status is not None and known.status.kill_switch.active)
                return before

            link.ask("Looking …", late)
            told.until(lambda known: known.busy == "Looking …")
            known = told.until(lambda known: not known.busy)
            assert known.status is not None
            assert known.status.kill_switch.active
        finally:
            link.close()


def test_what_kept_it_down_is_not_said_of_one_that_runs_and_does_not_answer(home, told):
    home.prepare()
    attention.write(home, Invalid("bad", "A setting is wrong."), datetime(2026, 1, 1, tzinfo=UTC), {})
    link = DaemonLink(home, told)
    link.start()
    try:
        assert told.until(lambda known: known.link is Link.OFF).why
        with InstanceLock(home):
            link.look_again()
            assert told.until(lambda known: known.link is Link.SILENT).why == ""
    finally:
        link.close()


def test_a_stop_that_nobody_heard_is_told_as_not_done(home, told):
    home.prepare()
    link = DaemonLink(home, told)
    link.stop("menu")
    error = told.until_error()
    assert (error.code, told.grave) == ("daemon_not_reachable", ["stop"])
    assert error.what.startswith("Mooring was not")
    assert "may go on trading" in error.money
    link.close()


def test_a_kill_that_nobody_heard_is_noted_for_the_daemon_that_hangs_or_the_next_one(home, told):
    home.prepare()
    link = DaemonLink(home, told)
    link.start()
    with InstanceLock(home):
        link.kill("menu")
        error = told.until_error()
    assert (error.code, error.what, told.grave) == (
        "kill_noted",
        "The kill switch is not on yet. Mooring runs and does not answer.",
        ["kill"],
    )
    assert "From now on no entry and no stop leaves" in error.money
    found = kill_request.read(home)
    assert found is not None
    assert (found.actor, found.reason) == ("menubar", "menu")
    link.look_again()
    assert told.until(lambda known: known.link is Link.OFF and "next start" in known.why).why == (
        "Mooring is off. Nothing is being traded. The kill switch is noted, and on at the next start."
    )
    link.close()


def test_a_kill_that_could_not_be_noted_either_is_told_as_not_pressed(home, told):
    link = DaemonLink(home, told)  # a home that no daemon ever had
    link.kill("menu")
    error = told.until_error()
    assert (error.code, told.grave) == ("kill_not_noted", ["kill"])
    assert error.what == "The kill switch was not pressed. Mooring is off."
    assert "(No such file or directory): the next start begins without it." in error.money
    assert not home.run_dir.exists()
    link.close()


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_a_fault_of_the_menus_own_in_a_kill_or_a_stop_is_grave_and_claims_nothing(home, told, way):
    home.prepare()

    def connect(_: float) -> Client:
        raise ValueError("embedded null byte")

    link = DaemonLink(home, told, connect)
    getattr(link, way)("menu")
    error = told.until_error()
    assert (error.code, told.grave) == ("menu_failed", [way])
    assert "may have happened or not" in error.money
    assert kill_request.is_asked(home) is (way == "kill")
    link.close()


def test_a_kill_whose_daemon_says_that_it_reaches_nobody_is_not_told_as_not_pressed(home, told):
    class Refusing(Client):
        def kill_switch(self, *, active: bool, reason: str = "", seconds: float | None = None) -> Status:
            super().kill_switch(active=active, reason=reason, seconds=seconds)
            raise Unreachable("kraken_unreachable", "Kraken does not answer.")

    with running(home) as daemon:
        link = DaemonLink(home, told, lambda _: Refusing.connect(home.run_dir, actor="menubar"))
        link.kill("menu")
        error = told.until_error()
        link.close()
        assert (error.code, error.what, told.grave) == ("kraken_unreachable", "Kraken does not answer.", ["kill"])
        assert error.money == kill_press.TAKEN_UP
        assert daemon.client.status().kill_switch.active


def test_one_that_has_no_stream_left_for_the_menu_is_there_all_the_same_and_looked_at_again_and_again(home, told):
    class Refused(Client):
        def events(self, last_id: int | None = None) -> Iterator[StreamEvent]:
            raise Retry("too_many_streams", "64 event streams are open already.", retry_after_seconds=5)

    answers = {"/v1/status": STATUS, "/v1/equity": EMPTY}
    with odd_daemon(home, answers) as odd:
        link = DaemonLink(home, told, lambda _: Refused.connect(home.run_dir, actor="menubar"))
        link.start()
        for word in ("Paper", "Paused", "Live"):
            odd.answers["/v1/status"] = STATUS | {"word": word}
            link.look_again()
            told.until(lambda known, word=word: known.status is not None and known.status.word == word)
        assert {known.link for known in told.all} == {Link.THERE}
        link.close()
