"""Execution: sends the orders that the books release, and tells the books what became of them."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from mooring.errors import Halt
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Order, Status
from mooring.runtime.execution.board import Board, Call, Sleep
from mooring.runtime.execution.cancelling import Cancelling
from mooring.runtime.execution.dead_man import DeadManSwitch
from mooring.runtime.execution.gate import Gate
from mooring.runtime.execution.lookup import Lookups
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.orders import Track, adopted, reached
from mooring.runtime.execution.ports import Books, BooksNow
from mooring.runtime.execution.reconcile import Compared
from mooring.runtime.execution.reconciling import Reconciling
from mooring.runtime.execution.sending import Sending
from mooring.runtime.execution.waking import Waking
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.protocol import Event, LinkDown, LinkUp, MoneyMoved, OrderTold, Trouble, Venue

INBOX_MAX: Final = 1_000
TICK: Final = 1.0
RETRY_MAX: Final = 30.0
RENEW_SECONDS: Final = 3.0
STOP_SECONDS: Final = 16.0  # of a whole end: supervisors wait 40 for it, and for what follows it
TAKEN_BACK_SECONDS: Final = 9.0  # of it, for entries to end
SWITCH_SECONDS: Final = 4.0  # of it, at least, to have the switch off
LAST_SECONDS: Final = 0.5  # for what is given up to be so
LOOK_BACK_MS: Final = 2 * 86_400_000  # for an order that only the books know of


@dataclass(frozen=True, kw_only=True)
class State:
    """How execution stands.

    Attributes:
        ready: whether books and venue were compared since the start. linked: whether the venue's own word comes.
        why: why the link is down. held: whether entries wait for a comparison.
        unknown: orders whose outcome nobody knows. waiting: orders that have not left. armed: the dead man's switch.
    """

    ready: bool
    linked: bool
    why: str
    held: bool
    unknown: int
    waiting: int
    armed: bool


class Execution:
    """The `Outlet` of the engine. `run` it once, in one event loop; `submit` and `cancel` may come from any thread.

    Args:
        call: makes the calls of the books, which may block.
        sleep: lets time pass.
        renew: gives up the venue's connections, which may have died unnoticed, and opens others.
    """

    def __init__(
        self,
        venue: Venue,
        books: Books,
        clock: Clock,
        *,
        options: Options | None = None,
        call: Call = asyncio.to_thread,
        sleep: Sleep = asyncio.sleep,
        renew: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        options = options or Options()
        self._renew, self._renewed_at = renew, -math.inf
        self._venue, self._books, self._options = venue, books, options
        self._clock, self._call, self._sleep = clock, call, sleep
        self._board = Board(books, call=call, sleep=sleep)
        self._gate = Gate(clock, options, Waking(clock, jump_ms=options.slept_ms))
        self._lookups = Lookups(
            venue, self._board, clock, options, sleep=sleep, unwanted=self._unwanted, linked=lambda: self._linked
        )
        self._cancelling = Cancelling(venue, self._board, self._lookups, clock, options, sleep=sleep)
        self._switch = DeadManSwitch(venue, self._board, clock, options, sleep=sleep)
        self._reconciling = Reconciling(
            venue, books, self._board, self._lookups, clock, options,
            call=call, sleep=sleep, compared=self._after_comparison,
        )  # fmt: skip
        self._sending = Sending(
            venue, books, self._board, self._gate, self._lookups, self._cancelling, self._switch, options,
            call=call, sleep=sleep,
        )  # fmt: skip
        self._inbox: deque[tuple[str, Order]] = deque()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._adopted = self._begun = False
        self._linked, self._why = False, "not connected yet"
        self._down_since = clock.monotonic()
        self._first_fill: dict[str, float] = {}
        self._polled = 0.0
        self.ready = asyncio.Event()

    @property
    def state(self) -> State:
        """How it stands; in its own loop, or as good as one moment's look from elsewhere."""
        tracks = self._board.live()
        return State(
            ready=self._gate.ready,
            linked=self._linked,
            why=self._why,
            held=self._gate.closed,
            unknown=sum(track.reached is Status.UNKNOWN and track.end is None for track in tracks),
            waiting=len(self._sending.waiting()),
            armed=self._switch.armed,
        )

    # --- the outlet, from any thread ---------------------------------------------------------------------------------

    def submit(self, orders: Sequence[Order]) -> None:
        """Send these, each once; what becomes of them is told to the books.

        Raises:
            Halt: more wait than can be kept; none of these was taken.
        """
        self._hand_in([("submit", order) for order in orders])

    def cancel(self, orders: Sequence[Order]) -> None:
        """Ask for cancellations; what becomes of them is told to the books.

        Raises:
            Halt: more wait than can be kept; none of these was taken.
        """
        self._hand_in([("cancel", order) for order in orders])

    def reconcile(self, *, accept: bool = False) -> None:
        """Compare books and venue now, because a person asked; see `reconcile.compare` for `accept`."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self._reconciling.ask("person", accept=accept))

    async def woke(self) -> None:
        """The machine slept: take new connections, then compare before anything new is bought. In its own loop."""
        self._gate.close()
        self._gate.woken = False
        self._switch.woke()
        now = self._clock.monotonic()
        if self._renew is not None and now - self._renewed_at > RENEW_SECONDS:  # two may notice the same sleep
            self._renewed_at = now
            await self._renew()
        self._reconciling.ask("wake")

    # --- its life ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled. Orders stay at the venue as they are; see `drain` for an orderly end."""
        self._loop = asyncio.get_running_loop()
        self._gate.look()  # what passed since this was made is no sleep
        self._gate.woken = False
        self._gate.close()
        try:
            async with asyncio.TaskGroup() as group:
                self._lookups.start(group)
                self._cancelling.start(group)
                group.create_task(self._board.run(), name="tell the books")
                await self._adopt()
                group.create_task(self._listen(), name="listen")
                group.create_task(self._begin(), name="begin")
                group.create_task(self._reconciling.run(), name="reconcile")
                group.create_task(self._sending.run(group), name="send")
                group.create_task(self._switch.run(), name="dead man's switch")
                group.create_task(self._keep_house(), name="keep house")
        finally:
            self._loop = None
            await self._board.flush()

    async def drain(self, *, cancel: Collection[Role] = ()) -> bool:
        """Buy nothing new, wait for what is leaving, cancel orders of these roles, and disarm the switch.

        Exits and stops that were asked for may still leave: where one waits, another was taken off for it. A venue that
        does not answer is waited for STOP_SECONDS, and no longer.

        Returns:
            Whether no outcome is unknown, all that was to be cancelled has ended, and the switch is off. `run` goes on
            until cancelled.
        """
        ends = asyncio.get_running_loop().time() + STOP_SECONDS
        self._sending.winding_down = True
        # First: a stop may have to follow what an entry filled before it ended.
        ending = [t.order.client_id for t in self._board.live() if t.at_venue and t.order.role in cancel]
        for client_id in ending:
            self._cancelling.ask(client_id)
        over = await self._board.until(lambda: all(self._heard_out(one) for one in ending), seconds=TAKEN_BACK_SECONDS)
        await self._board.flush()
        self._take_inbox()
        await self._board.until(lambda: not self._sending.waiting(), seconds=_left(ends))
        self._sending.stopped = True
        for track in self._sending.waiting():
            self._board.put(reached(track, Status.CANCELLED, reason="not_sent_at_stop"))
        still = await self._board.until(self._all_answered, seconds=max(0.0, _left(ends) - LAST_SECONDS))
        if not still:
            self._sending.try_no_more()
            still = await self._board.until(self._all_answered, seconds=LAST_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(max(ends, asyncio.get_running_loop().time() + SWITCH_SECONDS)):
                await self._switch.release()
        told = await self._board.flush()
        return still and over and told and not self.state.unknown and not self._switch.armed

    def _all_answered(self) -> bool:
        return all(track.reached is not Status.SUBMITTING for track in self._board.live())

    async def cancel_account(self) -> int:
        """Cancel every order of the account, those of others too, and look at what became of ours; how many.

        Raises:
            Retry, Unknown, Halt, Denied: it is not certain; ask again, or cancel at the venue.
        """
        count = await self._venue.cancel_all()
        for track in self._board.live():
            if track.at_venue:
                self._lookups.look(track.order.client_id, delay=1.0)
        return count

    # --- inside ------------------------------------------------------------------------------------------------------

    def _hand_in(self, asked: list[tuple[str, Order]]) -> None:
        with self._lock:
            if len(self._inbox) + len(asked) > INBOX_MAX or self._board.full:
                raise Halt(
                    "too_many_orders",
                    f"More than {INBOX_MAX} orders wait to be sent or cancelled.",
                    money="None of these was sent; orders at the venue stay as they are.",
                    todo="Look at the connection to the venue, and at the log for what keeps orders from leaving.",
                )
            self._inbox.extend(asked)
            loop = self._loop
            if loop is not None:
                loop.call_soon_threadsafe(self._take_inbox)

    def _take_inbox(self) -> None:
        if not self._adopted:
            return
        while self._inbox:
            what, order = self._inbox.popleft()
            track = self._board.get(order.client_id)
            if what == "submit":
                if track is None:
                    self._board.put(Track(order=order, since_ms=self._venue.now_ms()))
                continue
            if track is None:
                # The books have it and this process never did: whatever became of it is found out first.
                now_ms = self._venue.now_ms()
                track = Track(
                    order=order, status=Status.UNKNOWN, reached=Status.UNKNOWN, since_ms=now_ms - LOOK_BACK_MS
                )
                self._board.put(replace(track, deadline_ms=now_ms + self._options.deadline_ms))
                self._lookups.look(order.client_id)
            self._cancelling.ask(order.client_id)

    def _heard_out(self, client_id: str) -> bool:
        """Whether an order ended, and the books know of all that it filled."""
        track = self._board.get(client_id)
        return not self._cancelling.asked(client_id) and (track is None or track.settled)

    def _unwanted(self, client_id: str) -> None:
        self._cancelling.ask(client_id)

    async def _adopt(self) -> None:
        """Take over what the books say is on its way; what never left is told so."""
        wait = 1.0
        while True:
            try:
                now: BooksNow = await self._call(self._books.now)
                break
            except Exception as error:  # noqa: BLE001 -- without the books nothing can be sent at all
                self._board.alert("critical", "books_refused", f"The books do not answer: {error}")
                await self._sleep(wait)
                wait = min(2 * wait, RETRY_MAX)
        handed_in = {order.client_id for what, order in self._inbox if what == "submit"}
        for known in now.working:
            track = adopted(known)
            if track.reached is Status.INTENT:
                if known.order.client_id not in handed_in:
                    self._board.put(reached(track, Status.CANCELLED, reason="not_sent_before_restart"))
                continue
            # A request of an earlier process may have been on its way until this moment.
            deadline_ms = self._venue.now_ms() + self._options.deadline_ms
            self._board.put(replace(track, deadline_ms=deadline_ms))
        self._adopted = True
        self._take_inbox()

    async def _begin(self) -> None:
        """Compare once the venue's own word comes, so that nothing falls between list and word; or without it."""
        await self._board.until(lambda: self._linked, seconds=self._options.hold_ms / 1000)
        self._begun = True
        self._reconciling.ask("start")

    async def _listen(self) -> None:
        wait = 1.0
        while True:
            why = "the venue's events ended"
            try:
                async for event in self._venue.events():
                    self._hear(event)
                    wait = 1.0
            except Exception as error:  # noqa: BLE001 -- the link is taken up again whatever ended it
                why = str(error)
            self._hear(LinkDown(why=why))
            await self._sleep(wait)
            wait = min(2 * wait, RETRY_MAX)

    def _hear(self, event: Event) -> None:
        match event:
            case OrderTold(order=order):
                self._lookups.hear(order)
            case LinkUp():
                self._linked, self._why = True, ""
                self._board.calm("venue_link_down")
                if self._begun:
                    self._gate.close()
                    self._reconciling.ask("reconnect")
                self._board.notify()
            case LinkDown(why=why):
                if self._linked:
                    self._down_since = self._clock.monotonic()
                self._linked, self._why = False, why
                self._gate.close()
            case MoneyMoved():
                self._reconciling.ask("moved")
            case Trouble(code=code, text=text):
                self._board.alert("critical", code, text, about=text)

    def _after_comparison(self, found: Compared) -> None:
        self._switch.foreign = found.foreign
        self._gate.open(linked=self._linked and not self._reconciling.behind)
        self.ready.set()
        self._board.notify()

    async def _keep_house(self) -> None:
        while True:
            self._gate.look()
            if self._gate.woken:
                await self.woke()
            if not self._linked and self._clock.monotonic() - self._down_since >= self._options.alert_ms / 1000:
                text = f"The venue does not tell of orders by itself: {self._why}. They are asked after; entries wait."
                self._board.alert("warning", "venue_link_down", text)
            self._end_what_is_over()
            self._poll()
            self._board.notify()  # gates and expiries depend on time too
            await self._sleep(TICK)

    def _end_what_is_over(self) -> None:
        """Cancel rests of entries that stand still after a part was filled, and what is past its expiry."""
        now, now_ms = self._clock.monotonic(), self._venue.now_ms()
        partial = {}
        for track in self._board.live():
            client_id, expires = track.order.client_id, track.order.expires_at
            if not track.at_venue or track.reached is Status.SUBMITTING:
                continue
            if track.is_entry and track.known:
                partial[client_id] = self._first_fill.get(client_id, now)
                if now - partial[client_id] >= self._options.settle_ms / 1000:
                    self._cancelling.ask(client_id)
            if expires is not None and expires * 1000 + self._options.grace_ms < now_ms:
                self._cancelling.ask(client_id)
        self._first_fill = partial

    def _poll(self) -> None:
        """Ask after orders while the venue does not tell of them by itself."""
        now = self._clock.monotonic()
        told = self._linked and self._venue.capabilities.private_events
        if told or now - self._polled < self._options.poll_ms / 1000:
            return
        self._polled = now
        for track in self._board.live():
            if track.at_venue and track.reached is not Status.SUBMITTING:
                self._lookups.look(track.order.client_id)


def _left(ends: float) -> float:
    """Seconds until the last ones of an end, which are the switch's."""
    return max(0.0, ends - SWITCH_SECONDS - asyncio.get_running_loop().time())
