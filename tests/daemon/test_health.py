from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mooring.control_api.events import EventHub
from mooring.control_api.models import Component
from mooring.control_api.operations import Operations, Task
from mooring.daemon.health import Surroundings
from mooring.daemon.vault_watch import VaultWatch
from mooring.errors import Denied
from mooring.secrets.vault import MemoryVault

NOW = 1_795_000_000


class TwoClocks:
    """The wall's time and the monotonic one, each as a test wants it."""

    def __init__(self) -> None:
        self.wall, self.steady = NOW, 100.0

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.steady


class Around:
    def __init__(self, free: Callable[[Path], int] = lambda _: 2**40) -> None:
        self.clock, self.watch = TwoClocks(), VaultWatch()
        self.operations = Operations(EventHub(), lambda: "op-1", lambda: "2026-11-21T06:00:00Z")
        self.made = Surroundings(
            self.clock,  # type: ignore[arg-type]
            self.watch,
            self.operations,
            place=Path("/"),
            streams=lambda: 3,
            free=free,
        )

    def __getitem__(self, name: str) -> Component:
        return next(one for one in self.made.components() if one.name == name)


def test_all_is_well_at_the_start() -> None:
    around = Around()
    assert {one.state for one in around.made.components()} == {"ok"}
    assert around["stream"].detail == "3 open."


@pytest.mark.parametrize(("free", "state"), [(2**31, "ok"), (2**29, "warn"), (2**20, "fail")])
def test_little_room_is_said_before_it_is_none(free: int, state: str) -> None:
    assert Around(lambda _: free)["disk"].state == state


def test_a_disk_that_cannot_be_asked_is_worth_a_word() -> None:
    def gone(_: Path) -> int:
        raise OSError

    assert Around(gone)["disk"].state == "warn"


@pytest.mark.parametrize(
    ("wall", "steady", "state"),
    [(3600, 3600, "ok"), (3600, 10, "ok"), (0, 10, "warn"), (-3600, 0, "warn"), (-40 * 365 * 86_400, 0, "fail")],
    ids=["goes on", "slept", "set back", "set far back", "of another age"],
)
def test_a_clock_that_goes_back_is_found_and_sleep_is_not_taken_for_it(wall: int, steady: int, state: str) -> None:
    around = Around()
    around.clock.wall += wall
    around.clock.steady += steady
    assert around["clock"].state == state


def test_the_keychain_is_as_it_answered_last_and_its_errors_are_counted() -> None:
    around = Around()

    class Failing(MemoryVault):
        def get(self, item: str) -> dict[str, str] | None:
            if item == "bad":
                raise Denied("keychain_locked", "The keychain is locked.")
            return super().get(item)

    vault = around.watch.over(Failing())
    vault.put("good", {"a": "Canary"})
    with pytest.raises(Denied):
        vault.get("bad")
    assert (around["keychain"].state, around["keychain"].detail) == (
        "warn",
        "The keychain is locked. 1 calls failed since the start.",
    )
    assert vault.get("good") == {"a": "Canary"}
    assert around["keychain"].state == "ok"
    assert around.watch.errors == 1
    assert vault.read_only is False


def test_a_failed_operation_is_worth_a_word_until_the_next_one() -> None:
    around = Around()

    def fails(_: Task) -> dict[str, Any]:
        raise Denied("some_code", "No.")

    around.operations.begin("replay_verify", fails)
    around.operations.close()
    assert (around["operations"].state, around["operations"].detail) == ("warn", "The last one failed: replay_verify.")
