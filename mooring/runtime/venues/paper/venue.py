"""The paper account behind the protocol of venues: what every other adapter is compared with. No I/O.

Prices are told with `on_trade`, `on_bar` and `advance`, in the event loop of whoever uses it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from mooring.errors import Denied
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS, to_decimal
from mooring.runtime.domain.orders import Fill, Order, Status
from mooring.runtime.venues.capabilities import capabilities_of
from mooring.runtime.venues.paper.desk import KEPT_MAX, Desk, Ticket
from mooring.runtime.venues.paper.matching import PaperParams
from mooring.runtime.venues.protocol import (
    Capabilities,
    Entry,
    Event,
    Holdings,
    LinkDown,
    LinkUp,
    MoneyMoved,
    OrderTold,
    VenueOrder,
    VenueTrade,
)

EVENTS_MAX: Final = 10_000


class PaperVenue:
    """An in-memory account that implements `Venue`.

    Args:
        cash, positions: what the account has at first; as `Desk`.
        time_ms: UTC unix milliseconds to begin at.
        delay_ms: how long an order takes to arrive; one whose deadline is nearer is refused.

    Raises:
        Invalid, Denied: as `Desk`.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        costs: PaperParams,
        *,
        cash: Decimal,
        positions: Mapping[str, Decimal] | None = None,
        time_ms: int = 0,
        delay_ms: int = 0,
    ) -> None:
        self._desk = Desk(instruments, costs, cash=cash, positions=positions, time_ms=time_ms)
        self._delay_ms = delay_ms
        self._switch_ms: int | None = None
        self._waiting: deque[Event] = deque()
        self._came = asyncio.Event()
        self._closed = False

    @property
    def name(self) -> str:
        return "paper"

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_of("paper")

    async def open(self) -> None:
        """Nothing is to be loaded."""

    async def close(self) -> None:
        """End the events."""
        self._closed = True
        self._came.set()

    def instruments(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        return tuple(self._desk.instrument(symbol) for symbol in symbols)

    def on_trade(self, symbol: str, price: int, lots: int, time_ms: int) -> None:
        """Somebody traded `lots` at `price` ticks.

        Raises:
            NotFound, Denied: a symbol that is not traded here.
        """
        self._pass(time_ms)
        self._desk.on_trade(symbol, price, lots, time_ms)
        self._tell()

    def on_bar(self, symbol: str, bar: tuple[int, int, int, int], lots: int, time_ms: int) -> None:
        """A bar closed: (open, high, low, close) in ticks, volume in lots. Errors as `on_trade`."""
        self._pass(time_ms)
        self._desk.on_bar(symbol, bar, lots, time_ms)
        self._tell()

    def advance(self, time_ms: int) -> None:
        """Let time pass: orders expire, the dead man's switch goes off."""
        self._pass(time_ms)
        self._desk.advance(time_ms)
        self._tell()

    def deposit(self, asset: str, amount: Decimal) -> None:
        """Money comes from outside, or goes there where `amount` is below zero. Errors as `Desk.deposit`."""
        self._desk.deposit(asset, amount)
        self._push(MoneyMoved())

    async def events(self) -> AsyncIterator[Event]:
        """Orders as they change, from now on. One listener at a time."""
        self._waiting.clear()
        yield LinkUp()
        while not self._closed:
            while self._waiting:
                yield self._waiting.popleft()
            self._came.clear()
            if not self._waiting and not self._closed:
                await self._came.wait()

    async def place(self, order: Order, *, deadline_ms: int, validate: bool = False) -> str:
        if self._delay_ms > deadline_ms:
            raise Denied(
                "paper_too_late",
                "The order would have arrived after its deadline.",
                money="Nothing was ordered.",
                todo="Decide again at the next close.",
            )
        if validate:
            self._desk.check(order)
            return ""
        order_id = self._desk.place(order)
        self._tell()
        return order_id

    async def cancel(self, client_id: str, symbol: str) -> None:
        self._desk.instrument(symbol)
        self._desk.cancel(client_id)
        self._tell()

    async def cancel_all(self) -> int:
        count = sum(self._desk.cancel(client_id) for client_id in list(self._desk.open))
        self._tell()
        return count

    async def keep_alive(self, seconds: int) -> None:
        self._switch_ms = self._desk.now_ms + seconds * 1000 if seconds else None

    async def find(self, client_id: str, symbol: str, *, since_ms: int) -> tuple[VenueOrder, ...]:
        self._desk.instrument(symbol)
        ticket = self._desk.open.get(client_id) or self._desk.ended.get(client_id)
        if ticket is None or ticket.order.symbol != symbol:
            return ()
        if ticket.status not in (Status.OPEN, Status.PARTIAL) and ticket.touched_ms < since_ms:
            return ()
        return (_shown(ticket, tuple(ticket.fills)),)

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        return tuple(_shown(ticket) for ticket in self._desk.open.values())

    async def trades(self, *, since_ms: int) -> tuple[VenueTrade, ...]:
        everything = [*self._desk.ended.values(), *self._desk.open.values()]
        told = [
            VenueTrade(
                symbol=ticket.order.symbol,
                side=ticket.order.side,
                order_id=ticket.order_id,
                client_id=ticket.order.client_id,
                fill=fill,
            )
            for ticket in everything
            for fill in ticket.fills
            if fill.time_ms >= since_ms
        ]
        # Ids end in a rising number: of one moment, the order in which they happened.
        told.sort(key=lambda each: (each.fill.time_ms, int(each.fill.trade_id.rpartition("-")[2])))
        return tuple(told[-KEPT_MAX:])

    async def holdings(self) -> Holdings:
        desk = self._desk
        total = {desk.quote: to_decimal(desk.cash, MONEY_DECIMALS)}
        held = {desk.quote: to_decimal(desk.held_cash(), MONEY_DECIMALS)}
        for base, instrument in desk.by_base.items():
            total[base] = to_decimal(desk.lots[base], instrument.lot_decimals)
            held[base] = to_decimal(desk.held_lots(base), instrument.lot_decimals)
        return Holdings(total=total, held=held, away={}, unknown={})

    async def entries(self, *, since_ms: int) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._desk.entries if entry.time_ms >= since_ms)

    def now_ms(self) -> int:
        return self._desk.now_ms

    def _pass(self, time_ms: int) -> None:
        if self._switch_ms is not None and time_ms >= self._switch_ms:
            self._desk.advance(self._switch_ms)
            self._switch_ms = None
            for client_id in list(self._desk.open):
                self._desk.cancel(client_id, "dead man's switch")
            self._tell()

    def _tell(self) -> None:
        happenings, self._desk.happenings = self._desk.happenings, []
        for each in happenings:
            order = _shown(each.ticket, (each.fill,) if each.fill else (), status=each.status, filled=each.filled)
            self._push(OrderTold(order=order))

    def _push(self, event: Event) -> None:
        if len(self._waiting) >= EVENTS_MAX:
            # Nobody listened for long; all of it can still be asked for.
            self._waiting.clear()
            self._waiting.extend((LinkDown(why="too much was not listened to"), LinkUp()))
        self._waiting.append(event)
        self._came.set()


def _shown(
    ticket: Ticket, fills: tuple[Fill, ...] = (), *, status: Status | None = None, filled: int | None = None
) -> VenueOrder:
    return VenueOrder(
        order_id=ticket.order_id,
        client_id=ticket.order.client_id,
        symbol=ticket.order.symbol,
        side=ticket.order.side,
        kind=ticket.order.kind,
        quantity=ticket.order.quantity,
        filled=ticket.filled if filled is None else filled,
        status=ticket.status if status is None else status,
        reason=ticket.reason,
        fills=fills,
    )
