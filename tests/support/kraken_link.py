"""A private link with its trading, as a daemon would build them, and what a server says to it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from mooring.runtime.venues.kraken.account import Token
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.ws import PrivateLink
from mooring.runtime.venues.kraken.ws_trading import SocketTrading
from tests.support.kraken_client import clock
from tests.support.kraken_ws import Peer

LIMIT = 30.0  # seconds until a test gives up; nothing takes that long
TOKEN = "TokenThatOpensNothing"


class Client:
    def __init__(self, url: str, token=None) -> None:
        self.tokens = 0
        self.clock = clock()
        self.limits = Limits(Tier.STARTER)
        self.link = PrivateLink(
            url, token=token or self._token, random=lambda: 0.0, monotonic=time.monotonic, sleep=self._sleep
        )
        self.trading = SocketTrading(self.link, self.limits, self.clock)

    async def _token(self) -> Token:
        self.tokens += 1
        return Token(token=f"{TOKEN}{self.tokens}", expires=900)

    @staticmethod
    async def _sleep(_seconds: float) -> None:
        await asyncio.sleep(0.001)

    async def until(self, kind):
        async with asyncio.timeout(LIMIT):
            while True:
                signal = await self.link.next()
                if isinstance(signal, kind):
                    return signal


@asynccontextmanager
async def running(url: str, **options):
    client = Client(url, **options)
    task = asyncio.create_task(client.link.run())
    try:
        yield client
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def script_of(*frames: dict):
    async def script(peer: Peer) -> None:
        await peer.accept(2)
        for frame in frames:
            await peer.send(frame)
        await peer.stay()

    return script
