"""An event loop in a thread of its own, in which prices and orders are spoken of; no person waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import structlog

from mooring.daemon.name_lookups import Loop
from mooring.errors import Conflict

T = TypeVar("T")

STOP_SECONDS: Final = 4.0  # tasks that are cancelled say goodbye, for which a connection has two
HURRIED_SECONDS: Final = 4.0

log = structlog.get_logger(__name__)


class LoopThread:
    """One loop, one thread. Its methods may be called from any other thread.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._stopped = self._hurried = False
        self._waits: set[asyncio.Timeout] = set()  # of calls; belongs to the loop

    @property
    def running(self) -> bool:
        """Whether its thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin; once.

        Raises:
            Conflict: it was begun or ended before.
        """
        with self._lock:
            if self._thread is not None or self._stopped:
                raise _over()
            # A daemon thread: should a task refuse to end, the process can end all the same.
            self._thread = threading.Thread(target=self._main, name=self._name, daemon=True)
            self._thread.start()
            self._ready.wait()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the loop; what it returns or raises is in the future.

        Raises:
            Conflict: the loop is not running; the coroutine is closed.
        """
        with self._lock:
            if self._loop is None or self._stopped:
                work.close()
                raise _over()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, T], *, seconds: float) -> T:
        """Run a coroutine in the loop and wait for it; it is cancelled where it takes longer.

        Raises:
            TimeoutError: it did not end in time.
            Conflict: as `submit`; whatever the coroutine raises besides.
        """
        assert threading.current_thread() is not self._thread, "the loop would wait for itself"
        return self.submit(self._within(work, seconds)).result()

    def hurry(self) -> None:
        """Have calls under way give up now, and later ones wait HURRIED_SECONDS at most: all of it is to end."""
        with self._lock:
            self._hurried = True
            if self._loop is not None and not self._stopped:
                self._loop.call_soon_threadsafe(self._give_up)

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Cancel all that runs, wait for it no longer than so many seconds, and close the loop; safe to call twice.

        Returns:
            Whether everything has ended.
        """
        with self._lock:
            first, self._stopped = not self._stopped, True
            thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None:
            return True
        if first and loop is not None and stopping is not None:
            loop.call_soon_threadsafe(stopping.set)
        thread.join(seconds)
        if thread.is_alive():
            log.warning("loop_did_not_end", loop=self._name, seconds=seconds)
            return False
        return True

    def _main(self) -> None:
        # The runner cancels what still runs, awaits it, and closes generators and the loop.
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(self._wait())

    async def _wait(self) -> None:
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._stopping.wait()

    async def _within(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        async with asyncio.timeout(min(seconds, HURRIED_SECONDS) if self._hurried else seconds) as patience:
            self._waits.add(patience)
            try:
                return await work
            finally:
                self._waits.discard(patience)

    def _give_up(self) -> None:
        assert self._loop is not None
        for patience in self._waits:
            if not patience.expired():
                patience.reschedule(self._loop.time())


def _over() -> Conflict:
    return Conflict(
        "loop_not_running",
        "The part of the daemon that speaks with the venue is not running.",
        money="Nothing was sent.",
        todo="Start the daemon again.",
    )
