"""A lock that serves in the order of asking, so that a kill never waits behind an endless run of hours."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class Turns:
    """First come, first served; not reentrant. Use it as a context manager."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()
        self._patient: set[threading.Event] = set()  # those in line for whom nobody has to hurry
        self._hurried = 0

    @property
    def awaited(self) -> bool:
        """Whether somebody stands in line who is in a hurry, or who has the turn must not wait for anything."""
        with self._guard:
            return self._hurried > 0 or any(one not in self._patient for one in self._waiting)

    @contextmanager
    def hurry(self) -> Iterator[None]:
        """Have what is done within, in the turn at hand, wait for nothing."""
        self._hurried += 1
        try:
            yield
        finally:
            self._hurried -= 1

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """The turn, for somebody for whom who has it may wait for what it waits for. Served in the same order."""
        self._come(patient=True)
        try:
            yield
        finally:
            self._pass_on()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """The turn, for somebody who waits for it so many seconds at most.

        Raises:
            TimeoutError: it did not come.
        """
        self._come(seconds=seconds)
        try:
            yield
        finally:
            self._pass_on()

    def __enter__(self) -> None:
        self._come()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pass_on()

    def _come(self, *, patient: bool = False, seconds: float | None = None) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
            if patient:
                self._patient.add(mine)
        try:
            _wait(mine, seconds)
        except BaseException:  # it did not come in time, or a signal's handler raised while we stood in line
            with self._guard:
                still_waiting = mine in self._waiting
                if still_waiting:
                    self._waiting.remove(mine)
            if not still_waiting:  # our turn had come meanwhile: pass it on
                self._pass_on()
            raise
        finally:
            with self._guard:
                self._patient.discard(mine)

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()  # handed over: it stays taken
            else:
                self._taken = False


def _wait(turn: threading.Event, seconds: float | None) -> None:
    if not turn.wait(seconds):
        raise TimeoutError
