"""Orders and what becomes of them, in the words that engine, execution and venues share.

    INTENT → SUBMITTING → OPEN → PARTIAL → FILLED | CANCELLED | EXPIRED
                 ├→ REJECTED   (the venue said no)
                 └→ UNKNOWN    (it may have arrived: look it up, never send it again)

Prices in ticks, quantities in lots, money in 10^-8 quote. A status only moves forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mooring.runtime.domain.codes import Role


class Side(StrEnum):
    """What becomes of the base asset."""

    BUY = "buy"
    SELL = "sell"


class Kind(StrEnum):
    """How it is to be filled."""

    LIMIT = "limit"
    MARKET = "market"
    STOP_LOSS = "stop-loss"


class Status(StrEnum):
    """How far an order has come; see `RANK`."""

    INTENT = "INTENT"
    SUBMITTING = "SUBMITTING"
    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    WITHHELD = "WITHHELD"


ENDED: Final = frozenset({Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REJECTED, Status.WITHHELD})
# UNKNOWN is left only by finding out. PARTIAL may follow itself when more is filled.
RANK: Final = {
    Status.INTENT: 0,
    Status.SUBMITTING: 1,
    Status.UNKNOWN: 2,
    Status.OPEN: 3,
    Status.PARTIAL: 4,
    **dict.fromkeys(ENDED, 5),
}


# Reason with which an order ends that the venue had and has nowhere any more.
GONE: Final = "gone"


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order that is intended; its intent is durable before anybody outside the engine sees it.

    Attributes:
        client_id: UUIDv5 of the intent's hash: the same intent has the same id after a crash.
        role: entry, exit or stop.
        quantity: lots.
        limit: ticks, for a limit order; 0 otherwise. trigger: ticks, for a stop-loss; 0 otherwise.
        expires_at: UTC unix seconds at which the venue ends it by itself; None for never.
        after: client ids of orders that must have ended before this one is sent (a stop that holds what is to be sold).
    """

    client_id: str
    role: Role
    symbol: str
    side: Side
    kind: Kind
    quantity: int
    limit: int = 0
    trigger: int = 0
    expires_at: int | None = None
    after: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fill:
    """One fill as the venue states it.

    Attributes:
        trade_id: the venue's id, the same however often and wherever it is told.
        price: ticks. notional, fee: 10^-8 quote, rounded against us to what the venue's ledger can hold.
        time_ms: UTC unix milliseconds, the venue's.
    """

    trade_id: str
    quantity: int
    price: int
    notional: int
    fee: int
    maker: bool
    time_ms: int


@dataclass(frozen=True, kw_only=True)
class Update:
    """What became known of one order.

    Attributes:
        status: after it; an order that has ended is told so only together with, or after, all of its fills.
        filled: lots filled in all, after it.
        fills: those that this adds, oldest first; their quantities are what `filled` grows by.
        reason: in the venue's words, or ours; empty where there is nothing to say.
        order_id: the venue's id; empty while none is known.
    """

    client_id: str
    status: Status
    filled: int
    fills: tuple[Fill, ...] = ()
    reason: str = ""
    order_id: str = ""
