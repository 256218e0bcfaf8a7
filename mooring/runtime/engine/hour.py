"""One hour of a run, from bar and controls to rows of evidence; touches no store, so that live and replay share it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from mooring.errors import Halt
from mooring.runtime.decision.model_features import ModelFeatureState, update_model_features
from mooring.runtime.decision.step import decision_hash
from mooring.runtime.decision.types import (
    B_CASH,
    B_DRAWDOWN,
    B_EQUITY,
    B_TS,
    B_VALUE,
    D_REASON,
    Decisions,
    empty_decisions,
)
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.domain.scores import P_STATE
from mooring.runtime.domain.state_codec import digest, dump
from mooring.runtime.engine import records
from mooring.runtime.engine.asking import Ask, nobody
from mooring.runtime.engine.balances import Balances, balances_after, check_balances
from mooring.runtime.engine.campaigns import Campaigns
from mooring.runtime.engine.desk import Desk, TableRow
from mooring.runtime.engine.kept import Kept
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.world import World, make_room
from mooring.runtime.portfolio.ledger import opening_postings
from mooring.runtime.portfolio.treasury import TreasuryParams, update_treasury
from mooring.runtime.venues.paper.orders import place_all

NO_HASH: Final = bytes(32)
NAMES_SHOWN: Final = 5


@dataclass(frozen=True, kw_only=True)
class HourMade:
    """What one hour came to.

    Attributes:
        rows: every row of the hour but its manifest, in order.
        state: bytes of `Kept` after the hour, before the orders it wanted were placed.
        decision_hash: of all hours of the run so far, 32 bytes.
        state_hash: of the world in `state` alone, hex: what a backtest over the same bars comes to.
    """

    close_ts: int
    rows: list[TableRow]
    said: Decisions
    state: bytes
    decision_hash: bytes
    state_hash: str


class HourMaker:
    """A run's world, desk and books, moved by one hour at a time. An error leaves it torn: drop it.

    It may begin before any hour of the run. After one, three things put it where the run stood: the state as it was
    stored, `place()`, and `desk.restore` with the orders that were working then. Orders cancelled between two hours are
    cancelled by `desk.cancel_rows`; an hour whose controls say C_CANCEL_ALL had such cancellations before it, so that
    recomputing one begins with them.

    Args:
        run: what is run.
        kept: as after the last hour, or before the first; changed in place.
        balances: of the account's ledger before.
        hours: done by this run before.
        chain: decision hash after these.
    """

    def __init__(self, run: Run, kept: Kept, *, balances: Balances, hours: int = 0, chain: bytes = NO_HASH) -> None:
        self.run = run
        self.kept = kept
        self.desk = Desk(
            run_id=run.run_id,
            account_id=run.account_id,
            instruments=run.instruments,
            withheld=run.mode == "shadow",
        )
        self.hours = hours
        self.decision_hash = chain
        self._campaigns = Campaigns(run.account_id, run.instruments, kept.campaigns)
        self._schema = records.schema_id(run.machine.decider.params.features)
        self._balances = balances
        self._room = make_room(len(run.instruments))

    @property
    def world(self) -> World:
        """What decides and trades."""
        return self.kept.world

    @property
    def balances(self) -> Balances:
        """Of the account's ledger, what was told since the last hour included."""
        return self._balances

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

    def make(
        self, bar: Bar, controls: Int64s, treasury: TreasuryParams | None = None, *, ask: Ask = nobody
    ) -> HourMade:
        """Do one hour.

        Args:
            ask: what models say of the features at this close; asked only where a producer asks models.
            treasury: what a person had set for the treasury in this hour; the run's where None.

        Raises:
            Halt: an invariant broke.
            ValueError, ArithmeticError: it cannot be done with these bars.
        """
        run, room, world = self.run, self._room, self.world
        decider = run.machine.decider
        close_ts = int(bar.close_ts)
        said = empty_decisions(len(run.instruments), len(decider.producers))
        halted = int(world.decision.risk.halted[0])
        self._look(bar, ask)
        happened = self._move(bar, controls, said)
        self.decision_hash = decision_hash(self.decision_hash, said.rows, said.book)
        _check_book(world, said)
        before = happened.before
        campaigns = self._campaigns.rows(
            happened.events,
            happened.closures,
            fills_before=before.fills,
            held=(before.quantity, before.cost),
            stops=(before.stops, world.paper.stop_price),
            decisions=said.rows,
        )
        surplus = treasury_row(self.kept, treasury or run.treasury, said)
        state, state_hash = self._kept_after()
        rows = [*self._opening(), *records.bar_rows(run.instruments, bar)]
        warmed_up = int(np.count_nonzero(world.decision.features.bars >= decider.warmup_bars))
        rows.append(records.cycle_row(bar, controls, warmed_up))
        rows += records.feature_rows(run.instruments, self._schema, bar, world)
        rows += self._models(bar)
        rows += happened.rows
        rows += records.signal_rows(run.instruments, decider.producers, said)
        rows += records.decision_rows(run.instruments, said)
        rows.append(records.risk_row(decider.params.risk, run.risk_profile, world, said, room.book))
        rows += campaigns
        rows += records.position_rows(run.instruments, decider.params.scales, world)
        rows += [records.equity_row(world, said), surplus]
        rows += self._alerts(said, was_halted=halted != 0)
        rows += self._ordered(close_ts, said)
        self._balances = balances_after(self._balances, rows)
        check_balances(self._balances, run.instruments, world.account)
        self.hours += 1
        return HourMade(
            close_ts=close_ts,
            rows=rows,
            said=said,
            state=state,
            decision_hash=self.decision_hash,
            state_hash=state_hash,
        )

    def _alerts(self, said: Decisions, *, was_halted: bool) -> Iterator[TableRow]:
        """What a person must know of the hour; part of it, so that a crash cannot swallow it."""
        close_ts = int(said.book[B_TS])
        if not was_halted and int(self.world.decision.risk.halted[0]) != 0:
            yield alert_row(self.run, close_ts, "critical", "drawdown_halt", _drawdown_text(said))
        faulted = self._room.models[:, P_STATE] == ModelState.FAULT
        names = [one.symbol for one, is_one in zip(self.run.instruments, faulted, strict=True) if is_one]
        if names:
            yield alert_row(self.run, close_ts, "warning", "model_fault", _fault_text(names))

    def _look(self, bar: Bar, ask: Ask) -> None:
        """Bring what models are shown up to date, and hear what they say of it."""
        if isinstance(self.kept.models, ModelFeatureState):
            update_model_features(self.kept.models, bar)
            self._room.models[:] = ask(self.kept.models.values, bar.present)

    def _models(self, bar: Bar) -> Iterator[TableRow]:
        if not isinstance(self.kept.models, ModelFeatureState):
            return iter(())
        bundle = self.run.manifest["bundle"] or ""
        return records.model_rows(self.run.instruments, bundle, bar, self._room.models, self.kept.models.values)

    def _move(self, bar: Bar, controls: Int64s, said: Decisions) -> Happened:
        """Move the world by one bar; what happened in it, with the rows that tell so."""
        run, room, world = self.run, self._room, self.world
        before = Before(world)
        run.machine.hour(world, run.machine.decider.params, run.machine.paper_params, bar, controls, said, room)
        events, closures = room.events[: int(room.counts[0])], room.closures[: int(room.counts[1])]
        rows = self.desk.happened_rows(int(bar.close_ts), events, closures, before.stops, before.fills)
        return Happened(before=before, events=events, closures=closures, rows=list(rows))

    def _kept_after(self) -> tuple[bytes, str]:
        """(the state that a run goes on from after this hour, hash of its world)."""
        # Before placing: what was wanted is placed again when a run goes on from it.
        return dump(self.kept), digest(self.world)

    def _ordered(self, close_ts: int, said: Decisions) -> list[TableRow]:
        """Place the orders that this close asked for; their rows."""
        self.place()
        # A paper order lives in this database alone, so its acceptance commits together with its intent.
        reasons = said.rows[:, D_REASON]
        return list(self.desk.wanted_rows(close_ts, self.world.wanted, self._room.outcomes, reasons))

    def _opening(self) -> list[TableRow]:
        if self.hours or not self.run.is_new_account:
            return []
        run = self.run
        return [("ledger", p) for p in opening_postings(run.account_id, run.quote, run.machine.starting_cash)]


class Before:
    """What an hour changes and its rows tell of: fills so far, what was held, stops of working entries."""

    def __init__(self, world: World) -> None:
        self.fills = int(world.account.fills[0])
        self.quantity, self.cost = world.account.quantity.copy(), world.account.cost.copy()
        self.stops = world.paper.entry_stop.copy()


@dataclass(frozen=True, kw_only=True)
class Happened:
    """What filled in an hour: `match`'s events and closures, what was before them, and rows not stored yet."""

    before: Before
    events: Int64s
    closures: Int64s
    rows: list[TableRow]


def treasury_row(kept: Kept, params: TreasuryParams, said: Decisions) -> TableRow:
    """Moves the treasury on by an hour; its row says what a person had set, too."""
    book, account = said.book.tolist(), kept.world.account
    row = update_treasury(
        kept.treasury,
        params,
        book[B_TS],
        equity=book[B_EQUITY],
        cash=book[B_CASH],
        realised_total=int(account.realised[0]),
        fees_total=int(account.fees[0]),
    )
    return "treasury", params._asdict() | row._asdict()


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


def _fault_text(symbols: list[str]) -> str:
    shown = ", ".join(symbols[:NAMES_SHOWN]) + (
        f" and {len(symbols) - NAMES_SHOWN} more" * (len(symbols) > NAMES_SHOWN)
    )
    return f"The models failed for {shown}: nothing is bought of these; exits and stops go on."


def _drawdown_text(said: Decisions) -> str:
    drawdown_bps = int(said.book[B_DRAWDOWN])
    return f"Halted: drawdown of {drawdown_bps // 100}.{drawdown_bps % 100:02d} %."
