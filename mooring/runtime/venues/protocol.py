"""What the runtime asks of a venue, in its own units; each venue has an adapter that speaks so.

Everything is asynchronous and belongs to one event loop. Amounts of assets are exact `Decimal`; orders are in ticks and
lots. No venue knows margin here: there is nothing to say it with.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.orders import Fill, Kind, Order, Side, Status


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a venue can do, so that what it cannot is never silently left out.

    Attributes:
        live: whether real orders may be sent there at all; reason says why not.
        stops: whether it keeps stop-loss orders itself; without, stops are only watched at each close.
        client_ids: whether it knows an order again by our id.
        private_events: whether it tells of orders by itself; without, it must be asked.
        dead_man_switch: whether it cancels all orders when it no longer hears from us.
        deadline: whether an order can be refused for arriving late.
        validate: whether it checks an order without placing it.
        ledger: whether it lists every movement of money.
    """

    live: bool
    reason: str
    stops: bool
    client_ids: bool
    private_events: bool
    dead_man_switch: bool
    deadline: bool
    validate: bool
    ledger: bool


@dataclass(frozen=True, kw_only=True)
class VenueOrder:
    """An order as the venue states it, ours or somebody else's.

    Attributes:
        client_id: ours; None where it has none.
        status: OPEN, PARTIAL, FILLED, CANCELLED or EXPIRED.
        filled: lots filled in all, by the venue's count; `fills` may know fewer where it lags.
        fills: those that were told, oldest first; empty where they were not asked for.
    """

    order_id: str
    client_id: str | None
    symbol: str
    side: Side
    kind: Kind | None
    quantity: int
    filled: int
    status: Status
    reason: str = ""
    fills: tuple[Fill, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VenueTrade:
    """A fill of the account by anybody."""

    symbol: str
    side: Side
    order_id: str
    client_id: str | None
    fill: Fill


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """All that the account has, nothing left out.

    Attributes:
        total: by our name of the asset (BTC), what open orders hold included; only what can be traded.
        held: the part of it that open orders hold.
        away: staked, earning or otherwise not tradable now.
        unknown: what no list explains, by the venue's name.
    """

    total: Mapping[str, Decimal]
    held: Mapping[str, Decimal]
    away: Mapping[str, Decimal]
    unknown: Mapping[str, Decimal]


class EntryKind(StrEnum):
    """Why money moved."""

    TRADE = "trade"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    STAKING = "staking"
    TRANSFER = "transfer"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the venue's own ledger.

    Attributes:
        entry_id: the venue's, unique. ref_id: what caused it; of a trade, its trade id where `kind` is TRADE.
        asset: our name. away: whether it belongs to a wallet that cannot be traded from.
        amount: signed, in whole units of the asset; fee: what was taken on top, never negative.
    """

    entry_id: str
    ref_id: str
    kind: EntryKind
    asset: str
    away: bool
    amount: Decimal
    fee: Decimal
    time_ms: int


@dataclass(frozen=True, kw_only=True)
class OrderTold:
    """The venue said something of an order; `order.fills` has the fill that this is about, if any."""

    order: VenueOrder


@dataclass(frozen=True, kw_only=True)
class LinkUp:
    """Private events flow (again); whatever happened before it must be asked for."""


@dataclass(frozen=True, kw_only=True)
class LinkDown:
    """Private events stopped, or some were lost: `why` in a few words."""

    why: str


@dataclass(frozen=True, kw_only=True)
class MoneyMoved:
    """Balances changed for a reason that is no trade of ours; reconcile."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """The key was refused, or another program uses it: reconnecting does not help, a person must act."""

    code: str
    text: str


Event = OrderTold | LinkUp | LinkDown | MoneyMoved | Trouble


class Venue(Protocol):
    """One account at one venue.

    Reads raise `Retry` for what passes, `Halt` for what a person must mend. Orders raise `Denied` where the venue said
    no, `Retry` only where nothing can have left, and `Unknown` where it may have happened.
    """

    @property
    def name(self) -> str:
        """`kraken`, `paper`, `ccxt:btcturk`."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def open(self) -> None:
        """Load what must be known before anything else (instruments, clock); once, before any other call.

        Raises:
            Retry, Halt, Denied: it does not answer, answers nonsense, or refuses the key.
        """
        ...

    async def close(self) -> None:
        """End every connection; orders stay as they are."""
        ...

    def instruments(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """Figures of these symbols as the venue states them.

        Raises:
            NotFound: a symbol that it does not trade, or whose price step is no power of ten.
        """
        ...

    def events(self) -> AsyncIterator[Event]:
        """What the venue tells by itself, from now on; reconnects for ever. Without private events: LinkUp once."""
        ...

    async def place(self, order: Order, *, deadline_ms: int, validate: bool = False) -> str:
        """Send an order once; the venue's id of it, empty where only checked.

        Args:
            deadline_ms: the venue must not take it after so many milliseconds from now.
        """
        ...

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Ask for a cancellation; its order may still fill before it has ended. Nothing to say where it has ended."""
        ...

    async def cancel_all(self) -> int:
        """Cancel every order of the account, also those of others; how many."""
        ...

    async def keep_alive(self, seconds: int) -> None:
        """Let the venue cancel all orders unless this is called again within so many seconds; 0 ends that."""
        ...

    async def find(self, client_id: str, symbol: str, *, since_ms: int) -> tuple[VenueOrder, ...]:
        """Every order with this client id among open orders, closed orders and trades since then; fills included.

        Empty means that none of the three has it yet: no proof that it never arrived.
        """
        ...

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        """All open orders of the account, also those of others."""
        ...

    async def trades(self, *, since_ms: int) -> tuple[VenueTrade, ...]:
        """All fills of the account since then, oldest first."""
        ...

    async def holdings(self) -> Holdings:
        """All balances."""
        ...

    async def entries(self, *, since_ms: int) -> tuple[Entry, ...]:
        """Lines of the ledger since then, oldest first; empty where the venue has none."""
        ...

    def now_ms(self) -> int:
        """The venue's time as far as it is known, UTC unix milliseconds."""
        ...
