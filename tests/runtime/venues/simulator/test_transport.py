"""The look-alike inside one event loop, in virtual time."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError

from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.transport import VirtualVenue
from mooring.runtime.venues.simulator.venue import Config


def virtual(*faults: dict) -> VirtualVenue:
    scenario = parse_scenario({"fault": list(faults)}, "test")
    return VirtualVenue(Simulation(["BTC-USD"], config=Config(tier="pro"), scenario=scenario))


def http(one: VirtualVenue) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=one.transport, base_url="http://127.0.0.1", timeout=5)


def test_rest_answers_and_time_stands_still() -> None:
    async def play() -> None:
        one = virtual()
        async with http(one) as client:
            first = (await client.get("/0/public/Time")).json()
            assert (await client.get("/0/public/Time")).json() == first
            await one.advance(60)
            assert (await client.get("/0/public/Time")).json()["result"]["unixtime"] == first["result"]["unixtime"] + 60
            rows = (await client.get("/0/public/OHLC", params={"pair": "XBTUSD"})).json()["result"]["XXBTZUSD"]
            assert len(rows) == 721

    asyncio.run(play())


def test_a_delay_passes_virtual_time_and_no_more_than_the_client_waits() -> None:
    async def play() -> None:
        one = virtual(
            {"kind": "delay", "match": "rest:Time", "seconds": 3, "times": 1},
            {"kind": "delay", "match": "rest:SystemStatus", "seconds": 30, "times": 1},
            {"kind": "drop_answer", "match": "rest:Assets", "times": 1},
            {"kind": "http_error", "match": "rest:Ticker", "status": 520, "times": 1},
        )
        begun = one.simulation.venue.now
        async with http(one) as client:
            await client.get("/0/public/Time")
            assert one.simulation.venue.now - begun == 3 * 10**9
            with pytest.raises(httpx.ReadTimeout):
                await client.get("/0/public/SystemStatus")
            assert one.simulation.venue.now - begun == 8 * 10**9
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/0/public/Assets")
            assert (await client.get("/0/public/Ticker")).status_code == 520

    asyncio.run(play())


def test_a_websocket_gets_its_frames_as_time_passes_and_breaks_when_cut() -> None:
    async def play() -> None:
        one = virtual({"kind": "disconnect_all", "after": 300})
        socket = one.connect("ws://anywhere/v2")
        assert json.loads(await socket.recv())["channel"] == "status"
        await socket.send('{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}')
        assert json.loads(await socket.recv())["success"]
        seen: list[str] = []

        async def read() -> None:
            while True:
                seen.append(json.loads(await socket.recv())["channel"])

        task = asyncio.create_task(read())
        await one.advance(240)
        assert seen.count("trade") == 4
        assert seen.count("heartbeat") > 200
        await one.advance(120)
        with pytest.raises(ConnectionClosedError):
            await task
        with pytest.raises(ConnectionClosedError):
            await socket.send("{}")
        with pytest.raises(OSError, match="endpoint"):
            one.connect("ws://anywhere/nope")

    asyncio.run(play())


def test_closing_one_end_ends_the_session() -> None:
    async def play() -> None:
        one = virtual()
        socket = one.connect("ws://x/auth/v2")
        await socket.close()
        assert one.simulation.venue.listeners == []
        await one.advance(1)

    asyncio.run(play())
