"""Models that load beside whoever wants them, so that one that hangs while it loads holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from mooring.errors import Unverified
from mooring.runtime.models.bounded import Bounded


class Loading:
    """One load, in a thread of its own, begun at once. The thread is a daemon: a hanging one keeps no process alive.

    One for which this machine has no room for a thread has ended, with a MemoryError.

    Args:
        load: makes the models; what it raises is raised to whoever wants them.
        seconds: after which they are unusable.
    """

    def __init__(
        self, load: Callable[[], Bounded], seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._monotonic = monotonic
        self._until = monotonic() + seconds
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self._left = False
        self._made: Bounded | None = None
        self._error: Exception | None = None
        try:
            threading.Thread(target=self._work, name="models-load", daemon=True).start()
        except RuntimeError as error:  # this machine has no room for a thread: no reason to end an hour
            self._error = MemoryError(str(error))
            self._ended.set()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, well or not, within the time; one that takes too long has ended, too."""
        return self._ended.wait(seconds) or self._monotonic() >= self._until

    def models(self) -> Bounded:
        """What was loaded; whoever asks has it from now on. Only once it has ended.

        Raises:
            Exception: whatever the load raised. Unverified: it took too long; its thread is left to itself.
        """
        with self._guard:
            self._left = self._made is None
            if self._made is not None:
                return self._made
        if self._error is not None:
            raise self._error
        raise Unverified(
            "model_unusable",
            f"The models cannot be used: they did not load within {self._seconds:g} s.",
            money="Nothing is traded on their word.",
            todo="Report this to whoever published the bundle; go back to an earlier one.",
        )

    def leave(self) -> None:
        """Nobody wants them any more: they are let go as soon as they are there."""
        with self._guard:
            self._left = True
            made, self._made = self._made, None
        if made is not None:
            made.leave()

    def _work(self) -> None:
        try:
            made = self._load()
        except Exception as error:  # noqa: BLE001 -- handed to who asks
            self._error = error
        else:
            with self._guard:
                left = self._left
                self._made = None if left else made
            if left:
                made.leave()
        self._ended.set()
