"""One hour of live trading: fills come between the closes, and the close only looks, decides and asks for orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mooring.runtime.decision.step import Decide
from mooring.runtime.decision.types import D_REASON, Decisions, Inputs
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Int64s
from mooring.runtime.domain.orders import Update
from mooring.runtime.engine.balances import Balances, balances_after
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.hour import NO_HASH, Before, Happened, HourMaker
from mooring.runtime.engine.kept import Kept
from mooring.runtime.engine.live_desk import LiveDesk, Taken
from mooring.runtime.engine.run import LIVE, Run
from mooring.runtime.engine.told import Inherited
from mooring.runtime.portfolio.account import CLOSURE_COLUMNS
from mooring.runtime.store.types import Row
from mooring.runtime.venues.paper.matching import EVENT_COLUMNS
from mooring.runtime.venues.paper.orders import show_book, want_orders


class LiveHourMaker(HourMaker):
    """As `HourMaker`, with a venue between the closes: `take` books what it tells.

    Attributes:
        asked: what the last close asked for: orders to send, and stops to cancel since they cover the wrong quantity.
    """

    def __init__(self, run: Run, kept: Kept, *, balances: Balances, hours: int = 0, chain: bytes = NO_HASH) -> None:
        super().__init__(run, kept, balances=balances, hours=hours, chain=chain)
        self.live = LiveDesk(run_id=run.run_id, account_id=run.account_id, instruments=run.instruments)
        self.desk = self.live
        self.asked = Taken()
        self._before = Before(kept.world)

    def resume(self, unresolved: Sequence[Row]) -> None:
        """Take up the orders that were working at the last close; see `LiveDesk.restore`."""
        self.live.restore(unresolved, self.world.paper)
        self._before = Before(self.world)

    def inherit(self, left: Inherited) -> None:
        """Take over from the runs before: their orders, and what was told of these since the account's last close."""
        if left.after is None:
            return
        self.resume(left.working)
        for run_id, smallest, update in left.told:
            # As it was taken then: the venue's minimums may have moved since.
            self.live.run_id = run_id
            order_min = np.array([smallest[one.symbol] for one in self.run.instruments], np.int64)
            self._taken(left.after + HOUR_SECONDS, update, order_min)
        self.live.run_id = self.run.run_id

    def take(self, hour_ts_utc: int, update: Update) -> Taken:
        """Book what became known of an order; see `LiveDesk.take`."""
        return self._taken(hour_ts_utc, update, self.run.machine.decider.params.scales.order_min)

    def _taken(self, hour_ts_utc: int, update: Update, order_min: Int64s) -> Taken:
        taken = self.live.take(hour_ts_utc, update, self.world, order_min)
        self._balances = balances_after(self._balances, taken.rows)
        return taken

    def _move(self, bar: Bar, controls: Int64s, said: Decisions) -> Happened:
        run, world = self.run, self.world
        events = _table(self.live.events, EVENT_COLUMNS)
        closures = _table(self.live.closures, CLOSURE_COLUMNS)
        book, params = self._room.book, run.machine.decider.params
        show_book(world.paper, run.machine.paper_params, params.scales, world.account, closures, len(closures), book)
        decide: Decide = run.machine.decider.decide
        decide(world.decision, params, Inputs(bar, book, controls, self._room.models), said, self._room.scratch)
        want_orders(said.rows, world.paper, world.account, controls, world.wanted)
        return Happened(before=self._before, events=events, closures=closures, rows=[])

    def _kept_after(self) -> tuple[bytes, str]:
        # After placing: an order here is one at the venue, and a run that goes on from this state has it.
        self.place()
        return super()._kept_after()

    def _ordered(self, close_ts: int, said: Decisions) -> list[TableRow]:
        world = self.world
        self.live.begin_hour()
        self.asked = self.live.wanted_orders(close_ts, world.wanted, self._room.outcomes, said.rows[:, D_REASON])
        self.asked.cancels += self.live.cover(world)
        self._before = Before(world)
        return self.asked.rows


Maker = Callable[..., HourMaker]


def maker_of(run: Run) -> Maker:
    """What makes the hours of a run, by its mode."""
    return LiveHourMaker if run.mode == LIVE else HourMaker


def _table(rows: Sequence[Int64s], columns: int) -> Int64s:
    return np.array(rows, np.int64).reshape(len(rows), columns)
