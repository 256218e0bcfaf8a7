"""Whole live days in which everything goes wrong, each from a seed; `python -m tests.faults.scenarios` plays more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.scenarios.generator import ACTS, KINDS, scenario
from tests.faults.scenarios.play import play

HOURS = (2, 2)
BATCH = 4
BATCHES = 50
# Seeds that failed once, at the hours that they were played with, and what it was.
FOUND = {
    (506, (2, 3)): "the snapshot of orders was lost, and the private link stayed down for ever with nothing to notice it",
    (10115, (2, 5)): "the same, hours later",
}


def assert_plays(seed: int, hours: tuple[int, int], *, exact: bool | None = None) -> None:
    made = scenario(seed, hours=hours)
    made = play(made if exact is None else replace(made, exact=exact))
    again = f"python -m tests.faults.scenarios --seed {seed} --hours {hours[0]} {hours[1]}"
    assert not made.problems, "\n".join([f"again: {again}", *made.problems])


@pytest.mark.parametrize("batch", range(BATCHES))
def test_books_and_venue_agree_whatever_went_wrong_in_between(batch) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        assert_plays(seed, HOURS, exact=seed % 100 == 0)


@pytest.mark.parametrize(("seed", "hours"), FOUND, ids=lambda part: str(part))
def test_what_was_found_once_stays_mended(seed, hours) -> None:
    assert_plays(seed, hours)


def test_the_seeds_of_this_suite_meet_every_kind_of_fault_and_of_act() -> None:
    made = [scenario(seed, hours=HOURS) for seed in range(BATCH * BATCHES)]
    assert {fault["kind"] for one in made for fault in one.faults} == set(KINDS)
    assert len({act.kind for one in made for act in one.acts}) == len(set(ACTS))
    assert sum(one.live_feed for one in made) > 20
