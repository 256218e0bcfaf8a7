"""Server-sent events over ASGI (WHATWG HTML, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mooring.control_api.events import Subscription

_RETRY: Final = b"retry: 2000\n\n"
_ALIVE: Final = b": alive\n\n"


class EventStream(Response):
    """The answer that goes on until one of the two goes away.

    Args:
        subscription: where the events come from; closed at the end, whatever the end is.
        heartbeat_seconds: how long it may be silent.
        ended: called once it has ended.
    """

    media_type = "text/event-stream"
    charset = "utf-8"

    def __init__(
        self,
        subscription: Subscription,
        heartbeat_seconds: float,
        ended: Callable[[], None] = lambda: None,
        **_: Any,
    ) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._subscription = subscription
        self._heartbeat_seconds = heartbeat_seconds
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- the shape of ASGI
        """Send events, and a comment where there are none."""
        gone = asyncio.ensure_future(_until_gone(receive))
        gone.add_done_callback(lambda _: self._subscription.close())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send(send, _RETRY)
            while (batch := await self._subscription.next_batch(self._heartbeat_seconds)) is not None:
                await _send(send, b"".join(event.encoded() for event in batch) or _ALIVE)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._subscription.close()
            self._ended()
            gone.cancel()


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
