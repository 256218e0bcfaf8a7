"""A lock that serves in the order of asking, so that a kill never waits behind an endless run of hours."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turns:
    """First come, first served; not reentrant. Use it as a context manager."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()  # handed over: it stays taken
            else:
                self._taken = False
