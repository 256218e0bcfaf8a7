"""Daemons that come and go under the menu, and the menu itself as a process, on a screen of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mooring.home import Home
from tests.acceptance.tray_screens import scenario, skip_without_screen
from tests.daemon.daemons import short_home, without_keychain
from tests.support.screen import SIZE, Screen, screen

WAIT_SECONDS = 30.0


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The facts of the scenario, which is run once."""
    with short_home() as home:
        without_keychain(home, tmp_path_factory.mktemp("mounted"))
        yield scenario("tray_daemon", home.root)


DAEMON = {"Start Mooring", "Restart Mooring", "Stop", "Kill switch…"}


def test_without_a_daemon_it_can_be_started_and_nothing_else(told: dict[str, Any]) -> None:
    for when in ("items without", "items after a crash"):
        assert set(told[when]) & DAEMON == {"Start Mooring"}
        assert "Mooring is off. Nothing is being traded." in told[when]


def test_a_daemon_that_somebody_else_started_after_a_crash_is_shown_by_itself(told: dict[str, Any]) -> None:
    assert told["another"]


def test_an_older_daemon_is_named_can_be_stopped_and_is_mended_by_a_restart(told: dict[str, Any]) -> None:
    older = told["older"]
    assert set(older["items"]) & DAEMON == {"Restart Mooring", "Stop", "Kill switch…"}
    assert any(item.startswith("Mooring's daemon is version 0.0.9, this menu ") for item in older["items"])
    assert set(older["after"]) & DAEMON == {"Stop", "Kill switch…"}
    assert older["failed"] == ""


def test_a_newer_daemon_that_is_understood_is_shown_and_a_restart_is_offered(told: dict[str, Any]) -> None:
    newer = told["newer"]
    assert set(newer["items"]) & DAEMON == {"Restart Mooring", "Stop", "Kill switch…"}
    assert any(item.startswith("The daemon is version 9.9.9, this menu ") for item in newer["items"])
    assert newer["failed"] == ""


def test_the_menu_as_a_process_is_one_to_a_home_and_ends_by_its_own_item_or_by_sigterm() -> None:
    skip_without_screen()
    with short_home() as home, screen() as made:
        first = shown(home, made)
        second = subprocess.run(
            menubar(home), env=made.environ, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
        )
        assert second.returncode == 7
        assert "menu_already_shown" in second.stderr
        choose_last(made, first)
        assert first.wait(WAIT_SECONDS) == 0
        third = shown(home, made)
        third.send_signal(signal.SIGTERM)
        assert third.wait(WAIT_SECONDS) == 0


def menubar(home: Home) -> list[str]:
    """`mooring menubar`, as a person starts it."""
    return [sys.executable, "-m", "mooring", "--home", str(home.root), "menubar"]


def shown(home: Home, made: Screen) -> subprocess.Popen[bytes]:
    """One whose item is in the tray."""
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(menubar(home), env=made.environ, stdout=nowhere, stderr=nowhere)
    until(lambda: made.windows(process.pid), "its item is in the tray")
    return process


def choose_last(made: Screen, process: subprocess.Popen[bytes]) -> None:
    """Open the menu at the status item, and choose what stands at its end."""

    def menu_is_open() -> bool:
        made.click(SIZE[0] - 12, 12, button=3)
        return len(made.windows(process.pid)) > 1

    until(menu_is_open, "the menu opens")
    made.key("Up")
    made.key("Return")


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
