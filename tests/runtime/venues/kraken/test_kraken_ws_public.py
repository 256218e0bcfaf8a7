"""The public link over real sockets: kept up, subscribed again, its books checked and asked for anew."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import serve as listen

from mooring.errors import Invalid
from mooring.runtime.venues.kraken import events, ws
from mooring.runtime.venues.kraken.signals import BookChanged, BookLost, Connected, Lost, Refused
from mooring.runtime.venues.kraken.sockets import SocketClosed, open_socket
from tests.support.kraken_client import pair
from tests.support.kraken_ws import Peer, eventually, serve

BTC, SOL = pair(), pair("SOLUSD")
LIMIT = 30.0  # seconds until a test gives up; nothing takes that long
STATUS = {"channel": "status", "type": "update", "data": [{"system": "online", "connection_id": 1}]}


@asynccontextmanager
async def running(url: str, **options):
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0.001)

    link = ws.PublicLink(
        url, random=lambda: 1.0, monotonic=options.pop("monotonic", time.monotonic), sleep=sleep, **options
    )
    link.slept = slept
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(link, kind, **fields):
    """The next signal of a kind, passing over others."""
    async with asyncio.timeout(LIMIT):
        while True:
            signal = await link.next()
            if isinstance(signal, kind) and all(getattr(signal, name) == value for name, value in fields.items()):
                return signal


def book_frame(symbol: str, kind: str, checksum: int, *, bid: float = 1.0, qty: float = 1.0) -> dict:
    bids = [{"price": bid, "qty": qty}]
    return {
        "channel": "book",
        "type": kind,
        "data": [{"symbol": symbol, "bids": bids, "asks": [], "checksum": checksum}],
    }


def crc(bid: str, qty: str) -> int:
    return zlib.crc32((bid + qty).encode())


def test_subscriptions_are_asked_for_together_and_events_come_typed() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(STATUS)
        await peer.accept(2)
        await peer.send({"channel": "heartbeat"})
        trade = {
            "symbol": BTC.ws,
            "side": "buy",
            "price": 1.5,
            "qty": 2.0,
            "ord_type": "limit",
            "trade_id": 7,
            "timestamp": "t",
        }
        await peer.send({"channel": "trade", "type": "update", "data": [trade]})
        await peer.stay()

    async def main():
        async with serve(script) as server, running(server.url) as link:
            await link.subscribe(ws.trades(BTC), ws.trades(SOL), ws.candles(BTC, minutes=60), ws.trades(BTC))
            await until(link, Connected)
            assert (await until(link, events.Status)).system == "online"
            frame = await until(link, events.MarketTrades)
            return server.seen, frame

    seen, frame = asyncio.run(main())
    asked = {each["params"]["channel"]: each["params"] for each in seen}
    assert asked["trade"] == {"channel": "trade", "symbol": [BTC.ws, SOL.ws]}
    assert asked["ohlc"] == {"channel": "ohlc", "interval": 60, "symbol": [BTC.ws]}
    assert str(frame.trades[0].price) == "1.5"


def test_a_lost_connection_is_told_once_and_everything_is_asked_for_again() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept(1)
        await peer.drop()

    async def second(peer: Peer) -> None:
        await peer.accept(1)
        await peer.stay()

    async def main():
        async with serve(first, second) as server, running(server.url) as link:
            await link.subscribe(ws.ticker(BTC))
            await until(link, Connected)
            await until(link, Lost)
            await until(link, Connected)
            await eventually(lambda: len(server.seen) >= 2)
            return server.seen, link.slept

    seen, slept = asyncio.run(main())
    assert seen[0]["params"] == seen[1]["params"]
    assert slept[0] == 0.2


def test_a_book_that_does_not_agree_is_asked_for_anew_and_only_that_one() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(1)
        await peer.send(book_frame(BTC.ws, "snapshot", crc("10", "100000000")))
        await peer.send(book_frame(SOL.ws, "snapshot", crc("10", "100000000")))
        await peer.send(book_frame(BTC.ws, "update", crc("10", "200000000"), qty=2.0))
        await peer.send(book_frame(BTC.ws, "update", 123, qty=3.0))
        await peer.send(book_frame(BTC.ws, "update", 456, qty=4.0))
        await peer.accept(2)
        await peer.send(book_frame(BTC.ws, "snapshot", crc("10", "500000000"), qty=5.0))
        await peer.stay()

    async def main():
        async with serve(script) as server, running(server.url) as link:
            btc = await link.keep_book(BTC, depth=10)
            sol = await link.keep_book(SOL, depth=10)
            await until(link, BookChanged, symbol=BTC.ws)
            await until(link, BookChanged, symbol=BTC.ws)
            await until(link, BookLost, symbol=BTC.ws)
            await until(link, BookChanged, symbol=BTC.ws)
            assert btc.bids.best(1) == [(10, 5 * 10**8)]
            assert sol.valid
            assert link.connected
            return server.seen, server.connections

    seen, connections = asyncio.run(main())
    assert connections == 1
    assert [(each["method"], each["params"]) for each in seen[1:]] == [
        ("unsubscribe", {"channel": "book", "depth": 10, "symbol": [BTC.ws]}),
        ("subscribe", {"channel": "book", "depth": 10, "symbol": [BTC.ws]}),
    ]


def test_books_do_not_hold_while_the_connection_is_down() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept(1)
        await peer.send(book_frame(BTC.ws, "snapshot", crc("10", "100000000")))
        await peer.stay()

    async def main():
        async with serve(first) as server, running(server.url) as link:
            book = await link.keep_book(BTC, depth=10)
            with pytest.raises(Invalid):
                await link.keep_book(BTC, depth=25)
            await until(link, BookChanged)
            assert book.valid
            await link._socket._connection.close()
            await until(link, Lost)
            assert not book.valid
            await until(link, BookChanged)
            await link.drop_book(BTC)
            assert not book.valid
            await eventually(lambda: server.seen[-1]["method"] == "unsubscribe")

    asyncio.run(main())


def test_a_refused_subscription_is_told_and_not_asked_for_again() -> None:
    def refuse(request: dict) -> dict:
        return {
            "method": "subscribe", "success": False, "symbol": "XBT/USD", "req_id": request["req_id"],
            "error": "Currency pair not supported XBT/USD",
        }  # fmt: skip

    async def first(peer: Peer) -> None:
        await peer.send(refuse(await peer.request()))
        await peer.accept(1)
        await peer.drop()

    async def second(peer: Peer) -> None:
        await peer.accept(1)
        await peer.stay()

    async def main():
        async with serve(first, second) as server, running(server.url) as link:
            await link.subscribe(ws.ticker(BTC))
            told = await until(link, Refused)
            await link.subscribe(ws.trades(SOL))
            await until(link, Lost)
            await until(link, Connected)
            await eventually(lambda: len(server.seen) >= 3)
            return told, [each["params"]["channel"] for each in server.seen]

    told, channels = asyncio.run(main())
    assert told.error.code == "kraken_unknown_name"
    assert channels == ["ticker", "trade", "trade"]


def test_a_silent_connection_is_asked_for_a_sign_of_life_and_then_replaced() -> None:
    async def silent(peer: Peer) -> None:
        for _ in range(2):
            peer.seen.append(json.loads(await peer.connection.recv()))
        await peer.connection.wait_closed()

    async def second(peer: Peer) -> None:
        await peer.accept(1)
        await peer.stay()

    async def main():
        async with serve(silent, second) as server, running(server.url, stale_seconds=0.3) as link:
            await link.subscribe(ws.ticker(BTC))
            lost = await until(link, Lost)
            await until(link, Connected)
            return lost, [each["method"] for each in server.seen[:2]]

    lost, methods = asyncio.run(main())
    assert "silent" in lost.reason
    assert methods == ["subscribe", "ping"]


def test_a_pong_is_a_sign_of_life() -> None:
    async def main():
        async with serve(Peer.stay) as server, running(server.url, stale_seconds=0.2) as link:
            await until(link, Connected)
            await asyncio.sleep(0.7)
            return server.connections, link.connected

    assert asyncio.run(main()) == (1, True)


def test_signals_that_nobody_takes_do_not_pile_up() -> None:
    async def flood(peer: Peer) -> None:
        while True:
            await peer.send(STATUS)

    async def main():
        async with serve(flood, Peer.stay) as server, running(server.url, queue_max=50) as link:
            await eventually(lambda: server.connections >= 2)
            assert link._queue.qsize() <= 50
            return await until(link, Lost)

    assert "not taken" in asyncio.run(main()).reason


@pytest.mark.parametrize("frame", ["not json", '{"channel":"book","type":"update","data":[{"symbol":"A"}]}'])
def test_a_frame_that_cannot_be_read_is_told_and_the_link_starts_anew(frame) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(frame)
        await peer.stay()

    async def main():
        async with serve(script, Peer.stay) as server, running(server.url) as link:
            told = await until(link, Refused)
            await until(link, Lost)
            await until(link, Connected)
            return told

    assert asyncio.run(main()).error.code == "kraken_unreadable_answer"


def test_a_frame_longer_than_the_bound_ends_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.send('{"channel":"x","data":"' + "x" * (9 * 1024 * 1024) + '"}')
        await peer.stay()

    async def main():
        async with serve(script, Peer.stay) as server, running(server.url) as link:
            await until(link, Lost)
            await until(link, Connected)

    asyncio.run(main())


def test_a_subscription_that_is_never_acknowledged_ends_the_connection() -> None:
    now = 0.0

    async def first(peer: Peer) -> None:
        await peer.request()
        nonlocal now
        now += 11
        await peer.send({"channel": "heartbeat"})
        await peer.stay()

    async def second(peer: Peer) -> None:
        await peer.accept(1)
        await peer.stay()

    async def main():
        async with serve(first, second) as server, running(server.url, monotonic=lambda: now) as link:
            await link.subscribe(ws.ticker(BTC))
            lost = await until(link, Lost)
            await until(link, Connected)
            return lost

    assert "not acknowledged" in asyncio.run(main()).reason


def test_a_rate_limited_subscription_is_asked_for_again_later() -> None:
    async def first(peer: Peer) -> None:
        request = await peer.request()
        await peer.send(
            {
                "method": "subscribe",
                "success": False,
                "error": "EGeneral:Too many requests",
                "req_id": request["req_id"],
            }
        )
        await peer.stay()

    async def second(peer: Peer) -> None:
        await peer.accept(1)
        await peer.stay()

    async def main():
        async with serve(first, second) as server, running(server.url) as link:
            await link.subscribe(ws.ticker(BTC))
            assert (await until(link, Lost)).reason == "kraken_rate_limited"
            await eventually(lambda: len(server.seen) >= 2)

    asyncio.run(main())


def test_maintenance_makes_the_waits_longer() -> None:
    async def script(peer: Peer) -> None:
        await peer.send({"channel": "status", "type": "update", "data": [{"system": "maintenance"}]})

    async def main():
        async with serve(script, Peer.stay) as server, running(server.url) as link:
            await until(link, Lost)
            await until(link, Connected)
            assert link.system == "maintenance"
            return link.slept

    assert asyncio.run(main())[0] == 10.0


def test_connections_that_fail_are_tried_with_longer_and_longer_waits() -> None:
    async def main():
        async with serve(Peer.stay) as server:
            url = server.url
        async with running(url) as link:
            await eventually(lambda: len(link.slept) >= 70)
            return link.slept, link._queue.qsize()

    slept, waiting = asyncio.run(main())
    assert slept[:5] == [0.2, 0.2, 4.0, 8.0, 16.0]
    assert max(slept[:55]) == 60.0
    assert any(wait > 60.0 for wait in slept)  # the budget of connections is used up
    assert waiting == 0


def test_a_redirect_is_not_followed() -> None:
    async def main():
        async with serve(Peer.stay) as elsewhere:

            async def redirect(connection, _request):
                response = connection.respond(HTTPStatus.FOUND, "")
                response.headers["Location"] = elsewhere.url
                return response

            async with listen(lambda _: None, "127.0.0.1", 0, process_request=redirect) as server:
                port = next(iter(server.sockets)).getsockname()[1]
                with pytest.raises(SocketClosed):
                    async with open_socket(f"ws://127.0.0.1:{port}"):
                        raise AssertionError("followed")
            return elsewhere.connections

    assert asyncio.run(main()) == 0


def test_an_address_that_is_not_krakens_is_refused() -> None:
    async def main():
        async with open_socket("wss://evil.example/v2"):
            raise AssertionError("opened")

    with pytest.raises(Invalid):
        asyncio.run(main())
    link = ws.PublicLink("wss://evil.example/v2", random=lambda: 1.0, monotonic=lambda: 0.0)
    with pytest.raises(Invalid):
        asyncio.run(link.run())
