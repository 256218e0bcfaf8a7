"""The REST client against the look-alike server, over real sockets: they were made from the same pages by two hands."""

from __future__ import annotations

import asyncio
import base64
from decimal import Decimal
from urllib.parse import urlencode

import pytest
import stamina

from mooring.errors import Denied, Invalid, MooringError, NotFound, Retry, Unknown
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.names import Names, Pair
from mooring.runtime.venues.kraken.nonce import Nonces
from mooring.runtime.venues.kraken.orders import Amendment, NewOrder, OrderType, Side, TimeInForce
from mooring.runtime.venues.kraken.rest import Account, Market, Trading
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.faults import Rule, Scenario
from mooring.runtime.venues.simulator.rest_api import Request
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config
from tests.support.kraken_client import CLIENT_ID, OTHER_ID, MemoryNonces
from tests.support.kraken_http import Reply, Seen, serve


@pytest.fixture(autouse=True)
def _tries_without_waiting():
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


class VenueClock:
    """The look-alike's own time."""

    def __init__(self, simulation: Simulation) -> None:
        self._venue = simulation.venue

    def now(self) -> int:
        return self._venue.now // NANO

    def now_ms(self) -> int:
        return self._venue.now * 1000 // NANO

    def monotonic(self) -> float:
        return (self._venue.now - self._venue.started) / NANO


class Desk:
    """A client, and the look-alike that it speaks with."""

    def __init__(self, url: str, simulation: Simulation, tier: Tier) -> None:
        self.simulation = simulation
        self.clock = VenueClock(simulation)
        self.http = Http(url, clock=self.clock)
        key = ApiKey.of(simulation.venue.key.public, base64.b64encode(simulation.venue.key.secret).decode())
        self.limits = Limits(tier)
        nonces = Nonces(MemoryNonces(), lambda: simulation.venue.now // 1000)
        sender = Sender(self.http, self.limits, self.clock, key=key, nonces=nonces, sleep=self._sleep)
        self.market, self.account, self.trading = Market(sender), Account(sender), Trading(sender, self.clock)

    async def _sleep(self, seconds: float) -> None:
        self.simulation.advance(seconds + 0.001)

    async def names(self) -> Names:
        return Names(await self.market.pairs(), await self.market.assets())

    async def order(self, pair: Pair, **changed) -> NewOrder:
        ticker = (await self.market.tickers([pair]))[pair.id]
        half = int(ticker.bid * 10**pair.pair_decimals) // 2
        plain = {"side": Side.BUY, "order_type": OrderType.LIMIT, "lots": 10**6, "limit": half, "client_id": CLIENT_ID}
        return NewOrder(pair=pair, **plain | changed)


def meet(use, *rules: dict, tier: Tier = Tier.PRO, **config):
    """What `use` gave, or the error it ended with."""
    config = {"balances": {"USD": "100000", "BTC": "2"}, "tier": tier.value} | config
    scenario = Scenario(fault=tuple(Rule(**rule) for rule in rules)) if rules else None
    simulation = Simulation(["BTC-USD", "SOL-USD"], config=Config(**config), scenario=scenario)

    def answer(seen: Seen) -> Reply:
        given = simulation.rest.handle(
            Request(
                method=seen.method, path=seen.path, query=urlencode(seen.params), headers=seen.headers, body=seen.body
            )
        )
        headers = {"Content-Type": given.content_type}
        return Reply(drop=True) if given.dropped else Reply(body=given.body, status=given.status, headers=headers)

    async def main():
        async with serve(answer) as server:
            desk = Desk(server.url, simulation, tier)
            try:
                return await use(desk)
            except MooringError as error:
                return error
            finally:
                await desk.http.close()

    return asyncio.run(main())


def test_everything_public_is_read() -> None:
    async def use(desk: Desk):
        names = await desk.names()
        pair = names.pair("BTC-USD")
        desk.simulation.advance(7200)
        assert abs(await desk.market.time() - desk.clock.now()) < 2
        assert (await desk.market.system_status()).status == "online"
        candles = await desk.market.candles(pair, minutes=1)
        depth = await desk.market.depth(pair, count=5)
        page = await desk.market.trades(pair, count=10)
        await desk.market.spreads(pair)
        return pair, candles, depth, page

    pair, candles, depth, page = meet(use)
    assert (pair.id, pair.ws, pair.instrument().pair_decimals) == ("XXBTZUSD", "BTC/USD", 1)
    assert candles.closed[-1].time == candles.last
    assert depth.bids[0].price < depth.asks[0].price
    assert len(page.trades) == 10
    assert page.last >= int(page.trades[-1].time)


def test_everything_of_an_account_is_read() -> None:
    async def use(desk: Desk):
        names = await desk.names()
        pair = names.pair("BTC-USD")
        info = await desk.account.key_info()
        held = names.holdings(await desk.account.balances())
        placed = await desk.trading.add(await desk.order(pair, order_type=OrderType.MARKET, limit=None))
        (done,) = (await desk.account.query_orders([placed.txid])).orders
        (closed,) = (await desk.account.closed_orders(client_id=CLIENT_ID)).orders
        fills = (await desk.account.trades_history()).trades
        again = (await desk.account.query_trades([fills[0].txid])).trades
        ledger = (await desk.account.ledger()).entries
        entry = (await desk.account.query_ledger([ledger[0].id])).entries
        fees = await desk.account.fees([pair])
        await desk.account.trade_balance()
        token = await desk.account.websocket_token()
        return info, held, done, closed, fills, again, ledger, entry, fees, token

    info, held, done, closed, fills, again, ledger, entry, fees, token = meet(use)
    assert {"modify-trades", "create-ws-token"} <= info.permissions
    assert held.spot == {"USD": Decimal(100000), "BTC": Decimal(2)}
    assert (done.status, done.client_id, done.filled) == ("closed", CLIENT_ID, Decimal("0.01"))
    assert done == closed
    assert {fill.order_txid for fill in fills} == {done.txid}
    assert sum(fill.volume for fill in fills) == done.filled
    assert again[0].txid == fills[0].txid
    assert {each.refid for each in ledger if each.type == "trade"} == {fill.txid for fill in fills}
    assert entry[0] == ledger[0]
    assert fees.taker["XXBTZUSD"] > 0
    assert token.expires == 900


@pytest.mark.parametrize("snake_case", [False, True])
def test_the_rights_of_a_key_are_read_in_both_spellings(snake_case) -> None:
    info = meet(lambda desk: desk.account.key_info(), snake_case=snake_case, window=77)
    assert info.nonce_window == 77
    assert "query-funds" in info.permissions


def test_the_life_of_a_limit_order() -> None:
    async def use(desk: Desk):
        pair = (await desk.names()).pair("BTC-USD")
        order = await desk.order(pair, post_only=True)
        checked = await desk.trading.add(order, validate=True)
        placed = await desk.trading.add(order)
        (waiting,) = (await desk.account.open_orders(client_id=CLIENT_ID)).orders
        balance = (await desk.account.extended_balances())["ZUSD"]
        amended = await desk.trading.amend(Amendment(pair=pair, client_id=CLIENT_ID, lots=2 * order.lots))
        (larger,) = (await desk.account.open_orders()).orders
        cancelled = await desk.trading.cancel(client_id=CLIENT_ID, pair=pair)
        with pytest.raises(NotFound) as gone:
            await desk.trading.cancel(txid=placed.txid, pair=pair)
        (ended,) = (await desk.account.closed_orders(client_id=CLIENT_ID)).orders
        return order, checked, placed, waiting, balance, amended, larger, cancelled, gone.value, ended

    order, checked, placed, waiting, balance, amended, larger, cancelled, gone, ended = meet(use)
    assert checked.txid == ""
    assert waiting.txid == placed.txid == larger.txid == ended.txid
    assert Decimal(waiting.price) * 10 == order.limit
    assert waiting.volume * 10**8 == order.lots
    assert larger.volume * 10**8 == 2 * order.lots
    assert 0 < balance.hold_trade < balance.balance
    assert amended
    assert cancelled.count == 1
    assert gone.code == "kraken_order_gone"
    assert ended.status == "canceled"


def test_triggered_orders_batches_and_the_dead_mans_switch() -> None:
    async def use(desk: Desk):
        pair = (await desk.names()).pair("BTC-USD")
        stop = await desk.order(
            pair, side=Side.SELL, order_type=OrderType.STOP_LOSS_LIMIT, trigger=200_000, limit=199_000
        )
        until = desk.clock.now() + 3600
        other = await desk.order(pair, client_id=OTHER_ID, time_in_force=TimeInForce.GTD, expires_at=until)
        batch = await desk.trading.add_batch((stop, other))
        listed = (await desk.account.open_orders()).orders
        armed = await desk.trading.cancel_all_after(60)
        desk.simulation.advance(61)
        left = (await desk.account.open_orders()).orders
        off = await desk.trading.cancel_all_after(0)
        all_of_none = await desk.trading.cancel_all()
        return batch, listed, armed, left, off, all_of_none

    batch, listed, armed, left, off, all_of_none = meet(use)
    assert {placed.txid for placed in batch.orders} == {order.txid for order in listed}
    stop = next(order for order in listed if order.client_id == CLIENT_ID)
    assert (stop.order_type, stop.price, stop.price2) == ("stop-loss-limit", "20000.0", "19900.0")
    assert armed.trigger_time > armed.current_time
    assert left == ()
    assert off.trigger_time == ""
    assert all_of_none.count == 0


def test_refusals_say_what_must_be_done() -> None:
    async def use(desk: Desk):
        pair = (await desk.names()).pair("BTC-USD")
        errors = {}
        for name, changed in {
            "funds": {"lots": 10**14},
            "minimum": {"lots": 1},
            "would take": {"limit": 10**9, "post_only": True, "lots": 10**4},
        }.items():
            try:
                errors[name] = await desk.trading.add(await desk.order(pair, **changed))
            except MooringError as error:
                errors[name] = error
        await desk.trading.add(await desk.order(pair))
        try:
            await desk.trading.add(await desk.order(pair))
        except MooringError as error:
            errors["id"] = error
        return errors

    errors = meet(use)
    assert (type(errors["funds"]), errors["funds"].code) == (Denied, "kraken_insufficient_funds")
    assert (type(errors["minimum"]), errors["minimum"].code) == (Invalid, "kraken_below_minimum")
    assert (type(errors["id"]), errors["id"].code) == (Unknown, "kraken_order_id_taken")
    # Kraken accepts such an order and cancels it at once, or refuses it: either is no error of ours.
    assert getattr(errors["would take"], "code", "kraken_would_take") == "kraken_would_take"


@pytest.mark.parametrize("lands", [True, False])
def test_an_order_whose_answer_is_lost_is_unknown_and_can_be_looked_up(lands) -> None:
    kind = "drop_answer" if lands else "drop_request"

    async def use(desk: Desk):
        pair = (await desk.names()).pair("BTC-USD")
        with pytest.raises(Unknown):
            await desk.trading.add(await desk.order(pair))
        return (await desk.account.open_orders(client_id=CLIENT_ID)).orders

    orders = meet(use, {"kind": kind, "match": "rest:AddOrder", "times": 1})
    assert [order.client_id for order in orders] == ([CLIENT_ID] if lands else [])


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "http_error", "status": 502},
        {"kind": "error", "text": "EService:Unavailable"},
        {"kind": "error", "text": "EGeneral:Internal error"},
        {"kind": "disconnect"},
    ],
    ids=lambda fault: fault.get("text", fault["kind"]),
)
def test_faults_of_the_venue_make_orders_unknown_and_reads_go_on(fault) -> None:
    async def use(desk: Desk):
        pair = (await desk.names()).pair("BTC-USD")
        balances = await desk.account.balances()
        with pytest.raises(Unknown):
            await desk.trading.add(await desk.order(pair))
        return balances

    # One fault for each kind of call: the read is asked again, the order is not.
    rules = [fault | {"match": match, "times": 1} for match in ("rest:Balance", "rest:AddOrder")]
    assert meet(use, *rules)["ZUSD"] == Decimal(100000)


@pytest.mark.parametrize("tier", list(Tier))
def test_a_busy_client_never_meets_the_venues_limits(tier) -> None:
    async def use(desk: Desk):
        pair = (await desk.names()).pair("BTC-USD")
        for number in range(40):
            client_id = f"6d1b345e-2821-40e2-ad83-4ecb18a0{number:04d}"
            await desk.account.balances()
            if number % 4 == 0:
                await desk.account.trades_history()
            await desk.trading.add(await desk.order(pair, client_id=client_id, lots=10**4))
            placed_at = desk.clock.monotonic()  # not before: a call may wait for room, and younger is the careful side
            desk.simulation.advance(number % 7)
            try:
                age_us = round(1e6 * (desk.clock.monotonic() - placed_at))
                await desk.trading.cancel(client_id=client_id, pair=pair, age_us=age_us)
            except Retry as error:
                assert error.code == "kraken_not_sent"  # noqa: PT017 -- our own budget speaks first
                desk.simulation.advance(error.retry_after_seconds + 1)
        return "done"

    assert meet(use, tier=tier) == "done"
