"""The look-alike's REST answers have the keys and types of every recorded one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.look_alike_rest import Client, differences, shape

# What only margin, conditional closes or funding have; the look-alike has none of these.
NOT_HERE = {
    "ml",
    "credit",
    "collateral_value",
    "long_position_limit",
    "short_position_limit",
    "margin_rate",
    "terms",
    "close",
}
# Where recordings don't agree with one another, or a fixture was written by hand and says more than the documentation.
KNOWN = {
    ("BalanceEx", ".<id>.balance is str, recorded as float"),
    ("BalanceEx", ".<id>.hold_trade is str, recorded as float"),
    ("OpenOrders", ".open.<id>.refid is NoneType, recorded as str"),
    ("ClosedOrders", ".closed.<id>.refid is NoneType, recorded as str"),
    ("QueryOrders", ".<id>.refid is NoneType, recorded as str"),
    ("Ledgers", ".count is int, recorded as str"),
    ("TradesHistory", ".count is int, recorded as str"),
    ("CancelOrder", ".count is int, recorded as str"),
    *(("AddOrder", f".descr.{key} is missing") for key in ("pair", "type", "ordertype", "price", "price2", "leverage")),
    # Null at the top of the schedule only; see the test of the top below.
    *(
        ("TradeVolume", f".{side}.<id>.{key} is str, recorded as NoneType")
        for side in ("fees", "fees_maker")
        for key in ("nextfee", "nextvolume")
    ),
}


@pytest.fixture(scope="module")
def client() -> Client:
    """An account with an open, a filled, a partly filled and cancelled, a triggered order, and history."""
    one = Client(volume=500, snake_case=True)
    one.buy("0.05", userref="5")
    one.buy("0.5", ordertype="limit", price=one.price(999), userref="7")
    one.buy("0.01", ordertype="stop-loss-limit", price=one.price(1001), price2=one.price(1002))
    for _ in range(60):
        one.simulation.advance(60)
    one.buy("0.02", ordertype="limit", price=one.price(500), userref="8")
    part = one.venue.account.open[one.buy("0.02", ordertype="limit", price=one.price(500), userref="9")]
    one.venue.exchange.fill_from_outside(one.venue.account, part, 10**6, one.venue.now)
    one.result("CancelOrder", txid="8")
    return one


def answers(client: Client) -> dict[str, Any]:
    orders = list(client.venue.account.orders())
    ids = ",".join(order.id for order in orders)
    fills = ",".join(list(client.venue.account.fills)[:5])
    lines = client.venue.account.ledger[-1].id
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": client.price(500)}
    asked: dict[str, Any] = {
        "AddOrder": dict(order),
        "Balance": {},
        "BalanceEx": {},
        "TradeBalance": {},
        "OpenOrders": {"trades": "true"},
        "ClosedOrders": {"trades": "true"},
        "QueryOrders": {"txid": ids, "trades": "true"},
        "TradesHistory": {"ledgers": "true"},
        "QueryTrades": {"txid": fills},
        "Ledgers": {},
        "QueryLedgers": {"id": lines},
        "TradeVolume": {"pair": "XBTUSD"},
        "GetWebSocketsToken": {},
        "GetApiKeyInfo": {},
        "CancelAllOrdersAfter": {"timeout": "60"},
        "CancelAll": {},
    }
    found = {}
    for name, fields in asked.items():
        client.simulation.advance(5)  # the call counter falls by a point a second
        found[name] = client.result(name, **fields)
    found["CancelOrder"] = client.result("CancelOrder", txid=client.result("AddOrder", **order)["txid"][0])
    batch = {"pair": "XBTUSD", "orders": [{k: v for k, v in order.items() if k != "pair"}] * 2}
    found["AddOrderBatch"] = client.result("AddOrderBatch", as_json=True, **batch)
    found["CancelOrderBatch"] = client.result(
        "CancelOrderBatch", as_json=True, orders=[one["txid"] for one in found["AddOrderBatch"]["orders"]]
    )
    found["EditOrder"] = client.result("EditOrder", txid=client.result("AddOrder", **order)["txid"][0], volume="0.02")
    for name, fields in {
        "Time": {}, "SystemStatus": {}, "Assets": {}, "AssetPairs": {}, "Ticker": {"pair": "XBTUSD"},
        "OHLC": {"pair": "XBTUSD"}, "Depth": {"pair": "XBTUSD"}, "Trades": {"pair": "XBTUSD"}, "Spread": {"pair": "XBTUSD"},
    }.items():  # fmt: skip
        found[name] = client.public(name, **fields)["result"]
    return found


def recorded(data: Path) -> list[tuple[str, str, Any]]:
    """(file, method, result) of every recording that names its method, or whose name does."""
    found = []
    for path in sorted((data / "kraken-fixtures/Kraken.Net/Endpoints/Spot").rglob("*.raw.txt")):
        head, _, body = path.read_text("utf-8-sig").replace("\r", "").partition("{")
        text = "{" + body
        found.append((path.name, head.split()[1].rpartition("/")[2], json.loads(text)["result"]))
    names = {
        "http_add_order_spot": "AddOrder", "http_asset_pairs": "AssetPairs", "http_cancel_order_spot": "CancelOrder",
        "http_closed_orders": "ClosedOrders", "http_ohlc": "OHLC", "http_open_orders": "OpenOrders",
        "http_order_book": "Depth", "http_server_time": "Time", "http_spot_balance": "Balance",
        "http_spot_trade_balance": "TradeBalance", "http_system_status": "SystemStatus", "http_ticker": "Ticker",
        "http_trades": "Trades", "http_trades_history": "TradesHistory",
    }  # fmt: skip
    for name, method in names.items():
        for folder in ("kraken-fixtures/nautilus_trader", "rest-recordings/nautilus_trader"):
            path = data / folder / f"{name}.json"
            if path.is_file():
                found.append((f"{folder}/{name}", method, json.loads(path.read_text())["result"]))
    names = {
        "addorder-response": "AddOrder", "assetpairs": "AssetPairs", "assets": "Assets", "balance": "Balance",
        "cancelorder": "CancelOrder", "depth": "Depth", "krakenWebsocketToken": "GetWebSocketsToken",
        "ledgerinfo": "Ledgers", "market-ask-order": "QueryOrders", "ohlc": "OHLC", "openorders": "OpenOrders",
        "servertime": "Time", "spreads": "Spread", "ticker": "Ticker", "tradebalanceinfo": "TradeBalance",
        "tradehistory": "TradesHistory", "trades": "Trades", "tradevolume": "TradeVolume",
    }  # fmt: skip
    for name, method in names.items():
        for suffix in ("-data.json", ".json"):
            path = data / f"rest-recordings/xchange/example-{name}{suffix}"
            if path.is_file():
                found.append((path.name, method, json.loads(path.read_text())["result"]))
    return found


def test_every_recorded_answer_has_its_keys_and_types_here(client: Client, market_data: Path) -> None:
    ours = answers(client)
    compared, wrong = set(), []
    for file, method, result in recorded(market_data):
        if method not in ours:
            continue
        compared.add(method)
        for difference in differences(shape(ours[method]), shape(result)):
            key = difference.split(" ")[0].rpartition(".")[2]
            if key not in NOT_HERE and (method, difference) not in KNOWN:
                wrong.append((file, method, difference))
    assert wrong == []
    assert len(compared) >= 25, compared


def test_at_the_top_of_the_fee_schedule_nothing_comes_next() -> None:
    volume = Client(volume=10**9).result("TradeVolume", pair="XXBTZUSD")
    assert volume["fees"]["XXBTZUSD"] == {
        "fee": "0.0500", "minfee": "0.0500", "maxfee": "0.8000",
        "nextfee": None, "nextvolume": None, "tiervolume": "500000000.0000",
    }  # fmt: skip
    assert Client().result("TradeVolume", pair="XXBTZUSD")["fees_maker"]["XXBTZUSD"]["fee"] == "0.4000"
