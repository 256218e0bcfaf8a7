"""What a person wants outlives the daemon: what was stopped stays stopped until it is started."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mooring.control_api.client import Client
from mooring.daemon.app import Daemon
from mooring.home import Home
from mooring.runtime.market.clock import ManualClock
from tests.daemon import daemons

QUIET = 1.0  # an hour of market an hour: none closes within a test


@pytest.fixture
def home() -> Iterator[Home]:
    with daemons.short_home() as made:
        yield made


async def lived(home: Home, *presses: str, autostart: bool = True) -> tuple[str, str]:
    """Run a daemon, press, and end it: (state after its start, state before its end)."""
    made = daemons.options(home, autostart=autostart, speed=QUIET, clock=ManualClock(daemons.START, jumps=False))
    daemon = Daemon(made)
    await daemon.start()
    try:
        first = daemon.trader.status.state

        def press() -> None:
            with Client.connect(home.run_dir) as client:
                for name in presses:
                    getattr(client, name)()

        await asyncio.to_thread(press)
        return first, daemon.trader.status.state
    finally:
        await daemon.stop()


def test_a_daemon_starts_by_itself_until_a_person_stops_it_and_again_once_one_starts_it(home: Home) -> None:
    assert asyncio.run(lived(home)) == ("running", "running")
    assert asyncio.run(lived(home, "stop")) == ("running", "stopped")
    assert asyncio.run(lived(home)) == ("stopped", "stopped")
    assert asyncio.run(lived(home, "start")) == ("stopped", "running")
    assert asyncio.run(lived(home)) == ("running", "running")


def test_a_daemon_that_may_not_start_by_itself_does_not_because_a_person_once_started_it(home: Home) -> None:
    assert asyncio.run(lived(home, "start", autostart=False)) == ("stopped", "running")
    assert asyncio.run(lived(home, autostart=False)) == ("stopped", "stopped")


def test_who_runs_a_demo_again_wants_it_to_go_on(home: Home) -> None:
    with daemons.running(home, autostart=True, hours=24) as it:
        it.client.stop()
    with daemons.running(home, autostart=True, hours=24) as it:
        assert it.daemon.trader.engine.wait_finished(60)
        assert it.client.status().cycles == 24
