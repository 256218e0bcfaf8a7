"""A WebSocket server on a real socket that does what a test's script says, one script for each connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: ServerConnection, seen: list[dict[str, Any]]) -> None:
        self.connection = connection
        self.seen = seen

    async def request(self) -> dict[str, Any]:
        """The next request, other than pings, which are answered."""
        while True:
            message = json.loads(await self.connection.recv())
            if message["method"] == "ping":
                await self.send({"method": "pong", "req_id": message["req_id"]})
                continue
            self.seen.append(message)
            return message

    async def send(self, frame: Any) -> None:
        await self.connection.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def acknowledge(self, request: dict[str, Any]) -> None:
        """One acknowledgement for each symbol."""
        params = request["params"]
        for symbol in params.get("symbol", [None]):
            result = {"channel": params["channel"]} | ({"symbol": symbol} if symbol else {})
            reply = {"method": request["method"], "success": True, "result": result, "req_id": request["req_id"]}
            await self.send(reply)

    async def accept(self, count: int = 1) -> list[dict[str, Any]]:
        """Take and acknowledge so many requests."""
        requests = []
        for _ in range(count):
            requests.append(await self.request())
            await self.acknowledge(requests[-1])
        return requests

    async def stay(self) -> None:
        """Answer pings until the client goes."""
        while True:
            await self.request()

    async def drop(self) -> None:
        """End without a closing handshake."""
        self.connection.transport.abort()


@dataclass
class Server:
    url: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    failures: list[BaseException] = field(default_factory=list)


@asynccontextmanager
async def serve(*scripts: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[Server]:
    """Connection n runs script n; further ones run the last."""
    server = Server(url="")

    async def handle(connection: ServerConnection) -> None:
        script = scripts[min(server.connections, len(scripts) - 1)]
        server.connections += 1
        try:
            await script(Peer(connection, server.seen))
        except (ConnectionClosed, asyncio.CancelledError):
            return
        except Exception as error:  # noqa: BLE001 -- told to the test
            server.failures.append(error)

    async with listen(handle, "127.0.0.1", 0, ping_interval=None, compression=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/v2"
        yield server
    assert server.failures == []


async def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a state, with a generous limit."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 -- what is waited for sets no event
            await asyncio.sleep(0.001)
