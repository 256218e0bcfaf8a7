"""The event hub: what the daemon says as it happens, for whoever listens.

Publishing never waits: a listener that does not keep up is dropped, and comes back with the id of the last event it
saw. The last events are kept in a ring for it, bounded in number and in bytes; where its id has fallen out of the ring,
it is told to load everything anew (`reset`). Ids only rise, also over restarts as long as `first_id` does.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from mooring.errors import Conflict, Invalid, Retry

TYPES: Final = (
    "status",
    "price",
    "signal",
    "decision",
    "order",
    "fill",
    "equity",
    "alert",
    "bundle",
    "onboarding",
    "settings",
    "progress",
)
RESET: Final = "reset"
RING: Final = 2048
RING_BYTES: Final = 4_194_304  # of data; 2048 events of hours with ten symbols have a tenth of it
QUEUE: Final = 4096
QUEUE_BYTES: Final = 2 * RING_BYTES  # of data: all of the ring, and as much again; listeners share what waits for them
BATCH: Final = 64
DATA_BYTES_MAX: Final = 65_536


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event; `data` is JSON in one line."""

    id: int
    type: str
    data: bytes

    def encoded(self) -> bytes:
        """The event as server-sent events spell it (WHATWG HTML, 9.2)."""
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (self.id, self.type.encode(), self.data)


class Subscription:
    """One listener, used on the event loop that made it; `_offer` and `_end` are called by the hub, under its lock."""

    def __init__(self, hub: EventHub, backlog: list[Event], limit: int, limit_bytes: int) -> None:
        self._hub = hub
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._bytes = sum(len(event.data) for event in backlog)
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._events = deque(backlog)
        self._woken = False
        self._ended = False

    async def next_batch(self, timeout_seconds: float) -> list[Event] | None:
        """Some events in order; none where the time ran out first; None once the listener was dropped."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    batch = self._take()
                    if batch is None or batch:
                        return batch
                    await self._wake.wait()
        except TimeoutError:
            return []

    def close(self) -> None:
        """Listen no more; safe to call twice."""
        self._hub.drop(self)

    def _take(self) -> list[Event] | None:
        with self._hub.lock:
            batch = [self._events.popleft() for _ in range(min(BATCH, len(self._events)))]
            self._bytes -= sum(len(event.data) for event in batch)
            if not self._events:
                self._woken = False
                self._wake.clear()
            return None if self._ended else batch

    def _offer(self, event: Event) -> bool:
        if len(self._events) >= self._limit or self._bytes + len(event.data) > self._limit_bytes:
            return False
        self._events.append(event)
        self._bytes += len(event.data)
        return self._alert()

    def _end(self) -> None:
        self._ended = True
        self._events.clear()
        self._bytes = 0
        self._woken = False
        self._alert()

    def _alert(self) -> bool:
        if self._woken:
            return True
        self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:  # its loop is closed: nobody will ever read
            return False
        return True


class EventHub:
    """Takes events from any thread and hands them to the listeners.

    Args:
        first_id: id of the first event; greater at each start (such as the start's time), so that an id from before a
            restart is recognised as fallen out.
        streams: how many may listen at one time.
        ring, ring_bytes: how many past events are kept, and how many bytes of data they have together at most.
        queue, queue_bytes: how many events may wait for one listener, and how many bytes of data they may have.
    """

    def __init__(
        self,
        *,
        first_id: int = 1,
        streams: int = 64,
        ring: int = RING,
        ring_bytes: int = RING_BYTES,
        queue: int = QUEUE,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self.lock = threading.Lock()
        self._next_id = first_id
        self._streams = streams
        self._queue = queue
        self._queue_bytes = queue_bytes
        self._ring: deque[Event] = deque()
        self._ring_most = ring
        self._ring_bytes_most = ring_bytes
        self._ring_bytes = 0
        self._listeners: dict[int, Subscription] = {}
        self._closed = False

    @property
    def listening(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def publish(self, type: str, data: Mapping[str, Any]) -> None:  # noqa: A002 -- the word of the stream's format
        """Tell all listeners; never waits. Data too large for one event are left out, and the event says so.

        Raises:
            Invalid: a type that is none of `TYPES`, or data that JSON cannot say (such as a Decimal).
        """
        if type not in TYPES:
            raise Invalid("unknown_event_type", f"{type} is no type of event.", todo="Use one that EVENT_TYPES lists.")
        try:
            body = _own(orjson.dumps(data))
        except TypeError:
            raise Invalid(
                "bad_event_data", f"The data of a {type} event hold what JSON cannot say.", todo="Give plain JSON."
            ) from None
        if len(body) > DATA_BYTES_MAX:
            body = orjson.dumps({"omitted_bytes": len(body)})
        with self.lock:
            if self._closed:
                return
            event = Event(id=self._next_id, type=type, data=body)
            self._next_id += 1
            self._keep(event)
            slow = [listener for listener in self._listeners.values() if not listener._offer(event)]  # noqa: SLF001
            for listener in slow:
                self._drop(listener)

    def subscribe(self, last_id: int | None = None) -> Subscription:
        """Listen from now on, or from the event after `last_id`; call on an event loop, and close what is returned.

        Raises:
            Retry: too many listen already.
            Conflict: the hub is closed.
        """
        with self.lock:
            if self._closed:
                raise Conflict("stopping", "The daemon is stopping.", todo="Ask again once it runs.")
            if len(self._listeners) >= self._streams:
                raise Retry(
                    "too_many_streams",
                    f"{self._streams} event streams are open already.",
                    retry_after_seconds=5,
                    todo="Close one, then ask again.",
                )
            listener = Subscription(self, self._backlog(last_id), self._queue, self._queue_bytes)
            self._listeners[id(listener)] = listener
            return listener

    def drop(self, listener: Subscription) -> None:
        """Forget a listener; what it has not read is lost to it."""
        with self.lock:
            self._drop(listener)

    def close(self) -> None:
        """End all streams; later events are dropped."""
        with self.lock:
            self._closed = True
            for listener in [*self._listeners.values()]:
                self._drop(listener)

    def _keep(self, event: Event) -> None:
        self._ring.append(event)
        self._ring_bytes += len(event.data)
        while len(self._ring) > self._ring_most or self._ring_bytes > self._ring_bytes_most:
            self._ring_bytes -= len(self._ring.popleft().data)

    def _drop(self, listener: Subscription) -> None:
        if self._listeners.pop(id(listener), None) is not None:
            listener._end()  # noqa: SLF001 -- the two are one mechanism

    def _backlog(self, last_id: int | None) -> list[Event]:
        if last_id is None:
            return []
        newest = self._next_id - 1
        oldest = self._ring[0].id if self._ring else self._next_id
        missed = newest - last_id
        if last_id < oldest - 1 or missed < 0 or missed > self._queue:
            return [Event(id=newest, type=RESET, data=b"{}")]
        return list(islice(self._ring, len(self._ring) - missed, None))


def _own(data: bytes) -> bytes:
    """The same in memory of its own size: orjson leaves what it wrote in a room of 4 KiB or more."""
    return bytes(memoryview(data))
