"""The private link over real sockets: frames counted, fills told once, orders at most once, exact numbers on the wire."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Denied, MooringError, NotFound, Retry, Unknown
from mooring.runtime.venues.kraken import events
from mooring.runtime.venues.kraken.account import Token
from mooring.runtime.venues.kraken.frames import read_frame
from mooring.runtime.venues.kraken.limits import UNIT, Lane, Limits, Tier
from mooring.runtime.venues.kraken.numbers import parse_json
from mooring.runtime.venues.kraken.orders import Amendment, NewOrder, OrderType, Side, TimeInForce
from mooring.runtime.venues.kraken.signals import Connected, Gap, Lost, OrdersTold, Refused
from mooring.runtime.venues.kraken.sockets import wire_json
from mooring.runtime.venues.kraken.ws import PrivateLink
from mooring.runtime.venues.kraken.ws_trading import SocketTrading, order_params
from tests.support.kraken_client import CLIENT_ID, OTHER_ID, clock, pair
from tests.support.kraken_ws import Peer, eventually, serve

BTC = pair()
LIMIT = 30.0
ORDER = NewOrder(pair=BTC, side=Side.BUY, order_type=OrderType.LIMIT, lots=97, limit=375_001, client_id=CLIENT_ID)
OTHER = NewOrder(pair=BTC, side=Side.SELL, order_type=OrderType.MARKET, lots=10**8, client_id=OTHER_ID)
OPEN = {
    "order_id": "O1",
    "cl_ord_id": CLIENT_ID,
    "symbol": BTC.ws,
    "order_qty": 1.0,
    "exec_type": "new",
    "order_status": "new",
    "side": "buy",
}
THIRD_ID = "00000000-0000-4000-8000-000000000001"
TOKEN = "TokenThatOpensNothing"


def executions(sequence: int | None, *reports: dict, kind: str = "update") -> dict:
    frame = {"channel": "executions", "type": kind, "data": list(reports)}
    return frame if sequence is None else frame | {"sequence": sequence}


def fill(number: int) -> dict:
    return {
        "order_id": "O1", "exec_type": "trade", "order_status": "partially_filled", "exec_id": f"T{number}",
        "last_qty": 0.1, "last_price": 10.0, "cum_qty": number / 10, "timestamp": "t",
    }  # fmt: skip


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


def test_each_connection_gets_a_new_token_and_asks_for_orders_and_balances() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept(2)
        await peer.drop()

    async def main():
        async with serve(first, script_of()) as server, running(server.url) as client:
            await client.until(Lost)
            assert client.link.token == ""
            await client.until(Connected)
            await eventually(lambda: len(server.seen) == 4)
            assert client.link.token == f"{TOKEN}2"
            return [each["params"] for each in server.seen]

    said = asyncio.run(main())
    assert [(each["channel"], each["token"]) for each in said] == [
        ("executions", f"{TOKEN}1"), ("balances", f"{TOKEN}1"), ("executions", f"{TOKEN}2"), ("balances", f"{TOKEN}2"),
    ]  # fmt: skip
    assert said[0]["snap_orders"] is said[0]["snap_trades"] is True


def test_orders_and_balances_are_told() -> None:
    balance = {"asset": "BTC", "asset_class": "currency", "balance": 1.25}
    frames = [
        executions(1, OPEN, kind="snapshot"),
        {"channel": "balances", "type": "snapshot", "data": [balance], "sequence": 1},
        executions(2, fill(1)),
    ]

    async def main():
        async with serve(script_of(*frames)) as server, running(server.url) as client:
            told = await client.until(OrdersTold)
            balances = await client.until(events.Balances)
            return told, balances, await client.until(OrdersTold)

    snapshot, balances, update = asyncio.run(main())
    assert snapshot.snapshot
    assert snapshot.changes.changes[0].order.client_id == CLIENT_ID
    assert balances.changes[0].balance == Decimal("1.25")
    assert update.changes.changes[0].fill.symbol == BTC.ws


def test_a_missing_frame_is_told_and_the_channel_asked_for_anew() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(2)
        await peer.send(executions(1, OPEN, kind="snapshot"))
        await peer.send(executions(3, fill(2)))
        await peer.send(executions(4, fill(3)))
        await peer.accept(2)
        await peer.send(executions(1, OPEN, fill(3), kind="snapshot"))
        await peer.stay()

    async def main():
        async with serve(script) as server, running(server.url) as client:
            await client.until(OrdersTold)
            gap = await client.until(Gap)
            told = await client.until(OrdersTold)
            return (
                gap,
                told,
                [(each["method"], each["params"]["channel"]) for each in server.seen[2:]],
                server.connections,
            )

    gap, told, asked, connections = asyncio.run(main())
    assert gap.channel == "executions"
    assert told.snapshot
    assert told.changes.changes[1].fill.exec_id == "T3"
    assert asked == [("unsubscribe", "executions"), ("subscribe", "executions")]
    assert connections == 1


def test_an_order_that_ended_while_the_link_was_down_is_missing_and_not_rejected() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept(2)
        await peer.send(executions(1, OPEN, kind="snapshot"))
        await peer.send({"channel": "heartbeat"})
        await peer.request()

    async def main():
        async with serve(first, script_of(executions(1, kind="snapshot"))) as server, running(server.url) as client:
            await client.until(OrdersTold)
            await client.link._socket._connection.close()
            await client.until(Connected)
            return await client.until(OrdersTold)

    told = asyncio.run(main())
    assert [order.order_id for order in told.changes.missing] == ["O1"]
    assert told.changes.missing[0].status == "new"


@given(st.lists(st.integers(1, 6), max_size=20))
def test_whatever_frames_are_lost_doubled_or_reordered_no_fill_is_missed_in_silence(sequences) -> None:
    """Frame n tells fill n: either all up to the highest were taken, or a gap was told."""
    link = PrivateLink("ws://127.0.0.1:1", token=None, random=lambda: 0.0, monotonic=lambda: 0.0)
    link._take(events_of(executions(0, OPEN, kind="snapshot")))
    for sequence in sequences:
        link._take(events_of(executions(sequence, fill(sequence))))
    told = [link._queue.get_nowait() for _ in range(link._queue.qsize())]
    fills = [
        change.fill.exec_id
        for each in told
        if isinstance(each, OrdersTold)
        for change in each.changes.changes
        if change.fill
    ]
    gaps = [each for each in told if isinstance(each, Gap)]
    assert fills == [f"T{n}" for n in range(1, len(fills) + 1)]
    assert len(gaps) <= 1
    if not gaps:
        assert len(fills) == max(sequences, default=0)


def events_of(raw: dict):
    (frame,) = read_frame(json.dumps(raw))
    return frame


def test_a_token_that_is_refused_is_told_and_asked_for_again() -> None:
    tries = []

    async def token() -> Token:
        tries.append(1)
        if len(tries) == 1:
            raise Denied("kraken_not_allowed", "no right to it")
        return Token(token=TOKEN, expires=900)

    async def main():
        async with serve(script_of()) as server, running(server.url, token=token) as client:
            told = await client.until(Refused)
            await client.until(Connected)
            return told

    assert asyncio.run(main()).error.code == "kraken_not_allowed"


def test_an_expired_token_makes_a_new_connection_with_a_new_one() -> None:
    async def first(peer: Peer) -> None:
        request = await peer.request()
        await peer.send(
            {"method": "subscribe", "success": False, "error": "ESession:Invalid session", "req_id": request["req_id"]}
        )
        await peer.stay()

    async def main():
        async with serve(first, script_of()) as server, running(server.url) as client:
            assert (await client.until(Lost)).reason == "kraken_session_expired"
            await client.until(Connected)
            await eventually(lambda: server.seen[-1]["params"]["token"] == f"{TOKEN}2")

    asyncio.run(main())


def trade(answer, use):
    """What the server saw after the subscriptions, and what `use` gave or raised."""

    async def script(peer: Peer) -> None:
        await peer.accept(2)
        await answer(peer)

    async def main():
        async with serve(script, script_of()) as server, running(server.url) as client:
            await client.until(Connected)
            await eventually(lambda: len(server.seen) >= 2)
            try:
                outcome = await use(client)
            except MooringError as error:
                outcome = error
            return server.seen[2:], outcome, client

    return asyncio.run(main())


def replying(**fields):
    async def answer(peer: Peer) -> None:
        request = await peer.request()
        await peer.send({"method": request["method"], "req_id": request["req_id"], "success": True} | fields)
        await peer.stay()

    return answer


def test_what_an_order_says_on_the_wire() -> None:
    seen, placed, client = trade(replying(result={"order_id": "O1"}), lambda client: client.trading.add(ORDER))
    assert placed.txid == "O1"
    assert seen[0]["params"] == {
        "symbol": BTC.ws,
        "order_type": "limit",
        "side": "buy",
        "order_qty": 9.7e-07,
        "cl_ord_id": CLIENT_ID,
        "fee_preference": "quote",
        "time_in_force": "gtc",
        "limit_price": 37500.1,
        "deadline": "2023-11-14T22:13:25.000Z",
        "token": f"{TOKEN}1",
    }
    assert client.limits.engine(BTC.id).level(0) == UNIT


async def hang_up(peer: Peer) -> None:
    await peer.request()
    await peer.drop()


async def say_nothing(peer: Peer) -> None:
    await peer.stay()


CHANGES = {
    "add": lambda client: client.trading.add(ORDER),
    "batch": lambda client: client.trading.add_batch((ORDER, OTHER)),
    "amend": lambda client: client.trading.amend(Amendment(pair=BTC, client_id=CLIENT_ID, limit=10)),
    "cancel": lambda client: client.trading.cancel(CLIENT_ID, pair=BTC),
    "cancel all": lambda client: client.trading.cancel_all(),
    "dead man": lambda client: client.trading.cancel_all_after(60),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_order_whose_connection_broke_is_unknown_and_was_sent_once(change) -> None:
    seen, error, _ = trade(hang_up, CHANGES[change])
    assert isinstance(error, Unknown)
    assert error.code == "kraken_outcome_unknown"
    assert len([each for each in seen if each["method"] != "subscribe"]) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_an_order_without_a_reply_is_unknown(change, monkeypatch) -> None:
    monkeypatch.setattr("mooring.runtime.venues.kraken.ws_trading.REPLY_SECONDS", 0.05)
    _, error, client = trade(say_nothing, CHANGES[change])
    assert isinstance(error, Unknown)
    assert not client.link.replies._waiting


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "cancel"])
def test_a_reply_that_cannot_be_read_is_unknown(change) -> None:
    _, error, _ = trade(replying(result={"surprise": 1}), CHANGES[change])
    assert isinstance(error, Unknown)


def test_a_refused_order_says_what_must_be_done() -> None:
    _, error, _ = trade(replying(success=False, error="EOrder:Insufficient funds"), CHANGES["add"])
    assert type(error) is Denied
    _, error, _ = trade(replying(success=False, error="EOrder:Unknown order"), CHANGES["cancel"])
    assert type(error) is NotFound
    _, error, _ = trade(replying(success=False, error="EService:Deadline elapsed"), CHANGES["add"])
    assert type(error) is Unknown


def test_replies_find_who_asked_whatever_their_order() -> None:
    async def backwards(peer: Peer) -> None:
        requests = [await peer.request() for _ in range(3)]
        for request in reversed(requests):
            name = request["params"]["cl_ord_id"]
            reply = {"method": "add_order", "req_id": request["req_id"], "success": True, "result": {"order_id": name}}
            await peer.send(reply)
            await peer.send(reply)  # and once more, which nobody waits for
        await peer.stay()

    async def use(client: Client):
        third = NewOrder(pair=BTC, side=Side.BUY, order_type=OrderType.MARKET, lots=1, client_id=THIRD_ID)
        return await asyncio.gather(*(client.trading.add(order) for order in (ORDER, OTHER, third)))

    _, placed, _ = trade(backwards, use)
    assert [each.txid for each in placed] == [CLIENT_ID, OTHER_ID, THIRD_ID]


@pytest.mark.parametrize(
    "result",
    [
        [{"order_id": "O1", "order_userref": 1}, {"error": "EOrder:Invalid price"}],
        {"orders": [{"order_id": "O1", "success": True}, {"success": False, "error": "EOrder:Invalid price"}]},
    ],
)
def test_a_batch_is_read_in_both_of_its_recorded_forms(result) -> None:
    _, placed, _ = trade(replying(result=result), CHANGES["batch"])
    assert placed.orders[0].txid == "O1"
    assert placed.orders[1].code == "kraken_bad_price"


def test_results_of_the_other_methods() -> None:
    assert trade(replying(result={"amend_id": "A1"}), CHANGES["amend"])[1] == "A1"
    assert trade(replying(result={"order_id": "O1"}), CHANGES["cancel"])[1] is None
    assert trade(replying(result={"count": 3}), CHANGES["cancel all"])[1].count == 3
    times = {"currentTime": "2023-09-21T15:49:29Z", "triggerTime": "2023-09-21T15:51:09Z"}
    assert trade(replying(result=times), CHANGES["dead man"])[1].trigger_time == "2023-09-21T15:51:09Z"


def test_without_a_connection_nothing_is_sent() -> None:
    async def main():
        client = Client("ws://127.0.0.1:1")
        with pytest.raises(Retry) as failed:
            await client.trading.add(ORDER)
        return failed.value

    assert asyncio.run(main()).code == "kraken_not_sent"


def test_limits_are_shared_with_rest_and_keep_room_for_cancels() -> None:
    async def use(client: Client):
        while client.limits.engine(BTC.id).take(1, Lane.ENTRY, 0):
            pass
        with pytest.raises(Retry) as full:
            await client.trading.add(ORDER)
        await client.trading.cancel(CLIENT_ID, pair=BTC)
        return full.value

    seen, full, _ = trade(replying(result={"order_id": "O1"}), use)
    assert full.code == "kraken_not_sent"
    assert [each["method"] for each in seen] == ["cancel_order"]
    assert seen[0]["params"]["cl_ord_id"] == [CLIENT_ID]


def test_no_token_is_in_an_error() -> None:
    for answer in (hang_up, replying(success=False, error=f"EGeneral:Invalid arguments:{TOKEN}1")):
        _, error, client = trade(answer, CHANGES["add"])
        told = str(error) + repr(error) + repr(vars(error)) + repr(error.__context__) + repr(client.link.orders)
        assert TOKEN not in told


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=10))
def test_numbers_keep_their_digits_on_the_wire(value) -> None:
    text = wire_json({"a": [value, True, 'x"y', 5]})
    assert "e" not in text.replace("true", "").lower()
    assert parse_json(text) == {"a": [value, True, 'x"y', 5]}


def test_a_float_never_gets_onto_the_wire() -> None:
    with pytest.raises(TypeError):
        wire_json({"price": 1.5})


def test_a_triggered_order_on_the_wire() -> None:
    order = NewOrder(
        pair=BTC, side=Side.SELL, order_type=OrderType.STOP_LOSS_LIMIT, lots=5, trigger=20, limit=10,
        client_id=CLIENT_ID, time_in_force=TimeInForce.GTD, expires_at=0,
    )  # fmt: skip
    params = order_params(order)
    assert params["triggers"] == {"reference": "last", "price": Decimal("2.0")}
    assert params["limit_price"] == Decimal("1.0")
    assert params["expire_time"] == "1970-01-01T00:00:00.000Z"
    assert not {"margin", "leverage", "reduce_only"} & params.keys()
