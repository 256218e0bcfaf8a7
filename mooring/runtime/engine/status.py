"""What the engine says of itself: one frozen picture, replaced after each change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from mooring.runtime.decision.types import B_CASH, B_DRAWDOWN, B_EQUITY, B_PEAK
from mooring.runtime.domain.codes import Tier
from mooring.runtime.engine.cycle import Cycle
from mooring.runtime.market.feed import Feed
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Committed, ControlRow, Head

State = Literal["stopped", "running", "paused", "halted"]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Where a run stands after its last durable change. Market times are UTC unix seconds; money 10^-8 quote.

    head: hash of the last hour's manifest, of whatever run of this database; None before the first.
    """

    hours: int
    last_cycle: int | None
    equity: int
    cash: int
    peak: int
    drawdown_bps: int
    tier: str
    positions: int
    working_orders: int
    head: str | None
    ledger_head: str
    ledger_rows: int
    decision_hash: str
    state_hash: str


@dataclass(frozen=True, kw_only=True)
class EngineStatus(Figures):
    """A picture of the engine. Times are UTC unix seconds; money 10^-8 quote.

    Attributes:
        state_since: wall clock of the last change of state.
        last_cycle, next_cycle: close of the last hour done and of the next one, in market time.
        ended: the market has no more bars.
        armed: whether real orders may be sent, as far as the person's word of this start goes.
        blocked: why entries are blocked for now; empty where they are not.
    """

    DRAWDOWN_HALT: ClassVar = "Drawdown reached its limit. Open positions are kept; nothing new is bought."

    state: State
    state_reason: str
    state_since: int
    mode: str
    kill_active: bool
    kill_reason: str
    kill_since: int | None
    run_id: str
    next_cycle: int | None
    alerts_open: int
    made_up_prices: bool
    market: str
    ended: bool
    armed: bool = False
    blocked: str = ""

    @property
    def deciding(self) -> bool:
        """Whether hours are done, and exits with them: they go on in a halt by drawdown, and in no other."""
        return self.state in {"running", "paused"} or self.state_reason == self.DRAWDOWN_HALT


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Where the chains of manifests and ledger end; head: None before the first hour."""

    head: str | None
    ledger: Head

    @classmethod
    def after(cls, hour: Committed) -> Ends:
        """As of an hour that was just committed."""
        return cls(head=hour.manifest_hash, ledger=Head(count=hour.ledger_rows, head=hour.ledger_head))


def ends_of(reader: Reader) -> Ends:
    """As stored."""
    heads = reader.heads()
    manifests = heads["manifests"]
    return Ends(head=manifests.head if manifests.count else None, ledger=heads["ledger"])


def figures_of(cycle: Cycle, book: Sequence[int], ends: Ends) -> Figures:
    """The figures of a cycle that is not torn; `book` as the last decisions have it."""
    return Figures(
        hours=cycle.hours,
        last_cycle=cycle.last_close_ts,
        equity=book[B_EQUITY],
        cash=book[B_CASH],
        peak=book[B_PEAK],
        drawdown_bps=book[B_DRAWDOWN],
        tier=Tier(int(cycle.world.decision.risk.tier[0])).name.lower(),
        positions=int(np.count_nonzero(cycle.world.account.quantity)),
        working_orders=cycle.working_orders,
        head=ends.head,
        ledger_head=ends.ledger.head,
        ledger_rows=ends.ledger.count,
        decision_hash=cycle.decision_hash.hex(),
        state_hash=cycle.state_hash,
    )


def picture_of(
    figures: Figures,
    control: ControlRow,
    feed: Feed,
    *,
    state: State,
    state_reason: str,
    since: int,
    mode: str,
    run_id: str,
    alerts_open: int,
) -> EngineStatus:
    """The picture of an engine in that state since then."""
    next_close_ts = feed.next_close_ts
    return EngineStatus(
        **vars(figures),
        state=state,
        state_reason=state_reason,
        # A pause is as old as the person's word for it, also after a restart.
        state_since=control.pause_since or since if state == "paused" else since,
        mode=mode,
        kill_active=control.kill_active,
        kill_reason=control.kill_reason,
        kill_since=control.kill_since,
        run_id=run_id,
        next_cycle=next_close_ts,
        alerts_open=alerts_open,
        made_up_prices=feed.made_up,
        market=feed.description,
        ended=next_close_ts is None,
    )


def last_book(cycle: Cycle, reader: Reader) -> list[int]:
    """The book of the account's last hour as it is recorded, or the opening balance; columns as in `types`."""
    run = cycle.run
    row = reader.find("equity", run_id=run.run_id)
    if row is None and run.manifest["parent_run_id"] is not None and not run.is_new_account:
        row = _book_before(run.manifest["parent_run_id"], reader)
    cash = int(cycle.world.account.cash[0])
    if row is None:
        return [0, cash, cash, 0, cash, 0, 0, 0, 0]
    return [0, row["equity"], row["cash"], row["positions_value"], row["peak"], row["drawdown_bps"], 0, 0, 0]


def _book_before(run_id: str | None, reader: Reader) -> dict[str, int] | None:
    """The last equity row among a run and those that it carries on."""
    while run_id is not None:
        row = reader.find("equity", run_id=run_id)
        if row is not None:
            return row
        before = reader.run(run_id)
        run_id = None if before is None else before["parent_run_id"]
    return None
