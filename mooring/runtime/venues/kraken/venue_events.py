"""What the private link tells, in the words of the venue protocol: orders, the link itself, money, troubles."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final, Self

from mooring.errors import MooringError, Retry
from mooring.runtime.domain.orders import Fill
from mooring.runtime.venues.kraken import events as frames
from mooring.runtime.venues.kraken.executions import OrderChange, OrderView
from mooring.runtime.venues.kraken.signals import Connected, Gap, Lost, OrdersTold, Refused, Signal
from mooring.runtime.venues.kraken.venue_listing import Listing
from mooring.runtime.venues.kraken.venue_seen import Seen
from mooring.runtime.venues.kraken.venue_units import fee_asset_trouble, fill_of_told, foreign_fee, order_of_told
from mooring.runtime.venues.kraken.ws import BALANCES, EXECUTIONS, PrivateLink
from mooring.runtime.venues.protocol import Event, LinkDown, LinkUp, MoneyMoved, OrderTold, Trouble

TROUBLES_MAX: Final = 100
_MARGIN: Final = Trouble(
    code="kraken_margin",
    text="An order on this account trades with borrowed money, which Mooring never does. Look at who else uses it.",
)


class Translator:
    """Signals of the private link, one by one, as events.

    Args:
        listing: what names stand for.
        seen: fills and client ids, shared with what REST says.
    """

    def __init__(self, listing: Listing, seen: Seen) -> None:
        self._listing = listing
        self._seen = seen
        self._awaited = {EXECUTIONS.channel, BALANCES.channel}
        self._down_told = False
        self._troubles: set[str] = set()
        self.up = False

    def take(self, signal: Signal) -> list[Event]:
        """The events of a signal; often none."""
        match signal:
            case Connected():
                self._awaited = {EXECUTIONS.channel, BALANCES.channel}
            case Lost():
                return self._down(signal.reason)
            case Gap():
                self._awaited.add(signal.channel)
                return self._down(f"frames of {signal.channel} are missing")
            case Refused():
                return self.refused(signal.error)
            case OrdersTold():
                return self._orders(signal)
            case frames.Balances():
                return self._balances(signal)
        return []

    def _balances(self, told: frames.Balances) -> list[Event]:
        if told.snapshot:
            return self._complete(BALANCES.channel)
        return [MoneyMoved()] if any(change.type != "trade" for change in told.changes) else []

    def refused(self, error: MooringError) -> list[Event]:
        """What passes is the link's own affair; the rest is told once until the link is up again."""
        if isinstance(error, Retry):
            return []
        return self.trouble(Trouble(code=error.code, text=str(error)))

    def trouble(self, trouble: Trouble) -> list[Event]:
        """A trouble, unless it was told already."""
        if trouble.code in self._troubles or len(self._troubles) >= TROUBLES_MAX:
            return []
        self._troubles.add(trouble.code)
        return [trouble]

    def _down(self, why: str) -> list[Event]:
        self.up = False
        if self._down_told:
            return []
        self._down_told = True
        return [LinkDown(why=why)]

    def _complete(self, channel: str) -> list[Event]:
        """A snapshot is here; with the last one that is awaited, events flow."""
        self._awaited.discard(channel)
        if self._awaited or self.up:
            return []
        self.up, self._down_told = True, False
        self._troubles.clear()
        return [LinkUp()]

    def _orders(self, told: OrdersTold) -> list[Event]:
        events: list[Event] = []
        unclear = ""
        for change in told.changes.changes:
            if change.order.margin:
                events += self.trouble(_MARGIN)
            try:
                made, whole = self._order(change, snapshot=told.snapshot)
            except MooringError as error:
                # Nothing may be concluded from what cannot be read; the other reports of the frame still count.
                made, whole, unclear = self.refused(error), True, error.code
            if not (whole or told.snapshot):
                unclear = "an order was told of that was never introduced"
            events += made
        if told.snapshot:
            if told.changes.missing and self.up:
                unclear = "orders that were open are not told of any more"
            events += self._complete(EXECUTIONS.channel)
        if unclear and self.up:
            # Whoever listens looks everything up once the link comes up again.
            events += [LinkDown(why=unclear), LinkUp()]
        return events

    def _order(self, change: OrderChange, *, snapshot: bool) -> tuple[list[Event], bool]:
        """Events of one change, and whether the channel has said enough of the order to tell of it."""
        view = change.order
        pair = self._listing.known(view.symbol) if view.symbol else None
        if view.symbol and pair is None:
            # A pair that came after the lists were read: no order of ours, but its money is the account's.
            return ([] if snapshot else [MoneyMoved()]), True
        events: list[Event] = []
        fills: tuple[Fill, ...] = ()
        client_id = self._client_id(view)
        if change.fill is not None and pair is not None:
            if foreign_fee(pair, change.fill):
                error = fee_asset_trouble(view.symbol)
                events += self.trouble(Trouble(code=error.code, text=str(error)))
            fill = fill_of_told(pair, self._listing.places(pair), change.fill)
            fills = (self._seen.add(view.order_id, fill),)
            if client_id is None and not snapshot:
                events.append(MoneyMoved())
        if pair is None or view.quantity is None or not view.side:
            return events, False
        return [*events, OrderTold(order=order_of_told(view, pair, client_id, fills))], True

    def _client_id(self, view: OrderView) -> str | None:
        if view.client_id is not None:
            self._seen.name(view.order_id, view.client_id)
        return view.client_id or self._seen.client_id(view.order_id)


class EventStream(AsyncIterator[Event]):
    """The events of one link, which it keeps up while it is open.

    A wait for the next event may be cancelled without losing one.
    """

    def __init__(self, link: PrivateLink, translator: Translator) -> None:
        self.link = link
        self._translator = translator
        self._ready: deque[Event] = deque()  # of one signal, or a few troubles
        self._woken = asyncio.Event()
        self._running = asyncio.create_task(link.run())
        self._next: asyncio.Task[Signal] | None = None

    @property
    def up(self) -> bool:
        """Whether private events flow."""
        return self._translator.up

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._ready:
            signal = await self._signal()
            if signal is not None:
                self._ready.extend(self._translator.take(signal))
        return self._ready.popleft()

    def tell(self, error: MooringError) -> None:
        """Tell of a trouble that was met elsewhere."""
        self._ready.extend(self._translator.refused(error))
        self._woken.set()

    @property
    def over(self) -> bool:
        """Whether nothing of it works any more."""
        return all(task.done() for task in self._tasks())

    def abandon(self) -> None:
        """End the link without waiting for it; whoever waits for the next event is told that there is none."""
        for task in self._tasks():
            task.cancel()

    async def close(self) -> None:
        """End the link, and wait until it has ended."""
        self.abandon()
        await asyncio.gather(*self._tasks(), return_exceptions=True)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [task for task in (self._running, self._next) if task is not None]

    async def _signal(self) -> Signal | None:
        """The next signal; None where something else is ready.

        Raises:
            StopAsyncIteration: the link was closed.
            MooringError: it cannot be kept up at all: its address is refused.
        """
        if self._next is None:
            self._next = asyncio.create_task(self.link.next())
        self._woken.clear()
        woken = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait({self._next, self._running, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        if self._next.cancelled():
            raise StopAsyncIteration
        if self._next.done():
            signal, self._next = self._next.result(), None
            return signal
        if self._running.done():
            if not self._running.cancelled():
                self._running.result()
            raise StopAsyncIteration
        return None
