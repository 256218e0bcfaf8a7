"""Coinbase's adapter and the account behind it, for one test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mooring.runtime.domain.orders import Order
from mooring.runtime.venues.others.venue import CcxtVenue
from tests.support.coinbase_account import CoinbaseAccount
from tests.support.venue_desks import COSTS, START_MS, VenueDesk, coinbase_venue

LAST = 3_000_000


class Stage:
    def __init__(self) -> None:
        self.account = CoinbaseAccount(START_MS, costs=COSTS)
        self.venue: CcxtVenue = coinbase_venue(self.account)
        self.desk = VenueDesk(venue=self.venue, symbol="BTC-USD", last=LAST, settle=self.settle, pass_=self.pass_)

    async def settle(self) -> None:
        self.trade(LAST)

    async def pass_(self, seconds: int) -> None:
        self.account.desk.advance(self.account.desk.now_ms + seconds * 1000)

    def trade(self, ticks: int, lots: int = 10**12) -> None:
        self.account.desk.on_trade("BTC-USD", ticks, lots, self.account.desk.now_ms + 1)

    async def place(self, order: Order, *, validate: bool = False) -> str:
        return await self.venue.place(order, deadline_ms=5000, validate=validate)

    async def find(self, order: Order):
        return await self.venue.find(order.client_id, "BTC-USD", since_ms=self.venue.now_ms() - 60_000)

    def sent(self, path: str) -> list[dict]:
        return [body for method, at, body in self.account.requests if method == "POST" and at == path]


def play(use: Callable[[Stage], Awaitable[None]]) -> None:
    async def main() -> None:
        stage = Stage()
        await stage.venue.open()
        stage.trade(LAST)
        await use(stage)
        await stage.venue.close()

    asyncio.run(main())
