"""Where the engine's books and the orders on their way meet: two small doors, each made by the other side.

The engine keeps the books and makes everything durable; execution speaks with the venue and decides nothing. Calls of
`Books` return once what they were told is on the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from mooring.runtime.domain.orders import Order, Status, Update
from mooring.runtime.venues.protocol import Entry


@dataclass(frozen=True, kw_only=True)
class Known:
    """An order that has not ended, as the books have it.

    Attributes:
        filled: lots. trade_ids: of its fills, the venue's.
        order_id: the venue's; empty where it never told.
        since_ms: UTC unix milliseconds before which nothing of it can have happened.
    """

    order: Order
    status: Status
    filled: int
    trade_ids: frozenset[str]
    order_id: str
    since_ms: int


@dataclass(frozen=True, kw_only=True)
class BooksNow:
    """What the books say the account has, to be compared with what the venue says.

    Attributes:
        quote: name of the money; cash: ours of it, whole units.
        positions: ours, by base asset, whole units; assets of the universe without any are there with 0.
        outside: what is in the account and not ours, by asset; empty before the first reconcile.
        opened: whether `outside` was ever recorded.
        entry_ids: of the venue's ledger lines that are booked already, newest last; bounded.
        trade_ids: of our fills, the newest; bounded.
        since_ms: where the ledger is to be read from.
    """

    quote: str
    cash: Decimal
    positions: Mapping[str, Decimal]
    outside: Mapping[str, Decimal]
    opened: bool
    entry_ids: frozenset[str]
    trade_ids: frozenset[str]
    since_ms: int
    working: tuple[Known, ...]


@dataclass(frozen=True, kw_only=True)
class Movement:
    """Money that moved and is not ours: opening balance, deposit, withdrawal, somebody else's order, staking, rounding.

    Attributes:
        amount: signed change of what is outside, whole units of the asset.
        entry: the venue's ledger line; None for an opening balance and for rounding.
    """

    kind: str
    asset: str
    amount: Decimal
    text: str
    entry: Entry | None = None


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """How the books and the venue compare.

    Attributes:
        trigger: start, reconnect, wake, schedule, moved, person.
        at_ms: the venue's time.
        movements: to be booked as outside.
        breaks: what nobody can explain, a sentence each, with amounts; while there is any, nothing is bought.
        detail: totals by asset as text, for the record.
    """

    trigger: str
    at_ms: int
    movements: tuple[Movement, ...] = ()
    breaks: tuple[str, ...] = ()
    detail: Mapping[str, str] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether nothing is left unexplained."""
        return not self.breaks


class Books(Protocol):
    """The engine, as execution sees it. Each call is durable when it returns; errors are `Halt`s that stop entries."""

    def release(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        """The orders among these that may leave now, recorded as SUBMITTING; the others are recorded as WITHHELD.

        The gates are looked at here, last of all. An order may come back smaller: no more than is held is sold.
        """
        ...

    def killed(self) -> bool:
        """Whether the kill switch was pressed, though it may not be recorded yet; waits for nobody, writes nothing."""
        ...

    def take(self, updates: Sequence[Update]) -> None:
        """Record what became of orders; what was told before, or would go back, is passed over."""
        ...

    def now(self) -> BooksNow:
        """What the books say."""
        ...

    def reconciled(self, found: Reconciled) -> None:
        """Record a comparison and what it found outside; with breaks, entries stop until one without."""
        ...

    def alert(self, severity: str, code: str, text: str) -> None:
        """Tell the person, and record it."""
        ...


class Outlet(Protocol):
    """Execution, as the engine sees it. Never waits; safe from any thread."""

    def submit(self, orders: Sequence[Order]) -> None:
        """Send these, each once; what becomes of them is told to the books."""
        ...

    def cancel(self, orders: Sequence[Order]) -> None:
        """Ask for cancellations; what becomes of them is told to the books."""
        ...
