"""One budget for the end of a daemon: each stage takes its seconds from it, and leaves what those after it need.

Whoever ends a daemon waits for it a little longer than this, and launchd and systemd a little longer than that: also
where everything is silent at once, nothing is ended by force, and orders have their full time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Final

END_SECONDS: Final = 32.0
# In their order: the most that one takes, and what those before it leave to it.
STAGES: Final[Mapping[str, tuple[float, float]]] = {
    "doors": (7.0, 7.0),  # as the control API itself has it: streams, then calls under way
    "operations": (10.0, 0.4),
    "orders": (18.0, 18.0),  # what `Execution.drain` allows itself, and two more
    "sender": (4.0, 0.4),
    "books": (30.0, 0.4),  # they have a word of their own, for which they wait until the hour at hand is done
    "account": (4.0, 0.4),
    "hour": (30.0, 0.8),
    "note": (5.0, 0.3),  # that the run was laid down in order
    "replay": (10.0, 0.4),
    "awake": (1.0, 1.0),
    "bundles": (5.0, 0.4),
    "prices": (4.0, 0.4),
    "loop": (4.0, 0.4),  # tasks that are cancelled say goodbye, for which a connection has two
    "store": (6.0, 0.4),  # what is being written; in the second half whoever waits for a silent server is broken off
    "keychain": (3.0, 1.0),
    "logs": (1.0, 0.3),
}
START_SECONDS: Final = 4.0  # for a start that is broken off and waits for a server of the records

ENTRY_SECONDS: Final = 3600  # an entry that was sent ends with its hour, by the venue's own clock


def within(seconds: float, work: Callable[[], object], name: str) -> bool:
    """Have work done in a thread of its own, which nobody waits for any longer; whether it is done.

    Raises:
        Exception: what the work raised meanwhile.
    """
    done: Future[object] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- for whoever waits
            done.set_exception(error)

    threading.Thread(target=run, name=f"mooring-{name}", daemon=True).start()
    try:
        done.result(seconds)
    except TimeoutError:
        if done.done():
            raise
        return False
    return True


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
