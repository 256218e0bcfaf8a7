"""Kraken's client against the look-alike: both were written from the same documentation, neither knows the other."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

import pytest
import stamina

from mooring.errors import Denied, Invalid, MooringError, NotFound, Retry, Unknown
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.venues.kraken.account import KeyInfo
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.nonce import Nonces
from mooring.runtime.venues.kraken.orders import Amendment, NewOrder, OrderType, Side, TimeInForce
from mooring.runtime.venues.kraken.rest import Account, Market
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.signals import BookChanged, BookLost, Connected, Gap, Lost, OrdersTold
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.kraken.ws import PrivateLink
from mooring.runtime.venues.kraken.ws_trading import SocketTrading
from mooring.runtime.venues.simulator.server import Server
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config
from tests.support.kraken_client import MemoryNonces
from tests.support.kraken_rig import Rig, play, until


@pytest.fixture(autouse=True)
def _tries_without_waiting():
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


def test_everything_public_is_understood() -> None:
    async def use(rig: Rig) -> None:
        assert await rig.market.time() == rig.clock.now()
        assert (await rig.market.system_status()).status == "online"
        assert {asset.name for asset in await rig.market.assets()} == {"BTC", "SOL", "USD"}
        pairs = {pair.ws: pair for pair in await rig.market.pairs()}
        btc = pairs["BTC/USD"]
        tickers = await rig.market.tickers(pairs.values())
        assert set(tickers) == {pair.id for pair in pairs.values()}
        candles = await rig.market.candles(btc, minutes=60)
        assert candles
        assert await rig.market.depth(btc, count=10)
        assert await rig.market.trades(btc, since=rig.venue.now - 3600 * 10**9)
        assert await rig.market.spreads(btc)

    play(use)


def test_everything_about_the_account_is_understood() -> None:
    async def use(rig: Rig) -> None:
        info: KeyInfo = await rig.account.key_info()
        assert "modify-trades" in info.permissions
        placed = await rig.trading.add(await rig.order("buy market 0.05"))
        resting = await rig.trading.add(await rig.order("buy limit 0.05 500"))
        await rig.trading.add(await rig.order("sell stop-loss-limit 0.05 900 899"))
        assert set(await rig.account.balances()) == {"ZUSD", "XXBT"}
        extended = await rig.account.extended_balances()
        assert extended["ZUSD"].available < extended["ZUSD"].balance
        await rig.account.trade_balance()
        assert len((await rig.account.open_orders()).orders) == 2
        closed = await rig.account.closed_orders()
        assert [order.txid for order in closed.orders] == [placed.txid]
        both = await rig.account.query_orders([placed.txid, resting.txid])
        assert len(both.orders) == 2
        history = await rig.account.trades_history()
        assert await rig.account.query_trades([history.trades[0].txid])
        ledger = await rig.account.ledger()
        assert await rig.account.query_ledger([ledger.entries[0].id])
        pairs = await rig.market.pairs()
        fees = await rig.account.fees(pairs)
        assert fees
        assert await rig.account.websocket_token()

    play(use)


@pytest.mark.parametrize("snake_case", [True, False])
def test_what_a_key_may_do_is_read_in_either_spelling(snake_case: bool) -> None:
    async def use(rig: Rig) -> None:
        assert "withdraw-funds" in (await rig.account.key_info()).permissions

    play(use, snake_case=snake_case, rights=frozenset({"withdraw-funds"}))


def test_orders_are_placed_changed_and_cancelled() -> None:
    async def use(rig: Rig) -> None:
        order = await rig.order("buy limit 0.05 500", post_only=True)
        placed = await rig.trading.add(order)
        await rig.trading.amend(Amendment(pair=order.pair, client_id=order.client_id, lots=4 * 10**6))
        assert rig.venue.account.open[placed.txid].ticket.lots == 4 * 10**6
        assert (await rig.trading.cancel(client_id=order.client_id, pair=order.pair)).count == 1
        with pytest.raises(NotFound):
            await rig.trading.cancel(txid=placed.txid, pair=order.pair)
        batch = (await rig.order("buy limit 0.01 500"), await rig.order("buy limit 9 500"))
        assert await rig.trading.add_batch(batch)
        assert len(rig.venue.account.open) == 1
        assert await rig.trading.cancel_all_after(60) != await rig.trading.cancel_all_after(0)
        timed = await rig.order("buy limit 0.01 500", time_in_force=TimeInForce.GTD, expires_at=rig.clock.now() + 30)
        await rig.trading.add(timed)
        await rig.trading.add(await rig.order("buy limit 0.01 500"), validate=True)
        assert (await rig.trading.cancel_all()).count == 2

    play(use)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("buy market 100", Denied), ("buy limit 0.00001 500", Invalid), ("buy limit 0.0001 5", Invalid)],
)
def test_refusals_are_named_by_what_must_be_done(text: str, kind: type[MooringError]) -> None:
    async def use(rig: Rig) -> None:
        with pytest.raises(MooringError) as said:
            await rig.trading.add(await rig.order(text))
        assert not isinstance(said.value, Unknown | Retry), "the venue's no is final"
        assert isinstance(said.value, kind)

    play(use)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_answer"},
        {"kind": "http_error", "status": 502, "lands": True},
        {"kind": "error", "text": "EService:Unavailable", "lands": True},
        {"kind": "error", "text": "EService:Timeout", "lands": False},
        {"kind": "delay", "seconds": 60},
        {"kind": "late", "seconds": 3},
    ],
)
def test_an_order_whose_fate_is_open_is_unknown_and_found_by_its_client_id(fault: dict) -> None:
    async def use(rig: Rig) -> None:
        order = await rig.order("buy market 0.01")
        with pytest.raises(Unknown):
            await rig.trading.add(order)
        await rig.sleep(10)
        closed = await rig.account.closed_orders(client_id=order.client_id)
        assert len(closed.orders) == len(list(rig.venue.account.orders())) <= 1

    play(use, fault | {"match": "rest:AddOrder", "times": 1})


def test_passing_faults_of_reads_are_asked_again() -> None:
    async def use(rig: Rig) -> None:
        assert await rig.account.balances()

    play(use, {"kind": "http_error", "match": "rest:Balance", "times": 1}, {"kind": "drop_answer", "match": "rest:Balance", "skip": 0, "times": 1})  # fmt: skip


@pytest.mark.parametrize("tier", ["starter", "intermediate", "pro"])
def test_the_clients_budget_never_runs_into_the_venues_counters(tier: str) -> None:
    async def use(rig: Rig) -> None:
        order = None
        for n in range(60):
            await rig.account.balances()
            if n % 5 == 0:
                await rig.account.ledger()
            if n % 2 == 0:
                order = await rig.order("buy limit 0.001 500")
                await rig.trading.add(order)
            elif order is not None:
                await rig.trading.cancel(client_id=order.client_id, pair=order.pair)

    play(use, tier=tier)


def test_a_book_is_kept_with_every_checksum_and_made_anew_after_a_wrong_one() -> None:
    async def use(rig: Rig) -> None:
        pair = next(one for one in await rig.market.pairs() if one.ws == "BTC/USD")
        async with rig.public() as link:
            await until(link, Connected)
            book = await link.keep_book(pair, depth=25)
            await until(link, BookChanged)
            lost = 0
            for _ in range(40):
                await rig.virtual.advance(60)
                while not link._queue.empty():
                    lost += isinstance(link._queue.get_nowait(), BookLost)
            assert lost == 1
            assert book.valid

    play(use, {"kind": "bad_checksum", "match": "frame:book", "skip": 10, "times": 1})


def test_orders_over_the_websocket_from_placing_to_fill() -> None:
    async def use(rig: Rig) -> None:
        async with rig.private() as (link, trading):
            await until(link, Connected)
            assert (await until(link, OrdersTold)).snapshot
            order = await rig.order("buy limit 0.02 500")
            placed = await trading.add(order)
            await trading.amend(Amendment(pair=order.pair, client_id=order.client_id, lots=10**6))
            await trading.cancel(order.client_id, pair=order.pair)
            done = await trading.add(await rig.order("buy market 0.01"))
            for _ in range(20):
                await rig.virtual.advance(1)
            assert link.orders.order(placed.txid).status == "canceled"
            view = link.orders.order(done.txid)
            assert (view.status, view.symbol) == ("filled", "BTC/USD")
            batch = (await rig.order("buy limit 0.01 500"), await rig.order("buy limit 9 500"))
            assert await trading.add_batch(batch)
            assert await trading.cancel_all_after(60)
            assert (await trading.cancel_all()).count == 1
            with pytest.raises(MooringError) as said:
                await trading.add(await rig.order("buy market 100"))
            assert isinstance(said.value, Denied)

    play(use)


def test_a_gap_in_private_frames_is_noticed_and_a_broken_line_opened_again() -> None:
    async def use(rig: Rig) -> None:
        async with rig.private() as (link, trading):
            await until(link, Connected)
            await trading.add(await rig.order("buy market 0.01"))
            await trading.add(await rig.order("buy market 0.01"))
            await until(link, Gap)
            rig.venue.listeners[0].cut()
            await rig.virtual.advance(30)
            await until(link, Lost)
            await rig.virtual.advance(60)
            await until(link, Connected)

    play(use, {"kind": "drop_frame", "match": "frame:executions", "skip": 2, "times": 1})


def test_an_order_over_the_websocket_whose_answer_is_lost_is_unknown_and_was_placed_once() -> None:
    async def use(rig: Rig) -> None:
        async with rig.private() as (link, trading):
            await until(link, Connected)
            order = await rig.order("buy market 0.01")
            with pytest.raises(Unknown):
                await trading.add(order)
            assert len((await rig.account.closed_orders(client_id=order.client_id)).orders) == 1

    play(use, {"kind": "disconnect", "match": "ws:add_order", "times": 1})


def test_they_meet_over_real_sockets_too() -> None:
    async def main() -> None:
        now = SystemClock().now_ms() * 10**6
        config = Config(balances={"USD": "100000"}, tier="pro")
        simulation = Simulation(["BTC-USD"], start=now // 10**9 // 3600 * 3600, begin=now, config=config)
        server = Server(simulation, speed=1, clock=SystemClock())
        await server.start()
        clock, key = SystemClock(), simulation.venue.key
        http = Http(server.urls["rest"], clock=clock)
        limits = Limits(Tier.PRO)
        nonces = Nonces(MemoryNonces(), lambda: clock.now_ms() * 1000)
        sender = Sender(http, limits, clock, key=ApiKey.of(key.public, key.secret_text), nonces=nonces)
        account = Account(sender)
        pair = next(iter(await Market(sender).pairs()))
        link = PrivateLink(
            server.urls["ws_auth"], token=account.websocket_token, random=lambda: 0.5, monotonic=clock.monotonic
        )
        task = asyncio.create_task(link.run())
        try:
            await until(link, Connected)
            await until(link, OrdersTold)
            order = NewOrder(
                pair=pair, side=Side.BUY, order_type=OrderType.MARKET, lots=10**6, client_id=str(UUID(int=1))
            )
            placed = await SocketTrading(link, limits, clock).add(order)
            while (view := link.orders.order(placed.txid)) is None or view.status != "filled":
                await until(link, OrdersTold)
            closed = await account.closed_orders(client_id=order.client_id)
            assert [one.txid for one in closed.orders] == [placed.txid]
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await http.close()
            await server.stop()

    asyncio.run(asyncio.wait_for(main(), 120))
