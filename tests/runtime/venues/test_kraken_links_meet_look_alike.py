"""The WebSocket links against the look-alike server, over real sockets, with its faults."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from mooring.errors import Denied, MooringError, NotFound, Unknown
from mooring.runtime.venues.kraken import events, ws
from mooring.runtime.venues.kraken.account import Token
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.names import Pair, read_pairs
from mooring.runtime.venues.kraken.orders import Amendment, NewOrder, OrderType, Side
from mooring.runtime.venues.kraken.signals import BookChanged, BookLost, Connected, Gap, Lost, OrdersTold, Refused
from mooring.runtime.venues.kraken.sockets import connector_of
from mooring.runtime.venues.kraken.ws_trading import SocketTrading
from mooring.runtime.venues.simulator.faults import Rule, Scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.transport import WS_AUTH_PATH, VirtualVenue
from mooring.runtime.venues.simulator.venue import Config
from tests.support.kraken_client import CLIENT_ID, OTHER_ID, clock
from tests.support.kraken_ws import eventually
from tests.support.look_alike_rest import Client as Rest

LIMIT = 30.0


class Desk:
    """Both links to one look-alike whose time goes on when it is told to."""

    def __init__(self, url: str, simulation: Simulation) -> None:
        self.simulation = simulation
        self.rest = Rest(simulation)
        options = {"random": lambda: 0.0, "monotonic": time.monotonic, "sleep": self._sleep}
        self.public = ws.PublicLink(f"{url}/public", **options)
        self.private = ws.PrivateLink(f"{url}/private", token=self._token, **options)
        self.clock = clock()
        self.clock.set(simulation.venue.now // 10**9)
        self.trading = SocketTrading(self.private, Limits(Tier.PRO), self.clock)
        self.pairs = {pair.ws: pair for pair in read_pairs(self.rest.public("AssetPairs")["result"])}
        self.btc: Pair = self.pairs["BTC/USD"]

    async def _token(self) -> Token:
        return Token(token=self.rest.result("GetWebSocketsToken")["token"], expires=900)

    @staticmethod
    async def _sleep(_seconds: float) -> None:
        await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let the look-alike's time pass, with pauses in which frames travel."""
        for _ in range(round(seconds / step)):
            self.simulation.advance(step)
            await asyncio.sleep(0.002)
        self.clock.set(self.simulation.venue.now // 10**9)

    def order(self, per_mille: int = 500, **changed) -> NewOrder:
        limit = int(Decimal(self.rest.price(per_mille)) * 10)
        plain = {"side": Side.BUY, "order_type": OrderType.LIMIT, "lots": 10**6, "limit": limit, "client_id": CLIENT_ID}
        return NewOrder(pair=self.btc, **plain | changed)


async def until(link, kind):
    async with asyncio.timeout(LIMIT):
        while True:
            signal = await link.next()
            if isinstance(signal, kind):
                return signal


def told(link) -> list:
    """All signals that wait."""
    return [link._queue.get_nowait() for _ in range(link._queue.qsize())]


def meet(use, *rules: dict):
    scenario = Scenario(fault=tuple(Rule(**rule) for rule in rules)) if rules else None
    config = Config(balances={"USD": "100000", "BTC": "2"}, tier="pro")
    simulation = Simulation(["BTC-USD", "SOL-USD"], config=config, scenario=scenario)

    async def handle(connection: ServerConnection) -> None:
        session = simulation.connect(private=connection.request.path.endswith("private"))

        async def listen() -> None:
            async for text in connection:
                session.receive(text)

        listening = asyncio.create_task(listen())
        try:
            while not listening.done():
                for text in session.take():
                    await connection.send(text)
                if session.closed:
                    connection.transport.abort()
                    break
                await asyncio.sleep(0.001)
        except ConnectionClosed:
            pass
        finally:
            session.cut("gone")
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    @asynccontextmanager
    async def desk():
        async with serve(handle, "127.0.0.1", 0, ping_interval=None, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            made = Desk(f"ws://127.0.0.1:{port}", simulation)
            tasks = [asyncio.create_task(link.run()) for link in (made.public, made.private)]
            try:
                yield made
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def main():
        async with asyncio.timeout(2 * LIMIT), desk() as made:
            return await use(made)

    return asyncio.run(main())


def test_market_data_is_told_and_books_have_their_checksums() -> None:
    async def use(desk: Desk):
        link, sol = desk.public, desk.pairs["SOL/USD"]
        await link.subscribe(
            ws.ticker(desk.btc), ws.trades(desk.btc), ws.trades(sol), ws.candles(desk.btc, minutes=1), ws.instruments()
        )
        shallow, deep = await link.keep_book(desk.btc, depth=10), await link.keep_book(sol, depth=100)
        await until(link, Connected)
        await eventually(lambda: shallow.valid and deep.valid)
        await desk.pass_time(600, 5)
        signals = told(link)
        depth = desk.rest.public("Depth", pair="XBTUSD", count=10)["result"]["XXBTZUSD"]
        await eventually(lambda: all(same(getattr(shallow, side), depth[side]) for side in ("bids", "asks")))
        return shallow.valid and deep.valid, len(deep.bids), signals

    def same(side, rows) -> bool:
        """REST writes quantities with three places."""
        listed = [(int(Decimal(row[0]) * 10), int(Decimal(row[1]) * 10**8)) for row in rows]
        return all(a[0] == b[0] and abs(a[1] - b[1]) < 10**5 for a, b in zip(side.best(10), listed, strict=True))

    valid, levels, signals = meet(use)
    kinds = {type(signal) for signal in signals}
    wanted = {events.Tickers, events.MarketTrades, events.LiveCandles, events.Instruments, BookChanged}
    assert wanted <= kinds
    assert not {BookLost, Lost, Refused} & kinds
    assert valid
    assert levels == 100


def test_a_wrong_checksum_costs_one_book_a_snapshot_and_nothing_else() -> None:
    async def use(desk: Desk):
        book = await desk.public.keep_book(desk.btc, depth=10)
        await eventually(lambda: book.valid)
        told(desk.public)
        lost = asyncio.create_task(until(desk.public, BookLost))
        while not lost.done():
            await desk.pass_time(1)
        await eventually(lambda: book.valid)
        return await lost, told(desk.public), desk.public.connected

    lost, after, connected = meet(use, {"kind": "bad_checksum", "match": "frame:book", "skip": 3, "times": 1})
    assert lost.symbol == "BTC/USD"
    assert not any(isinstance(signal, Lost) for signal in after)
    assert connected


def test_lines_that_are_cut_come_back_by_themselves() -> None:
    async def use(desk: Desk):
        book = await desk.public.keep_book(desk.btc, depth=25)
        await eventually(lambda: book.valid)
        for _ in range(3):
            await until(desk.public, Connected)
            lost = asyncio.create_task(until(desk.public, Lost))
            while not lost.done():
                await desk.pass_time(1)
        await eventually(lambda: book.valid)
        return book.valid

    assert meet(use, {"kind": "cut", "match": "frame:book", "skip": 4, "times": 3})


def test_a_symbol_that_is_not_there_is_refused() -> None:
    async def use(desk: Desk):
        await desk.public.subscribe(ws.Subscription(channel="trade", symbol="XBT/USD"), ws.trades(desk.btc))
        return await until(desk.public, Refused)

    assert meet(use).error.code == "kraken_unknown_name"


def test_the_life_of_an_order_over_the_private_link() -> None:
    async def use(desk: Desk):
        await until(desk.private, events.Balances)
        placed = await desk.trading.add(desk.order(post_only=True))
        amended = await desk.trading.amend(Amendment(pair=desk.btc, client_id=CLIENT_ID, lots=2 * 10**6))
        await eventually(lambda: desk.private.orders.order(placed.txid) is not None)
        await desk.trading.cancel(CLIENT_ID, pair=desk.btc)
        await eventually(lambda: desk.private.orders.order(placed.txid).ended)
        with pytest.raises(NotFound):
            await desk.trading.cancel(CLIENT_ID, pair=desk.btc)
        with pytest.raises(Denied) as poor:
            await desk.trading.add(desk.order(lots=10**14))
        market = desk.order(order_type=OrderType.MARKET, limit=None, client_id=OTHER_ID)
        bought = await desk.trading.add(market)
        await eventually(lambda: desk.private.orders.order(bought.txid) is not None)
        await eventually(lambda: desk.private.orders.order(bought.txid).status == "filled")
        done = await desk.trading.cancel_all()
        armed = await desk.trading.cancel_all_after(60)
        rest = desk.rest.result("QueryOrders", txid=bought.txid)[bought.txid]
        orders = desk.private.orders
        return (
            amended,
            orders.order(placed.txid),
            poor.value,
            orders.order(bought.txid),
            done,
            armed,
            rest,
            told(desk.private),
        )

    amended, cancelled, poor, bought, done, armed, rest, signals = meet(use)
    assert amended
    assert (cancelled.status, cancelled.client_id, cancelled.quantity) == ("canceled", CLIENT_ID, Decimal("0.02"))
    assert poor.code == "kraken_insufficient_funds"
    assert (bought.filled, bought.client_id) == (Decimal(rest["vol_exec"]), OTHER_ID)
    fills = [
        change.fill
        for each in signals
        if isinstance(each, OrdersTold)
        for change in each.changes.changes
        if change.fill
    ]
    assert sum(fill.quantity for fill in fills) == bought.filled
    assert sum(fill.cost for fill in fills) == Decimal(rest["cost"])
    assert sum(fee.quantity for fill in fills for fee in fill.fees) == Decimal(rest["fee"])
    assert any(isinstance(each, events.Balances) and not each.snapshot for each in signals)
    assert done.count == 0
    assert armed.trigger_time > armed.current_time


def test_a_batch_is_accepted_and_refused_order_by_order() -> None:
    async def use(desk: Desk):
        await until(desk.private, events.Balances)
        poor = desk.order(client_id=OTHER_ID, lots=10**14)
        return await desk.trading.add_batch((desk.order(), poor))

    placed, refused = meet(use).orders
    assert placed.txid
    assert isinstance(refused, MooringError)


def test_an_order_whose_reply_is_lost_is_unknown_and_the_channel_tells_it(monkeypatch) -> None:
    monkeypatch.setattr("mooring.runtime.venues.kraken.ws_trading.REPLY_SECONDS", 0.3)

    async def use(desk: Desk):
        await until(desk.private, events.Balances)
        with pytest.raises(Unknown):
            await desk.trading.add(desk.order())
        await eventually(lambda: bool(desk.private.orders.open_orders()))
        return desk.private.orders.open_orders()

    (order,) = meet(use, {"kind": "drop_answer", "match": "ws:add_order", "times": 1})
    assert order.client_id == CLIENT_ID


@pytest.mark.parametrize("kind", ["duplicate", "reorder", "drop_frame"])
def test_frames_that_are_doubled_swapped_or_lost_leave_the_orders_as_rest_has_them(kind) -> None:
    async def use(desk: Desk):
        await until(desk.private, events.Balances)
        txids = []
        for number in range(6):
            client_id = f"6d1b345e-2821-40e2-ad83-4ecb18a0{number:04d}"
            order = desk.order(client_id=client_id, order_type=OrderType.MARKET, limit=None, lots=10**5)
            txids.append((await desk.trading.add(order)).txid)
            await desk.pass_time(1)

        def settled() -> bool:
            orders = [desk.private.orders.order(txid) for txid in txids]
            return all(order is not None and order.filled == Decimal("0.001") for order in orders)

        gaps = [each for each in told(desk.private) if isinstance(each, Gap)]
        if kind == "drop_frame":
            # What was lost for good is not told again by itself: the gap says that REST must be asked.
            assert gaps or settled()
        else:
            await eventually(settled)
        fills = desk.private.orders._fills
        return gaps, len(fills), desk.rest.result("TradesHistory")["count"]

    gaps, fills, count = meet(use, {"kind": kind, "match": "frame:executions", "skip": 2, "times": 3})
    assert fills <= count
    if kind == "duplicate":
        assert not gaps
        assert fills == count


def test_the_same_links_run_in_one_process_without_sockets_and_come_to_the_same_each_time() -> None:
    async def once() -> list[str]:
        simulation = Simulation(["BTC-USD"], config=Config(balances={"USD": "100000"}, tier="pro"))
        virtual = VirtualVenue(simulation)

        async def opening(url: str):
            return virtual.connect(url)

        desk = Desk("ws://127.0.0.1", simulation)
        options = {"random": lambda: 0.0, "monotonic": lambda: 0.0, "connector": connector_of(opening)}
        desk.private = ws.PrivateLink(f"ws://127.0.0.1{WS_AUTH_PATH}", token=desk._token, **options)
        desk.trading = SocketTrading(desk.private, Limits(Tier.PRO), desk.clock)
        task = asyncio.create_task(desk.private.run())
        await until(desk.private, events.Balances)
        for number in range(5):
            market = desk.order(
                client_id=f"6d1b345e-2821-40e2-ad83-4ecb18a0{number:04d}", order_type=OrderType.MARKET, limit=None
            )
            await desk.trading.add(market)
            await virtual.advance(60)
            desk.clock.set(simulation.venue.now // 10**9)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [repr(each) for each in told(desk.private)]

    first, again = asyncio.run(once()), asyncio.run(once())
    assert first == again
    assert sum("fill=Fill(" in each for each in first) >= 5
