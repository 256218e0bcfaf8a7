"""The look-alike's REST: who may call what, how the answers read, and what they say of an account."""

from __future__ import annotations

import base64
import json
from decimal import ROUND_UP, Decimal

import pytest

from mooring.runtime.venues.simulator.auth import Key, sign
from mooring.runtime.venues.simulator.rest_api import Request
from tests.support.look_alike import assert_books
from tests.support.look_alike_rest import Client


@pytest.fixture
def client() -> Client:
    return Client()


def test_the_signature_of_the_venues_documentation() -> None:
    secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    body = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    made = sign(base64.b64decode(secret), "/0/private/AddOrder", "1616492376594", body)
    assert made == b"4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="


def test_a_form_and_a_json_body_are_taken_alike(client: Client) -> None:
    assert client.result("Balance") == client.result("Balance", as_json=True)
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": client.price(500)}
    placed = client.result("AddOrder", as_json=True, **order)
    assert placed["descr"]["order"] == f"buy 0.01000000 XBTUSD @ limit {order['price']}"


def test_what_is_wrong_with_a_call_is_said_in_order(client: Client) -> None:
    unknown = Key(public="x", secret=b"y", account="main")
    assert client.error("Balance", key=unknown) == "EAPI:Invalid key"
    assert client.error("Balance", sign="AAAA") == "EAPI:Invalid signature"
    client.result("Balance", nonce="1000")
    for nonce in ("1000", "999", "-1", "1e9", "", str(2**64)):
        assert client.error("Balance", nonce=nonce) == "EAPI:Invalid nonce"
    client.nonces = iter(range(2000, 3000))
    client.venue.key.otp = "pass"
    assert client.error("Balance") == "EGeneral:Permission denied"
    client.result("Balance", otp="pass")
    client.venue.key.otp = ""
    client.venue.key.rights = frozenset({"query-ledger"})
    assert client.error("AddOrder") == "EGeneral:Permission denied"
    assert client.error("NoSuchMethod") == "EGeneral:Unknown method"
    assert client.public("NoSuchMethod") == {"error": ["EGeneral:Unknown method"]}
    assert client.result("GetApiKeyInfo")["permissions"] == ["query-ledger"], "needs no right"


def test_a_nonce_window_lets_late_ones_in_once() -> None:
    client = Client(window=100)
    client.result("Balance", nonce="1000")
    client.result("Balance", nonce="901")
    assert client.error("Balance", nonce="901") == "EAPI:Invalid nonce"
    assert client.error("Balance", nonce="900") == "EAPI:Invalid nonce"
    assert client.error("Balance", nonce="1000") == "EAPI:Invalid nonce"


def test_many_bad_calls_in_a_row_lock_the_key_out_for_a_quarter_of_an_hour(client: Client) -> None:
    for _ in range(19):
        client.error("Balance", sign="AAAA")
    client.result("Balance")
    for _ in range(20):
        assert client.error("Balance", sign="AAAA") == "EAPI:Invalid signature", "a good call begins the count anew"
    assert client.error("Balance") == "EGeneral:Temporary lockout"
    client.simulation.advance(899)
    assert client.error("Balance") == "EGeneral:Temporary lockout"
    client.simulation.advance(1)
    client.result("Balance")


@pytest.mark.parametrize(("tier", "calls"), [("starter", 15), ("intermediate", 20), ("pro", 20)])
def test_the_call_counter_refuses_past_the_tiers_limit_and_falls_with_time(tier: str, calls: int) -> None:
    client = Client(tier=tier)
    for _ in range(calls):
        client.result("Balance")
    assert client.error("Balance") == "EAPI:Rate limit exceeded"
    client.simulation.advance(4)
    client.result("Balance")
    client.buy()  # trading has counters of its own
    client.simulation.advance(100)
    assert sum("result" in client.private("TradesHistory") for _ in range(10)) == calls // 4


def test_public_calls_are_limited_where_so_set() -> None:
    client = Client(public_limit=1)
    said = [client.public("Time") for _ in range(16)]
    assert [one["error"] for one in said].count(["EGeneral:Too many requests"]) == 1
    client.simulation.advance(1)
    assert client.public("Time")["error"] == []


def test_balances_and_what_orders_hold_of_them(client: Client) -> None:
    client.buy("0.1", ordertype="limit", price=client.price(500))
    held = client.result("BalanceEx")
    cost = Decimal(client.price(500)) / 10
    fee = (cost * Decimal("0.008")).quantize(Decimal("0.0001"), rounding=ROUND_UP)
    assert held["ZUSD"]["hold_trade"] == str(cost.quantize(Decimal("0.0001"), rounding=ROUND_UP) + fee)
    assert held["ZUSD"]["balance"] == client.result("Balance")["ZUSD"] == "100000.0000"
    assert held["XXBT"] == {"balance": "2.0000000000", "hold_trade": "0.0000000000"}


def test_an_order_can_be_found_by_id_client_id_and_reference_open_and_closed(client: Client) -> None:
    one = "6d1b345e-2821-40e2-ad83-4ecb18a06876"
    txid = client.buy("0.01", ordertype="limit", price=client.price(500), cl_ord_id=one)
    done = client.buy("0.01", cl_ord_id=one.replace("6d", "7d"))
    assert list(client.result("OpenOrders", cl_ord_id=one)["open"]) == [txid]
    assert client.result("OpenOrders", cl_ord_id=one.replace("6d", "7d"))["open"] == {}
    closed = client.result("ClosedOrders", cl_ord_id=one.replace("6d", "7d"))
    assert (list(closed["closed"]), closed["count"]) == ([done], 1)
    assert list(client.result("QueryOrders", cl_ord_id=one)) == [txid]
    assert client.error("QueryOrders", txid="OAAAAA-AAAAA-AAAAAA") == "EOrder:Unknown order"
    assert client.result("CancelOrder", cl_ord_id=one) == {"count": 1}
    assert client.error("CancelOrder", cl_ord_id=one) == "EOrder:Invalid order"
    assert client.error("CancelOrder", txid=txid) == "EOrder:Unknown order"
    assert client.error("CancelOrder") == "EOrder:Invalid order", "nothing named cancels nothing"


def test_history_comes_newest_first_in_pages_of_fifty_between_start_and_end(client: Client) -> None:
    ids = []
    for _ in range(60):
        ids.append(client.buy("0.001"))
        client.simulation.advance(10)
    first, second = (client.result("ClosedOrders", ofs=ofs) for ofs in ("0", "50"))
    assert [*first["closed"], *second["closed"]] == ids[::-1]
    assert first["count"] == 60
    client.simulation.advance(60)
    middle = client.result("QueryOrders", txid=ids[30])[ids[30]]["opentm"]
    after = client.result("ClosedOrders", start=ids[30])["closed"]
    assert list(after) == ids[:30:-1], "start is not in it"
    assert middle
    page = client.result("TradesHistory", end=ids[9])
    assert page["count"] == sum(order.id in ids[:10] for order in client.venue.account.orders() for _ in order.trades)
    client.simulation.advance(60)
    assert "count" not in client.result("Ledgers", without_count="true")
    assert_books(client.venue.account)


def test_the_ledger_explains_every_fill(client: Client) -> None:
    client.buy("0.5")
    trades = client.result("TradesHistory", ledgers="true")["trades"]
    lines = client.result("Ledgers", type="trade")["ledger"]
    assert len(lines) == 2 * len(trades)
    for exec_id, trade in trades.items():
        own = {lines[one]["asset"]: lines[one] for one in trade["ledgers"]}
        assert {line["refid"] for line in own.values()} == {exec_id}
        assert own["ZUSD"]["fee"] == trade["fee"]
        assert own["XXBT"]["amount"] == trade["vol"] + "00"


def test_rest_may_lag_behind_and_then_shows_accounts_as_they_were(client: Client) -> None:
    client.venue.lag = 30 * 10**9
    txid = client.buy("0.01")
    before = client.result("Balance")
    assert client.result("OpenOrders")["open"] == client.result("ClosedOrders")["closed"] == {}
    assert before.get("ZUSD") is None, "the account itself is younger than the lag"
    client.simulation.advance(29)
    assert client.result("TradesHistory")["count"] == 0
    client.simulation.advance(1)
    assert list(client.result("ClosedOrders")["closed"]) == [txid]
    assert client.result("Balance")["ZUSD"] not in ("", "100000.0000")


def test_time_status_and_modes(client: Client) -> None:
    assert client.public("Time")["result"] == {"unixtime": 1706659200, "rfc1123": "Wed, 31 Jan 24 00:00:00 +0000"}
    assert client.public("SystemStatus")["result"] == {"status": "online", "timestamp": "2024-01-31T00:00:00Z"}
    client.venue.set_mode("post_only", "XXBTZUSD")
    assert client.public("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]["status"] == "post_only"
    client.venue.set_mode("maintenance")
    assert client.error("Balance") == "EService:Unavailable"
    assert client.public("OHLC", pair="XBTUSD") == {"error": ["EService:Unavailable"]}
    assert client.public("SystemStatus")["result"]["status"] == "maintenance"


def test_ohlc_has_720_committed_rows_and_the_running_one_whatever_since_says(client: Client) -> None:
    client.simulation.advance(5400)
    said = client.public("OHLC", pair="XBTUSD", interval="1", since="1")["result"]
    rows = said["XXBTZUSD"]
    assert len(rows) == 721
    assert said["last"] == rows[-2][0]
    newer = client.public("OHLC", pair="XBTUSD", since=said["last"])["result"]["XXBTZUSD"]
    assert newer == rows[-1:]
    assert client.public("OHLC", pair="XBTUSD", interval="7") == {"error": ["EGeneral:Invalid arguments:interval"]}


def test_trades_are_paged_by_the_ns_of_the_last(client: Client) -> None:
    client.simulation.advance(3600)
    since, ids, pages = "0", [], 0
    while pages < 4:
        page = client.public("Trades", pair="XBTUSD", since=since)["result"]
        ids += [row[6] for row in page["XXBTZUSD"]]
        assert page["last"] != since
        since, pages = page["last"], pages + 1
    assert ids == list(range(1, 4001))
    newest = client.public("Trades", pair="XBTUSD", count="5")["result"]["XXBTZUSD"]
    assert len(newest) == 5
    assert client.public("Trades", pair="XBTUSD", since=client.public("Trades", pair="XBTUSD")["result"]["last"])[
        "result"
    ]["XXBTZUSD"] == []  # fmt: skip


def test_the_dead_mans_switch_says_when_it_fires(client: Client) -> None:
    assert client.result("CancelAllOrdersAfter", timeout="60") == {
        "currentTime": "2024-01-31T00:00:00Z",
        "triggerTime": "2024-01-31T00:01:00Z",
    }
    assert client.result("CancelAllOrdersAfter", timeout="0")["triggerTime"] == "0"
    assert client.error("CancelAllOrdersAfter", timeout="1.5") == "EGeneral:Invalid arguments:timeout"


def test_amending_over_rest_and_its_history(client: Client) -> None:
    txid = client.buy("0.01", ordertype="limit", price=client.price(500))
    amend = client.result("AmendOrder", txid=txid, order_qty="0.02", limit_price=client.price(510))["amend_id"]
    order = client.result("OpenOrders")["open"][txid]
    assert (order["vol"], order["descr"]["price"], order["misc"]) == ("0.02000000", client.price(510), "amended")
    rows = client.result("OrderAmends", order_id=txid)["amends"]
    assert [row["amend_type"] for row in rows] == ["original", "user"]
    assert rows[1]["amend_id"] == amend


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"[" * 100_000, b"nonce", b"\xff", b'{"nonce": {"a": {"b": 1}}}', b"&" * 5000]
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_of_rubbish_gets_an_error_of_the_venue(client: Client, body: bytes, kind: str) -> None:
    headers = {"content-type": kind, "api-key": client.venue.key.public}
    answer = client.simulation.rest.handle(
        Request(method="POST", path="/0/private/AddOrder", headers=headers, body=body)
    )
    assert answer.status == 200
    assert json.loads(answer.body)["error"][0].startswith("E")


def test_the_same_seed_and_calls_give_the_same_bytes() -> None:
    def play(seed: int) -> list[bytes]:
        client = Client(seed=seed)
        said = []
        for n in range(20):
            said.append(client.send("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", volume="0.01",
                                    price=client.price(999 + n % 3)).body)  # fmt: skip
            said.append(client.send("OpenOrders", trades="true").body)
            said.append(client.get("/0/public/Depth", "pair=XBTUSD&count=10").body)
            client.simulation.advance(61)
        said += [client.send("Ledgers").body, client.send("GetApiKeyInfo").body]
        return said

    assert play(3) == play(3)
    assert play(3) != play(4)
