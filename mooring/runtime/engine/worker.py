"""The engine's thread: asked to stop once, ended once, never used again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mooring.errors import Halt


def stuck() -> Halt:
    """What to raise where the hour at hand is given up."""
    return Halt(
        "engine_stuck",
        "The hour at hand does not end.",
        money="It is either recorded whole or not at all.",
        todo="Look at the log; ending the process is safe.",
    )


class Worker:
    """One thread with its own events, so that a late stop of an old one never reaches its successor.

    Args:
        work: called in the thread, with this worker; looks at `stop` between its steps.

    Attributes:
        stop: set to ask it to end.
        finished: set when it has ended, whatever the reason.
    """

    def __init__(self, work: Callable[[Worker], None]) -> None:
        self.stop = threading.Event()
        self.finished = threading.Event()
        self._work = work
        self._thread = threading.Thread(target=self._run, name="mooring-engine", daemon=True)

    @property
    def is_current(self) -> bool:
        """Whether the caller is this thread."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; whether it came in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work(self)
        finally:
            self.finished.set()
