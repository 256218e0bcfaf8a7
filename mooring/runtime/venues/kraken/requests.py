"""Requests over a WebSocket whose replies come when they come, known by their ids."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from mooring.runtime.venues.kraken.events import Reply

WAITING_MAX: Final = 1_000


class ConnectionLost(Exception):  # noqa: N818 -- what happened, not a fault
    """The connection ended before all replies were here."""


@dataclass(kw_only=True)
class _Waiting:
    count: int
    done: asyncio.Future[tuple[Reply, ...]]
    replies: list[Reply] = field(default_factory=list)


class Replies:
    """Who waits for which reply."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}

    @property
    def full(self) -> bool:
        return len(self._waiting) >= WAITING_MAX

    def expect(self, req_id: int, *, count: int = 1) -> asyncio.Future[tuple[Reply, ...]]:
        """A future of so many replies; ends with ConnectionLost if the connection does first."""
        assert req_id not in self._waiting
        done: asyncio.Future[tuple[Reply, ...]] = asyncio.get_running_loop().create_future()
        self._waiting[req_id] = _Waiting(count=count, done=done)
        return done

    def forget(self, req_id: int) -> None:
        """Nobody waits any more."""
        self._waiting.pop(req_id, None)

    def take(self, reply: Reply) -> bool:
        """Hand a reply to who waits for it; False where nobody does."""
        waiting = self._waiting.get(reply.req_id) if reply.req_id is not None else None
        if waiting is None or reply.req_id is None:
            return False
        waiting.replies.append(reply)
        if len(waiting.replies) >= waiting.count:
            del self._waiting[reply.req_id]
            if not waiting.done.done():
                waiting.done.set_result(tuple(waiting.replies))
        return True

    def lost(self) -> None:
        """The connection ended: tell all who wait."""
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            if not each.done.done():
                each.done.set_exception(ConnectionLost())
