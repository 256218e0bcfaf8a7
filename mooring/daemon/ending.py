"""One budget for the end of a daemon: each stage takes its seconds from it, and leaves what those after it need.

Whoever ends a daemon waits for it a little longer than this, and launchd and systemd a little longer than that: also
where everything is silent at once, nothing is ended by force, and orders have their full time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

END_SECONDS: Final = 32.0
# In their order: the most that one takes, and what those before it leave to it.
STAGES: Final[Mapping[str, tuple[float, float]]] = {
    "doors": (7.0, 7.0),  # as the control API itself has it: streams, then calls under way
    "operations": (10.0, 0.5),
    "orders": (18.0, 18.0),  # what `Execution.drain` allows itself, and two more
    "sender": (4.0, 0.5),
    "books": (30.0, 0.5),  # they have a word of their own, for which they wait until the hour at hand is done
    "account": (4.0, 0.5),
    "hour": (30.0, 1.0),
    "replay": (10.0, 0.5),
    "awake": (1.0, 1.0),
    "bundles": (5.0, 0.5),
    "prices": (4.0, 0.5),
    "loop": (4.0, 0.5),  # tasks that are cancelled say goodbye, for which a connection has two
    "keychain": (3.0, 1.0),
}

ENTRY_SECONDS: Final = 3600  # an entry that was sent ends with its hour, by the venue's own clock


def left_at_venue(now: int) -> str:
    """What an end, at this UTC unix second, may have left at the venue; as true days later."""
    until = datetime.fromtimestamp(now + ENTRY_SECONDS, UTC)
    return (
        "It ended before Kraken had said how all orders stand. An entry may have worked there until "
        f"{until:%Y-%m-%d %H:%M} UTC, and filled without a stop: look at Kraken's list of open orders, and at its "
        "balances."
    )


class Ending:
    """How long each stage may take. Before `begin` each has its most: the process goes on. From any thread.

    Args:
        monotonic: seconds of real time.
        seconds: of a whole end.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, *, seconds: float = END_SECONDS) -> None:
        self._monotonic, self._seconds = monotonic, seconds
        self._ends = math.inf

    def begin(self) -> None:
        """The process is to end; what was begun before goes on."""
        if self._ends == math.inf:
            self._ends = self._monotonic() + self._seconds

    def seconds(self, stage: str) -> float:
        """Seconds that a stage of STAGES may take from now on."""
        most, least = STAGES[stage]
        names = [*STAGES]
        later = sum(STAGES[name][1] for name in names[names.index(stage) + 1 :])
        return max(least, min(most, self._ends - self._monotonic() - later))
