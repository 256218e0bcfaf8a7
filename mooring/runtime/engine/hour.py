"""One hour of a run, from bar and controls to rows of evidence; touches no store, so that live and replay share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mooring.errors import Halt
from mooring.runtime.decision.step import decision_hash
from mooring.runtime.decision.types import B_CASH, B_DRAWDOWN, B_EQUITY, B_VALUE, D_REASON, Decisions, empty_decisions
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.domain.state_codec import digest, dump
from mooring.runtime.engine import records
from mooring.runtime.engine.balances import Balances, balances_after, check_balances
from mooring.runtime.engine.desk import Desk, TableRow
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.world import World, make_room
from mooring.runtime.portfolio.ledger import opening_postings
from mooring.runtime.venues.paper.orders import place_all

NO_HASH: Final = bytes(32)


@dataclass(frozen=True, kw_only=True)
class HourMade:
    """What one hour came to.

    Attributes:
        rows: every row of the hour but its manifest, in order.
        state: bytes of the world after the hour, before the orders it wanted were placed.
        decision_hash: of all hours of the run so far, 32 bytes.
        state_hash: of `state`, hex.
    """

    close_ts: int
    rows: list[TableRow]
    said: Decisions
    state: bytes
    decision_hash: bytes
    state_hash: str


class HourMaker:
    """A run's world, desk and books, moved by one hour at a time. An error leaves it torn: drop it.

    Args:
        run: what is run.
        world: as after the last hour, or before the first; changed in place.
        balances: of the account's ledger before.
        hours: done by this run before.
        chain: decision hash after these.
    """

    def __init__(self, run: Run, world: World, *, balances: Balances, hours: int = 0, chain: bytes = NO_HASH) -> None:
        self.run = run
        self.world = world
        self.desk = Desk(
            run_id=run.run_id,
            account_id=run.account_id,
            instruments=run.instruments,
            withheld=run.mode == "shadow",
        )
        self.hours = hours
        self.decision_hash = chain
        self.state_hash = ""
        self._balances = balances
        self._room = make_room(len(run.instruments))

    def place(self) -> None:
        """Place the orders that the last hour wanted."""
        machine = self.run.machine
        place_all(
            self.world.wanted,
            self.world.paper,
            machine.paper_params,
            machine.decider.params.scales,
            self.world.account,
            self._room.outcomes,
        )

    def make(self, bar: Bar, controls: Int64s) -> HourMade:
        """Do one hour.

        Raises:
            Halt: an invariant broke.
            ValueError, ArithmeticError: it cannot be done with these bars.
        """
        run, room, world = self.run, self._room, self.world
        decider = run.machine.decider
        close_ts = int(bar.close_ts)
        said = empty_decisions(len(run.instruments), len(decider.producers))
        fills_before = int(world.account.fills[0])
        stops = world.paper.entry_stop.copy()
        halted_before = int(world.decision.risk.halted[0])
        run.machine.hour(world, decider.params, run.machine.paper_params, bar, controls, said, room)
        state = dump(world)
        self.decision_hash = decision_hash(self.decision_hash, said.rows, said.book)
        self.state_hash = digest(world)
        _check_book(world, said)
        events, closures = int(room.counts[0]), int(room.counts[1])
        rows = [*self._opening(), *records.bar_rows(run.instruments, bar)]
        warmed_up = int(np.count_nonzero(world.decision.features.bars >= decider.warmup_bars))
        rows.append(records.cycle_row(bar, controls, warmed_up))
        rows += self.desk.happened_rows(close_ts, room.events[:events], room.closures[:closures], stops, fills_before)
        rows += records.signal_rows(run.instruments, decider.producers, said)
        rows += records.decision_rows(run.instruments, said)
        rows += records.position_rows(run.instruments, decider.params.scales, world)
        rows.append(records.equity_row(world, said))
        if halted_before == 0 and int(world.decision.risk.halted[0]) != 0:
            # Part of the hour, so that a crash cannot swallow it.
            rows.append(alert_row(run, close_ts, "critical", "drawdown_halt", _drawdown_text(said)))
        # A paper order lives in this database alone, so its acceptance commits together with its intent.
        self.place()
        rows += self.desk.wanted_rows(close_ts, world.wanted, room.outcomes, said.rows[:, D_REASON])
        self._balances = balances_after(self._balances, rows)
        check_balances(self._balances, run.instruments, world.account)
        self.hours += 1
        return HourMade(
            close_ts=close_ts,
            rows=rows,
            said=said,
            state=state,
            decision_hash=self.decision_hash,
            state_hash=self.state_hash,
        )

    def _opening(self) -> list[TableRow]:
        if self.hours or not self.run.is_new_account:
            return []
        run = self.run
        return [("ledger", p) for p in opening_postings(run.account_id, run.quote, run.machine.starting_cash)]


def alert_row(run: Run, hour_ts_utc: int, severity: str, code: str, text: str) -> TableRow:
    """An alert of a run, named by what it says and when."""
    alert_id = derived_id("alert", run.run_id, hour_ts_utc, code)
    row = {"run_id": run.run_id, "hour_ts_utc": hour_ts_utc, "alert_id": alert_id}
    return "alerts", row | {"severity": severity, "code": code, "text": text}


def _check_book(world: World, said: Decisions) -> None:
    """Pair assertion: what the step counted is what the account has."""
    cash, equity = int(said.book[B_CASH]), int(said.book[B_EQUITY])
    if cash < 0 or cash != int(world.account.cash[0]) or equity != cash + int(said.book[B_VALUE]):
        raise Halt(
            "books_differ",
            "What the decisions counted is not what the account has.",
            money="The hour was not stored and nothing of it was traded.",
            todo="Report this with the log.",
        )


def _drawdown_text(said: Decisions) -> str:
    drawdown_bps = int(said.book[B_DRAWDOWN])
    return f"Halted: drawdown of {drawdown_bps // 100}.{drawdown_bps % 100:02d} %."
