"""Every venue behind the protocol, each with a market that a test can use: what the contract suite runs over."""

from __future__ import annotations

import asyncio
import base64
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import httpx

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.orders import Kind, Order, Side
from mooring.runtime.venues.others.venue import CcxtVenue
from mooring.runtime.venues.others.wire import VenueKey
from mooring.runtime.venues.paper.matching import PaperParams
from mooring.runtime.venues.paper.venue import PaperVenue
from mooring.runtime.venues.protocol import Venue
from tests.support.coinbase_account import CoinbaseAccount
from tests.support.kraken_venue import Stage, meet
from tests.support.read_only_accounts import ReadOnlyAccount, btcturk, hyperliquid

START_MS = 1_706_659_200_000
SYMBOL = "BTC-USD"
COSTS = PaperParams(taker_fee_ppm=4000, maker_fee_ppm=2500, cost_ppm=500)


@dataclass(kw_only=True)
class VenueDesk:
    """A venue with an account of 10,000 in money and one coin, and its market.

    Attributes:
        last: the price, in ticks.
        settle: let what can fill now fill, and the venue's answers become current.
        pass_: let seconds pass.
        move: let somebody trade at a price in ticks; None where the market is not the test's.
    """

    venue: Venue
    symbol: str
    last: int
    settle: Callable[[], Awaitable[None]]
    pass_: Callable[[int], Awaitable[None]]
    move: Callable[[int], Awaitable[None]] | None = None
    count: int = 0

    @property
    def instrument(self) -> Instrument:
        return self.venue.instruments([self.symbol])[0]

    @property
    def base(self) -> str:
        return self.instrument.base

    @property
    def quote(self) -> str:
        return self.instrument.quote

    def lots(self, quantity: str) -> int:
        return int(Decimal(quantity).scaleb(self.instrument.lot_decimals))

    def expires(self, seconds: int) -> int:
        return self.venue.now_ms() // 1000 + seconds

    def buy(self, quantity: str, limit_percent: int, *, expires_at: int | None = None) -> Order:
        """A limit buy, its limit in percent of the last price."""
        return self._order(
            side=Side.BUY, role=Role.ENTRY, kind=Kind.LIMIT, quantity=self.lots(quantity), expires_at=expires_at,
            limit=self.last * limit_percent // 100,
        )  # fmt: skip

    def sell(self, quantity: str) -> Order:
        return self._order(side=Side.SELL, role=Role.EXIT, kind=Kind.MARKET, quantity=self.lots(quantity))

    def stop(self, quantity: str, trigger_percent: int) -> Order:
        return self._order(
            side=Side.SELL, role=Role.STOP, kind=Kind.STOP_LOSS, quantity=self.lots(quantity),
            trigger=self.last * trigger_percent // 100,
        )  # fmt: skip

    def _order(self, **fields: object) -> Order:
        self.count += 1
        return Order(client_id=self.unused_id(), symbol=self.symbol, **fields)

    def unused_id(self) -> str:
        self.count += 1
        return str(UUID(int=self.count, version=5))


Making = Callable[[], AbstractAsyncContextManager[VenueDesk]]


@asynccontextmanager
async def paper() -> AsyncIterator[VenueDesk]:
    instrument = Instrument.of(SYMBOL, pair_decimals=1, lot_decimals=8, order_min="0.0001", cost_min="0.5")
    venue = PaperVenue(
        [instrument], COSTS, cash=Decimal(10_000), positions={"BTC": Decimal(1)}, time_ms=START_MS
    )  # fmt: skip
    desk: VenueDesk

    async def move(ticks: int) -> None:
        desk.last = ticks
        venue.on_trade(SYMBOL, ticks, 10**12, venue.now_ms() + 1)
        await asyncio.sleep(0)

    async def pass_(seconds: int) -> None:
        venue.advance(venue.now_ms() + seconds * 1000)
        await asyncio.sleep(0)

    async def settle() -> None:
        await move(desk.last)

    desk = VenueDesk(venue=venue, symbol=SYMBOL, last=300_000, settle=settle, pass_=pass_, move=move)
    await venue.open()
    await settle()
    yield desk
    await venue.close()


class ToldClock:
    """The time that a market tells, UTC unix milliseconds."""

    def __init__(self, told: Callable[[], int]) -> None:
        self._told = told

    def now(self) -> int:
        return self._told() // 1000

    def now_ms(self) -> int:
        return self._told()

    def monotonic(self) -> float:
        return self._told() / 1000

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        raise NotImplementedError

    def wait_until(self, ts: int, stop: threading.Event) -> bool:
        raise NotImplementedError


COINBASE_KEY = VenueKey(public="a-key", secret=base64.b64encode(bytes(range(64))).decode())


def coinbase_venue(account: CoinbaseAccount) -> CcxtVenue:
    async def sleep(seconds: float) -> None:
        account.desk.advance(account.desk.now_ms + math.ceil(seconds * 1000))

    clock = ToldClock(lambda: account.desk.now_ms)
    transport = httpx.MockTransport(account)
    return CcxtVenue("ccxt:coinbase", key=COINBASE_KEY, clock=clock, sleep=sleep, transport=transport)


@asynccontextmanager
async def coinbase() -> AsyncIterator[VenueDesk]:
    account = CoinbaseAccount(START_MS, costs=COSTS)
    venue = coinbase_venue(account)
    desk: VenueDesk

    async def move(ticks: int) -> None:
        desk.last = ticks
        account.desk.on_trade(SYMBOL, ticks, 10**12, account.desk.now_ms + 1)

    async def pass_(seconds: int) -> None:
        account.desk.advance(account.desk.now_ms + seconds * 1000)

    async def settle() -> None:
        await move(desk.last)

    desk = VenueDesk(venue=venue, symbol=SYMBOL, last=3_000_000, settle=settle, pass_=pass_, move=move)
    await venue.open()
    await settle()
    yield desk
    await venue.close()


def read_only_venue(name: str, account: ReadOnlyAccount) -> CcxtVenue:
    async def sleep(seconds: float) -> None:
        """Nothing moves there."""

    key = VenueKey(public="a-key", secret=base64.b64encode(bytes(32)).decode(), wallet="0x" + "1" * 40)
    transport = httpx.MockTransport(account)
    return CcxtVenue(name, key=key, clock=ToldClock(lambda: START_MS), sleep=sleep, transport=transport)


@asynccontextmanager
async def _read_only(name: str, symbol: str, account: ReadOnlyAccount) -> AsyncIterator[VenueDesk]:
    async def nothing(seconds: int = 0) -> None:
        """Nothing moves there."""

    venue = read_only_venue(name, account)
    await venue.open()
    yield VenueDesk(venue=venue, symbol=symbol, last=30_000, settle=nothing, pass_=nothing)
    await venue.close()


def on_kraken(use: Callable[[VenueDesk], Awaitable[None]]) -> None:
    """Kraken's adapter before the look-alike, whose time is virtual; its market moves by itself."""

    async def staged(stage: Stage) -> None:
        desk: VenueDesk

        async def pass_(seconds: int) -> None:
            await asyncio.sleep(seconds)
            desk.last = stage.last()

        async def settle() -> None:
            await pass_(1)

        desk = VenueDesk(venue=stage.kraken, symbol=SYMBOL, last=stage.last(), settle=settle, pass_=pass_)
        await use(desk)

    meet(staged, listen=False, balances={"USD": "10000", "BTC": "1"})


def on(kind: str, use: Callable[[VenueDesk], Awaitable[None]]) -> None:
    """Let a test use a venue of this kind."""

    async def main() -> None:
        async with DESKS[kind]() as desk:
            await use(desk)

    if kind == "kraken":
        on_kraken(use)
    else:
        asyncio.run(main())


KINDS = ("ccxt:btcturk", "ccxt:coinbase", "ccxt:hyperliquid", "kraken", "paper")
DESKS: dict[str, Making] = {
    "paper": paper,
    "ccxt:coinbase": coinbase,
    "ccxt:btcturk": lambda: _read_only("ccxt:btcturk", "BTC-USDT", btcturk(START_MS)),
    "ccxt:hyperliquid": lambda: _read_only("ccxt:hyperliquid", "HYPE-USDC", hyperliquid()),
}
