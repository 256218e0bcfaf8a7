"""The adapter before a look-alike in virtual time: all of a day's trading takes milliseconds, and repeats."""

from __future__ import annotations

import asyncio
from uuid import UUID

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Kind, Order, Side
from mooring.runtime.venues.kraken.limits import Tier
from mooring.runtime.venues.kraken.nonce import Nonces
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.kraken.sockets import connector_of
from mooring.runtime.venues.kraken.venue import KrakenConfig, KrakenKey, KrakenVenue
from mooring.runtime.venues.protocol import LinkUp
from mooring.runtime.venues.simulator.faults import Rule, parse_scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.transport import VirtualVenue
from mooring.runtime.venues.simulator.venue import Config
from tests.support.kraken_client import MemoryNonces
from tests.support.virtual_loop import LookAlike, live

DEADLINE = 5_000


def client_id(number: int) -> str:
    return str(UUID(int=number, version=5))


class Stage:
    """The look-alike (`venue` is its inside), the adapter (`kraken`), and all that it told (`told`)."""

    def __init__(self, virtual: VirtualVenue, clock, **options) -> None:
        self.virtual = virtual
        self.simulation = simulation = virtual.simulation
        self.venue = simulation.venue
        self.clock = clock
        self.told = []
        self._listening = None
        key = ApiKey.of(self.venue.key.public, self.venue.key.secret_text)
        nonces = Nonces(MemoryNonces(), lambda: self.venue.now // 1000)

        async def opening(url: str):
            return self.virtual.connect(url)

        self.kraken = KrakenVenue(
            KrakenConfig(
                rest_url="http://127.0.0.1:1",
                ws_auth_url="ws://127.0.0.1:1/auth/v2",
                tier=Tier(simulation.config.tier),
                **options,
            ),
            KrakenKey(key=key, nonces=nonces),
            clock=clock, random=lambda: 0.5, transport=self.virtual.transport, connector=connector_of(opening),
        )  # fmt: skip

    async def listen(self) -> None:
        """Take all that is told; returns once the link is up."""

        async def listening() -> None:
            async for event in self.kraken.events():
                self.told.append(event)

        self._listening = asyncio.create_task(listening())
        await self.until(lambda: self.of(LinkUp))

    async def until(self, done, seconds: float = 120) -> None:
        async with asyncio.timeout(seconds):
            while not done():  # noqa: ASYNC110 -- what is waited for is inside the look-alike
                await asyncio.sleep(0.05)

    def of(self, kind) -> list:
        return [event for event in self.told if isinstance(event, kind)]

    def fault(self, **rule) -> None:
        """One more fault, from now on."""
        self.simulation.happenings.add(Rule(**rule))

    def last(self, symbol: str = "BTC-USD") -> int:
        pair = next(pair for pair in self.venue.catalog.pairs.values() if pair.key == symbol)
        return self.venue.market.last(pair)

    def order(self, number: int, text: str, *, symbol: str = "BTC-USD", **more) -> Order:
        """`buy limit 1000000 500`: lots, and the limit or trigger in thousandths of the last price."""
        side, kind, lots, *price = text.split()
        role = Role.ENTRY if side == "buy" else Role.STOP if kind == "stop-loss" else Role.EXIT
        at = self.last(symbol) * int(price[0]) // 1000 if price else 0
        names = {"limit": "limit", "stop-loss": "trigger"}
        prices = {names[kind]: at} if price else {}
        return Order(
            client_id=client_id(number), role=role, symbol=symbol, side=Side(side), kind=Kind(kind), quantity=int(lots),
            **prices | more,
        )  # fmt: skip

    async def place(self, order: Order, deadline_ms: int = DEADLINE) -> str:
        return await self.kraken.place(order, deadline_ms=deadline_ms)

    async def find(self, number: int, symbol: str = "BTC-USD"):
        return await self.kraken.find(client_id(number), symbol, since_ms=self.venue.started // 10**6)

    def orders(self) -> list:
        """All that the account ever placed, as it truly is."""
        return list(self.venue.account.orders())

    async def close(self) -> None:
        await self.kraken.close()
        if self._listening is not None:
            await self._listening


def meet(use, *faults: dict, options: dict | None = None, opened: bool = True, listen: bool = True, **config):
    """What `use(stage)` gives."""
    config = {"balances": {"USD": "100000", "BTC": "2"}, "tier": "pro"} | config
    simulation = Simulation(
        ["BTC-USD", "SOL-USD", "XRP-USD"],
        config=Config(**config),
        scenario=parse_scenario({"fault": list(faults)}, "test") if faults else None,
    )
    virtual = VirtualVenue(simulation)

    async def main(clock):
        stage = Stage(virtual, clock, **(options or {}))
        try:
            if opened:
                await stage.kraken.open()
                if listen:
                    await stage.listen()
            return await use(stage)
        finally:
            await stage.close()

    return live(main, LookAlike(virtual))
