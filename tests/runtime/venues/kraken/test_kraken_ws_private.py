"""The private link over real sockets: frames counted, fills told once, what is missing named."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Denied
from mooring.runtime.venues.kraken import events
from mooring.runtime.venues.kraken.account import Token
from mooring.runtime.venues.kraken.frames import read_frame
from mooring.runtime.venues.kraken.signals import Connected, Gap, Lost, OrdersTold, Refused
from mooring.runtime.venues.kraken.ws import PrivateLink
from tests.support.kraken_client import CLIENT_ID, pair
from tests.support.kraken_link import TOKEN, running, script_of
from tests.support.kraken_ws import Peer, eventually, serve

BTC = pair()
OPEN = {
    "order_id": "O1",
    "cl_ord_id": CLIENT_ID,
    "symbol": BTC.ws,
    "order_qty": 1.0,
    "exec_type": "new",
    "order_status": "new",
    "side": "buy",
}


def executions(sequence: int | None, *reports: dict, kind: str = "update") -> dict:
    frame = {"channel": "executions", "type": kind, "data": list(reports)}
    return frame if sequence is None else frame | {"sequence": sequence}


def fill(number: int) -> dict:
    return {
        "order_id": "O1", "exec_type": "trade", "order_status": "partially_filled", "exec_id": f"T{number}",
        "last_qty": 0.1, "last_price": 10.0, "cum_qty": number / 10, "timestamp": "t",
    }  # fmt: skip


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


def test_past_fills_in_a_second_snapshot_do_not_make_open_orders_missing() -> None:
    async def main():
        frames = [executions(1, OPEN, kind="snapshot"), executions(2, fill(1) | {"order_id": "O0"}, kind="snapshot")]
        async with serve(script_of(*frames)) as server, running(server.url) as client:
            await client.until(OrdersTold)
            return await client.until(OrdersTold)

    told = asyncio.run(main())
    assert told.changes.missing == ()
    assert told.changes.changes[0].fill.exec_id == "T1"


@settings(deadline=None)
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
