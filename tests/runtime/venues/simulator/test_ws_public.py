"""The look-alike's public WebSocket channels."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal

import pytest

from mooring.runtime.venues.simulator import ws_api
from tests.support.look_alike_rest import Client, differences, shape
from tests.support.look_alike_ws import Line


@pytest.fixture
def client() -> Client:
    return Client()


def advance(client: Client, seconds: int, *lines: Line, step: int = 60) -> None:
    for _ in range(seconds // step):
        client.simulation.advance(step)
        for line in lines:
            line.read()


def test_the_first_frame_is_the_status_and_changes_are_announced(client: Client) -> None:
    line = Line(client)
    (first,) = line.frames
    assert (first["channel"], first["type"], first["data"][0]["system"]) == ("status", "update", "online")
    assert 2**53 < first["data"][0]["connection_id"] < 2**64
    client.venue.set_mode("maintenance")
    assert [frame["data"][0]["system"] for frame in line.of("status")] == ["online", "maintenance"]


def test_heartbeats_come_every_second_and_a_silent_connection_without_subscription_ends(client: Client) -> None:
    line = Line(client)
    advance(client, 10, line, step=1)
    assert len(line.of("heartbeat")) == 10
    advance(client, 60, line, step=1)
    assert line.session.closed == "idle"
    other = Line(client)
    other.subscribe("ticker", symbol=["BTC/USD"])
    advance(client, 120, other, step=1)
    assert not other.session.closed


def test_a_connection_that_nobody_reads_is_cut(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws_api, "OUTBOX_MAX", 100)
    line = Line(client)
    line.subscribe("book", symbol=["BTC/USD", "SOL/USD"][:1])
    for _ in range(200):
        client.simulation.advance(30)
    assert line.session.closed == "too slow"
    assert client.venue.listeners == []


def test_ping_is_answered_without_success(client: Client) -> None:
    pong = Line(client).one("ping", req_id=101)
    assert pong.keys() == {"method", "req_id", "time_in", "time_out"}
    assert (pong["method"], pong["req_id"]) == ("pong", 101)


def test_n_symbols_give_n_acks_then_n_snapshots(client: Client) -> None:
    line = Line(client)
    line.ask("subscribe", channel="book", symbol=["BTC/USD", "SOL/USD"], depth=25)
    kinds = [frame.get("method") or frame["type"] for frame in line.frames[1:]]
    assert kinds == ["subscribe", "subscribe", "snapshot", "snapshot"]
    assert line.frames[1]["result"] == {"channel": "book", "depth": 25, "snapshot": True, "symbol": "BTC/USD"}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"channel": "book", "symbol": ["XBT/USD"]}, "Currency pair not supported XBT/USD"),
        ({"channel": "book", "symbol": ["BTC/USD"], "depth": 11}, "Subscription depth not supported"),
        ({"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 2}, "Subscription ohlc interval not supported"),
        ({"channel": "nope", "symbol": ["BTC/USD"]}, "Malformed request"),
        ({"channel": "book", "symbol": "BTC/USD"}, "Malformed request"),
        (
            {"channel": "executions"},
            "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
        ),
    ],
)
def test_a_subscription_that_cannot_be_leaves_the_connection_up(client: Client, params: dict, said: str) -> None:
    line = Line(client)
    reply = line.one("subscribe", **params)
    assert (reply["success"], reply["error"]) == (False, said)
    assert line.one("ping")["method"] == "pong"


def test_subscribing_twice_and_unsubscribing_with_the_same_parameters(client: Client) -> None:
    line = Line(client)
    line.subscribe("ohlc", symbol=["BTC/USD"], interval=5)
    assert line.one("subscribe", channel="ohlc", symbol=["BTC/USD"], interval=5)["error"] == "Already subscribed"
    assert line.one("unsubscribe", channel="ohlc", symbol=["BTC/USD"])["error"] == "Subscription Not Found"
    assert line.one("unsubscribe", channel="ohlc", symbol=["BTC/USD"], interval=5)["success"]
    before = len(line.of("ohlc"))
    advance(client, 600, line)
    assert len(line.of("ohlc")) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"method": 5}', '{"method": "nope"}', "[" * 9999, "x" * 300_000])
def test_rubbish_is_a_malformed_request(client: Client, text: str) -> None:
    line = Line(client)
    line.session.receive(text)
    (reply,) = line.read()
    assert reply["error"] == "Malformed request"


def checked(bids: dict, asks: dict) -> int:
    def digits(level: tuple[str, str]) -> str:
        return "".join(one.replace(".", "").lstrip("0") for one in level)

    best = sorted(asks.items(), key=lambda one: Decimal(one[0]))[:10]
    best += sorted(bids.items(), key=lambda one: -Decimal(one[0]))[:10]
    return zlib.crc32("".join(map(digits, best)).encode())


@pytest.mark.parametrize("depth", [10, 100])
def test_a_book_followed_by_its_wire_digits_has_every_checksum(client: Client, depth: int) -> None:
    line = Line(client)
    line.subscribe("book", symbol=["BTC/USD"], depth=depth)
    for n in range(120):
        client.simulation.advance(30)
        if n % 10 == 0:
            client.buy("0.05")
        line.read()
    sides: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}
    frames = [json.loads(text, parse_float=str) for text in line.texts]
    books = [frame for frame in frames if frame.get("channel") == "book"]
    assert len(books) > 60
    for frame in books:
        (data,) = frame["data"]
        for name, side in sides.items():
            for level in data[name]:
                side[level["price"]] = level["qty"]
                if Decimal(level["qty"]) == 0:
                    del side[level["price"]]
            way = -1 if name == "bids" else 1
            for extra in sorted(side, key=lambda one: way * Decimal(one))[depth:]:
                del side[extra]
            assert len(side) == depth
        assert checked(**sides) == data["checksum"]


def test_trades_have_rising_ids_and_equal_those_of_rest(client: Client) -> None:
    line = Line(client)
    line.subscribe("trade", symbol=["BTC/USD"], snapshot=True)
    advance(client, 3600, line)
    rows = [row for frame in line.of("trade") for row in frame["data"]]
    rest = client.public("Trades", pair="XBTUSD", count="1000")["result"]["XXBTZUSD"][-len(rows) :]
    assert [(row["trade_id"], row["price"], row["qty"]) for row in rows] == [
        (row[6], Decimal(row[0]), Decimal(row[1])) for row in rest
    ]
    assert len(line.of("trade")[0]["data"]) == 50


def test_the_running_candle_is_updated_and_ends_as_rest_has_it(client: Client) -> None:
    line = Line(client)
    assert line.subscribe("ohlc", symbol=["BTC/USD"], interval=15)["interval"] == 15
    advance(client, 3600, line)
    last: dict[str, dict] = {}
    for frame in line.of("ohlc"):
        for row in frame["data"]:
            last[row["interval_begin"]] = row
    rest = client.public("OHLC", pair="XBTUSD", interval="15")["result"]["XXBTZUSD"]
    for row, (_, opened, high, low, close, vwap, volume, count) in zip(
        list(last.values())[-3:], rest[-4:-1], strict=True
    ):
        told = [row[name] for name in ("open", "high", "low", "close", "vwap", "volume")]
        assert [Decimal(one) for one in (opened, high, low, close, vwap, volume)] == told
        assert row["trades"] == count


def test_instruments_and_a_pair_that_changes(client: Client) -> None:
    line = Line(client)
    line.subscribe("instrument")
    client.venue.set_mode("cancel_only", "SOLUSD")
    snapshot, update = line.of("instrument")
    assert [pair["symbol"] for pair in snapshot["data"]["pairs"]] == ["BTC/USD", "SOL/USD"]
    assert [(pair["symbol"], pair["status"]) for pair in update["data"]["pairs"]] == [("SOL/USD", "cancel_only")]


def test_frames_have_the_keys_and_types_of_the_recorded_ones(client: Client, market_data) -> None:
    line = Line(client)
    for channel in ("ticker", "trade", "ohlc", "book"):
        line.subscribe(channel, symbol=["BTC/USD"])
    line.subscribe("instrument")
    advance(client, 300, line)
    line.one("ping")

    def ours(channel: str, kind: str) -> dict:
        whole = next(
            text
            for text, f in zip(line.texts, line.frames, strict=True)
            if (f.get("channel"), f.get("type")) == (channel, kind)
        )
        return shape(json.loads(whole))

    folder = market_data / "kraken-fixtures/nautilus_trader"
    wrong = []
    for name, channel, kind in (
        ("ws_book_snapshot", "book", "snapshot"), ("ws_book_update", "book", "update"),
        ("ws_ohlc_update", "ohlc", "update"), ("ws_ticker_snapshot", "ticker", "snapshot"),
        ("ws_trade_update", "trade", "update"),
    ):  # fmt: skip
        recorded = shape(json.loads((folder / f"{name}.json").read_text()))
        wrong += [(name, one) for one in differences(ours(channel, kind), recorded)]
    recorded = json.loads(
        (market_data / "rest-recordings/kraken-data-recorder/ws2_instrument_snapshot.json").read_text()
    )
    here = ours("instrument", "snapshot")
    only_margin = {"margin_initial", "position_limit_long", "position_limit_short"}
    for part in ("assets", "pairs"):
        theirs = {key for row in recorded["data"][part] for key in row} - only_margin
        assert theirs == set(here["data"][part][0])
    pong = next(json.loads(text) for text in line.texts if '"pong"' in text)
    wrong += differences(shape(pong), shape(json.loads((folder / "ws_pong.json").read_text())))
    ack = next(json.loads(text) for text in line.texts if '"subscribe"' in text and '"ticker"' in text)
    wrong += differences(shape(ack), shape(json.loads((folder / "ws_subscribe_response.json").read_text())))
    assert wrong == []
