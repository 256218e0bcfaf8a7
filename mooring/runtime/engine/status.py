"""What the engine says of itself: one frozen picture, replaced after each change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["stopped", "running", "paused", "halted"]


@dataclass(frozen=True, kw_only=True)
class EngineStatus:
    """A picture of the engine. Times are UTC unix seconds; money 10^-8 quote.

    Attributes:
        state_since: wall clock of the last change of state.
        last_cycle, next_cycle: close of the last hour done and of the next one, in market time.
        ended: the market has no more bars.
    """

    state: State
    state_reason: str
    state_since: int
    mode: str
    kill_active: bool
    kill_reason: str
    kill_since: int | None
    run_id: str
    hours: int
    last_cycle: int | None
    next_cycle: int | None
    equity: int
    cash: int
    peak: int
    drawdown_bps: int
    tier: str
    positions: int
    working_orders: int
    ledger_head: str
    ledger_rows: int
    decision_hash: str
    state_hash: str
    alerts_open: int
    made_up_prices: bool
    market: str
    ended: bool
