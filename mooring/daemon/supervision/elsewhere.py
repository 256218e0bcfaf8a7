"""A supervisor that `mooring up` did not choose, such as supervisord: it started the daemon, and starts it again.

`mooring restart` leaves such a daemon in its hands: SIGHUP has it end in order, with a status that no supervisor takes
for a wanted end. Which one it is stands in the home, as only the daemon itself can know who started it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from mooring.daemon.instance import holder
from mooring.daemon.service import POLL_SECONDS, STOP_SECONDS
from mooring.daemon.supervision.attention import SUPERVISOR_VARIABLE, SUPERVISORD, why_down
from mooring.durable import read_private, replace_file
from mooring.home import Home
from mooring.runtime.market.clock import Clock

OTHER: Final = "other"  # what its file may set the variable to
FILE: Final = "started_elsewhere"
AGAIN: Final = 75  # EX_TEMPFAIL of sysexits.h: try again
TAKEN_UP_SECONDS: Final = 15.0  # launchd's pause is ten, that of others shorter
_MOST: Final = 32


def is_known(environ: Mapping[str, str], *, at_terminal: bool) -> bool:
    """Whether another supervisor started this process; one that a person started from its shell is the person's."""
    stated = environ.get(SUPERVISOR_VARIABLE, "")
    return stated == OTHER or (not stated and SUPERVISORD in environ and not at_terminal)


def note(home: Home, pid: int) -> None:
    """Say in the home that this process is started again by whoever started it."""
    with suppress(OSError):
        replace_file(home.run_dir / FILE, f"{pid}\n".encode())


def clear(home: Home) -> None:
    """Nobody starts this process again, and what an earlier one wrote is not of it: its id may come again."""
    with suppress(OSError):
        (home.run_dir / FILE).unlink(missing_ok=True)


def noted(home: Home) -> int | None:
    """Which process stands in the home as one that is started again; None where none does."""
    with suppress(OSError, ValueError):
        data = read_private(home.run_dir / FILE, _MOST)
        return None if data is None else int(data)
    return None


def keeps(home: Home, pid: int) -> bool:
    """Whether another supervisor looks after the daemon that is this process."""
    return pid > 0 and noted(home) == pid


def next_comes(home: Home, clock: Clock) -> bool:
    """Whether the next daemon has begun where the last one was to be started again; waits until it is known.

    Between the two nothing holds the home, and nothing but the note tells that another one is on its way.
    """
    _comes(
        lambda: holder(home) is not None or noted(home) is None or why_down(home) is not None, clock, TAKEN_UP_SECONDS
    )
    if holder(home) is not None:
        return noted(home) is not None
    clear(home)  # it ended as it was wanted, or nobody starts another
    return False


def restart(home: Home, pid: int, clock: Clock) -> bool:
    """Have it end in order and be started again; False where it did not end in time, or nobody began another one.

    One that began and could not go on counts as begun: it says why in the home.
    """
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGHUP)
    return _comes(lambda: holder(home) != pid, clock, STOP_SECONDS) and _comes(
        lambda: holder(home) is not None or why_down(home) is not None, clock, TAKEN_UP_SECONDS
    )


def _comes(wanted: Callable[[], bool], clock: Clock, seconds: float) -> bool:
    never = threading.Event()
    deadline = clock.monotonic() + seconds
    while not wanted():
        if clock.monotonic() >= deadline:
            return False
        clock.sleep(POLL_SECONDS, never)
    return True
