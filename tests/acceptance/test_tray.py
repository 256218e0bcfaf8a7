"""The menu bar as a person uses it, on a screen of its own, by clicks; pictures are looked at by people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.daemons import short_home
from tests.support.screen import missing, screen

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The facts of the scenario, which is run once."""
    if missing():
        pytest.skip(f"not installed: {', '.join(missing())}")
    pictures = Path(os.environ.get("MOORING_TEST_PICTURES") or tmp_path_factory.mktemp("pictures"))
    with screen() as made, short_home() as home, short_home() as other:
        mounted = tmp_path_factory.mktemp("mounted")
        mounted.chmod(0o700)
        other.prepare()
        other.settings_file.write_text(f'[secrets]\nbackend = "files"\nfiles_dir = "{mounted}"\n')
        arguments = ", ".join(repr(str(one)) for one in (home.root, other.root, pictures))
        code = f"from tests.acceptance.tray_scenario import main; main({arguments})"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=made.environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        facts = json.loads(done.stdout)
        assert isinstance(facts, dict)
        yield facts


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
    assert connecting["closed"]


def test_a_limit_is_changed_by_typing(told: dict[str, Any]) -> None:
    setting = told["setting"]
    assert (setting["before"], setting["shown"]) == ("0.50 %", "0.25 %")
    assert setting["said"].startswith("Saved")
    assert setting["value"] == 25 or setting["pending"]


def test_start_at_login_and_the_dashboard(told: dict[str, Any]) -> None:
    assert told["login"] is True
    assert told["dashboard"] is True


def test_a_daemon_that_is_killed_is_seen_and_started_again(told: dict[str, Any]) -> None:
    daemon = told["daemon"]
    assert set(daemon["items without"]) & NAMES == {"Start Mooring"}
    assert daemon["another"]
