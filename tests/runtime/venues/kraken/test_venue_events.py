"""What the adapter tells by itself, before the look-alike in virtual time: all of it, once, and when it could not."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mooring.errors import MooringError, Unknown
from mooring.runtime.domain.orders import Side, Status
from mooring.runtime.venues.kraken.venue import KrakenConfig, KrakenVenue
from mooring.runtime.venues.protocol import LinkDown, LinkUp, MoneyMoved, OrderTold, Trouble
from tests.support.kraken_venue import Stage, client_id, meet


def fills_of(events) -> list:
    return [fill for event in events if isinstance(event, OrderTold) for fill in event.order.fills]


def test_an_order_is_told_from_its_beginning_to_its_end() -> None:
    async def use(stage: Stage):
        txid = await stage.place(stage.order(1, "buy limit 300000000 1000"))
        await stage.until(lambda: fills_of(stage.told), 40_000)
        with contextlib.suppress(MooringError):
            await stage.kraken.cancel(client_id(1), "BTC-USD")
        await asyncio.sleep(5)
        return txid, stage.of(OrderTold), (await stage.find(1))[0]

    txid, told, found = meet(use, balances={"USD": "10000000"})
    orders = [event.order for event in told]
    assert {(order.order_id, order.client_id, order.symbol, order.side) for order in orders} == {
        (txid, client_id(1), "BTC-USD", Side.BUY)
    }
    assert [order.filled for order in orders] == sorted(order.filled for order in orders)
    assert orders[0].status is Status.OPEN
    assert (orders[-1].status, orders[-1].filled) == (found.status, found.filled)
    assert tuple(fills_of(told)) == found.fills
    assert sum(fill.quantity for fill in found.fills) == found.filled > 0


@pytest.mark.parametrize("kind", ["duplicate", "reorder", "drop_frame", "cut"])
def test_whatever_frames_suffer_the_fills_are_told_once_and_losses_are_said(kind) -> None:
    async def use(stage: Stage):
        for number in range(8):
            with contextlib.suppress(Unknown):
                await stage.place(stage.order(number, "buy market 1000000"))
            await asyncio.sleep(3)
        await stage.until(lambda: isinstance([e for e in stage.told if isinstance(e, LinkUp | LinkDown)][-1], LinkUp))
        found = [await stage.find(number) for number in range(8)]
        return stage.told, found, stage.venue.account.fills

    told, found, truth = meet(use, {"kind": kind, "match": "frame:executions", "skip": 4, "times": 5})
    ids = [fill.trade_id for fill in fills_of(told)]
    assert len(ids) == len(set(ids))
    assert set(ids) <= set(truth)
    everything = {fill.trade_id for orders in found for order in orders for fill in order.fills}
    assert everything == set(truth)
    assert all(len(orders) == 1 and orders[0].status is Status.FILLED for orders in found)
    lost = any(isinstance(event, LinkDown) for event in told)
    assert lost or set(ids) == set(truth)
    if kind != "reorder":  # swapped frames may be of two channels, whose order says nothing
        assert lost is (kind != "duplicate")


def test_a_fill_while_the_line_was_down_is_told_or_found_once_it_is_up_again() -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 1100"))
        await asyncio.sleep(1)
        stage.fault(kind="drop_frame", match="frame:executions")
        await stage.place(stage.order(2, "buy market 1000000"))
        await asyncio.sleep(1)
        stage.simulation.happenings.clear()
        stage.simulation.happenings.cut_all()
        ups = len(stage.of(LinkUp))
        await stage.until(lambda: len(stage.of(LinkUp)) > ups)
        states = [type(event) for event in stage.told if isinstance(event, LinkUp | LinkDown)]
        return states, await stage.find(2)

    states, (found,) = meet(use)
    assert states == [LinkUp, LinkDown, LinkUp]
    assert (found.status, sum(fill.quantity for fill in found.fills)) == (Status.FILLED, 1_000_000)


@pytest.mark.parametrize(
    ("fault", "moved"),
    [
        ({"kind": "deposit", "asset": "USD", "amount": "250.50"}, True),
        ({"kind": "withdrawal", "asset": "BTC", "amount": "0.5"}, True),
        ({"kind": "staking", "asset": "BTC", "amount": "0.5"}, True),
        ({"kind": "external_order", "pair": "XBTUSD", "side": "buy", "volume": "0.01"}, True),
        ({"kind": "external_order", "pair": "XBTUSD", "side": "buy", "volume": "0.01", "price": "1000.0"}, False),
    ],
)
def test_money_that_moves_without_us_is_told(fault, moved) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy market 1000000"))
        await asyncio.sleep(2)
        quiet = stage.of(MoneyMoved)
        stage.fault(**fault)
        await asyncio.sleep(2)
        return quiet, stage.of(MoneyMoved), [e.order for e in stage.of(OrderTold) if e.order.client_id is None]

    quiet, told, others = meet(use)
    assert quiet == []
    assert bool(told) is moved
    assert bool(others) is (fault["kind"] == "external_order")


def test_a_key_that_is_refused_is_a_trouble_told_once_and_the_link_goes_on_trying() -> None:
    async def use(stage: Stage):
        stage.venue.key.valid_until = 1
        stage.simulation.happenings.cut_all()
        await asyncio.sleep(600)
        during = stage.of(Trouble)
        stage.venue.key.valid_until = 0
        await stage.until(lambda: isinstance(stage.told[-1], LinkUp))
        return during, stage.of(LinkDown)

    troubles, downs = meet(use)
    assert [trouble.code for trouble in troubles] == ["kraken_key_refused"]
    assert len(downs) == 1


def test_a_nonce_that_somebody_else_used_is_a_trouble() -> None:
    async def use(stage: Stage):
        stage.fault(kind="nonce_jump", by=10**18)
        await asyncio.sleep(1)
        with pytest.raises(MooringError) as caught:
            await stage.kraken.holdings()
        await asyncio.sleep(1)
        return caught.value.code, [trouble.code for trouble in stage.of(Trouble)]

    assert meet(use) == ("kraken_nonce_refused", ["kraken_nonce_refused"])


def test_a_venue_that_cannot_be_reached_is_silence_and_then_up() -> None:
    async def use(stage: Stage):
        stage.fault(kind="drop_request", match="rest:GetWebSocketsToken", until=300)
        stage.simulation.happenings.cut_all()
        await asyncio.sleep(200)
        during = list(stage.told)
        await stage.until(lambda: isinstance(stage.told[-1], LinkUp), 600)
        return [type(event) for event in during]

    assert meet(use) == [LinkUp, LinkDown]


def test_a_wait_that_is_cancelled_loses_nothing() -> None:
    async def use(stage: Stage):
        events, told = stage.kraken.events(), []

        async def take(seconds: float) -> None:
            with contextlib.suppress(TimeoutError):
                while True:
                    told.append(await asyncio.wait_for(anext(events), seconds))

        await take(5)
        for number in range(30):
            await stage.place(stage.order(number, "buy market 100000"))
            await take(0.003 * (number % 5))
        await take(30)
        return fills_of(told), stage.venue.account.fills

    told, truth = meet(use, listen=False)
    assert sorted(fill.trade_id for fill in told) == sorted(truth)
    assert len(truth) >= 30


def test_who_listens_too_late_is_told_that_something_was_lost_and_finds_it() -> None:
    async def use(stage: Stage):
        events, told = stage.kraken.events(), []
        while not told or not isinstance(told[-1], LinkUp):
            told.append(await anext(events))
        stage.kraken._stream.link._queue._maxsize = 5
        for number in range(5):
            with contextlib.suppress(Unknown):  # the link that starts anew takes the answer with it
                await stage.place(stage.order(number, "buy market 100000"))
            await asyncio.sleep(3)
        told.append(await anext(events))
        while not isinstance(told[-1], LinkUp):
            told.append(await anext(events))
        return told, [await stage.find(number) for number in range(5)]

    told, found = meet(use, listen=False)
    assert [type(event) for event in told if isinstance(event, LinkUp | LinkDown)] == [LinkUp, LinkDown, LinkUp]
    assert "not taken in time" in next(event.why for event in told if isinstance(event, LinkDown))
    assert [orders[0].filled for orders in found] == [100_000] * 5


def test_the_stream_ends_with_the_venue() -> None:
    async def use(stage: Stage):
        await stage.kraken.close()
        await asyncio.wait_for(stage._listening, 5)
        return stage.told

    assert meet(use) == [LinkUp()]


def test_a_second_stream_takes_the_place_of_the_first_which_ends() -> None:
    async def use(stage: Stage):
        first = stage._listening
        await stage.listen()
        await stage.until(lambda: len(stage.of(LinkUp)) == 2)
        await asyncio.wait_for(first, 5)
        await stage.place(stage.order(1, "buy market 1000000"))
        await asyncio.sleep(3)
        return fills_of(stage.told), stage.of(LinkUp)

    fills, ups = meet(use)
    assert len(fills) == 1
    assert len(ups) == 2


def test_an_address_elsewhere_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(MooringError) as caught:
        KrakenVenue(KrakenConfig(ws_auth_url="wss://example.com/v2"), None, clock=None, random=lambda: 0.0)
    assert caught.value.code == "kraken_bad_address"


def test_two_runs_of_the_same_day_tell_the_same() -> None:
    async def use(stage: Stage):
        for number in range(10):
            with contextlib.suppress(MooringError):
                await stage.place(stage.order(number, "buy limit 5000000 999"))
            await asyncio.sleep(300)
        return [repr(event) for event in stage.told]

    faults = [
        {"kind": "cut", "match": "frame:executions", "percent": 20},
        {"kind": "drop_answer", "match": "ws:add_order", "percent": 30},
    ]
    assert meet(use, *faults) == meet(use, *faults)


@pytest.mark.parametrize("channel", ["executions", "balances"])
def test_a_connection_whose_snapshot_never_comes_is_opened_anew(channel) -> None:
    async def use(stage: Stage):
        listening = asyncio.create_task(stage.listen())
        await asyncio.sleep(25)
        early = stage.of(LinkUp)
        await listening
        return early, stage.virtual.simulation.faults.hits

    early, hits = meet(use, {"kind": "drop_frame", "match": f"frame:{channel}", "times": 2}, listen=False)
    assert early == []
    assert hits == [2]


def test_after_a_gap_whose_snapshot_never_comes_the_link_is_up_again_by_itself() -> None:
    async def use(stage: Stage):
        stage.fault(kind="drop_frame", match="frame:executions", times=1)  # the beginning of the order
        stage.fault(kind="drop_frame", match="frame:executions", skip=2, times=1)  # what is told after asking anew
        await stage.place(stage.order(1, "buy limit 1000000 900"))
        await asyncio.sleep(25)
        during = stage.told[-1]
        await stage.until(lambda: isinstance(stage.told[-1], LinkUp))
        await stage.place(stage.order(2, "buy market 1000000"))
        await asyncio.sleep(3)
        return during, [type(e) for e in stage.told if isinstance(e, LinkUp | LinkDown)], fills_of(stage.told)

    during, states, fills = meet(use)
    assert isinstance(during, LinkDown)
    assert states == [LinkUp, LinkDown, LinkUp]
    assert len(fills) == 1


def test_a_subscription_that_is_refused_is_told_once_and_asked_for_until_it_is_granted() -> None:
    async def use(stage: Stage):
        await stage.listen()
        return stage.of(Trouble), stage.virtual.simulation.faults.hits

    refusal = {"kind": "error", "match": "ws:subscribe", "text": "EGeneral:Permission denied", "times": 5}
    troubles, hits = meet(use, refusal, listen=False)
    assert [trouble.code for trouble in troubles] == ["kraken_not_allowed"]
    assert hits == [5]
