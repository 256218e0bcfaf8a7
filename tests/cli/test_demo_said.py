"""What a demo says: its state first, why it halted, and what a home already holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mooring.errors import Halt
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch

TAKEN = 3


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store takes three hours and then none."""
    commit, taken = Store.commit, [0]

    def until_full(self: Store, batch: Batch) -> Any:
        if batch.hour is not None:
            taken[0] += 1
            if taken[0] > TAKEN:
                raise Halt("disk_full", "The disk is full.", todo="Make room.")
        return commit(self, batch)

    monkeypatch.setattr(Store, "commit", until_full)


@pytest.mark.usefixtures("full_disk")
def test_halted_demo_says_first_why(mooring) -> None:  # type: ignore[no-untyped-def]
    said = mooring("demo", "--no-bundle", "--hours", "6")
    assert said.out.startswith("Halted: The disk is full.")
    assert "3 hours," in said.out
    assert said.status in (1, 6)


@pytest.mark.usefixtures("full_disk")
def test_halted_demo_has_state_and_reason_in_its_summary(mooring) -> None:  # type: ignore[no-untyped-def]
    said = mooring("demo", "--no-bundle", "--hours", "6", "--json")
    assert said.answer["state"] == "halted"
    assert said.answer["state_reason"].startswith("The disk is full.")
    assert not [found for found in said.answer["breaks"] if "None" in found]


def test_demo_at_its_end_says_so_first(mooring) -> None:  # type: ignore[no-untyped-def]
    said = mooring("demo", "--no-bundle", "--hours", "2")
    assert said.status == 0
    assert said.out.splitlines()[0] == "Mooring is off. Nothing is being traded. The market has ended."
    assert said.err.startswith("Made-up prices")


def test_home_that_holds_more_hours_than_asked_for_is_told_of(mooring, home: Path) -> None:  # type: ignore[no-untyped-def]
    assert "already holds" not in mooring("demo", "--no-bundle", "--hours", "5", "--home", home).err
    assert "already holds" not in mooring("demo", "--no-bundle", "--hours", "5", "--home", home).err
    said = mooring("demo", "--no-bundle", "--hours", "3", "--home", home, "--json")
    assert "already holds 5 hours" in said.err
    assert said.answer["hours"] == 5


def test_prices_are_called_made_up_only_once_there_are_any(mooring, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    said = mooring("demo", "--no-bundle", "--hours", "2", "--home", tmp_path / ("d" * 100))
    assert said.status == 2
    assert "Made-up" not in said.err
