"""The adapter before the look-alike over real sockets, in real time."""

from __future__ import annotations

import asyncio

import pytest

from mooring.errors import Unknown
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Kind, Order, Side, Status
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.venues.kraken.limits import Tier
from mooring.runtime.venues.kraken.nonce import Nonces
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.kraken.venue import KrakenConfig, KrakenKey, KrakenVenue
from mooring.runtime.venues.protocol import LinkDown, LinkUp, MoneyMoved, OrderTold
from mooring.runtime.venues.simulator.faults import Rule
from mooring.runtime.venues.simulator.server import Server
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config
from tests.support.kraken_client import MemoryNonces
from tests.support.kraken_venue import client_id


def order(number: int) -> Order:
    return Order(
        client_id=client_id(number), role=Role.ENTRY, symbol="BTC-USD", side=Side.BUY, kind=Kind.MARKET, quantity=10**6
    )


def test_a_day_s_work_over_real_sockets() -> None:
    async def main():
        clock = SystemClock()
        now = clock.now_ms() * 10**6
        simulation = Simulation(
            ["BTC-USD"],
            start=now // 10**9 // 3600 * 3600,
            begin=now,
            config=Config(balances={"USD": "100000"}, tier="pro"),
        )
        server = Server(simulation, speed=1, clock=clock)
        await server.start()
        key = ApiKey.of(simulation.venue.key.public, simulation.venue.key.secret_text)
        kraken = KrakenVenue(
            KrakenConfig(rest_url=server.urls["rest"], ws_auth_url=server.urls["ws_auth"], tier=Tier.PRO),
            KrakenKey(key=key, nonces=Nonces(MemoryNonces(), lambda: clock.now_ms() * 1000)),
            clock=clock,
            random=lambda: 0.5,
        )
        told = []
        try:
            await kraken.open()
            events = kraken.events()

            async def until(kind) -> None:
                async with asyncio.timeout(30):
                    told.append(await anext(events))
                    while not isinstance(told[-1], kind):
                        told.append(await anext(events))

            await until(LinkUp)
            await kraken.place(order(1), deadline_ms=5_000)
            while not (isinstance(told[-1], OrderTold) and told[-1].order.status is Status.FILLED):
                await until(OrderTold)
            simulation.happenings.add(Rule(kind="deposit", asset="USD", amount="5"))
            await until(MoneyMoved)
            simulation.happenings.add(Rule(kind="disconnect", match="ws:add_order", times=1))
            with pytest.raises(Unknown):
                await kraken.place(order(2), deadline_ms=5_000)
            await until(LinkDown)
            await until(LinkUp)
            found = [await kraken.find(client_id(number), "BTC-USD", since_ms=now // 10**6) for number in (1, 2)]
            holdings = await kraken.holdings()
            return told, found, holdings, abs(kraken.clock_offset_ms)
        finally:
            await kraken.close()
            await server.stop()

    told, found, holdings, offset = asyncio.run(main())
    assert [[each.status for each in orders] for orders in found] == [[Status.FILLED], [Status.FILLED]]
    fills = [fill for event in told if isinstance(event, OrderTold) for fill in event.order.fills]
    assert set(found[0][0].fills) <= set(fills)
    assert holdings.total["BTC"] * 10**8 == 2 * 10**6
    assert offset < 2_000
