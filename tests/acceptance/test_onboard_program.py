"""A key of a look-alike is connected by the installed program, under a real keychain and on a real terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.program import short_home
from tests.support.keyring_session import keyring_session, why_not

pytestmark = [pytest.mark.keyring, pytest.mark.xdist_group("onboard")]


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, Any]]:
    """The facts of the scenario, which is run once."""
    if why_not():
        pytest.skip(why_not())
    with short_home() as home, keyring_session() as session:
        code = f"from tests.acceptance.onboard_scenario import main; main({str(home)!r})"
        done = session.run(code, timeout=240)
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)


def answer(fact: dict[str, Any]) -> dict[str, Any]:
    assert fact["out"].count("\n") == 1, fact
    value = json.loads(fact["out"])
    assert isinstance(value, dict)
    return value


def test_before_there_is_a_key_it_says_so(told: dict[str, Any]) -> None:
    assert told["before"]["status"] == 0
    assert answer(told["before"])["connected"] is False
    assert answer(told["before"])["look_alike"] is True


def test_a_key_is_pasted_on_a_terminal_only_or_handed_on_as_asked_for(told: dict[str, Any]) -> None:
    assert told["without a terminal"]["status"] == 3
    assert answer(told["without a terminal"])["error"]["code"] == "no_terminal"
    assert told["swapped"]["status"] == 2
    assert answer(told["swapped"])["error"]["code"] == "pasted_swapped"


def test_a_dangerous_key_is_refused_with_the_table_of_its_rights_and_not_kept(told: dict[str, Any]) -> None:
    assert told["dangerous"]["status"] == told["dangerous, json"]["status"] == 3
    assert "refused   Funds: Withdraw" in told["dangerous"]["err"]
    assert "missing   Orders and trades: Create & modify orders" in told["dangerous"]["err"]
    assert "granted   Funds: Query" in told["dangerous"]["err"]
    assert told["dangerous"]["err"].rstrip().endswith("(key_may_withdraw)")
    assert answer(told["dangerous, json"])["error"]["code"] == "key_may_withdraw"
    assert told["kept after refusals"] is False


@pytest.mark.parametrize(("way", "replaced"), [("two lines", False), ("simulator's line", True)])
def test_a_good_key_is_kept_in_the_keychain(told: dict[str, Any], way: str, replaced: bool) -> None:
    assert told[way]["status"] == 0, told[way]["err"]
    said = answer(told[way])
    assert (said["connected"], said["key_ends"], said["replaced"]) == (True, told["ends"], replaced)
    assert {row["state"] for row in said["rights"]} == {"granted"}
    assert {one["name"]: one["state"] for one in said["checks"]}["order"] == "ok"
    assert told["kept"] is True


def test_status_shows_the_last_four_characters(told: dict[str, Any]) -> None:
    assert told["status"]["status"] == 0
    assert f"ends in {told['ends']} " in told["status"]["out"]


def test_it_is_removed_and_removing_twice_is_fine(told: dict[str, Any]) -> None:
    assert answer(told["remove"]) == {"removed": True}
    assert told["remove again"]["status"] == 0
    assert "There was no API key" in told["remove again"]["out"]
    assert told["kept after removal"] is False


def test_on_a_terminal_rights_are_explained_and_nothing_pasted_is_shown(told: dict[str, Any]) -> None:
    screen = told["typed"]["out"]
    assert told["typed"]["status"] == 0, screen
    assert "[x] Orders and trades: Create & modify orders" in screen
    assert "[ ] Funds: Withdraw" in screen
    assert f"The API key that ends in {told['ends']} works at the look-alike" in screen
    assert told["kept after typing"] is True


def test_no_key_is_in_any_output_or_file(told: dict[str, Any]) -> None:
    assert told["seen"] == []
    assert told["in files"] == []
    assert set(told["files"]) <= {"data", "run", "logs", "bundles"}
    assert (told["in processes"], told["environment seen"]) == (False, True)


def test_a_venue_that_is_gone_is_said_to_be(told: dict[str, Any]) -> None:
    assert told["venue gone"]["status"] == 1
    assert answer(told["venue gone"])["error"]["code"] == "look_alike_silent"


def test_through_a_daemon_it_is_the_same(told: dict[str, Any]) -> None:
    assert told["daemon: unknown"]["status"] == 3
    assert answer(told["daemon: unknown"])["error"]["code"] == "kraken_key_refused", "a key of another look-alike"
    assert told["daemon: swapped"]["status"] == 2
    assert told["daemon: good"]["status"] == 0, told["daemon: good"]["err"]
    said = answer(told["daemon: good"])
    assert (said["connected"], said["key_ends"], said["daemon_running"]) == (True, told["ends"], True)
    assert told["daemon: kept"] is True
    assert told["daemon: typed"]["status"] == 0, told["daemon: typed"]["out"]
    assert f"The API key that ends in {told['ends']} works at the look-alike" in told["daemon: typed"]["out"]


def test_which_secrets_there_are_is_told_without_values(told: dict[str, Any]) -> None:
    items = {item["item"]: item for item in answer(told["daemon: secrets"])["items"]}
    (name,) = items.keys() - {"control-api"}
    assert name.startswith("kraken-look-alike/v")
    assert items[name]["ends"] == told["ends"]
    assert items[name]["stored_at"].endswith("Z")


def test_the_daemons_own_token_is_made_anew_while_it_runs_and_not_without(told: dict[str, Any]) -> None:
    assert told["daemon: rotate"]["status"] == 0, told["daemon: rotate"]["err"]
    assert told["daemon: rotate while off"]["status"] == 4


def test_a_removed_key_is_seen_to_work_still(told: dict[str, Any]) -> None:
    assert told["daemon: remove"]["status"] == 0
    assert "Delete the key that ends in" in told["daemon: remove"]["err"]
    assert answer(told["daemon: check"])["old_key"]["state"] == "works"
    assert told["daemon: kept at last"] is False
