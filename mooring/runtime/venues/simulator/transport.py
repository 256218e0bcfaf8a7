"""The simulation without sockets: for thousands of scenarios in one event loop, in virtual time.

The same handlers answer as behind the sockets. Time passes only when `VirtualVenue.advance` says so, or while an httpx
client waits for an answer that a fault delays.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import httpx
from websockets.exceptions import ConnectionClosedError

from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.rest_api import Request
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.ws_api import Session

WS_PATH: Final = "/v2"
WS_AUTH_PATH: Final = "/auth/v2"
_TURNS: Final = 20  # of the event loop between two steps of time, for tasks to take what came


class VirtualVenue:
    """A simulation for clients in the same event loop.

    `transport` goes into an httpx.AsyncClient; `connect` opens a WebSocket. Any host name will do.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.transport = SimulatedTransport(self)
        self._sockets: list[SimulatedSocket] = []

    def connect(self, url: str) -> SimulatedSocket:
        """A WebSocket to `/v2` or, for the account's own channels, to `/auth/v2`.

        Raises:
            OSError: another path.
        """
        path = "/" + url.partition("//")[2].partition("/")[2]
        if path not in (WS_PATH, WS_AUTH_PATH):
            raise OSError("no such endpoint")
        self._sockets = [socket for socket in self._sockets if not socket.closed]
        socket = SimulatedSocket(self.simulation.connect(private=path == WS_AUTH_PATH))
        self._sockets.append(socket)
        return socket

    async def advance(self, seconds: float, *, step: float = 1.0) -> None:
        """Let time pass in steps, after each of which tasks get their turns."""
        left = round(seconds * 1000)
        while left > 0:
            part = min(left, max(1, round(step * 1000)))
            self.run(self.simulation.venue.now + part * (NANO // 1000))
            left -= part
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def run(self, until: int) -> None:
        """Go to a moment (ns), and hand out what came."""
        self.simulation.venue.run(until)
        for socket in self._sockets:
            socket.wake()


class SimulatedTransport(httpx.AsyncBaseTransport):
    """REST without a network."""

    def __init__(self, virtual: VirtualVenue) -> None:
        self._virtual = virtual

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer at once; a delayed answer lets virtual time pass, until the client's read timeout at most."""
        venue = self._virtual.simulation.venue
        answer = self._virtual.simulation.rest.handle(
            Request(
                method=request.method,
                path=request.url.raw_path.decode("ascii").partition("?")[0],
                query=request.url.query.decode("ascii"),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=await request.aread(),
            )
        )
        self._virtual.run(venue.now)
        if answer.dropped:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        patience = request.extensions.get("timeout", {}).get("read")
        if patience is not None and answer.due - venue.now > round(patience * NANO):
            self._virtual.run(venue.now + round(patience * NANO))
            raise httpx.ReadTimeout("", request=request)
        self._virtual.run(max(answer.due, venue.now))
        headers = {"content-type": answer.content_type}
        return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)


class SimulatedSocket:
    """One connection, used as one of `websockets` is: `send`, `recv`, `close`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._inbox: deque[str] = deque()
        self._came = asyncio.Event()
        self.wake()

    @property
    def closed(self) -> bool:
        return bool(self._session.closed) and not self._inbox

    async def send(self, text: str) -> None:
        """Send a message.

        Raises:
            ConnectionClosedError: the connection is over.
        """
        if self._session.closed:
            raise ConnectionClosedError(None, None)
        self._session.receive(text)
        self.wake()
        await asyncio.sleep(0)

    async def recv(self) -> str:
        """The next message, waiting for it.

        Raises:
            ConnectionClosedError: the connection is over.
        """
        while not self._inbox:
            if self._session.closed:
                raise ConnectionClosedError(None, None)
            self._came.clear()
            await self._came.wait()
        return self._inbox.popleft()

    async def close(self) -> None:
        """End the connection."""
        self._session.cut("closed")
        self.wake()

    def wake(self) -> None:
        """Take what is due from the session."""
        self._inbox += self._session.take()
        if self._inbox or self._session.closed:
            self._came.set()
