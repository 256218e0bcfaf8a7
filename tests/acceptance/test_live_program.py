"""A live day as a person has it, with its accidents, against a look-alike over real sockets and under a real keychain.

What was placed, filled and held is asked of the look-alike, never of the daemon that is tested.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.told import NO_MONEY, refused, scenario

pytestmark = [pytest.mark.keyring, pytest.mark.xdist_group("live day")]


@pytest.fixture(scope="module")
def day() -> Iterator[dict[str, Any]]:
    yield from scenario("live_scenario")


def test_a_start_without_a_key_is_refused_with_the_next_step(day: dict[str, Any]) -> None:
    assert refused(day["no key"]) == "no_kraken_key"


def test_a_second_daemon_is_refused_and_names_the_first(day: dict[str, Any]) -> None:
    assert day["second"]["status"] == 7
    error = json.loads(day["second"]["out"])["error"]
    assert error["code"] == "already_running"
    assert "process " in error["what"]


def test_a_daemon_killed_while_orders_are_under_way_sends_none_twice(day: dict[str, Any]) -> None:
    said = day["crash"]
    assert said["before"] > 0, "the look-alike had orders of which the daemon never heard"
    assert said["twice"] == day["end"]["twice"] == []
    assert said["off"]["status"] == 4
    assert said["status"]["armed"] is False
    assert said["first line"].startswith("Live. ")


def test_the_kill_switch_cancels_and_a_release_puts_stops_back(day: dict[str, Any]) -> None:
    said = day["kill switch"]
    assert said["stops"] > 0
    assert said["kill"]["status"] == said["again"]["status"] == 0
    assert said["killed"]["word"] == "Killed"
    assert said["word"].startswith("Kill switch on since ")
    assert said["word"].endswith(": test. Open orders were cancelled.")
    assert said["kept"] == said["stops"], "positions are held"
    assert said["new"] is True, "other stops, not the ones that were cancelled"
    assert said["armed"] is True


def test_money_that_comes_goes_and_is_traded_by_others_disturbs_nothing(day: dict[str, Any]) -> None:
    said = day["outside"]
    assert {"deposit", "opening", "trade", "withdrawal"} <= set(said["kinds"])
    assert said["status"]["blocked"] == ""
    assert "books_differ_from_venue" not in said["alerts"]
    assert said["status"]["first_line"].startswith("Live. ")


def test_a_pause_is_said_with_its_reason(day: dict[str, Any]) -> None:
    assert day["outside"]["paused"].startswith("Paused by you at ")
    assert day["outside"]["paused"].endswith(": lunch. Exits still work.")
    assert day["outside"]["resumed"] == "Live"


def test_a_daemon_that_stood_still_compares_before_it_goes_on_and_sends_nothing_twice(day: dict[str, Any]) -> None:
    said = day["asleep"]
    assert "machine_slept" in said["log"]
    assert said["equal"] == 1
    assert said["twice"] == []


def test_a_kill_pressed_while_the_daemon_stands_still_is_on_before_it_places_anything(day: dict[str, Any]) -> None:
    said = day["asleep"]
    assert said["kill"]["status"] == 4
    assert json.loads(said["kill"]["out"])["error"]["code"] == "daemon_silent"
    assert "The kill switch is noted." in json.loads(said["kill"]["out"])["error"]["money"]
    switch = said["killed"]["kill_switch"]
    assert (switch["active"], switch["reason"]) == (True, "it hangs")
    assert set(said["placed"]) <= {"market"}, "sales go on; nothing is bought, and no stop is placed"
    assert said["noted"] is False


def test_books_are_equal_to_the_last_digit(day: dict[str, Any]) -> None:
    said = day["quiet"]
    assert said["equal"] == 1
    assert len(said["ours"]) > 2
    assert said["ours"] == said["theirs"]


def test_coins_that_somebody_takes_are_named_everywhere_and_nothing_is_bought(day: dict[str, Any]) -> None:
    said = day["taken"]
    why = said["status"]["blocked"]
    assert f"{said['coin']} is staked or earning: take it back from there." in why
    assert said["status"]["first_line"] == f"Live, entries blocked: {why} Exits still work.{NO_MONEY}"
    assert said["shown"]["out"].startswith("Live, entries blocked: ")
    assert f"warn  venue: {why}" in said["health"]["out"]
    assert said["doctor"]["status"] == 1
    line = next(one for one in json.loads(said["doctor"]["out"])["items"] if one["name"] == "account")
    assert (line["state"], why in line["detail"]) == ("fail", True)
    critical, code, text = said["alerts"][0]
    assert (critical, code, why in text) == ("critical", "books_differ_from_venue", True)
    assert said["bought"] == 0


def test_the_key_is_in_no_file_argument_answer_or_output(day: dict[str, Any]) -> None:
    assert day["leaks"]["looked at"] > 5
    assert day["leaks"]["outputs"] > 15
    assert day["leaks"]["seen"] == []


def test_sigterm_ends_it_in_order_and_stops_stay(day: dict[str, Any]) -> None:
    said = day["end"]
    assert said["end"] == {"status": 0, "err": ""}
    assert said["stops"] > 0
    assert said["cancelled at the end"] == [], "some may have been filled meanwhile, and none is taken away"
    assert said["dead man"] is None, "nothing would cancel them later"
    assert said["files"] == ["daemon.lock"]
    assert said["off"]["err"].startswith("Mooring is off. Nothing is being traded.")


@pytest.mark.parametrize("command", ["db check", "replay"])
def test_records_hold_and_every_hour_comes_out_again(day: dict[str, Any], command: str) -> None:
    assert day["end"][command]["status"] == 0, day["end"][command]
    assert json.loads(day["end"][command]["out"])["ok"] is True
