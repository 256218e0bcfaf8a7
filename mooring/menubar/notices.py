"""Which alerts become notifications: a storm of them is told once, with how many there were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SERIOUS: Final = frozenset({"critical", "error"})
QUIET_SECONDS: Final = 10.0
TEXT_MOST: Final = 300


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notification."""

    text: str
    serious: bool


class Notices:
    """Collects alerts and gives a notification at most every QUIET_SECONDS; a serious one overtakes what is not."""

    def __init__(self) -> None:
        self._waits: Notice | None = None
        self._more = 0
        self._quiet_until = float("-inf")
        self._quiet_serious = False

    def add(self, text: str, severity: str) -> None:
        """An alert came. Of several, the newest of the gravest is told in words, the others in number."""
        came = Notice(text=text[:TEXT_MOST], serious=severity in SERIOUS)
        before = self._waits
        self._more += before is not None
        if before is None or came.serious >= before.serious:
            self._waits = came

    def due(self, now: float) -> Notice | None:
        """What is to be told now; None where nothing is, or not yet."""
        if self._waits is None or self.wait_seconds(now) > 0:
            return None
        told, more = self._waits, self._more
        self._waits, self._more = None, 0
        self._quiet_until, self._quiet_serious = now + QUIET_SECONDS, told.serious
        if not more:
            return told
        return Notice(text=f"{told.text} And {more} more alert{'s' * (more != 1)}.", serious=told.serious)

    def wait_seconds(self, now: float) -> float:
        """How long until what waits can be told; 0 where nothing waits or it can be told now."""
        if self._waits is None or (self._waits.serious and not self._quiet_serious):
            return 0.0
        return max(self._quiet_until - now, 0.0)
