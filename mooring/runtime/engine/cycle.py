"""One hour, done once: closed bar, step, orders, fills, ledger and manifest in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mooring.errors import Halt, Unverified
from mooring.runtime.decision.step import decision_hash
from mooring.runtime.decision.types import (
    B_CASH,
    B_DRAWDOWN,
    B_EQUITY,
    B_VALUE,
    D_REASON,
    Decisions,
    empty_decisions,
)
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.domain.state_codec import digest, dump, load
from mooring.runtime.engine import records
from mooring.runtime.engine.balances import Balances, balances_after, check_balances
from mooring.runtime.engine.desk import Desk, TableRow
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.world import World, make_room
from mooring.runtime.portfolio.ledger import opening_postings
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Committed, ControlRow, HourClose, StateRow
from mooring.runtime.venues.paper.orders import place_all

NO_HASH: Final = bytes(32)
SNAPSHOT_EVERY: Final = 24  # hours between states kept as evidence; an hour is recomputed from the one before it


@dataclass(frozen=True, kw_only=True)
class HourDone:
    """What one hour did.

    Attributes:
        rows: every row that was written, in order.
        committed: what is durable.
        said: the decisions.
    """

    close_ts: int
    rows: list[TableRow]
    committed: Committed
    said: Decisions
    decision_hash: str
    state_hash: str


class Cycle:
    """The state of one run and the way it moves. Not safe to share between threads; the engine holds a lock.

    Args:
        run: what is run.
        store: open; the run's row is in it.

    Attributes:
        torn: something failed between the last commit and now, so that memory and store may differ. Nothing moves any
            more; a new object starts from the last commit.

    Raises:
        Unverified: the stored state is damaged or of another layout.
        Halt: the store and the paper venue disagree about an order.
    """

    def __init__(self, run: Run, store: Store) -> None:
        self.run = run
        self._store = store
        self._room = make_room(len(run.instruments))
        self._desk = Desk(
            run_id=run.run_id,
            account_id=run.account_id,
            instruments=run.instruments,
            withheld=run.mode == "shadow",
        )
        self.torn = False
        self.hours = 0
        self.last_close_ts: int | None = run.resumes_after
        self.decision_hash = NO_HASH
        self.state_hash = ""
        self.cancelled_since_close = False
        self._balances: Balances = store.reader().balances_of_account(run.account_id)
        self.world = self._restore()

    @property
    def working_orders(self) -> int:
        """Orders that the venue still has."""
        return self._desk.working

    @property
    def has_cancellable(self) -> bool:
        """Whether an entry or a stop is working."""
        return self._desk.has_cancellable

    def _restore(self) -> World:
        """The world as of the last commit, with the orders placed that it wanted."""
        run, reader = self.run, self._store.reader()
        world = load(run.opening_world, dump(run.opening_world))  # a copy: the run keeps its own
        stored = reader.latest_state(run.run_id)
        if stored is None:
            if reader.find("manifests", run_id=run.run_id) is not None:
                raise Unverified(
                    "state_missing",
                    "Hours of this run are recorded, but the state after the last one is not there.",
                    money="Beginning anew would forget what is held, so nothing is traded.",
                    todo="Run `mooring db check`, and restore a backup.",
                )
            return world
        world = load(world, stored.state)
        manifest = reader.find("manifests", run_id=run.run_id, hour_ts_utc=stored.hour_ts_utc)
        if manifest is None or manifest["state_hash"] != digest(world):
            raise Halt(
                "state_without_manifest",
                "The stored state is not the one that the last hour's manifest names.",
                money="Nothing is traded from it.",
                todo="Run `mooring db check`; restore a backup where it finds damage.",
            )
        self.hours = stored.cycles
        self.last_close_ts = stored.hour_ts_utc
        self.decision_hash = bytes.fromhex(manifest["decision_hash"])
        self.state_hash = manifest["state_hash"]
        self._place(world)
        self._desk.restore(reader.unresolved_intents(run.run_id), world.paper)
        late = reader.page("order_events", limit=1, filters={"run_id": run.run_id, "status": "CANCELLED"}).items
        self.cancelled_since_close = bool(late) and late[0]["hour_ts_utc"] > stored.hour_ts_utc
        return world

    def _place(self, world: World) -> None:
        params = self.run.machine.decider.params
        place_all(
            world.wanted, world.paper, self.run.machine.paper_params, params.scales, world.account, self._room.outcomes
        )

    def advance(self, bar: Bar, controls: Int64s, control: ControlRow | None = None) -> HourDone:
        """Do one hour and make it durable, together with `control`; an error tears the cycle.

        Raises:
            Halt: an invariant broke, or the store could not write; nothing of this hour was kept.
            Unknown: the store did not answer; the hour is kept whole or not at all.
        """
        self._begin()
        run, room, world = self.run, self._room, self.world
        decider = run.machine.decider
        close_ts = int(bar.close_ts)
        if self.last_close_ts is not None and close_ts <= self.last_close_ts:
            raise Halt("hour_repeated", "The market's time went back.", todo="Report this with the log.")
        said = empty_decisions(len(run.instruments), len(decider.producers))
        fills_before = int(world.account.fills[0])
        stops = world.paper.entry_stop.copy()
        halted_before = int(world.decision.risk.halted[0])
        run.machine.hour(world, decider.params, run.machine.paper_params, bar, controls, said, room)
        state = dump(world)
        decided, state_hash = decision_hash(self.decision_hash, said.rows, said.book), digest(world)
        self._check(world, said)
        events, closures = int(room.counts[0]), int(room.counts[1])
        rows = [*self._opening(), *records.bar_rows(run.instruments, bar)]
        warmed_up = int(np.count_nonzero(world.decision.features.bars >= decider.warmup_bars))
        rows.append(records.cycle_row(bar, controls, warmed_up))
        rows += self._desk.happened_rows(close_ts, room.events[:events], room.closures[:closures], stops, fills_before)
        rows += records.signal_rows(run.instruments, decider.producers, said)
        rows += records.decision_rows(run.instruments, said)
        rows += records.position_rows(run.instruments, decider.params.scales, world)
        rows.append(records.equity_row(world, said))
        if halted_before == 0 and int(world.decision.risk.halted[0]) != 0:
            # Part of the hour, so that a crash cannot swallow it.
            rows.append(
                self.alert_row(close_ts, "critical", "drawdown_halt", _drawdown_text(int(said.book[B_DRAWDOWN])))
            )
        # A paper order lives in this database alone, so its acceptance commits together with its intent.
        self._place(world)
        rows += self._desk.wanted_rows(close_ts, world.wanted, room.outcomes, said.rows[:, D_REASON])
        balances = balances_after(self._balances, rows)
        check_balances(balances, run.instruments, world.account)
        committed = self._commit(close_ts, rows, state, decided, state_hash, control)
        self._balances = balances
        return HourDone(
            close_ts=close_ts,
            rows=rows,
            committed=committed,
            said=said,
            decision_hash=self.decision_hash.hex(),
            state_hash=self.state_hash,
        )

    def _opening(self) -> list[TableRow]:
        if self.hours or not self.run.is_new_account:
            return []
        run = self.run
        return [("ledger", p) for p in opening_postings(run.account_id, run.quote, run.machine.starting_cash)]

    def _begin(self) -> None:
        """Torn until what now begins is durable."""
        if self.torn:
            raise Halt(
                "cycle_torn",
                "An hour failed before, and the engine has not gone back to the last one that is stored.",
                money="Nothing is traded from what may not be stored.",
                todo="Start the engine again.",
            )
        self.torn = True

    def _commit(
        self,
        close_ts: int,
        rows: list[TableRow],
        state: bytes,
        decided: bytes,
        state_hash: str,
        control: ControlRow | None,
    ) -> Committed:
        run = self.run
        committed = self._store.commit(
            Batch(
                rows=rows,
                hour=HourClose(
                    run_id=run.run_id,
                    hour_ts_utc=close_ts,
                    decision_hash=decided.hex(),
                    state_hash=state_hash,
                ),
                state=StateRow(run_id=run.run_id, hour_ts_utc=close_ts, cycles=self.hours + 1, state=state),
                control=control,
                snapshot=self.hours % SNAPSHOT_EVERY == 0,
            )
        )
        self.hours += 1
        self.last_close_ts = close_ts
        self.decision_hash = decided
        self.state_hash = state_hash
        self.cancelled_since_close = False
        self.torn = False
        return committed

    def _check(self, world: World, said: Decisions) -> None:
        """Pair assertion: what the step counted is what the account has."""
        cash, equity = int(said.book[B_CASH]), int(said.book[B_EQUITY])
        if cash < 0 or cash != int(world.account.cash[0]) or equity != cash + int(said.book[B_VALUE]):
            raise Halt(
                "books_differ",
                "What the decisions counted is not what the account has.",
                money="The hour was not stored and nothing of it was traded.",
                todo="Report this with the log.",
            )

    def cancel_working(self, next_close_ts: int, control: ControlRow | None) -> int:
        """Cancel entries and resting stops now; durable, together with `control`, when it returns.

        An error tears the cycle; the orders are then as the store has them.

        Args:
            next_close_ts: the hour that the cancellations belong to.

        Returns:
            how many orders were cancelled.
        """
        self._begin()
        cancelled = self._desk.cancel_rows(next_close_ts, self.world.paper)
        self._store.commit(Batch(rows=cancelled, control=control))
        self.torn = False
        self.cancelled_since_close = self.cancelled_since_close or bool(cancelled)
        return len(cancelled)

    def alert_row(self, hour_ts_utc: int, severity: str, code: str, text: str) -> TableRow:
        """An alert of this run, named by what it says and when."""
        alert_id = derived_id("alert", self.run.run_id, hour_ts_utc, code)
        row = {"run_id": self.run.run_id, "hour_ts_utc": hour_ts_utc, "alert_id": alert_id}
        return "alerts", row | {"severity": severity, "code": code, "text": text}


def _drawdown_text(drawdown_bps: int) -> str:
    return f"Halted: drawdown of {drawdown_bps // 100}.{drawdown_bps % 100:02d} %."
