"""Connections that are given up though they never broke, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mooring.runtime.market.clock import SystemClock
from mooring.runtime.venues.kraken import ws
from mooring.runtime.venues.kraken.errors import Call
from mooring.runtime.venues.kraken.http import Http, Request
from mooring.runtime.venues.kraken.signals import Connected, Lost
from tests.support.kraken_client import pair
from tests.support.kraken_ws import Peer, eventually, serve

BODY = b'{"error": [], "result": {"unixtime": 5}}'
CALL = Call(name="Time")
ASKED = Request(method="GET", path="/0/public/Time")


@dataclass
class Answering:
    """Answers each request once it may; counts connections, and those that were closed."""

    opened: int = 0
    asked: int = 0
    closed: int = 0
    may: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                await self.may.wait()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n"
                writer.write(head.encode() + BODY)
        except asyncio.IncompleteReadError:
            self.closed += 1
        finally:
            writer.close()


@asynccontextmanager
async def asking() -> AsyncIterator[tuple[Answering, Http]]:
    peer = Answering()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    http = Http(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", clock=SystemClock())
    try:
        yield peer, http
    finally:
        await http.close()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def kept(url: str) -> AsyncIterator[ws.PublicLink]:
    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    link = ws.PublicLink(url, random=lambda: 1.0, monotonic=time.monotonic, sleep=at_once)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def heard(link: ws.PublicLink, kind: type) -> Any:
    """The next signal of a kind."""
    async with asyncio.timeout(30):
        while not isinstance(signal := await link.next(), kind):
            pass
        return signal


def test_after_a_sleep_nothing_is_asked_over_a_connection_of_before() -> None:
    async def main() -> None:
        async with asking() as (peer, http):
            peer.may.set()
            await http.ask(CALL, ASKED, seconds=30)
            await http.ask(CALL, ASKED, seconds=30)
            assert peer.opened == 1
            await http.renew()
            await eventually(lambda: peer.closed == 1)
            await http.ask(CALL, ASKED, seconds=30)
            assert peer.opened == 2

    asyncio.run(main())


def test_who_waits_for_an_answer_is_not_cut_off() -> None:
    async def main() -> None:
        async with asking() as (peer, http):
            waiting = asyncio.create_task(http.ask(CALL, ASKED, seconds=30))
            await eventually(lambda: peer.asked == 1)
            await http.renew()
            peer.may.set()
            assert await waiting == {"unixtime": 5}
            await eventually(lambda: peer.closed == 1)
            await http.ask(CALL, ASKED, seconds=30)
            assert (peer.opened, peer.asked) == (2, 2)

    asyncio.run(main())


def test_a_connection_that_is_given_up_is_opened_anew_though_it_never_broke() -> None:
    async def stays(peer: Peer) -> None:
        await peer.accept(1)
        await peer.stay()

    async def main():
        async with serve(stays, stays) as server, kept(server.url) as link:
            link.drop("nothing is open yet")
            await link.subscribe(ws.ticker(pair()))
            await heard(link, Connected)
            link.drop("the machine slept")
            link.drop("the machine slept, and another noticed it too")
            lost = await heard(link, Lost)
            await heard(link, Connected)
            await eventually(lambda: len(server.seen) >= 2)
            return lost, server.seen

    lost, seen = asyncio.run(main())
    assert lost.reason == "the machine slept"
    assert seen[0]["params"] == seen[1]["params"]
