"""Nothing is placed while any gate is closed: settings, kill switch, the person's word. The look-alike is asked, not the daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.told import NO_MONEY, refused, scenario

pytestmark = [pytest.mark.keyring, pytest.mark.xdist_group("live gates")]


@pytest.fixture(scope="module")
def gates() -> Iterator[dict[str, Any]]:
    yield from scenario("gates_scenario")


@pytest.mark.parametrize(("mode", "word"), [("paper", "Paper trading."), ("shadow", "Shadow:")])
def test_in_another_mode_nothing_is_placed_and_arming_is_refused(gates: dict[str, Any], mode: str, word: str) -> None:
    assert gates[mode]["wanted"] > 0, "it wanted orders all the while"
    assert gates[mode]["placed"] == 0
    assert refused(gates[mode]["arm"]) == "not_live"
    assert gates[mode]["line"].startswith(word)
    assert gates[mode]["end"] == {"status": 0, "err": ""}


def test_a_dry_run_places_nothing_and_cannot_be_armed(gates: dict[str, Any]) -> None:
    assert refused(gates["dry"]["arm"]) == "dry_run"
    assert gates["dry"]["placed"] == 0
    assert gates["dry"]["status"]["armed"] is False


def test_without_the_persons_word_nothing_is_placed(gates: dict[str, Any]) -> None:
    said = gates["not armed"]
    assert said["status"]["out"].startswith("Live, not armed. Decisions are recorded and no order is sent.")
    assert (said["armed"], said["placed"]) == (False, 0)


def test_only_the_exact_phrase_through_the_socket_arms(gates: dict[str, Any]) -> None:
    said = gates["not armed"]
    assert refused(said["wrong"]) == refused(said["small"]) == "wrong_phrase"
    assert said["tcp"] == {"status": 403, "code": "socket_only"}


def test_with_the_kill_switch_on_nothing_is_placed_and_arming_is_refused(gates: dict[str, Any]) -> None:
    said = gates["killed"]
    assert refused(said["arm"]) == "kill_switch"
    assert said["status"]["out"].startswith("Kill switch on since ")
    assert (said["armed"], said["placed"]) == (False, 0)


def test_once_armed_orders_are_placed_and_each_is_the_daemons_own(gates: dict[str, Any]) -> None:
    said = gates["armed"]
    assert said["arm"]["status"] == 0
    assert said["ours"] == said["all"] > 0
    assert said["first line"].startswith("Live. ")
    assert said["first line"].endswith(NO_MONEY)
    assert "runtime.arm" in said["audit"]


def test_after_disarming_nothing_is_placed_though_it_is_wanted(gates: dict[str, Any]) -> None:
    said = gates["disarmed"]
    assert json.loads(said["disarm"]["out"])["armed"] is False
    assert said["placed"] == said["before"] > 0


def test_a_restart_ends_the_arming(gates: dict[str, Any]) -> None:
    said = gates["again"]
    assert said["end"] == said["last"] == {"status": 0, "err": ""}
    assert said["status"]["armed"] is False
    assert said["placed"] == said["before"]
    assert said["stops"] > 0, "armed again, positions get their stops back"


def test_the_key_is_in_no_output(gates: dict[str, Any]) -> None:
    assert gates["seen"] == []
