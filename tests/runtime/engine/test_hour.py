"""An hour is made from bar and controls alone, from wherever the run stood: the rows are those that were stored."""

from __future__ import annotations

import numpy as np
import pytest

from mooring.errors import Unverified
from mooring.runtime.decision.types import C_CANCEL_ALL, CONTROL_NAMES
from mooring.runtime.domain.bars import bar_at
from mooring.runtime.domain.state_codec import MAGIC, dump
from mooring.runtime.engine.hour import HourMaker
from mooring.runtime.engine.kept import opened, restored
from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.store.store import Store
from tests.support import core, runs

HOURS = 60
BARS = core.random_bars(63, HOURS, 3, missing=0.1, silent=0.1)
SCRIPT = {18: "kill", 22: "release", 30: "cancel_all", 36: "pause", 40: "resume"}


class Seen:
    """A run with all that people do in it, and how it stood before each hour."""

    def __init__(self, store):
        told = runs.Told()
        self.made = runs.make_engine(store, BARS, runs.plan(), told=told)
        self.run, reader = self.made._run, store.reader()
        self.before = []
        for hour in range(HOURS):
            stored = reader.latest_state(self.run.run_id)
            self.before.append(
                {
                    "state": None if stored is None else stored.state,
                    "balances": reader.balances_of_account(self.run.account_id),
                    "chain": self.made._cycle.decision_hash,
                    "working": reader.unresolved_intents(self.run.run_id),
                }
            )
            action = SCRIPT.get(hour)
            if action in {"kill", "pause"}:
                getattr(self.made, action)("test")
            elif action:
                getattr(self.made, action)()
            runs.ahead(self.made, 1)
        self.hours = told.hours
        self.controls = [
            np.array([row[name] for name in CONTROL_NAMES], np.int64) for row in runs.rows(store, "cycles", self.made)
        ]

    def maker(self, hour):
        was = self.before[hour]
        kept = restored(self.run.opening, was["state"])
        made = HourMaker(self.run, kept, balances=was["balances"], hours=hour, chain=was["chain"])
        if hour:
            made.place()
            made.desk.restore(was["working"], made.world.paper)
        return made

    def close(self, hour):
        return int(BARS.ts[hour]) + 3600


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    with Store.open(tmp_path_factory.mktemp("seen") / "m.db") as store:
        yield Seen(store)


def test_the_run_has_all_that_can_lie_between_two_hours(seen):
    assert sum(int(controls[C_CANCEL_ALL]) for controls in seen.controls) == 2
    assert any(was["working"] for was in seen.before)
    assert {table for done in seen.hours for table, _ in done.rows} >= {"campaigns", "treasury", "trades", "features"}


@pytest.mark.parametrize("first", [0, 1, 17, 18, 19, 22, 30, 31, 45, 59])
def test_from_any_hour_on_the_same_rows_states_and_hashes_come_out(seen, first):
    maker = seen.maker(first)
    for hour in range(first, HOURS):
        if seen.controls[hour][C_CANCEL_ALL]:
            assert maker.desk.cancel_rows(seen.close(hour), maker.world.paper)
        made = maker.make(bar_at(BARS, hour), seen.controls[hour])
        done = seen.hours[hour]
        assert made.rows == done.rows
        assert (made.decision_hash.hex(), made.state_hash) == (done.decision_hash, done.state_hash)
        if hour + 1 < HOURS:
            assert made.state == seen.before[hour + 1]["state"]


def test_what_was_set_for_the_treasury_is_an_input_of_the_hour(seen):
    other = TreasuryParams(monthly_costs=77, protect=0, minimum_transfer=5)
    rows = dict(seen.maker(3).make(bar_at(BARS, 3), seen.controls[3], other).rows)
    assert {name: rows["treasury"][name] for name in other._fields} == other._asdict()
    usual = dict(seen.maker(3).make(bar_at(BARS, 3), seen.controls[3]).rows)
    assert {name: usual["treasury"][name] for name in other._fields} == runs.TREASURY._asdict()
    assert {**rows, "treasury": None} == {**usual, "treasury": None}


def test_a_maker_leaves_the_opening_of_its_run_as_it_is(seen):
    before = dump(seen.run.opening)
    seen.maker(0).make(bar_at(BARS, 0), seen.controls[0])
    assert dump(seen.run.opening) == before == dump(opened(seen.run.machine))


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda state: state[:-1],
        lambda state: state + b"\0",
        lambda state: MAGIC,
        lambda state: state.replace(b"treasury.days", b"treasury.dayz"),
        lambda state: dump(restored(opened(runs.plan(2).machine), None)),
    ],
    ids=["cut", "longer", "empty", "renamed", "of two symbols"],
)
def test_a_state_of_another_layout_is_a_clear_error(seen, spoilt):
    with pytest.raises(Unverified, match="does not fit these settings or this version"):
        restored(seen.run.opening, spoilt(seen.before[9]["state"]))


def test_a_state_without_treasury_and_campaigns_is_of_another_layout(seen):
    with pytest.raises(Unverified):
        restored(seen.run.opening, dump(seen.run.opening.world))
