"""How long to wait before the next connection: quickly at first, then longer, never in step with everybody else."""

from __future__ import annotations

from collections import deque
from typing import Final

QUICK_TRIES: Final = 2
QUICK_SECONDS: Final = 0.2
BASE_SECONDS: Final = 1.0
CAP_SECONDS: Final = 60.0
MAINTENANCE_SECONDS: Final = 5.0
# Kraken's edge bans an address for 10 minutes after about 150 connections in 10 minutes. Two links share the address.
CONNECTS_MAX: Final = 60
CONNECTS_SECONDS: Final = 600.0
_DOUBLINGS_MAX: Final = 10


def delay(failures: int, random: float, *, maintenance: bool) -> float:
    """Seconds to wait.

    Args:
        failures: in a row, 1 after the first.
        random: 0 to 1; spreads the wait over its second half.
        maintenance: Kraken said that it is not online.
    """
    assert failures >= 1
    if failures <= QUICK_TRIES and not maintenance:
        full = QUICK_SECONDS
    else:
        full = min(BASE_SECONDS * 2 ** min(failures - 1, _DOUBLINGS_MAX), CAP_SECONDS)
    if maintenance:
        full = max(full, 2 * MAINTENANCE_SECONDS)
    return full * (0.5 + random / 2)


class ConnectBudget:
    """At most so many connections in a sliding window."""

    def __init__(self, most: int = CONNECTS_MAX, seconds: float = CONNECTS_SECONDS) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=most)

    def wait(self, now: float) -> float:
        """Seconds until another connection may be opened."""
        if len(self._times) < (self._times.maxlen or 0):
            return 0.0
        return max(0.0, self._times[0] + self._seconds - now)

    def opened(self, now: float) -> None:
        """One is being opened."""
        self._times.append(now)
