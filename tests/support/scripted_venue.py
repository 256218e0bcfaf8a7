"""A venue that does what a test says: an exact little exchange without a market, and failures on top of it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from decimal import Decimal
from itertools import count

from mooring.errors import Denied, Retry, Unknown
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import ENDED, Fill, Kind, Order, Side, Status
from mooring.runtime.venues.protocol import (
    Capabilities,
    Entry,
    EntryKind,
    Holdings,
    LinkDown,
    LinkUp,
    OrderTold,
    VenueOrder,
    VenueTrade,
)

E8 = Decimal("1e-8")
ALL = Capabilities(
    live=True, reason="", stops=True, client_ids=True, private_events=True, dead_man_switch=True, deadline=True,
    validate=True, ledger=True,
)  # fmt: skip
DENIED = Denied("kraken_insufficient_funds", "Insufficient funds.")
NOT_SENT = Retry("kraken_not_sent", "No connection.")
UNCLEAR = Unknown("kraken_outcome_unknown", "No answer in time.")


class ScriptedVenue:
    """Lots of 10^-8, ticks of one cent. `faults[name]` holds what the next calls of that name do.

    A fault is an error, raised before anything happens, (error, "after"): raised after it happened, or "hang".
    """

    name = "scripted"

    def __init__(self, clock, *, usd: str = "1000", capabilities: Capabilities = ALL) -> None:
        self.clock = clock
        self.capabilities = capabilities
        self.total = {"USD": Decimal(usd), "BTC": Decimal(0)}
        self.away: dict[str, Decimal] = {}
        self.unknown: dict[str, Decimal] = {}
        self.orders: dict[str, VenueOrder] = {}
        self.owned: dict[str, Order] = {}
        self.ledger: list[Entry] = []
        self.past: list[VenueTrade] = []
        self.calls: list[tuple[int, str, object]] = []
        self.faults: dict[str, deque] = {}
        self.queue: asyncio.Queue = asyncio.Queue()
        self.silent = False  # whether it tells nothing by itself
        self.lag = 0.0  # seconds by which lists lie behind
        self.acks_only = False  # whether cancellations are taken and not done
        self.alive_until: float | None = None
        self._numbers = count(1)
        self._pasts: list[tuple[float, tuple]] = []

    # --- for the test ---

    def fail(self, name: str, *faults: object) -> None:
        self.faults.setdefault(name, deque()).extend(faults)

    def names(self, *skip: str) -> list[str]:
        return [name for _, name, _ in self.calls if name not in skip]

    def sent(self) -> list[str]:
        return [what for _, name, what in self.calls if name == "place"]

    def of(self, order: Order) -> VenueOrder:
        return next(one for one in self.orders.values() if one.client_id == order.client_id)

    def fill(self, order: Order, lots: int, *, price: int = 100_00, tell: bool = True, number: int = 0) -> Fill:
        """Fill some of an order at whole cents a whole unit, with a fee of 0.1 %, both exact."""
        old = self.of(order)
        assert old.status not in ENDED
        n = number or next(self._numbers)
        notional = lots * price // 100
        fill = Fill(
            trade_id=f"T{n}", quantity=lots, price=price, notional=notional, fee=notional // 1000, maker=True,
            time_ms=self.clock.now_ms(),
        )  # fmt: skip
        filled = old.filled + lots
        status = Status.FILLED if filled == old.quantity else Status.PARTIAL
        new = replace(old, filled=filled, status=status, fills=(*old.fills, fill))
        self._remember()
        self.orders[old.order_id] = new
        way = 1 if order.side is Side.BUY else -1
        self.past.append(
            VenueTrade(symbol=old.symbol, side=old.side, order_id=old.order_id, client_id=old.client_id, fill=fill)
        )
        self._move(EntryKind.TRADE, "BTC", way * lots * E8, ref=fill.trade_id)
        self._move(EntryKind.TRADE, "USD", -way * notional * E8, fee=fill.fee * E8, ref=fill.trade_id)
        if tell:
            self.tell(replace(new, fills=(fill,)))
        return fill

    def end(self, order: Order, status: Status = Status.CANCELLED, *, reason: str = "", tell: bool = True) -> None:
        old = self.of(order)
        self._remember()
        self.orders[old.order_id] = replace(old, status=status, reason=reason)
        if tell:
            self.tell(replace(self.orders[old.order_id], fills=()))

    def deposit(self, asset: str, amount: str, kind: EntryKind = EntryKind.DEPOSIT) -> None:
        self._remember()
        self._move(kind, asset, Decimal(amount), ref=f"Q{len(self.ledger)}")

    def double(self, order: Order) -> VenueOrder:
        """Another open order with the same client id."""
        twin = replace(self.of(order), order_id=f"O{next(self._numbers)}", filled=0, fills=(), status=Status.OPEN)
        self.orders[twin.order_id] = twin
        return twin

    def foreign(self, client_id: str | None = None) -> VenueOrder:
        other = VenueOrder(
            order_id=f"O{next(self._numbers)}", client_id=client_id, symbol="BTC-USD", side=Side.BUY, kind=Kind.LIMIT,
            quantity=5, filled=0, status=Status.OPEN,
        )  # fmt: skip
        self.orders[other.order_id] = other
        return other

    def tell(self, order: VenueOrder) -> None:
        if not self.silent:
            self.queue.put_nowait(OrderTold(order=order))

    # --- the protocol ---

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def instruments(self, symbols):
        raise NotImplementedError

    async def events(self):
        yield LinkUp()
        while True:
            event = await self.queue.get()
            if isinstance(event, Exception):
                raise event
            yield event

    def link(self, *, up: bool) -> None:
        self.queue.put_nowait(LinkUp() if up else LinkDown(why="cut"))

    async def place(self, order: Order, *, deadline_ms: int, validate: bool = False) -> str:
        after = await self._call("place", order.client_id)
        assert not any(o.client_id == order.client_id for o in self.orders.values()), "sent twice"
        order_id = f"O{next(self._numbers)}"
        self._remember()
        self.owned[order_id] = order
        self.orders[order_id] = VenueOrder(
            order_id=order_id, client_id=order.client_id, symbol=order.symbol, side=order.side, kind=order.kind,
            quantity=order.quantity, filled=0, status=Status.OPEN,
        )  # fmt: skip
        self.tell(self.orders[order_id])
        if after is not None:
            raise after
        return order_id

    async def cancel(self, client_id: str, symbol: str) -> None:
        after = await self._call("cancel", client_id)
        if not self.acks_only:
            self._cancel(lambda order: order.client_id == client_id)
        if after is not None:
            raise after

    async def cancel_all(self) -> int:
        await self._call("cancel_all", None)
        return self._cancel(lambda _order: True)

    def _cancel(self, which) -> int:
        found = [o for o in self.orders.values() if which(o) and o.status not in ENDED]
        self._remember()
        for order in found:
            self.orders[order.order_id] = replace(order, status=Status.CANCELLED, reason="User requested")
            self.tell(replace(self.orders[order.order_id], fills=()))
        return len(found)

    async def keep_alive(self, seconds: int) -> None:
        await self._call("keep_alive", seconds)
        self.alive_until = self.clock.monotonic() + seconds if seconds else None

    async def find(self, client_id: str, symbol: str, *, since_ms: int):
        await self._call("find", client_id)
        return tuple(order for order in self._seen()[0].values() if order.client_id == client_id)

    async def open_orders(self):
        await self._call("open_orders", None)
        return tuple(replace(o, fills=()) for o in self._seen()[0].values() if o.status not in ENDED)

    async def trades(self, *, since_ms: int):
        await self._call("trades", None)
        return tuple(trade for trade in self._seen()[1] if trade.fill.time_ms >= since_ms)

    async def holdings(self) -> Holdings:
        await self._call("holdings", None)
        return Holdings(total=dict(self._seen()[2]), held={}, away=dict(self.away), unknown=dict(self.unknown))

    async def entries(self, *, since_ms: int):
        await self._call("entries", None)
        return tuple(entry for entry in self._seen()[3] if entry.time_ms >= since_ms)

    def now_ms(self) -> int:
        return self.clock.now_ms()

    # --- inside ---

    async def _call(self, name: str, what: object) -> Exception | None:
        self.calls.append((self.clock.now_ms(), name, what))
        await asyncio.sleep(0.05)
        waiting = self.faults.get(name)
        fault = waiting.popleft() if waiting else None
        if fault == "hang":
            await asyncio.sleep(1_000_000)
        if isinstance(fault, tuple):
            return fault[0]
        if fault is not None:
            raise fault
        return None

    def _state(self) -> tuple:
        return dict(self.orders), list(self.past), dict(self.total), list(self.ledger)

    def _remember(self) -> None:
        self._pasts.append((self.clock.monotonic(), self._state()))

    def _seen(self) -> tuple:
        """What lists show: the state as it was `lag` seconds ago."""
        at = self.clock.monotonic() - self.lag
        return next((state for changed, state in self._pasts if changed > at), self._state())

    def _move(self, kind: EntryKind, asset: str, amount: Decimal, *, ref: str, fee: Decimal = Decimal(0)) -> None:
        self.total[asset] = self.total.get(asset, Decimal(0)) + amount - fee
        self.ledger.append(
            Entry(
                entry_id=f"L{len(self.ledger) + 1}",
                ref_id=ref,
                kind=kind,
                asset=asset,
                away=False,
                amount=amount,
                fee=fee,
                time_ms=self.clock.now_ms(),
            )
        )


ROLES = {"entry": Role.ENTRY, "exit": Role.EXIT, "stop": Role.STOP}
