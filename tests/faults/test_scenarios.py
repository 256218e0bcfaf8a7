"""Whole live days in which everything goes wrong, each from a seed; `python -m tests.faults.scenarios` plays more."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.faults.scenarios.generator import ACTS, KINDS, Scenario, scenario
from tests.faults.scenarios.play import play

HOURS = (2, 2)
BATCH = 4
# The first 80 seeds meet every kind of fault and of act, as the last test here sees; 200 are the full run.
BATCHES = max(int(os.environ.get("TESTS_SCENARIOS", "80")), 80) // BATCH
# What seeds found, kept as the faults that it took, since a seed is another scenario once the generator draws otherwise.
FOUND = {
    "the snapshot of orders never came, and the private link stayed down for ever": (
        {"kind": "drop_frame", "match": "frame:executions", "after": 15, "until": 10_000},
        {"kind": "disconnect_all", "after": 20},
    ),
    "a subscription of the private link was refused once, and never asked for again": (
        {"kind": "error", "match": "ws:subscribe", "text": "EOrder:Insufficient funds", "after": 15, "times": 2},
        {"kind": "disconnect_all", "after": 20},
    ),
}


def assert_plays(made: Scenario) -> None:
    least = most = made.hours
    again = f"python -m tests.faults.scenarios --seed {made.seed} --hours {least} {most}"
    problems = play(made).problems
    assert not problems, "\n".join([f"again: {again}", *problems])


@pytest.mark.parametrize("batch", range(BATCHES))
def test_books_and_venue_agree_whatever_went_wrong_in_between(batch) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        assert_plays(replace(scenario(seed, hours=HOURS), exact=seed % 100 == 0))


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_once_stays_mended(what) -> None:
    assert_plays(replace(scenario(1, hours=HOURS), faults=FOUND[what], acts=()))


def test_the_seeds_of_this_suite_meet_every_kind_of_fault_and_of_act() -> None:
    made = [scenario(seed, hours=HOURS) for seed in range(BATCH * BATCHES)]
    assert {fault["kind"] for one in made for fault in one.faults} == set(KINDS)
    assert len({act.kind for one in made for act in one.acts}) == len(set(ACTS))
    assert sum(one.live_feed for one in made) > 10
