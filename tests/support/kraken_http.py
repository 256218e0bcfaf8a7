"""A small HTTP server on a real socket that answers as a test says: in full, in part, late, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class Reply:
    """What is sent back. `cut` closes the connection after so many bytes of the body; `late` never ends."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    late: bool = False
    drop: bool = False


def result(value: Any, *, errors: list[str] | None = None) -> Reply:
    return Reply(body=json.dumps({"error": errors or [], "result": value}).encode())


def refused(*errors: str) -> Reply:
    return Reply(body=json.dumps({"error": list(errors)}).encode())


@dataclass
class Server:
    """Requests that arrived, and how many were being answered at once at the most."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0


@asynccontextmanager
async def serve(answer: Callable[[Seen], Reply]) -> AsyncIterator[Server]:
    at_once = 0
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")[:-2]
                method, target, _ = first.split(" ")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                parts = urlsplit(target)
                seen = Seen(method, parts.path, dict(parse_qsl(parts.query)), headers, body)
                server.seen.append(seen)
                at_once += 1
                server.most_at_once = max(server.most_at_once, at_once)
                try:
                    await asyncio.sleep(0)
                    await send(writer, answer(seen))
                finally:
                    at_once -= 1
        except (asyncio.IncompleteReadError, ConnectionError, EOFError):
            pass
        finally:
            writer.close()

    async def send(writer: asyncio.StreamWriter, reply: Reply) -> None:
        if reply.drop:
            raise EOFError
        if reply.late:
            await over.wait()
            raise EOFError
        headers = {"Content-Length": str(len(reply.body)), "Content-Type": "application/json"} | reply.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        writer.write(f"HTTP/1.1 {reply.status} X\r\n{head}\r\n".encode() + body)
        await writer.drain()
        if reply.cut is not None:
            raise EOFError

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    server = Server(url=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    try:
        yield server
    finally:
        over.set()
        listening.close()
        await asyncio.sleep(0)
        await listening.wait_closed()
