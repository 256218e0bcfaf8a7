"""What the exchange keeps and tells: orders, fills, ledger entries and events; all frozen, times in ns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from mooring.runtime.venues.simulator.catalog import Asset, Pair


class Refusal(Exception):  # noqa: N818 -- an answer, not a fault
    """The venue says no; `text` is what it says."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Status(StrEnum):
    """An order's state, as REST names it."""

    PENDING = "pending"
    OPEN = "open"
    CLOSED = "closed"
    CANCELED = "canceled"
    EXPIRED = "expired"


# From each state, the states an order may go to.
LEGAL: Final = {
    Status.PENDING: frozenset({Status.OPEN, Status.CANCELED}),
    Status.OPEN: frozenset({Status.OPEN, Status.CLOSED, Status.CANCELED, Status.EXPIRED}),
    Status.CLOSED: frozenset[Status](),
    Status.CANCELED: frozenset[Status](),
    Status.EXPIRED: frozenset[Status](),
}
TRIGGERED: Final = frozenset({"stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit"})
LIMITED: Final = frozenset({"limit", "stop-loss-limit", "take-profit-limit"})


class Ticket(NamedTuple):
    """What is asked for, in whole numbers. limit and trigger: ticks, 0 where the type has none."""

    pair: Pair
    side: str
    ordertype: str
    lots: int
    limit: int = 0
    trigger: int = 0
    tif: str = "gtc"
    post: bool = False
    fee_in_base: bool = False
    expires: int = 0
    deadline: int = 0
    cl_ord_id: str = ""
    userref: int | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order at one moment.

    Attributes:
        touched: when it was created or last amended. queued: its place among orders at its price.
        filled: lots. cost: exact, in 10^-(pair + lot decimals).
        fee: in the ledger's smallest unit of its fee asset. held: what it still holds of `hold_asset`, the same unit.
        fee_exact: the fee before rounding, in 10^-6 of the exact cost's (or of the lots') unit.
        maker_rate, taker_rate: millionths, fixed when the order was placed.
    """

    id: str
    account: str
    ticket: Ticket
    status: Status
    opened: int
    touched: int
    queued: int
    closed: int = 0
    reason: str | None = None
    filled: int = 0
    cost: int = 0
    fee: int = 0
    fee_exact: int = 0
    charged: int = 0
    held: int = 0
    triggered: bool = False
    amended: bool = False
    trades: tuple[str, ...] = ()
    maker_rate: int = 0
    taker_rate: int = 0

    @property
    def pair(self) -> Pair:
        return self.ticket.pair

    @property
    def buys(self) -> bool:
        return self.ticket.side == "buy"

    @property
    def remaining(self) -> int:
        return self.ticket.lots - self.filled

    @property
    def live(self) -> bool:
        return self.status in (Status.PENDING, Status.OPEN)

    @property
    def rests(self) -> bool:
        """Whether it can be hit as a maker: a limit, not waiting for its trigger."""
        return self.live and self.ticket.ordertype in LIMITED and not self.waits

    @property
    def waits(self) -> bool:
        return self.live and self.ticket.ordertype in TRIGGERED and not self.triggered

    @property
    def hold_asset(self) -> Asset:
        return self.pair.quote if self.buys else self.pair.base

    @property
    def fee_asset(self) -> Asset:
        return self.pair.base if self.ticket.fee_in_base else self.pair.quote

    @property
    def average(self) -> int:
        """Average fill price in ticks, rounded down; 0 before the first fill."""
        return self.cost // self.filled if self.filled else 0


class Fill(NamedTuple):
    """One fill. cost: exact; fee: ledger units of the order's fee asset."""

    id: str
    trade_id: int
    order: Order
    at: int
    ticks: int
    lots: int
    cost: int
    fee: int
    maker: bool
    ledgers: tuple[str, ...] = ()


class Entry(NamedTuple):
    """One line of the ledger. amount, fee, balance: ledger units of the asset; balance is after amount less fee."""

    id: str
    refid: str
    at: int
    type: str
    subtype: str
    asset: str
    amount: int
    fee: int
    balance: int


class Amend(NamedTuple):
    """One state of an order's terms. kind: original or user."""

    id: str
    kind: str
    at: int
    order: Order


class Event(NamedTuple):
    """What happened, in order. exactly one of order and entry is there; fill with exec_type trade."""

    account: str
    at: int
    exec_type: str = ""
    order: Order | None = None
    fill: Fill | None = None
    entry: Entry | None = None
