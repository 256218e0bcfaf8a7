"""Orders looked up at the venue: those whose outcome nobody knows, fills that were not told, and whatever was missed.

An order that may have arrived is never sent again. That it never arrived is concluded only once the venue could not
take it any more, its answers cannot lie behind that moment, and it was asked twice after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from mooring.runtime.domain.orders import ENDED, RANK, Status
from mooring.runtime.execution.board import Board, Sleep
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.orders import Track, joined, reached, vanished
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.protocol import Venue, VenueOrder

FIRST_WAIT: Final = 1.0
WAIT_MAX: Final = 30.0
SLOW: Final = 60.0  # once the person was told
EMPTY_NEEDED: Final = 2
NO_DEADLINE: Final = 8  # times the usual lag, where a venue cannot be told to refuse what comes late
NEVER_ARRIVED: Final = "never_arrived"
GONE_NEEDED: Final = (
    3  # answers without an order that was open, each later than the lists can lag behind the one before
)


class Lookups:
    """Asks after orders, each by one task, until nothing is unsure of it.

    Args:
        unwanted: called with the client id of an order that the venue has and should not: a second one, or a late one.
        linked: whether the venue tells of orders by itself; while it does not, none is concluded to be gone.
    """

    def __init__(
        self,
        venue: Venue,
        board: Board,
        clock: Clock,
        options: Options,
        *,
        sleep: Sleep,
        unwanted: Callable[[str], None],
        linked: Callable[[], bool],
    ) -> None:
        self._venue = venue
        self._board = board
        self._clock = clock
        self._options = options
        self._sleep = sleep
        self._slots = asyncio.Semaphore(options.lookups_at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._nowhere: dict[str, tuple[int, int]] = {}  # answers without an open order, and when the last one came
        self._group: asyncio.TaskGroup | None = None
        self._unwanted = unwanted
        self._linked = linked

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run look-ups in this group from now on."""
        self._group = group

    def look(self, client_id: str, *, delay: float = 0.0) -> None:
        """Look an order up at least once, and until it is clear how it stands."""
        assert self._group is not None
        if client_id in self._tasks:
            self._again.add(client_id)
            return
        self._tasks[client_id] = self._group.create_task(self._chase(client_id, delay), name=f"look up {client_id}")

    def busy(self, client_id: str) -> bool:
        """Whether it is being looked up."""
        return client_id in self._tasks

    def hear(self, found: VenueOrder) -> None:
        """Take what the venue said of an order, asked or not; nothing where it is not ours."""
        track = self._board.get(found.client_id) if found.client_id else self._board.named(found.order_id)
        if track is None:
            return
        client_id = track.order.client_id
        if track.order_id and found.order_id and track.order_id != found.order_id:
            self._second(client_id, found)
            return
        self._nowhere.pop(client_id, None)  # the venue has it, whatever its lists said
        fresh = {fill.trade_id for fill in found.fills} - track.told - {fill.trade_id for fill in track.fills}
        late = track.ended and (track.own or (fresh and not track.missing))
        track = joined(track, found)
        self._board.put(track)
        if late:
            self._board.alert(
                "critical",
                "order_came_late",
                f"Order {found.order_id} ({track.order.side} {track.order.symbol}) was taken for ended, and the venue "
                f"says that it is {found.status.value} with {found.filled} lots filled.",
                about=client_id,
            )
            if found.status not in ENDED:
                self._unwanted(client_id)
        if track.missing and self._group is not None:
            self.look(client_id, delay=2.0)

    async def once(self, client_id: str) -> bool:
        """Ask for an order once; whether the venue has it.

        Raises:
            Retry, Halt: the venue did not answer.
        """
        track = self._board.get(client_id)
        assert track is not None
        async with self._slots:
            found = await self._venue.find(client_id, track.order.symbol, since_ms=track.since_ms)
        for order in _ours_first(track, found):
            self.hear(order)
        if found:
            self._nowhere.pop(client_id, None)
        else:
            self._missed(client_id)
        return bool(found)

    def _missed(self, client_id: str) -> None:
        """An order that the venue had is in none of its lists: lists lag, so only often and long enough it is gone."""
        track = self._board.get(client_id)
        if track is None or not track.at_venue or RANK[track.reached] < RANK[Status.OPEN]:
            self._nowhere.pop(client_id, None)
            return
        if not self._linked():
            return
        times, last_ms = self._nowhere.get(client_id, (0, 0))
        now_ms = self._venue.now_ms()
        if now_ms - last_ms < self._options.lag_ms:
            return
        self._nowhere[client_id] = (times + 1, now_ms)
        if times + 1 < GONE_NEEDED:
            return
        del self._nowhere[client_id]
        self._board.put(vanished(track))
        self._board.alert(
            "critical",
            "order_gone",
            f"Order {track.order_id or client_id} ({track.order.side} {track.order.symbol}) was open at the venue, and "
            "none of its lists has it any more. It counts as cancelled.",
            about=client_id,
        )

    async def _chase(self, client_id: str, delay: float) -> None:
        try:
            await self._sleep(delay)
            await self._until_clear(client_id)
        finally:
            self._tasks.pop(client_id, None)
            self._again.discard(client_id)
            self._board.notify()

    async def _until_clear(self, client_id: str) -> None:
        begun, wait, empty, answered = self._clock.monotonic(), FIRST_WAIT, 0, False
        while (track := self._board.get(client_id)) is not None:
            if answered and not track.unsure and client_id not in self._again:
                break
            self._again.discard(client_id)
            asked_ms = self._venue.now_ms()
            try:
                answered, found = True, await self.once(client_id)
            except Exception as error:  # noqa: BLE001 -- no answer is no evidence; it is asked again
                answered, found, why = False, False, str(error)
            else:
                why = "the venue does not know it yet"
                empty = 0 if found else empty + (asked_ms > self._conclusive_ms(track))
            if empty >= EMPTY_NEEDED and self._conclude(client_id):
                break
            unclear = self._board.get(client_id)
            if answered and unclear is not None and not unclear.unsure:
                continue
            slow = self._clock.monotonic() - begun >= self._options.alert_ms / 1000
            if slow and unclear is not None and unclear.unsure:
                self._tell(unclear, why)
            await self._sleep(wait)
            wait = min(2 * wait, SLOW if slow and not answered else WAIT_MAX)
        self._board.calm("order_unknown", about=client_id)

    def _conclusive_ms(self, track: Track) -> int:
        """The moment (venue, ms) after which an answer that lacks the order says that it never arrived."""
        lag = self._options.lag_ms * (1 if self._venue.capabilities.deadline else NO_DEADLINE)
        return track.deadline_ms + self._options.grace_ms + lag

    def _conclude(self, client_id: str) -> bool:
        track = self._board.get(client_id)
        if track is None or track.reached is not Status.UNKNOWN or track.end is not None or track.order_id:
            return False
        self._board.put(reached(track, Status.CANCELLED, reason=NEVER_ARRIVED))
        return True

    def _second(self, client_id: str, found: VenueOrder) -> None:
        is_new = self._board.second(found.order_id, client_id)
        if found.status in ENDED:
            self._board.doubled_open.pop(found.order_id, None)
        elif is_new:
            self._board.doubled_open[found.order_id] = client_id
            self._unwanted(client_id)
        if is_new:
            self._board.alert(
                "critical",
                "order_doubled",
                f"The venue made a second order, {found.order_id} ({found.side} {found.symbol}, {found.filled} lots "
                "filled), of one that Mooring sent once. It is being cancelled; what it filled is in the account and "
                "not in the books.",
                about=found.order_id,
            )

    def _tell(self, track: Track, why: str) -> None:
        what = "Fills are missing" if RANK[track.reached] > RANK[Status.UNKNOWN] else "Nobody knows what became"
        self._board.alert(
            "critical",
            "order_unknown",
            f"{what} of order {track.order.client_id} ({track.order.side} {track.order.symbol}): {why}. It is looked "
            "up until that is known, and never sent again.",
            about=track.order.client_id,
        )


def _ours_first(track: Track, found: Sequence[VenueOrder]) -> list[VenueOrder]:
    """The order that the books follow before any double: the one known already, else the one that filled most."""
    return sorted(found, key=lambda one: (one.order_id != track.order_id, -one.filled, one.order_id))
