"""Frames: every recorded one is read; what is new is passed over, what is missing is named."""

from __future__ import annotations

import copy
import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Halt
from mooring.runtime.venues.kraken import events
from mooring.runtime.venues.kraken.frames import LEVELS_MAX, read_frame

NT = "kraken-fixtures/nautilus_trader"
NET = "kraken-fixtures/Kraken.Net"
FRAMES = {
    f"{NT}/ws_add_order_response_failure.json": events.Reply,
    f"{NT}/ws_add_order_response_success.json": events.Reply,
    f"{NT}/ws_batch_add_response_partial.json": events.Reply,
    f"{NT}/ws_book_snapshot.json": events.BookFrame,
    f"{NT}/ws_book_update.json": events.BookFrame,
    f"{NT}/ws_l3_snapshot.json": events.Other,
    f"{NT}/ws_l3_update_add.json": events.Other,
    f"{NT}/ws_l3_update_delete.json": events.Other,
    f"{NT}/ws_l3_update_modify_price.json": events.Other,
    f"{NT}/ws_l3_update_modify_qty.json": events.Other,
    f"{NT}/ws_ohlc_update.json": events.LiveCandles,
    f"{NT}/ws_pong.json": events.Pong,
    f"{NT}/ws_subscribe_response.json": events.Reply,
    f"{NT}/ws_ticker_snapshot.json": events.Tickers,
    f"{NT}/ws_trade_update.json": events.MarketTrades,
    "rest-recordings/kraken-data-recorder/ws2_instrument_snapshot.json": events.Instruments,
}
# Exchanges of Kraken.Net: lines that begin with < and what stands after = are frames of the server.
EXCHANGES = {
    "Socket/SpotApi/CancelAllOrders": [events.Reply],
    "Socket/SpotApi/CancelAllOrdersAfter": [events.Reply],
    "Socket/SpotApi/CancelOrders": [events.Reply, events.Reply],
    "Socket/SpotApi/EditOrder": [events.Reply],
    "Socket/SpotApi/PlaceMultipleOrders": [events.Reply],
    "Socket/SpotApi/PlaceOrder": [events.Reply],
    "Socket/SpotApi/ReplaceOrder": [events.Reply],
    "Subscriptions/Spot/AggBook": [events.Reply, events.BookFrame],
    "Subscriptions/Spot/IndividualBook": [events.Reply, events.Other],
    "Subscriptions/Spot/Kline": [events.Reply, events.LiveCandles],
    "Subscriptions/Spot/Ticker": [events.Reply, events.Tickers],
    "Subscriptions/Spot/Trades": [events.Reply, events.MarketTrades],
}
# Of docs.kraken.com: the life of an order, and balances.
PENDING = {
    "order_id": "OK4GJX-KSTLS-7DZZO5", "order_userref": 3, "symbol": "BTC/USD", "order_qty": 0.005, "cum_cost": 0.0,
    "time_in_force": "GTC", "exec_type": "pending_new", "side": "sell", "order_type": "limit",
    "limit_price_type": "static", "limit_price": 26500.0, "stop_price": 0.0, "order_status": "pending_new",
    "fee_usd_equiv": 0.0, "fee_ccy_pref": "fciq", "timestamp": "2023-09-22T10:33:05.709950Z",
}  # fmt: skip
NEW = {
    "timestamp": "2023-09-22T10:33:05.709982Z", "order_status": "new", "exec_type": "new", "order_userref": 3,
    "order_id": "OK4GJX-KSTLS-7DZZO5",
}  # fmt: skip
TRADE = {
    "order_id": "OK4GJX-KSTLS-7DZZO5", "order_userref": 3, "exec_id": "TGBB7L-HT5LX-J3BZ4A", "exec_type": "trade",
    "trade_id": 62887576, "symbol": "BTC/USD", "side": "sell", "last_qty": 0.005, "last_price": 26599.9,
    "liquidity_ind": "t", "cost": 132.9995, "order_type": "limit", "timestamp": "2023-09-22T10:33:05.709990Z",
    "order_status": "partially_filled", "cum_qty": 0.005, "cum_cost": 132.9995, "avg_price": 26599.9,
    "fee_usd_equiv": 0.3458, "fees": [{"asset": "USD", "qty": 0.3458}],
}  # fmt: skip
BALANCE = {
    "asset": "BTC", "asset_class": "currency", "balance": 1.2,
    "wallets": [{"type": "spot", "id": "main", "balance": 1.2}],
}  # fmt: skip
ENTRY = {
    "ledger_id": "AAICKV-NMQSR-ZO5IJD", "ref_id": "AGBB7L-HT5LX-J3BB4A", "timestamp": "2023-09-22T10:33:05.710082Z",
    "type": "trade", "asset": "BTC", "asset_class": "currency", "category": "trade", "wallet_type": "spot",
    "wallet_id": "main", "amount": -0.005, "fee": 0.0, "balance": 0.005,
}  # fmt: skip


def private(channel: str, *data: dict, kind: str = "update", sequence: int = 1) -> dict:
    return {"channel": channel, "type": kind, "data": list(data), "sequence": sequence}


DOCUMENTED = [
    (private("executions", PENDING, NEW, TRADE, kind="snapshot"), events.Executions),
    (private("balances", BALANCE, kind="snapshot"), events.Balances),
    (private("balances", ENTRY, sequence=9), events.Balances),
    ({"channel": "heartbeat"}, events.Heartbeat),
    ({"channel": "status", "type": "update", "data": [{"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": 13007355780899554854}]}, events.Status),
    ({"error": "Currency pair not supported XBT/USD", "method": "subscribe", "success": False, "symbol": "XBT/USD"}, events.Reply),
    ({"channel": "brand_new", "type": "update", "data": []}, events.Other),
    ({"error": "Malformed request", "success": False}, events.Reply),
]  # fmt: skip


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: path.rsplit("/", 1)[-1])
def test_a_recorded_frame_is_read(market_data, path) -> None:
    (frame,) = read_frame((market_data / path).read_bytes())
    assert type(frame) is FRAMES[path]


@pytest.mark.parametrize("name", EXCHANGES, ids=lambda name: name.rsplit("/", 1)[-1])
def test_the_servers_part_of_a_recorded_exchange_is_read(market_data, name) -> None:
    text = (market_data / f"{NET}/{name}.raw.txt").read_text("utf-8")
    text = re.sub(r"\|\d\|", "7", text)
    said = [line[1:] for line in text.splitlines() if line.startswith("<")]
    rest = text.partition("\n=")[2]
    read = [type(frame) for each in [*said, rest] for frame in read_frame(each)]
    assert read == EXCHANGES[name]


@pytest.mark.parametrize(("raw", "kind"), DOCUMENTED, ids=lambda value: str(value)[:40])
def test_a_documented_frame_is_read_and_new_fields_are_passed_over(raw, kind) -> None:
    (frame,) = read_frame(json.dumps(raw))
    assert type(frame) is kind
    more = copy.deepcopy(raw) | {"brand_new": [1]}
    for each in more.get("data", []):
        each["brand_new"] = {"a": 1}
    assert read_frame(json.dumps(more)) == (frame,)


def test_a_new_order_is_a_delta_without_symbol() -> None:
    (frame,) = read_frame(json.dumps(private("executions", PENDING, NEW, TRADE, kind="snapshot", sequence=1)))
    pending, new, trade = frame.reports
    assert (pending.symbol, pending.order_quantity) == ("BTC/USD", Decimal("0.005"))
    assert (new.symbol, new.order_quantity, new.order_status) == (None, None, "new")
    assert trade.fees == (events.Fee(asset="USD", quantity=Decimal("0.3458")),)
    assert trade.order_status == "partially_filled"
    assert (frame.snapshot, frame.sequence) == (True, 1)


def test_figures_of_the_recorded_instruments(market_data) -> None:
    path = "rest-recordings/kraken-data-recorder/ws2_instrument_snapshot.json"
    (frame,) = read_frame((market_data / path).read_bytes())
    assert (len(frame.assets), len(frame.pairs)) == (296, 683)
    btc = next(pair for pair in frame.pairs if pair.symbol == "BTC/USD")
    assert (btc.price_precision, btc.quantity_precision, btc.price_increment) == (1, 8, Decimal("0.1"))


def test_a_connection_id_above_2_to_the_53_is_exact() -> None:
    (frame,) = read_frame(json.dumps(DOCUMENTED[4][0]))
    assert frame.connection_id == 13007355780899554854


def test_book_levels_keep_their_digits() -> None:
    text = '{"channel":"book","type":"update","data":[{"symbol":"A/B","bids":[{"price":0.5660,"qty":0.02800000}],"asks":[],"checksum":5}]}'
    (frame,) = read_frame(text)
    assert [str(value) for value in frame.bids[0]] == ["0.5660", "0.02800000"]


@pytest.mark.parametrize("raw", [raw for raw, _ in DOCUMENTED[:6]], ids=lambda raw: str(raw)[:40])
def test_a_frame_without_one_of_its_parts_is_read_or_halts(raw) -> None:
    for path in list(paths(raw)):
        for other in (None, [], {}, "x", 1.5, True):
            changed = copy.deepcopy(raw)
            place = changed
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = other
            try:
                read_frame(json.dumps(changed))
            except Halt as halted:
                assert halted.code == "kraken_unreadable_answer"  # noqa: PT017 -- most of them are read


def paths(raw, path=()):
    items = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for name, value in items:
        yield (*path, name)
        yield from paths(value, (*path, name))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        '"x"',
        '{"channel":"book","type":"update","data":[{"symbol":"A","bids":[[1,2]],"checksum":1}]}',
        '{"channel":"book","type":"update","data":[{"symbol":"A","bids":[{"price":"1","qty":"2"}],"checksum":1}]}',
        '{"channel":"book","type":"update","data":[{"symbol":"A","bids":[{"price":1}],"checksum":1}]}',
        '{"channel":"book","type":"update","data":[{"symbol":"A","bids":[{"price":true,"qty":1}],"checksum":1}]}',
        '{"channel":"book","type":"update","data":{"symbol":"A"}}',
        '{"channel":"instrument","type":"update","data":[]}',
    ],
)
def test_what_is_no_frame_halts(text) -> None:
    with pytest.raises(Halt):
        read_frame(text)


def test_a_book_frame_has_a_limit() -> None:
    level = {"price": 1.5, "qty": 1}
    data = [{"symbol": "A", "bids": [level] * (LEVELS_MAX + 1), "asks": [], "checksum": 1}]
    with pytest.raises(Halt):
        read_frame(json.dumps({"channel": "book", "type": "update", "data": data}))


@settings(deadline=None)
@given(st.text(max_size=50) | st.binary(max_size=50))
def test_whatever_comes_is_read_or_halts(text) -> None:
    try:
        read_frame(text)
    except Halt:
        return
