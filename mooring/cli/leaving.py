"""The very end of a process that ran a daemon: what is left in it waits for others, and the process waits for nobody.

By then everything is closed in its order. But Python joins the threads of pools before it ends, and one of these may
still be looking up a name that no resolver answers for: for half a minute, in which a supervisor may lose its patience.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

GRACE_SECONDS: Final = 1.0  # for threads that have nothing to do but to end


def leave(
    status: int,
    *,
    ends: Callable[[int], object] = os._exit,
    at_exit: Callable[[Callable[[], object]], object] = atexit.register,
) -> None:
    """See that this process ends soon with this status, whatever its other threads wait for; returns at once.

    Args:
        ends: ends the process there and then.
        at_exit: has something called once no thread is waited for any more.
    """
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    none_waited_for = threading.Event()
    at_exit(none_waited_for.set)

    def end() -> None:
        if not none_waited_for.wait(GRACE_SECONDS):
            ends(status)

    threading.Thread(target=end, name="leaving", daemon=True).start()


def _flush(stream: TextIO) -> None:
    """Where that fails, as on a full disk or a terminal that is gone, Python would end with 120 for it."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
