"""Whether a daemon that is listened to still answers: one that hangs keeps its stream open and says nothing in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

PULSE_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 0.5  # and of one that is known to hang
ANSWER_SECONDS: Final = 4.0  # healthz is answered in milliseconds, also by a daemon that decides

log = structlog.get_logger(__name__)


class Pulse:
    """Asks every PULSE_SECONDS, in a thread of its own; a daemon that misses one question is asked once more.

    Args:
        listening: whether there is one to ask.
        answers: asks it, waiting ANSWER_SECONDS.
        lost: told once it has missed two in a row, and at each one that follows.
        back: told when it answers again; False where it is to be told once more.
        seconds: between two questions.
    """

    def __init__(
        self,
        listening: Callable[[], bool],
        answers: Callable[[], bool],
        lost: Callable[[], None],
        back: Callable[[], bool],
        seconds: float = PULSE_SECONDS,
    ) -> None:
        self._listening, self._answers = listening, answers
        self._lost, self._back = lost, back
        self._seconds = seconds
        self._ending = threading.Event()
        self._silent = False
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def close(self) -> None:
        """Ask no more."""
        self._ending.set()

    def look(self) -> None:
        """Ask once, as its thread does."""
        if not self._listening():
            self._silent = False
        elif self._answers():
            self._silent = self._silent and not self._back()
        elif self._listening() and (self._silent or (not self._answers() and self._listening())):
            self._silent = True  # and told each time: it may have said something since, and hang again
            self._lost()

    def _run(self) -> None:
        while not self._ending.wait(min(self._seconds, SILENT_SECONDS) if self._silent else self._seconds):
            try:
                self.look()
            except Exception:  # a thread that ends here would let a daemon hang unseen
                log.exception("pulse_failed")
