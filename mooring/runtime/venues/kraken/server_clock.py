"""Kraken's time: this machine's, moved by what Kraken's own clock was seen to differ."""

from __future__ import annotations

import threading
from typing import Final

from mooring.runtime.market.clock import Clock

WRONG_MS: Final = 2_000
MOVED_MS: Final = 1_000
ROUND_TRIP_MOST_MS: Final = 2_000  # a slower answer says too little about the time


class ServerClock:
    """A clock that shows Kraken's time once it was compared.

    Args:
        clock: of this machine.
        speed: seconds of a look-alike's time in a real one; 1 for Kraken itself.
    """

    def __init__(self, clock: Clock, *, speed: float = 1.0) -> None:
        self._clock = clock
        self._speed = speed
        self._ahead: float | None = None
        self.offset_ms = 0

    @property
    def wrong(self) -> bool:
        """Whether this machine's clock is more than two seconds off."""
        return abs(self.offset_ms) > WRONG_MS

    @property
    def moved(self) -> bool:
        """Whether this machine's clock was set, or the machine slept, since it was compared."""
        return self._ahead is not None and abs(self._ahead_ms() - self._ahead) > MOVED_MS * self._speed

    def compare(self, *, asked_ms: int, seconds: int, answered_ms: int) -> None:
        """Take over what Kraken says its time is.

        Args:
            asked_ms, answered_ms: when it was asked and answered, by this machine's clock.
            seconds: what it said; it states whole seconds only.
        """
        if not 0 <= answered_ms - asked_ms <= ROUND_TRIP_MOST_MS:
            return
        self._ahead = self._ahead_ms()
        least, most = 1_000 * seconds - answered_ms, 1_000 * seconds + 999 - asked_ms
        self.offset_ms = 0 if least <= 0 <= most else (least + most) // 2

    def local_ms(self) -> int:
        """This machine's time, unix milliseconds."""
        return self._clock.now_ms()

    def now(self) -> int:
        return self.now_ms() // 1_000

    def now_ms(self) -> int:
        return self._clock.now_ms() + self.offset_ms

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        return self._clock.sleep(seconds, stop)

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        return self._clock.wait_until(ts - self.offset_ms // 1_000, stop)

    def _ahead_ms(self) -> float:
        """What the wall clock is ahead of time that only passes."""
        return self._clock.now_ms() - 1_000 * self._speed * self._clock.monotonic()
