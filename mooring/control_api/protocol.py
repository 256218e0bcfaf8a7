"""uvicorn's h11 protocol with the bounds it lacks: deadlines, connections of one door, and who may use the socket.

Out of the box a connection that never sends its headers lives for ever, and `limit_concurrency` lets slow clients shut
out everybody. Here each door holds a bounded number of connections, and a full door drops the one that has been waiting
longest without a request or with an answer unread.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import Callable, Collection
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mooring.control_api.auth import Door
from mooring.control_api.guard import headers_too_large, raw_answer, refusal, wrong_host
from mooring.control_api.limits import Limits
from mooring.control_api.peer import SocketOptions, peer_uid

LOOPBACK: Final = "127.0.0.1"
_HOST_LINE: Final = re.compile(rb"(?im)^host[ \t]*:")
_HEAD_END: Final = re.compile(rb"\n\r?\n")


class DoorConfig(uvicorn.Config):
    """uvicorn's configuration with what our protocol needs of it.

    Args:
        app: the ASGI app.
        limits: bounds.
        port: the TCP door's port.
        uid_of: tells the user id at the other end of a Unix socket.
        clients: addresses that may connect over TCP.
    """

    def __init__(
        self,
        app: Any,
        *,
        limits: Limits,
        port: int,
        uid_of: Callable[[SocketOptions], int] = peer_uid,
        clients: Collection[str] = (LOOPBACK,),
    ) -> None:
        super().__init__(
            app,
            http=DoorProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            log_level="error",  # its warnings of malformed requests come as fast as somebody sends them
            server_header=False,
            proxy_headers=False,
            backlog=128,
            timeout_keep_alive=limits.idle_seconds,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=limits.header_bytes,
        )
        self.limits = limits
        self.port = port
        self.uid_of = uid_of
        self.clients = frozenset(clients)


class DoorProtocol(H11Protocol):
    """One connection."""

    door: Door
    waiting_since: float | None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Check the peer on the socket, make room in a full door, and start the clock for the headers."""
        assert isinstance(self.config, DoorConfig)
        self.limits = self.config.limits
        sock = transport.get_extra_info("socket")
        self.door = "socket" if sock.family == socket.AF_UNIX else "tcp"
        self.waiting_since = self.loop.time()
        self._head = bytearray()
        self._deadline: asyncio.TimerHandle | None = None
        self._phase = ""
        self._stall: asyncio.TimerHandle | None = None
        self._stalled_since: float | None = None
        self._served = False
        self.app_state = {**self.app_state, "door": self.door, "port": self.config.port}
        super().connection_made(transport)
        if not self._may_enter(sock) or not self._has_room():
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._set_deadline("")
        self._clear_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Keep a copy of a request's first bytes: after a protocol error h11 no longer says what it had read."""
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            self._head += data[: max(0, self.limits.header_bytes - len(self._head))]
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Look at what is left of a request that was sent before this one was answered."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._head = bytearray(self.conn.trailing_data[0][: self.limits.header_bytes])
        self._watch()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's text; ours is a problem document
        """Refuse what is no request, in our own form; never a second answer to one that is being answered."""
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        started = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not started:
            self.transport.write(raw_answer(self._refusal(status)))
        self.transport.close()

    def pause_writing(self) -> None:
        """A reader that leaves its answer unread loses the connection."""
        super().pause_writing()
        if self._stall is None:
            self._stalled_since = self.loop.time()
            self._stall = self.loop.call_later(self.limits.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        self._clear_stall()
        super().resume_writing()

    def _refusal(self, status: int) -> Any:
        if status == 431:  # noqa: PLR2004 -- h11's hint for headers without an end
            return headers_too_large(self.limits)
        end = _HEAD_END.search(self._head)
        head = bytes(self._head[: end.start()] if end else self._head)
        if end and b"HTTP/1.1" in head and len(_HOST_LINE.findall(head)) != 1:
            return wrong_host()
        return refusal(
            400, "bad_request", "This is no HTTP/1.1 request.", "Use the mooring command or an HTTP/1.1 client."
        )

    def _may_enter(self, sock: SocketOptions) -> bool:
        assert isinstance(self.config, DoorConfig)
        if self.door == "tcp":
            peer = self.transport.get_extra_info("peername")
            return bool(peer) and peer[0] in self.config.clients
        try:
            return self.config.uid_of(sock) == os.geteuid()
        except OSError:
            return False

    @property
    def idle_since(self) -> float | None:
        """Since when it asks nothing, or leaves an answer unread: such a connection may be dropped for another."""
        return self.waiting_since if self._stalled_since is None else self._stalled_since

    def _has_room(self) -> bool:
        """Whether this connection may stay; drops the one that has been waiting longest where the door is full."""
        others = [
            other
            for other in self.connections
            if isinstance(other, DoorProtocol)
            and other is not self
            and other.door == self.door
            and not other.transport.is_closing()
        ]
        if len(others) < self.limits.connections:
            return True
        idle = [other for other in others if other.idle_since is not None]
        if not idle:
            return False
        min(idle, key=lambda other: other.idle_since or 0.0).transport.abort()
        return True

    def _watch(self) -> None:
        """Set the clock for what the connection is doing now; a phase that goes on keeps its clock."""
        theirs, closing = self.conn.their_state, self.transport.is_closing()
        if theirs is h11.SEND_BODY and not closing:
            # Still waiting: no route sees a request before its body is complete, so dropping it undoes nothing.
            self._served = True
            self._head.clear()
            self._set_deadline("body")
            return
        if theirs is not h11.IDLE or closing:
            self._served, self.waiting_since = True, None
            self._head.clear()
            self._set_deadline("")
            return
        if self.waiting_since is None:
            self.waiting_since = self.loop.time()
        # Between two requests uvicorn's own keep-alive clock runs; ours starts with the first byte.
        self._set_deadline("head" if self._head or not self._served else "")

    def _set_deadline(self, phase: str) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if phase:
            seconds = self.limits.head_seconds if phase == "head" else self.limits.body_seconds
            self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _clear_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = self._stalled_since = None
