"""Models updated by clicks, from a repository as the demo has it; and limits while live is armed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.tray_screens import scenario
from tests.daemon.daemons import short_home


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, Any]]:
    """The facts of the scenario, which is run once."""
    with short_home() as home, short_home() as live:
        yield scenario("tray_models", home.root, live.root)


def test_an_offer_has_its_figures_and_those_of_what_decides_now(told: dict[str, Any]) -> None:
    assert told["update"]["nothing newer"] == "There is nothing newer."
    offer = told["update"]["offer"]
    assert offer.startswith("Model starter-2 is available. Signed by trainer and reviewer.")
    assert "Out of sample, after fees: +" in offer
    assert "worst drawdown \u2212" in offer
    assert "Yours now: +" in offer
    assert "It can't loosen your limits." in offer


def test_one_click_updates_shows_the_trial_and_ends_accepted(told: dict[str, Any]) -> None:
    update = told["update"]
    assert update["waits"] is True
    assert "of 6 bars" in update["trial"]["said"]
    assert update["trial"]["bars"] == 6
    assert update["accepted"] == "Accepted: model starter-2 passed its trial."


def test_a_bad_one_undoes_itself_says_why_and_is_told_in_a_notification(told: dict[str, Any]) -> None:
    bad = told["bad"]
    assert bad["said"].startswith("Rolled back by itself, model starter-2-nan: ")
    assert re.search(r"1 answer was not a number|\d+ answers were not numbers", bad["said"])
    assert bad["said"].endswith("You're on starter-2 again.")
    assert bad["decides"] == "You're on model starter-2."
    assert any("was rolled back" in text for text in bad["notification"])


def test_a_person_goes_back_by_hand(told: dict[str, Any]) -> None:
    assert told["back"] == {
        "said": "You went back from model starter-2.",
        "version": "starter-1",
    }


def test_a_looser_limit_is_refused_in_words_while_live_is_armed(told: dict[str, Any]) -> None:
    said = told["armed"]["said"]
    assert "may only become smaller while live trading is armed" in said
    assert "Nothing was changed" in said
    assert said.endswith("(live_armed)")
    assert told["armed"]["value"] != 100
