"""`mooring settings` against a daemon in this process, and without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.home import Home
from tests.daemon.changing import ahead, busy


def test_settings_are_changed_looked_at_and_taken_back(mooring, home: Path) -> None:
    with busy(Home(root=home)) as it:
        ahead(it, 2)
        said = mooring("settings", "set", "risk.daily_loss_bps", "200", "strategy.exit_score", "-8", "--note", "calm")
        assert said.status == 0, said.err
        assert "Version 2." in said.out
        assert "risk.daily_loss_bps: 300 -> 200, in force from the next hour on" in said.out
        got = mooring("settings", "get", "strategy.exit_score", "--json").answer
        assert (got["version"], got["value"], got["pending"]["value"], got["source"]) == (2, -4, -8, "changed")
        assert "200 in force from the next hour on" in mooring("settings", "show").out
        ahead(it)
        assert "risk.daily_loss_bps  200  (changed)" in mooring("settings", "show").out
        said = mooring("settings", "set", "signals.producers", "rsi,momentum", "strategy.weights", "1,2", "--json")
        assert said.answer["version"] == 3
        assert "in force now" in mooring("settings", "set", "logs.level", "warning").out
        assert "mooring down" in mooring("settings", "set", "trading.starting_cash", "500").out
        listed = mooring("settings", "history", "--limit", "3", "--json").answer["items"]
        assert [(one["version"], one["actor"], one["kind"]) for one in listed] == [
            (5, "cli", "change"), (4, "cli", "change"), (3, "cli", "change"),
        ]  # fmt: skip
        assert "risk.daily_loss_bps: 300 -> 200" in mooring("settings", "history").out
        assert "calm" in mooring("settings", "history").out
        assert mooring("settings", "revert", "2").status == 0
        assert mooring("settings", "unset", "risk.daily_loss_bps", "--json").answer["version"] == 7
        ahead(it)
        assert mooring("settings", "get", "risk.daily_loss_bps", "--json").answer["value"] == 300
        assert mooring("settings", "get", "strategy.exit_score").out.startswith("strategy.exit_score  -8  (changed)")


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("set", "risk.daily_loss_bps", "9000"), 2, "bad_setting"),
        (("set", "risk.daily_loss_bps", "many"), 2, "bad_setting"),
        (("set", "risk.daily_loss_bps"), 2, "usage"),
        (("set", "risk.daly_loss_bps", "90"), 5, "no_such_setting"),
        (("get", "risk.daly_loss_bps"), 5, "no_such_setting"),
        (("unset", "risk.daly_loss_bps"), 5, "no_such_setting"),
        (("set", "trading.mode", "live"), 3, "setting_not_by_api"),
        (("set", "risk.daily_loss_bps", "90", "--if-version", "7"), 7, "stale_settings"),
        (("revert", "1", "--if-version", "7"), 7, "stale_settings"),
        (("revert", "9"), 5, "no_such_version"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_each_refusal_has_its_exit_code_and_changes_nothing(mooring, home: Path, words, status: int, code: str) -> None:
    with busy(Home(root=home)) as it:
        said = mooring("settings", *words, "--json")
        assert (said.status, said.error["code"]) == (status, code)
        assert it.client.settings().version == 1


def test_bounds_are_named_field_by_field(mooring, home: Path) -> None:
    with busy(Home(root=home)):
        said = mooring("settings", "set", "risk.daily_loss_bps", "9000")
        assert "changes.risk.daily_loss_bps: expected 1 to 2000" in said.err
        assert "9000" not in said.err


def test_without_a_daemon_what_the_next_start_begins_with_is_shown_and_nothing_changed(mooring, home: Path) -> None:
    for words in (("get", "logs.level"), ("set", "logs.level", "debug"), ("history",), ("revert", "1")):
        said = mooring("settings", *words, "--json")
        assert (said.status, said.error["code"]) == (4, "daemon_not_reachable")
    with busy(Home(root=home)) as it:
        it.client.change_settings({"risk.daily_loss_bps": 120}, version=1)
    (home / "settings.toml").write_text("[risk]\nmax_open_positions = 3\ndaily_loss_bps = 150\n")
    (home / "settings.toml").chmod(0o600)
    said = mooring("settings", "show")
    assert (said.status, "The daemon is off." in said.err) == (0, True)
    assert "risk.daily_loss_bps  120  (changed)" in said.out
    assert "risk.max_open_positions  3  (file)" in said.out
    answer = mooring("settings", "show", "--json").answer
    assert (answer["running"], answer["version"]) == (False, None)
    assert {item["key"]: item["value"] for item in answer["items"]}["store.url"] is None
