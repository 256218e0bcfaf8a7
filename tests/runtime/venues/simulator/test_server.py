"""The look-alike behind real sockets of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from mooring.runtime.market.clock import ManualClock
from mooring.runtime.venues.simulator import server as server_module
from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.rest_api import Request
from mooring.runtime.venues.simulator.server import Server
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config
from tests.support.look_alike_rest import Client


@contextlib.asynccontextmanager
async def serving(*faults: dict, speed: float = 0) -> AsyncIterator[tuple[Server, httpx.AsyncClient, ManualClock]]:
    """A server whose real time is a clock that the test moves, and a client of it."""
    scenario = parse_scenario({"fault": list(faults)}, "test")
    simulation = Simulation(["BTC-USD", "SOL-USD"], config=Config(tier="pro"), scenario=scenario)
    clock = ManualClock()
    server = Server(simulation, speed=speed, clock=clock)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.urls["rest"], timeout=20, trust_env=False) as client:
            yield server, client, clock
    finally:
        await server.stop()


def run(coroutine: Any) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


def test_rest_over_a_kept_connection() -> None:
    async def play() -> None:
        async with serving() as (server, client, _):
            for _ in range(3):
                answer = await client.get("/0/public/Time")
                assert answer.json()["error"] == []
            assert len(server.connections) == 1
            head = await client.get("/0/public/AssetPairs", params={"pair": "XBTUSD"})
            assert head.json()["result"]["XXBTZUSD"]["wsname"] == "XBT/USD"
            assert (await client.get("/elsewhere")).json() == {"error": ["EGeneral:Unknown method"]}

    run(play())


def test_a_signed_call_is_answered_as_without_sockets() -> None:
    async def play() -> None:
        async with serving() as (server, client, _):
            hand = Client(server.simulation)
            sent: list[Request] = []
            handle = server.simulation.rest.handle
            server.simulation.rest.handle = lambda request: sent.append(request) or handle(request)  # type: ignore[method-assign]
            expected = hand.send("Balance").body
            request = sent[0]
            signed = hand.venue.key
            signed.last_nonce = 0
            signed._used.clear()
            answer = await client.post(request.path, content=request.body, headers=dict(request.headers))
            assert answer.content == expected

    run(play())


def test_a_dropped_answer_resets_the_line_and_the_order_is_there() -> None:
    async def play() -> None:
        async with serving({"kind": "drop_answer", "match": "rest:Time", "times": 1}) as (_, client, _clock):
            with pytest.raises(httpx.TransportError):
                await client.get("/0/public/Time")
            assert (await client.get("/0/public/Time")).status_code == 200

    run(play())


def test_a_delayed_answer_comes_when_the_venues_time_has_come() -> None:
    async def play() -> None:
        async with serving({"kind": "delay", "match": "rest:Time", "seconds": 600, "times": 1}, speed=60) as (
            _,
            client,
            clock,
        ):
            waiting = asyncio.create_task(client.get("/0/public/Time"))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            clock.advance(11)
            assert (await waiting).status_code == 200

    run(play())


def test_time_runs_at_its_speed_and_frames_come_with_it() -> None:
    async def play() -> None:
        async with serving(speed=60) as (server, _, clock), connect(server.urls["ws"]) as socket:
            assert json.loads(await socket.recv())["channel"] == "status"
            await socket.send('{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]},"req_id":1}')
            assert json.loads(await socket.recv())["success"]
            assert json.loads(await socket.recv())["type"] == "snapshot"
            clock.advance(5)
            kinds = set()
            while kinds < {"book", "heartbeat"}:
                kinds.add(json.loads(await socket.recv())["channel"])
            assert (server.simulation.venue.now - server.simulation.venue.started) == 300 * 10**9

    run(play())


def test_stepped_time_moves_only_by_the_control_route_and_heartbeats_go_on() -> None:
    async def play() -> None:
        async with serving() as (server, client, clock), connect(server.urls["ws"]) as socket:
            await socket.recv()
            before = (await client.get("/0/public/Time")).json()
            clock.advance(100)
            assert json.loads(await socket.recv()) == {"channel": "heartbeat"}
            assert (await client.get("/0/public/Time")).json() == before
            moved = await client.post("/sim/advance", json={"seconds": "3600.5"})
            assert moved.json() == {"time": "2024-01-31T01:00:00.500000000Z"}

    run(play())


def test_endpoints_apart_and_a_wrong_path() -> None:
    async def play() -> None:
        async with serving() as (server, _, _clock):
            hand = Client(server.simulation)
            token = hand.result("GetWebSocketsToken")["token"]
            ask = json.dumps({"method": "subscribe", "params": {"channel": "balances", "token": token}})
            said = []
            for name in ("ws", "ws_auth"):
                async with connect(server.urls[name]) as socket:
                    await socket.recv()
                    await socket.send(ask)
                    said.append(json.loads(await socket.recv())["success"])
            assert said == [False, True]
            with pytest.raises(InvalidStatus):
                await connect(server.urls["ws"] + "/nope")

    run(play())


def test_a_cut_line_ends_without_a_closing_word() -> None:
    async def play() -> None:
        async with serving({"kind": "disconnect", "match": "ws:ping"}) as (server, _, _clock):
            async with connect(server.urls["ws"]) as socket:
                await socket.recv()
                await socket.send('{"method":"ping"}')
                with pytest.raises(ConnectionClosed) as ended:
                    await socket.recv()
                assert ended.value.rcvd is None, "no closing frame"
            assert server.simulation.venue.listeners == []

    run(play())


def test_fragments_binary_frames_and_protocol_pings_are_taken() -> None:
    async def play() -> None:
        async with serving() as (server, _, _clock), connect(server.urls["ws"]) as socket:
            await socket.recv()
            await socket.send(['{"method":', '"ping",', '"req_id":7}'])
            assert json.loads(await socket.recv())["req_id"] == 7
            await (await socket.ping())
            await socket.send(b'{"method":"ping","req_id":8}')
            assert json.loads(await socket.recv())["req_id"] == 8

    run(play())


@pytest.mark.parametrize(
    "sent", [b"\x00" * 100, b"GET / HTTP/9\r\n\r\n", b"A" * 200_000, b"POST /0/private/Balance HTTP/1.1\r\n\r\n"]
)
def test_rubbish_on_the_line_harms_nobody_else(sent: bytes) -> None:
    async def play() -> None:
        async with serving() as (server, client, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            with contextlib.suppress(OSError):
                await writer.drain()
                await asyncio.wait_for(reader.read(1000), 5)
            writer.close()
            assert (await client.get("/0/public/Time")).status_code == 200

    run(play())


def test_more_lines_than_it_takes_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS_MAX", 2)

    async def play() -> None:
        async with serving() as (server, _, _clock):
            lines = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
            with contextlib.suppress(OSError):
                assert await asyncio.wait_for(lines[2][0].read(1), 10) == b""
            assert len(server.connections) == 2
            for _, writer in lines:
                writer.close()

    run(play())


def test_a_body_that_is_too_large_breaks_the_line() -> None:
    async def play() -> None:
        async with serving() as (_, client, _clock):
            with pytest.raises(httpx.TransportError):
                await client.post("/0/private/Balance", content=b"x" * 1_100_000)

    run(play())


def test_faults_and_modes_by_the_control_routes() -> None:
    async def play() -> None:
        async with serving() as (_, client, _clock):
            added = await client.post(
                "/sim/faults", json={"kind": "error", "match": "rest:Time", "text": "EService:Busy"}
            )
            assert added.json() == {"fault": 0}
            assert (await client.get("/0/public/Time")).json() == {"error": ["EService:Busy"]}
            state = (await client.get("/sim/state")).json()
            assert state["faults"] == [{"kind": "error", "name": "", "match": "rest:Time", "hits": 1}]
            assert (await client.delete("/sim/faults")).json() == {"faults": []}
            assert (await client.get("/0/public/Time")).json()["error"] == []
            assert (await client.post("/sim/status", json={"mode": "maintenance"})).status_code == 200
            assert (await client.get("/0/public/SystemStatus")).json()["result"]["status"] == "maintenance"

    run(play())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/sim/nope", b"", 404),
        ("POST", "/sim/faults", b"{", 400),
        ("POST", "/sim/faults", b"[]", 400),
        ("POST", "/sim/faults", b'{"kind": "nope"}', 400),
        ("POST", "/sim/faults", b'{"kind": "deposit", "asset": "NOPE", "amount": "1"}', 400),
        ("POST", "/sim/status", b'{"mode": "broken"}', 400),
        ("POST", "/sim/status", b'{"mode": "online", "pair": "NOPE"}', 400),
        ("POST", "/sim/advance", b'{"seconds": "NaN"}', 400),
        ("POST", "/sim/advance", b'{"seconds": "x"}', 400),
        ("POST", "/sim/advance", b'{"seconds": -1}', 400),
        ("POST", "/sim/advance", b"{}", 400),
    ],
)
def test_control_routes_refuse_what_is_wrong(method: str, path: str, body: bytes, status: int) -> None:
    async def play() -> None:
        async with serving() as (_, client, _clock):
            answer = await client.request(method, path, content=body)
            assert answer.status_code == status
            assert answer.json()["error"]

    run(play())


def test_control_routes_are_not_for_browsers() -> None:
    async def play() -> None:
        async with serving() as (_, client, _clock):
            answer = await client.get("/sim/state", headers={"Origin": "http://example.com"})
            assert answer.status_code == 403

    run(play())


def test_the_books_of_an_account_can_be_asked_for_whole() -> None:
    async def play() -> None:
        async with serving({"kind": "rest_lag", "seconds": 60}) as (server, client, _):
            hand = Client(server.simulation)
            done = hand.buy("0.01")
            hand.buy("0.01", ordertype="limit", price=hand.price(500))
            books = (await client.get("/sim/books")).json()["main"]
            assert books["orders"][done]["status"] == "closed", "no lag here"
            assert set(books["holds"]) == {"ZUSD"}
            totals = dict.fromkeys(books["balances"], 0)
            for line in books["ledger"].values():
                totals[line["asset"]] += round((float(line["amount"]) - float(line["fee"])) * 10**10)
            assert {a: round(float(b) * 10**10) for a, b in books["balances"].items()} == pytest.approx(totals, abs=10)
            assert len(books["trades"]) == len(books["orders"][done]["trades"])

    run(play())
