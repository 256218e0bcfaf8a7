"""Threads that do what they are given, one thing after the other, with a limit on how much may wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Lane:
    """One thread; what is put in last is done last. Safe to use from any thread.

    Args:
        most: how much may wait, with what is being done.
    """

    def __init__(self, name: str, most: int) -> None:
        self._most = most
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._inside: set[Future[None]] = set()
        self._closed = False

    def put(self, do: Callable[[], None], after: Callable[[], None] = lambda: None) -> bool:
        """Have it done; False where too much waits already, or the lane is closed.

        Args:
            after: called in any case once it is over, also where it was dropped.
        """
        with self._lock:
            if self._closed or len(self._inside) >= self._most:
                return False
            future = self._pool.submit(do)
            self._inside.add(future)

        def over(ended: Future[None]) -> None:
            with self._lock:
                self._inside.discard(ended)
            after()

        future.add_done_callback(over)
        return True

    def drop(self) -> None:
        """Forget what has not begun."""
        with self._lock:
            waiting = list(self._inside)
        for future in waiting:
            future.cancel()

    def close(self, *, finish: bool) -> None:
        """Take no more. What waits is done before the process ends, or dropped."""
        with self._lock:
            self._closed = True
        if not finish:
            self.drop()
        self._pool.shutdown(wait=False)
