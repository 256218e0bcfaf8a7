"""Clocks: what is told the time by whom.

Everything that needs time takes a `Clock`. `SystemClock` is the machine's, `MarketClock` lets the time of a replayed
or made-up market run at a chosen speed, `ManualClock` stands still until it is moved.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Final, Protocol

from mooring.errors import Invalid

SLICE_SECONDS: Final = 1.0  # a wait looks at the clock at least this often, so a machine that slept wakes to the time
SPEED_MAX: Final = 10_000_000


class Clock(Protocol):
    """The time, and waiting for it. Safe to use from several threads."""

    def now(self) -> int:
        """UTC unix seconds, rounded down."""
        ...

    def now_ms(self) -> int:
        """UTC unix milliseconds, rounded down."""
        ...

    def monotonic(self) -> float:
        """Seconds of real time since some moment; never goes back. For durations and time limits."""
        ...

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        """Let real time pass: True after `seconds`, False as soon as `stop` is set."""
        ...

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        """True once `now() >= ts`, False as soon as `stop` is set (also when both hold)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return int(time.time())

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        return not stop.wait(max(0.0, seconds))

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        # In slices: the monotonic time of a wait stands still while a laptop sleeps, and the wall clock may be set.
        while not stop.is_set():
            remaining = ts - self.now_ms() / 1000
            if remaining <= 0:
                return True
            stop.wait(min(remaining, SLICE_SECONDS))
        return False


class MarketClock:
    """Market time: starts at `start_ts` and runs at `speed` market seconds a real second.

    speed 0 is as fast as possible: time stands still between waits, and each wait jumps to its end at once.

    Raises:
        Invalid: the speed is negative, not finite or above `SPEED_MAX`.
    """

    def __init__(self, system: Clock, *, start_ts: int, speed: float) -> None:
        if not 0 <= speed <= SPEED_MAX:
            raise Invalid(
                "bad_speed", f"The speed is not between 0 and {SPEED_MAX:,}.", todo="Give 1 for real time, 0 for max."
            )
        self._system = system
        self._speed = speed
        self._lock = threading.Lock()
        self._start_ms = start_ts * 1000
        self._begun = system.monotonic()

    @property
    def speed(self) -> float:
        """Market seconds a real second; 0 is as fast as possible."""
        return self._speed

    def now(self) -> int:
        return self.now_ms() // 1000

    def now_ms(self) -> int:
        with self._lock:
            if not self._speed:
                return self._start_ms
            return self._start_ms + math.floor((self._system.monotonic() - self._begun) * self._speed * 1000)

    def monotonic(self) -> float:
        return self._system.monotonic()

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        return self._system.sleep(seconds, stop)

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        if stop.is_set():
            return False
        if not self._speed:
            with self._lock:
                self._start_ms = max(self._start_ms, ts * 1000)
            return True
        while (remaining_ms := ts * 1000 - self.now_ms()) > 0:
            if not self._system.sleep(remaining_ms / 1000 / self._speed, stop):
                return False
        return not stop.is_set()


class ManualClock:
    """A clock that stands still until `advance` or `set` moves it; for tests.

    A wait moves it on to the wait's end by itself if `jumps`, otherwise it blocks until another thread does.
    """

    def __init__(self, ts: int = 0, *, jumps: bool = True) -> None:
        self._ms = ts * 1000
        self._real_ms = 0
        self._jumps = jumps
        self._moved = threading.Condition()

    def now(self) -> int:
        return self.now_ms() // 1000

    def now_ms(self) -> int:
        with self._moved:
            return self._ms

    def monotonic(self) -> float:
        with self._moved:
            return self._real_ms / 1000

    def advance(self, seconds: float) -> None:
        """Let time pass, rounded up to milliseconds; never back."""
        with self._moved:
            step = max(0, math.ceil(seconds * 1000))
            self._ms += step
            self._real_ms += step
            self._moved.notify_all()

    def set(self, ts: int) -> None:
        """Set the wall time, forwards or back, as a person might; monotonic time stays."""
        with self._moved:
            self._ms = ts * 1000
            self._moved.notify_all()

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        if self._jumps and not stop.is_set():
            self.advance(seconds)
        with self._moved:
            end = self._real_ms if self._jumps else self._real_ms + math.ceil(seconds * 1000)
            while self._real_ms < end and not stop.is_set():
                self._moved.wait(0.005)  # an Event cannot wake a Condition
        return not stop.is_set()

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        if self._jumps and not stop.is_set():
            self.advance(ts - self.now_ms() / 1000)
        with self._moved:
            while self._ms < ts * 1000 and not stop.is_set():
                self._moved.wait(0.005)
        return not stop.is_set()
