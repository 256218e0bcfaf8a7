"""The order of things in one hour, shared by the daemon and the backtest."""

from __future__ import annotations

import numpy as np
import pytest

from mooring.runtime.decision.types import D_ACTION, D_REASON, WANT_ENTRY, WANT_EXIT, WANT_NOTHING
from mooring.runtime.domain.bars import Bars
from mooring.runtime.domain.codes import Action, Outcome, Reason, Role
from mooring.runtime.domain.state_codec import dump
from mooring.runtime.engine.world import make_machine
from mooring.runtime.venues.paper.matching import E_OUTCOME, E_PRICE, E_ROLE
from mooring.runtime.venues.paper.orders import NO_ORDER, O_ROLE
from tests.support.core import (
    BUSY,
    MONEY,
    PAPER,
    START,
    controls,
    decider,
    live,
    machine,
    random_bars,
    silent_producer,
    told_strategy,
    wish_row,
)

CASH = 10_000 * MONEY
ENTRY_LIMIT = 10_050


class Told:
    """A machine for one symbol whose strategy can be told anew before each hour."""

    def __init__(self):
        self.strategy = told_strategy([wish_row(WANT_NOTHING)])
        made = decider(1, producers=[silent_producer(1)], strategy=self.strategy)
        self.machine = make_machine(made, PAPER, CASH)
        self.world = self.machine.init()

    def hours(self, *rows):
        """Run (wish, (open, high, low, close, volume), controls) hours; what each left behind, as plain data."""
        columns = np.array([hour for _, hour, _ in rows], np.int64)
        ts = START + 3600 * np.arange(len(rows), dtype=np.int64)
        bars = Bars(ts, np.ones((len(rows), 1), np.bool_), *(columns[:, [i]] for i in range(5)))
        wishes = [wish for wish, _, _ in rows]
        wishing = self.machine.decider.params.strategy
        wishing[0] = wishes[0]
        seen = []
        for hour in live(self.machine, bars, {i: c for i, (_, _, c) in enumerate(rows)}, self.world):
            events = hour.room.events[: hour.room.counts[0]]
            seen.append(
                {
                    "action": Action(int(hour.said.rows[0, D_ACTION])),
                    "reason": Reason(int(hour.said.rows[0, D_REASON])),
                    "events": [(Role(int(e[E_ROLE])), Outcome(int(e[E_OUTCOME])), int(e[E_PRICE])) for e in events],
                    "placed": int(hour.room.outcomes[0]),
                    "held": int(hour.world.account.quantity[0]),
                    "stop": int(hour.world.paper.stop_price[0]),
                    "entry": int(hour.world.paper.entry_quantity[0]),
                    "wanted": int(hour.world.wanted[0, O_ROLE]),
                }
            )
            if hour.row + 1 < len(rows):
                wishing[0] = wishes[hour.row + 1]
        return seen


FLAT = (10_000, 10_000, 10_000, 10_000, 1000)
RISING = (10_000, 10_400, 9_990, 10_300, 1000)
DEEP = (10_000, 10_000, 5_000, 10_000, 1000)
NONE, ENTER, EXIT = wish_row(WANT_NOTHING), wish_row(WANT_ENTRY), wish_row(WANT_EXIT)
OFF = controls()
KILL = controls(kill=1, cancel_all=1)
KILLED = controls(kill=1)


def test_an_order_decided_at_a_close_cannot_fill_in_the_bar_that_closed():
    first, second = Told().hours((ENTER, DEEP, OFF), (NONE, FLAT, OFF))
    assert first["action"] == Action.ENTER
    assert first["events"] == []
    assert first["held"] == 0
    assert (first["placed"], second["placed"]) == (NO_ORDER, Outcome.OPEN)
    assert second["events"][0] == (Role.ENTRY, Outcome.FILLED, 10_005)
    assert second["held"] > 0


def test_an_exit_decided_at_a_close_fills_at_the_next_open():
    told = Told()
    seen = told.hours((ENTER, FLAT, OFF), (EXIT, FLAT, OFF), (NONE, (9_900, 9_950, 9_890, 9_940, 5), OFF))
    assert (seen[1]["action"], seen[1]["events"][-1][0]) == (Action.EXIT, Role.STOP)
    assert seen[2]["events"] == [(Role.EXIT, Outcome.FILLED, 9_895), (Role.STOP, Outcome.CANCELLED, 0)]
    assert seen[2]["held"] == 0
    assert seen[2]["action"] == Action.FLAT


def test_the_step_is_shown_what_the_bar_just_filled():
    told = Told()
    entered, filled = told.hours((ENTER, FLAT, OFF), (ENTER, FLAT, OFF))
    assert entered["action"] == Action.ENTER
    assert filled["held"] > 0
    assert told.world.decision.risk.entries_today[0] == 2


def test_cancel_all_comes_before_the_bar_so_that_a_working_entry_never_fills():
    told = Told()
    seen = told.hours((ENTER, FLAT, OFF), (NONE, FLAT, KILL))
    assert seen[1]["placed"] == Outcome.OPEN
    assert seen[1]["events"] == []
    assert (seen[1]["held"], seen[1]["entry"]) == (0, 0)


def test_cancel_all_takes_the_resting_stop_away_before_it_can_trigger():
    told = Told()
    seen = told.hours((ENTER, FLAT, OFF), (NONE, FLAT, OFF), (NONE, DEEP, KILL))
    assert seen[1]["stop"] == 9_750
    assert seen[2]["events"] == []
    assert (seen[2]["held"] > 0, seen[2]["stop"]) == (True, 0)


def test_cancel_all_lets_a_market_sell_on_its_way_out_go_on():
    told = Told()
    seen = told.hours((ENTER, FLAT, OFF), (EXIT, FLAT, OFF), (NONE, FLAT, KILL))
    assert seen[2]["events"] == [(Role.EXIT, Outcome.FILLED, 9_995)]
    assert seen[2]["held"] == 0


def test_the_stop_of_a_held_symbol_stays_away_under_the_kill_switch_and_comes_back_after_its_release():
    told = Told()
    seen = told.hours(
        (ENTER, FLAT, OFF),
        (NONE, FLAT, OFF),
        (NONE, FLAT, KILL),
        (NONE, FLAT, KILLED),
        (NONE, FLAT, OFF),
        (NONE, (10_000, 10_100, 9_700, 9_900, 5), OFF),
    )
    assert [s["wanted"] for s in seen[2:5]] == [NO_ORDER, NO_ORDER, Role.STOP]
    assert [s["stop"] for s in seen[2:5]] == [0, 0, 0]
    assert seen[5]["placed"] == Outcome.OPEN
    assert seen[5]["events"] == [(Role.STOP, Outcome.FILLED, 9_745)]
    assert seen[5]["held"] == 0


def test_the_kill_switch_refuses_entries_and_lets_exits_go():
    told = Told()
    seen = told.hours((ENTER, FLAT, KILLED), (ENTER, FLAT, OFF), (EXIT, FLAT, KILLED), (NONE, FLAT, KILLED))
    assert (seen[0]["action"], seen[0]["reason"]) == (Action.REFUSED, Reason.KILL_SWITCH)
    assert seen[2]["action"] == Action.EXIT
    assert seen[3]["held"] == 0


def test_flatten_sells_what_is_held_at_the_next_open():
    told = Told()
    flatten = controls(kill=1, cancel_all=1, flatten=1)
    seen = told.hours((ENTER, FLAT, OFF), (NONE, FLAT, OFF), (NONE, FLAT, flatten), (NONE, RISING, KILLED))
    assert (seen[2]["action"], seen[2]["reason"]) == (Action.EXIT, Reason.KILL_FLATTEN)
    assert seen[3]["events"] == [(Role.EXIT, Outcome.FILLED, 9_995)]


def test_an_entry_pays_the_collar_at_most():
    told = Told()
    seen = told.hours((ENTER, FLAT, OFF), (NONE, (10_300, 10_400, 10_040, 10_300, 5), OFF))
    assert seen[1]["events"][0] == (Role.ENTRY, Outcome.FILLED, ENTRY_LIMIT)
    assert Told().hours((ENTER, FLAT, OFF), (NONE, (10_300, 10_400, 10_200, 10_300, 5), OFF))[1]["held"] == 0


@pytest.mark.parametrize("chosen", [{}, BUSY], ids=["usual", "busy"])
def test_two_runs_over_the_same_hours_are_the_same_to_the_last_bit(chosen):
    bars = random_bars(8, 200, 3)
    ends = []
    for _ in range(2):
        made = machine(3, **chosen)
        world = made.init()
        said = [h.said.rows.tobytes() + h.said.book.tobytes() for h in live(made, bars, None, world)]
        ends.append((said, dump(world)))
    assert ends[0] == ends[1]


def test_what_an_hour_says_does_not_depend_on_later_bars():
    bars, other = random_bars(8, 120, 3), random_bars(9, 120, 3)
    mixed = Bars(bars.ts, *(np.concatenate([a[:60], b[60:]]) for a, b in zip(bars[1:], other[1:], strict=True)))
    said = [[hour.said.rows.tobytes() for hour in live(machine(3, **BUSY), market)] for market in (bars, mixed)]
    assert said[0][:60] == said[1][:60]
    assert said[0][60:] != said[1][60:]
