"""When the books are compared with the venue, and how what lags is told from what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Final

from mooring.runtime.execution.board import Board, Call, Sleep
from mooring.runtime.execution.lookup import Lookups
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.ports import Books, BooksNow, Reconciled
from mooring.runtime.execution.reconcile import Compared, Seen, compare
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.protocol import Entry, EntryKind, Venue, VenueTrade

# The most telling one is recorded where several came together.
TRIGGERS: Final = ("person", "start", "wake", "reconnect", "moved", "schedule")
ALL_ANEW: Final = frozenset({"start", "wake", "reconnect", "person"})
FIRST_WAIT: Final = 5.0
WAIT_MAX: Final = 40.0
LOOKS_LEAST: Final = 3  # before a break, however long the answers took
MOVED_SECONDS: Final = 15.0  # between two comparisons as money moved: somebody else may trade all the time
BUSY_SECONDS: Final = 600.0  # without a moment of rest in which an account could be opened; then it is told
# Lines so old or younger are marked as part of an opening balance; books must not ask for older ones later.
OPENING_MS: Final = 3_600_000
MONEY: Final = Decimal("1e-8")


class Reconciling:
    """Compares when asked and at intervals; one comparison at a time.

    Args:
        compared: called after each comparison that the books took, with whatever it found.
    """

    def __init__(
        self,
        venue: Venue,
        books: Books,
        board: Board,
        lookups: Lookups,
        clock: Clock,
        options: Options,
        *,
        call: Call,
        sleep: Sleep,
        compared: Callable[[Compared], None],
    ) -> None:
        self._venue = venue
        self._books = books
        self._board = board
        self._lookups = lookups
        self._clock = clock
        self._options = options
        self._call = call
        self._sleep = sleep
        self._compared = compared
        self._wanted: set[str] = set()
        self._accept = False
        self._come = asyncio.Event()
        self._broken = False
        self._moved: float | None = None  # when the last comparison as money moved was over

    @property
    def behind(self) -> bool:
        """Whether something happened since the comparison began that asks for another one before entries may leave."""
        return bool(self._wanted & ALL_ANEW)

    def ask(self, trigger: str, *, accept: bool = False) -> None:
        """Compare soon; `accept` only with `person`."""
        assert trigger in TRIGGERS
        self._wanted.add(trigger)
        self._accept = self._accept or accept
        self._come.set()

    async def run(self) -> None:
        """Compare when asked and at intervals, for ever."""
        while True:
            await self._request()
            trigger = min(self._wanted, key=TRIGGERS.index)
            accept = self._accept and trigger == "person"
            self._wanted.clear()
            self._come.clear()
            self._accept = False
            await self._until_done(trigger, accept=accept)

    async def _request(self) -> None:
        try:
            async with asyncio.timeout(self._options.reconcile_ms / 1000):
                await self._come.wait()
        except TimeoutError:
            self._wanted.add("schedule")
        while self._wanted == {"moved"} and self._moved is not None:
            self._come.clear()
            left = self._moved + MOVED_SECONDS - self._clock.monotonic()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._come.wait()

    async def _until_done(self, trigger: str, *, accept: bool) -> None:
        begun, wait = self._clock.monotonic(), 1.0
        while True:
            try:
                await self._once(trigger, accept=accept)
            except Exception as error:  # noqa: BLE001 -- the venue or the books do not answer; entries wait meanwhile
                if self._clock.monotonic() - begun >= self._options.alert_ms / 1000:
                    text = f"The books could not be compared with the venue: {error}"
                    self._board.alert("critical", "reconcile_not_done", text)
                await self._sleep(wait)
                wait = min(2 * wait, WAIT_MAX)
            else:
                self._board.calm("reconcile_not_done")
                self._moved = self._clock.monotonic() if trigger == "moved" else self._moved
                return

    async def _once(self, trigger: str, *, accept: bool) -> Reconciled:
        if trigger in ALL_ANEW:
            await self._look_at_all()
        patience = self._options.patience_ms / 1000
        begun, wait, looks = self._clock.monotonic(), min(FIRST_WAIT, patience / 4), 0
        known = self._broken and not accept  # what is to be accepted must not be a list that lags
        while True:
            found, fresh = await self._compare(trigger, accept=False)
            looks += 1
            patient = self._clock.monotonic() - begun < patience or looks < LOOKS_LEAST
            for client_id in found.look:
                self._lookups.look(client_id)
            if not fresh and (found.found.equal or known or not patient):
                break
            if fresh and self._clock.monotonic() - begun >= BUSY_SECONDS:
                text = (
                    "Money moves in the account all the time, so that its opening balance cannot be told for certain."
                )
                self._board.alert("critical", "reconcile_not_done", text)
            await self._sleep(wait)
            wait = min(2 * wait, WAIT_MAX)
        if accept and not found.found.equal:
            found, _ = await self._compare(trigger, accept=True)
        await self._call(self._books.reconciled, found.found)
        self._broken = not found.found.equal
        self._compared(found)
        return found.found

    async def _look_at_all(self) -> None:
        """Ask after every order on its way, so that what was not heard is booked before anything is compared."""
        asked = [track.order.client_id for track in self._board.live() if track.at_venue]
        for client_id in asked:
            self._lookups.look(client_id)
        seconds = self._options.hold_ms / 1000
        await self._board.until(lambda: not any(self._lookups.busy(one) for one in asked), seconds=seconds)

    async def _compare(self, trigger: str, *, accept: bool) -> tuple[Compared, bool]:
        """Compare once; whether the venue's answers may be too old to open the books with."""
        await self._board.flush()
        now: BooksNow = await self._call(self._books.now)
        at_ms = self._venue.now_ms()
        holdings = await self._venue.holdings()
        orders = await self._venue.open_orders()
        since_ms = now.since_ms - self._options.lag_ms if now.opened else at_ms - OPENING_MS
        ledger = self._venue.capabilities.ledger
        entries = await self._venue.entries(since_ms=max(0, since_ms)) if ledger else ()
        live = self._board.live()
        seen = Seen(
            at_ms=at_ms,
            holdings=holdings,
            entries=entries,
            orders=orders,
            trades=await self._trades(now, entries),
            mine=frozenset(name for track in live for name in (track.order.client_id, track.order_id) if name),
            doubled=frozenset(self._board.doubled),
            ledger=ledger,
        )
        per_fill = self._options.cash_per_fill_e8 * MONEY
        found = compare(now, seen, trigger=trigger, per_fill=per_fill, accept=accept)
        newest = max((entry.time_ms for entry in entries), default=0)
        return found, not now.opened and at_ms - newest < self._options.lag_ms

    async def _trades(self, now: BooksNow, entries: tuple[Entry, ...]) -> tuple[VenueTrade, ...]:
        """Trades of the account, where a line of the ledger needs one to be explained."""
        strange = [
            entry.time_ms
            for entry in entries
            if entry.kind is EntryKind.TRADE
            and entry.ref_id not in now.trade_ids
            and entry.entry_id not in now.entry_ids
        ]
        if not strange:
            return ()
        return await self._venue.trades(since_ms=max(0, min(strange) - 1000))
