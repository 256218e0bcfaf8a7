"""Notices that the machine slept, and has every connection that was open before opened anew.

A connection that died meanwhile says so only when its silence has lasted long enough, and the time for that stood
still too. Orders are the matter of execution, which compares books and venue before it sends anything new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from mooring.runtime.execution.waking import Waking
from mooring.runtime.market.clock import Clock

LOOK_SECONDS: Final = 1.0
SLEPT_MS: Final = 5_000

log = structlog.get_logger(__name__)


class WakeWatch:
    """Looks every second. `run` it in the loop of the connections.

    Args:
        clock: of this machine; a look-alike's time says nothing of sleep.
        renew: opens the connections anew.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        clock: Clock,
        renew: Callable[[], Awaitable[None]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._waking = Waking(clock, jump_ms=SLEPT_MS)
        self._renew, self._sleep = renew, sleep

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._sleep(LOOK_SECONDS)
            if not self._waking.slept():
                continue
            log.warning("machine_slept")
            try:
                await self._renew()
            except Exception:  # connections that nobody renewed are found dead a little later
                log.exception("connections_not_renewed")
