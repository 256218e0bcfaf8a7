"""A real daemon under a stand-in for launchd: up, restart, down, and what keeps it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mooring.control_api.client import Client
from mooring.daemon import service
from mooring.daemon.instance import holder
from mooring.daemon.supervision import attention, keeping
from mooring.daemon.supervision.launchd import Launchd
from mooring.daemon.supervision.ports import Seen
from mooring.errors import Denied, Halt, Invalid, MooringError, Retry, Unreachable
from mooring.home import Home
from mooring.programs import command_line
from mooring.runtime.market.clock import SystemClock
from tests.daemon.daemons import without_keychain
from tests.daemon.supervision.fake_launchd import FakeLaunchd
from tests.daemon.supervision.test_launchd import Hurried

CLOCK = SystemClock()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[FakeLaunchd]:
    made = FakeLaunchd()
    yield made
    made._end()


@pytest.fixture
def ready(home: Home, tmp_path: Path) -> Home:
    """A home whose daemon asks no keychain."""
    without_keychain(home, tmp_path / "mounted")
    return home


def launchd(home: Home, fake: FakeLaunchd) -> Launchd:
    program = command_line("--home", str(home.root), "--json", "run")
    agents = home.root / "LaunchAgents"
    return Launchd(
        "dev.mooring.daemon", program, home.logs_dir, agents=agents, aside=home.run_dir, call=fake, clock=CLOCK
    )


def healthy(home: Home) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            with Client.connect(home.run_dir) as client:
                return bool(client.healthz())
        except MooringError:
            return False

    return ask


def test_with_nothing_but_what_launchd_gives_it_the_daemon_starts_restarts_and_stays_down(ready, fake):
    one = launchd(ready, fake)
    attention.write(ready, Invalid("of_before", "Something."), NOW, {})
    keeping.up(ready, one, healthy(ready), CLOCK, at_login=True)
    first = holder(ready)
    assert first == one.seen().pid
    assert attention.read(ready) is None
    keeping.restart(ready, one, healthy(ready), CLOCK, at_login=True)
    assert holder(ready) not in (None, first)
    assert fake.last == 0, "a wanted end is status 0, or launchd would start it again"
    assert keeping.down(ready, one, CLOCK)
    assert holder(ready) is None
    assert fake.disabled
    assert not keeping.down(ready, one, CLOCK)


def test_a_wrong_setting_does_not_loop_and_is_said(ready, fake):
    ready.settings_file.write_text('[trading]\nmode = "margin"\n')
    one = launchd(ready, fake)
    with pytest.raises(Invalid) as caught:
        keeping.up(ready, one, healthy(ready), CLOCK, at_login=True)
    assert "trading.mode" in str(caught.value)
    if fake.process is not None:
        fake.process.wait(20)
    fake._reap()
    assert fake.last == 0
    said = attention.read(ready)
    assert said is not None
    assert said.code == caught.value.code


def test_one_that_was_started_by_hand_is_left_to_its_starter(ready, fake):
    service.up(ready, healthy(ready), CLOCK)
    try:
        first = holder(ready)
        one = launchd(ready, fake)
        keeping.up(ready, one, healthy(ready), CLOCK, at_login=True)
        assert holder(ready) == first
        assert "bootstrap" not in fake.verbs()
    finally:
        assert keeping.down(ready, launchd(ready, fake), CLOCK)
    assert holder(ready) is None


def test_a_supervisor_that_starts_nothing_is_said(ready):
    class Idle:
        file = Path("/nowhere")

        def seen(self):
            return Seen(loaded=True)

        def start(self, *, at_login):
            pass

    with pytest.raises(Unreachable) as caught:
        keeping.up(ready, Idle(), lambda: False, Hurried(), at_login=True)
    assert caught.value.code == "daemon_slow"


def test_a_passing_fault_is_said_where_it_stays(ready):
    class Failing:
        file = Path("/nowhere")

        def seen(self):
            return Seen(loaded=True)

        def start(self, *, at_login):
            error = Retry("venue_slow", "Kraken does not answer.", todo="Wait.")
            attention.write(ready, error, NOW, {"MOORING_SUPERVISOR": "launchd"})

    with pytest.raises(MooringError, match="Kraken does not answer") as caught:
        keeping.up(ready, Failing(), lambda: False, Hurried(), at_login=True)
    assert "tried again by itself" in caught.value.todo


def test_a_supervisor_that_does_not_answer_keeps_nothing_trading(ready):
    class Deaf:
        def stop(self):
            raise Halt("supervisor_failed", "systemctl cannot be called.")

    service.up(ready, healthy(ready), CLOCK)
    with pytest.raises(Halt, match="cannot be called"):
        keeping.down(ready, Deaf(), CLOCK)
    assert holder(ready) is None


def test_where_the_home_is_closed_its_supervisor_ends_the_daemon_all_the_same(ready, monkeypatch):
    """As after somebody gave the home to root while it ran."""
    asked = []

    class Near:
        def stop(self):
            asked.append("stop")
            return True

    def closed(home):
        raise Denied("daemon_not_yours", "It is closed to you.", money="Nothing was changed.")

    monkeypatch.setattr(keeping, "holder", closed)
    with pytest.raises(Denied) as caught:
        keeping.down(ready, Near(), CLOCK)
    assert (asked, caught.value.money) == (["stop"], keeping.LET_GO)


LEFT = Halt("orders_left", "On 2026-05-04: it ended before Kraken had said how all orders stand.", todo="Look there.")


def test_orders_that_an_end_left_are_said_after_it_and_keep_no_start_from_being_well(ready):
    class Leaving:
        file = Path("/nowhere")
        pid: int | None = 1

        def seen(self):
            return Seen(loaded=True, pid=self.pid)

        def stop(self):
            attention.write(ready, LEFT, NOW, {})
            return True

        def start(self, *, at_login):
            self.stop()

    assert keeping.down(ready, Leaving(), CLOCK)
    said = attention.orders_left(ready)
    assert said is not None
    assert (said.what, said.again) == (LEFT.what, False)
    keeping.up(ready, Leaving(), lambda: True, CLOCK, at_login=True)


def test_what_kept_a_start_from_being_well_is_not_said_once_it_is_wanted_off(ready):
    class Idle:
        def stop(self):
            return False

    attention.write(ready, Invalid("of_before", "Something."), NOW, {})
    assert attention.orders_left(ready) is None
    assert not keeping.down(ready, Idle(), CLOCK)
    assert attention.read(ready) is None


def test_a_restart_after_a_stop_still_starts_at_login(ready, fake):
    one = launchd(ready, fake)
    keeping.up(ready, one, healthy(ready), CLOCK, at_login=True)
    keeping.down(ready, one, CLOCK)
    keeping.restart(ready, one, healthy(ready), CLOCK, at_login=one.seen().at_login)
    assert one.seen().at_login
    assert not fake.disabled
    keeping.down(ready, one, CLOCK)
