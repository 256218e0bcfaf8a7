"""Signals of a process that runs a daemon, heard from its first moment to its last.

asyncio gives them back to the system as its loop closes: one that comes then would end the process by itself, with a
status that a supervisor takes for a crash, though it was a wanted end. So they are kept until nobody can hear them.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

MOST: Final = 4096


@contextmanager
def heard(told: Mapping[int, Callable[[], None]], *, last: bool) -> Iterator[None]:
    """Within it, each of these signals calls what is told in the running loop; for the main thread.

    Args:
        told: what to call, by number.
        last: the process ends after this, with a status that is decided then: they are ignored from there on, which
            holds to its very end. Else they are as before.
    """
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for each in (ours, theirs):
            each.setblocking(False)
        loop.add_reader(ours, _emptied, ours)  # it wakes the loop, also where another thread was given the signal
        waked = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        before = {
            number: signal.signal(number, lambda number, _: loop.call_soon_threadsafe(told[number])) for number in told
        }
        try:
            yield
        finally:
            for number, former in before.items():
                signal.signal(number, signal.SIG_IGN if last else former)
            signal.set_wakeup_fd(waked)
            loop.remove_reader(ours)


def _emptied(ours: socket.socket) -> None:
    with suppress(BlockingIOError):
        ours.recv(MOST)
