"""Every bound of the control API in one place, and the counter that keeps calls within one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds; the defaults are those of the contract. Sizes in bytes, times in seconds.

    Attributes:
        uri_bytes: path and query of a request, else 414.
        header_bytes: all headers of a request, else 431.
        body_bytes: body of a request, else 413.
        sideload_bytes: body of a bundle that is brought in, which goes straight to the disk.
        drain_bytes, drain_seconds: how much of a refused body is still read and thrown away, so that the sender sees
            the answer instead of a broken connection.
        head_seconds: from the first byte (or the connection) to the end of the headers.
        body_seconds: from the headers to the end of the body.
        idle_seconds: between two requests on one connection.
        stall_seconds: how long a reader may leave what was sent to it unread.
        connections: open connections of one door.
        calls_per_minute: calls with one bearer token.
        socket_calls_per_minute: calls over the socket.
        session_calls_per_minute: calls of one browser session.
        failures_per_minute: failed authentications of one door; refusals of one scope that are still audited.
        tokens: issued tokens that live at one time.
        links: sign-in links that wait to be opened.
        link_seconds: how long one waits, and how long after it the page may ask for its header token.
        sessions: browser sessions that live at one time.
        session_idle_seconds: how long one lives without a call.
        streams: open event streams.
        heartbeat_seconds: between two signs of life on a stream.
        pending_calls: calls that wait for a thread of one lane.
    """

    uri_bytes: int = 4096
    header_bytes: int = 16_384
    body_bytes: int = 65_536
    sideload_bytes: int = 400_000_000
    drain_bytes: int = 33_554_432
    drain_seconds: float = 3.0
    head_seconds: float = 3.0
    body_seconds: float = 10.0
    idle_seconds: int = 75
    stall_seconds: float = 30.0
    connections: int = 224
    calls_per_minute: int = 120_000
    socket_calls_per_minute: int = 120_000
    session_calls_per_minute: int = 100
    failures_per_minute: int = 60
    tokens: int = 64
    links: int = 8
    link_seconds: float = 30.0
    sessions: int = 8
    session_idle_seconds: float = 43_200.0
    streams: int = 64
    heartbeat_seconds: float = 15.0
    pending_calls: int = 64


class Rate:
    """A bucket for each key that fills evenly through a minute; the keys longest unused are forgotten.

    Used on the event loop only, so it needs no lock.

    Args:
        per_minute: calls of one key in a minute, and at once.
        clock: seconds from any origin, never going back.
        keys: how many keys are remembered.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float], *, keys: int = 128) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._keys = keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, key: str) -> float:
        """Take one call; 0 where it may go on, else the seconds until it may (and nothing is taken)."""
        now = self._clock()
        level, seen = self._buckets.pop(key, (float(self._per_minute), now))
        level = min(float(self._per_minute), level + (now - seen) * self._per_minute / 60)
        allowed = level >= 1
        self._buckets[key] = (level - 1 if allowed else level, now)
        while len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - level) * 60 / self._per_minute
