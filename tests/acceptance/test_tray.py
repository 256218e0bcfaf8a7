"""The menu bar as a person uses it, on a screen of its own, by clicks; pictures are looked at by people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.tray_screens import scenario
from tests.daemon.daemons import short_home


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, Any]]:
    """The facts of the scenario, which is run once."""
    with short_home() as home:
        yield scenario("tray_scenario", home.root)


NAMES = {
    "Start",
    "Stop",
    "Pause",
    "Resume",
    "Kill switch…",
    "Release kill switch…",
    "Start Mooring",
    "Restart Mooring",
}


def test_the_menu_offers_what_each_state_allows(told: dict[str, Any]) -> None:
    trading = told["trading"]
    always = {"Update model…", "Connect Kraken…", "Settings…", "Open dashboard", "Start at login", "Quit this menu"}
    offered = {name: set(trading[f"items {name}"]) & NAMES for name in ("off", "paper", "paused", "killed")}
    assert offered == {
        "off": {"Start", "Kill switch…"},
        "paper": {"Stop", "Pause", "Kill switch…"},
        "paused": {"Stop", "Resume", "Kill switch…"},
        "killed": {"Stop", "Release kill switch…"},
    }
    for name in ("off", "paper", "paused", "killed"):
        assert always <= set(trading[f"items {name}"])


def test_what_was_clicked_is_in_the_audit_as_the_menu_bars(told: dict[str, Any]) -> None:
    actions = told["trading"]["audit"]
    assert [one for one in actions if one.startswith(("runtime.", "kill"))] == [
        "runtime.start",
        "runtime.pause",
        "runtime.resume",
        "kill_switch",
        "kill_switch",
        "runtime.stop",
    ]


def test_the_kill_switch_asks_first_and_a_no_changes_nothing(told: dict[str, Any]) -> None:
    trading = told["trading"]
    assert trading["killed without a yes"] is False
    assert trading["asked"][0] == "Press the kill switch?"
    assert "Open orders are cancelled" in trading["asked"][1]


def test_fields_that_were_swapped_are_said_while_typing_and_cannot_be_sent(told: dict[str, Any]) -> None:
    connecting = told["connecting"]
    assert connecting["empty can be sent"] is False
    assert "private key stands in the place" in connecting["swapped"]
    assert connecting["swapped can be sent"] is False


def test_a_key_that_could_withdraw_is_refused_in_plain_words(told: dict[str, Any]) -> None:
    withdraw = told["connecting"]["withdraw"]
    assert "could move your money out" in withdraw["said"]
    assert withdraw["button"] == "Check again"
    assert withdraw["kept in fields"] == ""


def test_a_good_key_is_kept_and_never_shown(told: dict[str, Any]) -> None:
    connecting = told["connecting"]
    assert connecting["good"]["button"] == "Keep this key"
    assert connecting["withdraw is hidden"]
    assert connecting["good is hidden"]
    assert connecting["connected"]


def test_a_limit_is_changed_by_typing(told: dict[str, Any]) -> None:
    setting = told["setting"]
    assert setting["before"] == "0.50 %"
    assert setting["said"].startswith("Saved")
    assert setting["value"] == 25 or setting["pending"]


def test_start_at_login_and_the_dashboard(told: dict[str, Any]) -> None:
    rest = told["rest"]
    assert (rest["login 1"], rest["login 2"]) == (True, False)
    assert rest["dashboard"] is True
