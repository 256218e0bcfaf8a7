"""A simulation in virtual time, and everything that a daemon would build for its account at Kraken."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from decimal import Decimal
from uuid import UUID

from websockets.exceptions import ConnectionClosed

from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.nonce import Nonces
from mooring.runtime.venues.kraken.orders import NewOrder, OrderType, Side
from mooring.runtime.venues.kraken.rest import Account, Market, Trading
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.kraken.sockets import SocketClosed
from mooring.runtime.venues.kraken.ws import PrivateLink, PublicLink
from mooring.runtime.venues.kraken.ws_trading import SocketTrading
from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.transport import SimulatedSocket, VirtualVenue
from mooring.runtime.venues.simulator.venue import Config
from tests.support.kraken_client import MemoryNonces


class VenueClock:
    """The venue's own time; waiting for it is done by the test's sleep."""

    def __init__(self, virtual: VirtualVenue) -> None:
        self._venue = virtual.simulation.venue

    def now(self) -> int:
        return self._venue.now // 10**9

    def now_ms(self) -> int:
        return self._venue.now // 10**6

    def monotonic(self) -> float:
        return self._venue.now / 10**9

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        raise NotImplementedError

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        raise NotImplementedError


class Rig:
    """A simulation and everything that a daemon would build for its account."""

    def __init__(self, *faults: dict, **config) -> None:
        config = {"balances": {"USD": "100000", "BTC": "2"}, "tier": "pro"} | config
        simulation = Simulation(
            ["BTC-USD", "SOL-USD"], config=Config(**config), scenario=parse_scenario({"fault": list(faults)}, "test")
        )
        self.virtual = VirtualVenue(simulation)
        self.venue = simulation.venue
        self.clock = VenueClock(self.virtual)
        self.http = Http("http://127.0.0.1:1", clock=self.clock, transport=self.virtual.transport)
        key = ApiKey.of(self.venue.key.public, self.venue.key.secret_text)
        self.limits = Limits(Tier(config["tier"]))
        nonces = Nonces(MemoryNonces(), lambda: self.venue.now // 1000)
        sender = Sender(self.http, self.limits, self.clock, key=key, nonces=nonces, sleep=self.sleep)
        self.market, self.account, self.trading = Market(sender), Account(sender), Trading(sender, self.clock)
        self.count = 0

    async def sleep(self, seconds: float) -> None:
        await self.virtual.advance(seconds + 0.001)

    async def order(self, text: str, **more) -> NewOrder:
        """`buy limit 0.01 500`: the limit (and trigger) in thousandths of the last price."""
        side, kind, volume, *prices = text.split()
        pair = next(one for one in await self.market.pairs() if one.altname == "XBTUSD")
        last = self.venue.market.last(self.venue.catalog.pairs["XXBTZUSD"])
        self.count += 1
        names = {"limit": ["limit"], "stop-loss": ["trigger"], "stop-loss-limit": ["trigger", "limit"]}.get(kind, [])
        ticks = {name: last * int(price) // 1000 for name, price in zip(names, prices, strict=True)}
        return NewOrder(
            pair=pair, side=Side(side), order_type=OrderType(kind), lots=int(Decimal(volume) * 10**8),
            client_id=str(UUID(int=self.count)), **ticks, **more,
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def _connect(self, url: str):
        socket = self.virtual.connect(url)
        try:
            yield Adapter(socket)
        finally:
            await socket.close()

    @contextlib.asynccontextmanager
    async def private(self):
        link = PrivateLink(
            "ws://127.0.0.1:1/auth/v2", token=self.account.websocket_token, random=lambda: 0.5,
            monotonic=self.clock.monotonic, connector=self._connect, sleep=self.sleep,
        )  # fmt: skip
        async with self._running(link):
            yield link, SocketTrading(link, self.limits, self.clock)

    @contextlib.asynccontextmanager
    async def public(self):
        link = PublicLink(
            "ws://127.0.0.1:1/v2", random=lambda: 0.5, monotonic=self.clock.monotonic, connector=self._connect,
            sleep=self.sleep,
        )  # fmt: skip
        async with self._running(link):
            yield link

    @staticmethod
    @contextlib.asynccontextmanager
    async def _running(link):
        task = asyncio.create_task(link.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


class Adapter:
    def __init__(self, socket: SimulatedSocket) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            raise SocketClosed("closed") from None

    async def recv(self) -> str:
        try:
            return await self._socket.recv()
        except ConnectionClosed:
            raise SocketClosed("closed") from None


def play(use, *faults: dict, **config) -> Rig:
    async def main() -> Rig:
        rig = Rig(*faults, **config)
        async with asyncio.timeout(60):
            await use(rig)
        await rig.http.close()
        return rig

    return asyncio.run(main())


async def until(link, kind):
    """The next signal of a kind."""
    while True:
        signal = await asyncio.wait_for(link.next(), 20)
        if isinstance(signal, kind):
            return signal
