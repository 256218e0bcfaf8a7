"""Whether anything may be sent yet: not before the venue and the books were compared."""

from __future__ import annotations

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Order
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.waking import Waking
from mooring.runtime.market.clock import Clock


class Gate:
    """Closed at first, and after a sleep or a lost link until the next comparison.

    Exits and stops wait for that no longer than `Options.hold_ms`: a position must not stay open because the venue's
    lists are slow. Before the first comparison nothing leaves at all.
    """

    def __init__(self, clock: Clock, options: Options, waking: Waking) -> None:
        self._clock = clock
        self._hold = options.hold_ms / 1000
        self._waking = waking
        self._since: float | None = None
        self._first = True
        self.woken = False  # whether a sleep was noticed that nobody looked after yet

    @property
    def closed(self) -> bool:
        """Whether entries wait."""
        return self._first or self._since is not None

    @property
    def ready(self) -> bool:
        """Whether there was a comparison since the start."""
        return not self._first

    def close(self) -> None:
        """Let entries wait for a comparison that begins from now on."""
        if self._since is None:
            self._since = self._clock.monotonic()

    def open(self, *, linked: bool) -> None:
        """There was one; entries still wait while the venue's own word of orders does not come."""
        self._first = False
        if linked:
            self._since = None

    def look(self) -> bool:
        """Close it where the machine slept since the last look; whether it did."""
        if not self._waking.slept():
            return False
        self.woken = True
        self.close()
        return True

    def lets(self, order: Order) -> bool:
        """Whether an order may leave."""
        if self._first:
            return False
        if self._since is None:
            return True
        return order.role is not Role.ENTRY and self._clock.monotonic() - self._since >= self._hold
