"""Orders over the private link: at most once, exact numbers on the wire, every outcome named."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Denied, MooringError, NotFound, Retry, Unknown
from mooring.runtime.venues.kraken.limits import UNIT, Lane
from mooring.runtime.venues.kraken.numbers import parse_json
from mooring.runtime.venues.kraken.orders import Amendment, NewOrder, OrderType, Side, TimeInForce
from mooring.runtime.venues.kraken.signals import Connected
from mooring.runtime.venues.kraken.sockets import wire_json
from mooring.runtime.venues.kraken.ws_trading import order_params
from tests.support.kraken_client import CLIENT_ID, OTHER_ID, pair
from tests.support.kraken_link import TOKEN, Client, running, script_of
from tests.support.kraken_ws import Peer, eventually, serve

BTC = pair()
ORDER = NewOrder(pair=BTC, side=Side.BUY, order_type=OrderType.LIMIT, lots=97, limit=375_001, client_id=CLIENT_ID)
OTHER = NewOrder(pair=BTC, side=Side.SELL, order_type=OrderType.MARKET, lots=10**8, client_id=OTHER_ID)
THIRD_ID = "00000000-0000-4000-8000-000000000001"


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
    assert "the connection broke" in error.what
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


def test_the_library_logs_no_frames_as_requests_hold_tokens(caplog) -> None:
    for name in ("", "websockets", "websockets.client"):
        caplog.set_level(logging.DEBUG, logger=name)
    trade(replying(result={"count": 1}), CHANGES["cancel all"])
    assert [record for record in caplog.records if record.name.startswith("websockets.client")] == []


def test_no_token_is_in_an_error() -> None:
    for answer in (hang_up, replying(success=False, error=f"EGeneral:Invalid arguments:{TOKEN}1")):
        _, error, client = trade(answer, CHANGES["add"])
        told = str(error) + repr(error) + repr(vars(error)) + repr(error.__context__) + repr(client.link.orders)
        assert TOKEN not in told


@settings(deadline=None)
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
