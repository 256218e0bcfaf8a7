"""The dead man's switch: the venue cancels every order of the account once it no longer hears from us.

That helps an entry that nobody watches any more, and harms a protective stop: a laptop that goes to sleep must not
lose the stops of its positions. So by default it is armed only while entries work and no stop of ours rests, and only
while nobody else has orders in the account. `always` keeps it armed while anything of ours is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from mooring.runtime.domain.codes import Role
from mooring.runtime.execution.board import Board, Sleep
from mooring.runtime.execution.options import DeadMan, Options
from mooring.runtime.execution.orders import Track
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.protocol import Venue

TICK: Final = 1.0
STOP_WAITS: Final = 3.0  # seconds that a stop waits for the switch to be off


def wanted(tracks: Iterable[Track], mode: DeadMan, *, foreign: int) -> bool:
    """Whether the switch should be armed.

    Args:
        tracks: orders on their way. foreign: open orders of others in the account, as far as is known.
    """
    roles = {track.order.role for track in tracks if track.at_venue}
    if mode is DeadMan.ALWAYS:
        return bool(roles)
    return mode is DeadMan.ENTRIES and Role.ENTRY in roles and Role.STOP not in roles and not foreign


class DeadManSwitch:
    """Keeps the venue's switch as `wanted` says."""

    def __init__(self, venue: Venue, board: Board, clock: Clock, options: Options, *, sleep: Sleep) -> None:
        self._venue = venue
        self._board = board
        self._clock = clock
        self._options = options
        self._sleep = sleep
        self._mode = options.dead_man if venue.capabilities.dead_man_switch else DeadMan.OFF
        self._renewed: float | None = None  # when the venue last took it, by the monotonic clock
        self._lock = asyncio.Lock()
        # Whether it may be armed, as far as anybody knows: a process before this one may have left it so.
        self._maybe = venue.capabilities.dead_man_switch
        self.foreign = 0
        self.stopped = False  # whether it is not armed any more

    @property
    def armed(self) -> bool:
        """Whether the venue may cancel everything unless it hears from us."""
        return self._maybe

    async def run(self) -> None:
        """Keep it, for ever."""
        while True:
            await self.keep()
            await self._sleep(TICK)

    async def keep(self) -> None:
        """Arm, renew or disarm, where one of them is due."""
        async with self._lock:
            now = self._clock.monotonic()
            if not self.stopped and wanted(self._board.live(), self._mode, foreign=self.foreign):
                if self._renewed is None or now - self._renewed >= self._options.dead_man_every_s:
                    await self._arm(now)
            elif self._maybe:
                await self._disarm()

    async def before_stop(self) -> None:
        """Have it disarmed before a stop is sent that it would cancel, without keeping the stop waiting for long."""
        if self._mode is not DeadMan.ALWAYS and self._maybe:
            try:
                async with asyncio.timeout(STOP_WAITS):
                    await self.keep()
            except TimeoutError:
                self._late("It was not certain in time that the dead man's switch is off before a stop was placed.")

    def woke(self) -> None:
        """The machine slept: the monotonic clock says nothing about when it was renewed."""
        self._renewed = None

    async def release(self) -> None:
        """Disarm, where it may be armed; for an orderly end. Orders stay as they are."""
        self.stopped = True
        async with self._lock:
            if self._maybe:
                await self._disarm()

    async def _arm(self, now: float) -> None:
        self._maybe = True
        try:
            await self._venue.keep_alive(self._options.dead_man_s)
        except Exception as error:  # noqa: BLE001 -- tried again in a second; the orders have their own expiry
            if self._renewed is not None and now - self._renewed > self._options.dead_man_s:
                self._late(f"The venue may have cancelled every order of the account: {error}")
            return
        self._renewed = now
        self._board.calm("dead_man_late")

    async def _disarm(self) -> None:
        try:
            await self._venue.keep_alive(0)
        except Exception as error:  # noqa: BLE001 -- tried again in a second
            since = None if self._renewed is None else self._clock.monotonic() - self._renewed
            if since is not None and since > self._options.dead_man_s / 2:
                self._late(f"The dead man's switch could not be switched off: {error}")
            return
        self._maybe, self._renewed = False, None
        self._board.calm("dead_man_late")

    def _late(self, text: str) -> None:
        self._board.alert("critical", "dead_man_late", text)
