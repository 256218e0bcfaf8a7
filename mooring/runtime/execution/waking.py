"""Whether the machine slept: then what was known of the venue is old, whatever the connection says."""

from __future__ import annotations

from typing import Final

from mooring.runtime.market.clock import Clock

STILL_MS: Final = 10_000  # without a look for so long, the process stood still even if the clocks agree


class Waking:
    """Compares the wall clock with the monotonic one, which stands still while a machine sleeps.

    A clock that was set by hand looks the same, and costs one comparison more than needed.
    """

    def __init__(self, clock: Clock, *, jump_ms: int) -> None:
        self._clock = clock
        self._jump_ms = jump_ms
        self._wall, self._steady = clock.now_ms(), clock.monotonic()

    def slept(self) -> bool:
        """Whether it slept since the last time this was asked."""
        wall, steady = self._clock.now_ms(), self._clock.monotonic()
        passed_ms = (steady - self._steady) * 1000
        jump = abs(wall - self._wall - passed_ms)
        self._wall, self._steady = wall, steady
        return jump > self._jump_ms or passed_ms > STILL_MS
