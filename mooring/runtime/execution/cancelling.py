"""Cancellations: asked for again until the order has ended. That the venue took one is not the end of the order."""

from __future__ import annotations

import asyncio
from typing import Final

from mooring.runtime.domain.orders import Status
from mooring.runtime.execution.board import Board, Sleep
from mooring.runtime.execution.lookup import Lookups
from mooring.runtime.execution.options import Options
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.protocol import Venue

FIRST_WAIT: Final = 0.5
WAIT_MAX: Final = 30.0
END_WAIT: Final = 5.0  # seconds for the venue to say that it ended, before it is asked


class Cancelling:
    """One task for each order that is to end."""

    def __init__(
        self, venue: Venue, board: Board, lookups: Lookups, clock: Clock, options: Options, *, sleep: Sleep
    ) -> None:
        self._venue = venue
        self._board = board
        self._lookups = lookups
        self._clock = clock
        self._options = options
        self._sleep = sleep
        self._asked: set[str] = set()
        self._group: asyncio.TaskGroup | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run cancellations in this group from now on."""
        self._group = group

    def asked(self, client_id: str) -> bool:
        """Whether it is to end."""
        return client_id in self._asked

    def ask(self, client_id: str) -> None:
        """Have an order end; once is enough."""
        # What has ended is not asked for: whoever waits until the books know would ask again at once, for ever.
        if self._group is None or client_id in self._asked or self._over(client_id):
            return
        self._asked.add(client_id)
        self._group.create_task(self._cancel(client_id), name=f"cancel {client_id}")

    def _over(self, client_id: str) -> bool:
        track = self._board.get(client_id)
        if track is None:  # forgotten: what is left of it breaks the comparison, by name
            return True
        return track.end is not None and client_id not in self._board.doubled_open.values()

    async def _cancel(self, client_id: str) -> None:
        try:
            # What has not left yet is dropped by who would send it; what is leaving has to arrive first.
            await self._board.until(lambda: self._over(client_id) or self._arrived(client_id))
            begun, wait = self._clock.monotonic(), FIRST_WAIT
            while not self._over(client_id):
                why = await self._once(client_id)
                if self._over(client_id):
                    break
                if self._clock.monotonic() - begun >= self._options.alert_ms / 1000:
                    self._tell(client_id, why)
                await self._sleep(wait)
                wait = min(2 * wait, WAIT_MAX)
        finally:
            self._asked.discard(client_id)
            self._board.calm("cancel_not_done", about=client_id)
            self._board.notify()

    def _arrived(self, client_id: str) -> bool:
        track = self._board.get(client_id)
        return track is None or track.reached not in (Status.INTENT, Status.SUBMITTING)

    async def _once(self, client_id: str) -> str:
        """Ask once, and wait for the end; why there was none."""
        track = self._board.get(client_id)
        assert track is not None
        try:
            await self._venue.cancel(client_id, track.order.symbol)
        except Exception as error:  # noqa: BLE001 -- whatever it was, asking again is safe
            return str(error)
        if not await self._board.until(lambda: self._over(client_id), seconds=END_WAIT):
            self._lookups.look(client_id)
            await self._board.until(lambda: self._over(client_id), seconds=END_WAIT)
        return "the venue took the cancellation, and has not said that the order ended"

    def _tell(self, client_id: str, why: str) -> None:
        track = self._board.get(client_id)
        if track is not None:
            self._board.alert(
                "critical",
                "cancel_not_done",
                f"Order {client_id} ({track.order.side} {track.order.symbol}) could not be cancelled: {why}. It is "
                "tried again until it has ended.",
                about=client_id,
            )
