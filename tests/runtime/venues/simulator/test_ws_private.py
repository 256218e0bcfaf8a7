"""The look-alike's private channels and trading over WebSocket."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from tests.support.look_alike_rest import Client, differences, shape
from tests.support.look_alike_ws import Line

ONE = "6d1b345e-2821-40e2-ad83-4ecb18a06876"


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def line(client: Client) -> Line:
    return Line(client, private=True)


def test_a_token_is_used_within_a_quarter_of_an_hour_and_then_lasts_with_its_connection(client: Client) -> None:
    used, unused = Line(client, private=True), Line(client, private=True)
    used.subscribe("executions")
    unused.subscribe("ticker", symbol=["BTC/USD"], token="")
    client.simulation.advance(901)
    assert unused.one("subscribe", channel="executions")["error"] == "Token is expired"
    assert used.subscribe("balances")["channel"] == "balances"
    assert used.one("cancel_all", token="made up")["error"] == "ESession:Invalid session"
    assert used.one("cancel_all", token="")["error"] == "Token(s) not found"


def test_the_life_of_an_order_as_it_is_reported(line: Line, client: Client) -> None:
    assert line.subscribe("executions") == {
        "channel": "executions", "maxratecount": 180, "snap_orders": True, "snap_trades": False,
    }  # fmt: skip
    reply = line.buy("0.01", client.price(500), cl_ord_id=ONE)
    order_id = reply["result"]["order_id"]
    assert reply["result"]["cl_ord_id"] == ONE
    line.one("amend_order", cl_ord_id=ONE, order_qty=0.02)
    client.venue.exchange.fill_from_outside(
        client.venue.account, client.venue.account.open[order_id], 10**6, client.venue.now
    )
    client.venue.tell()
    line.one("cancel_order", order_id=[order_id])
    reports = line.reports()
    assert [report["exec_type"] for report in reports] == ["pending_new", "new", "amended", "trade", "canceled"]
    assert {report["order_id"] for report in reports} == {order_id}
    first, new, amended, fill, ended = reports
    assert (first["cl_ord_id"], first["symbol"], first["order_qty"]) == (ONE, "BTC/USD", Decimal("0.01000000"))
    assert "symbol" not in new
    assert (amended["order_qty"], amended["amended"]) == (Decimal("0.02000000"), True)
    assert (fill["last_qty"], fill["liquidity_ind"]) == (Decimal("0.01000000"), "m")
    assert fill["fees"] == [{"asset": "USD", "qty": Decimal(client.venue.account.fills[fill["exec_id"]].fee) / 10**4}]
    assert (ended["order_status"], ended["reason"], ended["cum_qty"]) == ("canceled", "User requested", Decimal("0.01"))
    assert [frame["sequence"] for frame in line.of("executions")] == [1, 2, 3, 4, 5, 6]


def test_reports_have_the_fields_of_the_documented_examples(line: Line, client: Client) -> None:
    line.subscribe("executions")
    line.buy("0.01", client.price(1002), order_userref=3)
    first, new, fill, _ = line.reports()
    assert set(
        "order_id order_userref symbol order_qty cum_cost time_in_force exec_type side order_type limit_price_type "
        "limit_price stop_price order_status fee_usd_equiv fee_ccy_pref timestamp".split()
    ) <= set(first)
    assert list(new) == ["timestamp", "order_status", "exec_type", "order_userref", "order_id"]
    assert set(
        "order_id order_userref exec_id exec_type trade_id symbol side last_qty last_price liquidity_ind cost order_type "
        "timestamp order_status cum_qty cum_cost avg_price fee_usd_equiv fees".split()
    ) == set(fill)


def test_the_fill_that_completes_an_order_says_partially_filled_and_filled_follows(line: Line) -> None:
    line.subscribe("executions")
    line.buy("0.01")
    said = [(report["exec_type"], report["order_status"]) for report in line.reports()]
    assert said == [("pending_new", "pending_new"), ("new", "new"), ("trade", "partially_filled"), ("filled", "filled")]
    assert "last_qty" not in line.reports()[-1]


def test_without_order_status_only_the_large_steps_are_told(line: Line, client: Client) -> None:
    line.subscribe("executions", order_status=False)
    line.buy("0.01", client.price(500), cl_ord_id=ONE)
    line.one("amend_order", cl_ord_id=ONE, order_qty=0.02)
    line.one("cancel_order", cl_ord_id=[ONE])
    assert [report["exec_type"] for report in line.reports()] == ["new", "canceled"]


def test_balances_come_as_one_message_for_each_ledger_line(line: Line, client: Client) -> None:
    line.subscribe("balances")
    line.buy("0.01")
    snapshot, *updates = line.of("balances")
    assert {row["asset"]: row["balance"] for row in snapshot["data"]} == {"USD": 100_000, "BTC": 2}
    assert [frame["data"][0]["asset"] for frame in updates] == ["USD", "BTC"]
    held = client.result("Balance")
    assert [f"{frame['data'][0]['balance']}" for frame in updates] == [held["ZUSD"], held["XXBT"]]
    assert {frame["data"][0]["ref_id"] for frame in updates} == set(client.venue.account.fills)
    assert [frame["sequence"] for frame in (snapshot, *updates)] == [1, 2, 3]


def test_what_is_staked_is_another_wallet_of_the_same_asset(line: Line, client: Client) -> None:
    account, now = client.venue.account, client.venue.now
    client.venue.exchange.move(account, "XXBT", -(10**10), "transfer", "spottostaking", now)
    client.venue.exchange.move(account, "XBT.F", 10**10, "transfer", "stakingfromspot", now)
    client.venue.tell()
    line.subscribe("balances")
    row = next(row for row in line.of("balances")[0]["data"] if row["asset"] == "BTC")
    assert (row["balance"], [wallet["type"] for wallet in row["wallets"]]) == (2, ["spot", "earn"])
    assert client.result("Balance") == {"ZUSD": "100000.0000", "XXBT": "1.0000000000", "XBT.F": "1.0000000000"}


def recorded_frames(folder) -> list[tuple[str, dict]]:
    """(file, frame) of every frame that a server sent in the recordings of a folder."""
    found = []
    for path in sorted(folder.glob("*.raw.txt")):
        parts = re.split(r"^([><=])", path.read_text("utf-8-sig"), flags=re.MULTILINE)
        for mark, said in zip(parts[1::2], parts[2::2], strict=True):
            if mark != ">":
                found.append((path.name, json.loads(re.sub(r'"?\|\w+\|"?', "1", said.lstrip("123 ")))))
    return found


def test_replies_have_the_keys_and_types_of_every_recorded_one(line: Line, client: Client, market_data) -> None:
    price = float(client.price(500))
    row = {"order_type": "limit", "side": "buy", "order_qty": 0.01, "limit_price": price}
    replies = {}
    first = line.buy("0.01", client.price(500), order_userref=5)
    replies["add_order"] = first
    order = line.buy("0.01", client.price(500), cl_ord_id=ONE)["result"]["order_id"]
    replies["amend_order"] = line.one("amend_order", cl_ord_id=ONE, order_qty=0.02)
    replies["cancel_order"] = line.one("cancel_order", order_id=[order])
    replies["edit_order"] = line.one(
        "edit_order", order_id=first["result"]["order_id"], symbol="BTC/USD", order_qty=0.02
    )
    replies["batch_add"] = line.one(
        "batch_add", symbol="BTC/USD", orders=[row | {"order_userref": n} for n in range(2)]
    )
    replies["cancel_all_orders_after"] = line.one("cancel_all_orders_after", timeout=60)
    replies["cancel_all"] = line.one("cancel_all")
    for channel in ("ticker", "trade", "ohlc", "book"):
        line.ask("subscribe", channel=channel, symbol=["BTC/USD"])
    client.simulation.advance(120)
    line.read()
    frames = {(f.get("channel"), f.get("type")): f for f in map(json.loads, line.texts) if "channel" in f}
    acks = [f for f in map(json.loads, line.texts) if f.get("method") == "subscribe"]
    compared = []
    for folder in ("Socket/SpotApi", "Subscriptions/Spot"):
        for file, theirs in recorded_frames(market_data / "kraken-fixtures/Kraken.Net" / folder):
            if theirs.get("channel", theirs.get("result", {})) == "level3" or "level3" in json.dumps(theirs):
                continue
            if "channel" in theirs:
                ours = frames[theirs["channel"], theirs["type"]]
            elif theirs["method"] == "subscribe":
                ours = next(ack for ack in acks if ack["result"]["channel"] == theirs["result"]["channel"])
            else:
                ours = json.loads(json.dumps(replies[theirs["method"]], default=float))
            assert differences(shape(ours), shape(theirs)) == [], file
            compared.append(file)
    assert len(compared) >= 15


def test_a_new_subscription_gets_open_orders_and_the_last_trades(line: Line, client: Client) -> None:
    open_id = line.buy("0.01", client.price(500))["result"]["order_id"]
    line.buy("0.02")
    line.subscribe("executions", snap_trades=True)
    (snapshot,) = line.of("executions")
    assert [(row["order_id"] == open_id, row["exec_type"]) for row in snapshot["data"]] == [
        (True, "new"),
        (False, "trade"),
    ]
    assert snapshot["sequence"] == 1


def test_cancelling_several_gives_one_reply_each(line: Line, client: Client) -> None:
    ids = [line.buy("0.01", client.price(500))["result"]["order_id"] for _ in range(2)]
    replies = line.ask("cancel_order", order_id=[*ids, "OAAAAA-AAAAA-AAAAAA"], req_id=9)
    assert [reply.get("result", reply.get("error")) for reply in replies] == [
        {"order_id": ids[0]}, {"order_id": ids[1]}, "EOrder:Invalid order",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"order_qty": 0.00001}, "EOrder:Order minimum not met"),
        ({"order_qty": 100}, "EOrder:Insufficient funds"),
        ({"symbol": "XBT/USD"}, "Currency pair not supported XBT/USD"),
        ({"price": 5}, "Unsupported field: 'price' for the given msg type: add order"),
        ({"margin": True}, "EOrder:Trading agreement required"),
        ({"conditional": {"order_type": "limit"}}, "EGeneral:Invalid arguments:conditional"),
        ({"cash_order_qty": 5}, "EGeneral:Invalid arguments:cash_order_qty"),
        ({"order_qty": "x"}, "EGeneral:Invalid arguments:volume"),
        ({"deadline": "2024-01-31T00:00:00.1Z"}, "EGeneral:Invalid arguments:deadline"),
    ],
)
def test_an_order_that_is_wrong_is_refused_as_rest_would(line: Line, params: dict, said: str) -> None:
    reply = line.one(
        "add_order", **({"order_type": "market", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.01} | params)
    )
    assert (reply["success"], reply["error"]) == (False, said)


def test_triggered_orders_timed_orders_and_exponents_are_understood(line: Line, client: Client) -> None:
    price = float(client.price(900))
    stop = line.one(
        "add_order", order_type="stop-loss-limit", side="sell", symbol="BTC/USD", order_qty=5e-05,
        triggers={"reference": "last", "price": price, "price_type": "static"}, limit_price=price - 1,
    )  # fmt: skip
    order = client.venue.account.open[stop["result"]["order_id"]]
    assert (order.ticket.trigger, order.ticket.limit, order.ticket.lots) == (
        int(price * 10),
        int(price * 10) - 10,
        5000,
    )
    timed = line.buy("0.01", client.price(500), time_in_force="gtd", expire_time="2024-01-31T00:01:00.000000Z")
    client.simulation.advance(60)
    assert client.venue.account.order(timed["result"]["order_id"]).status.value == "expired"


def test_batches_edits_and_the_dead_mans_switch(line: Line, client: Client) -> None:
    price = float(client.price(500))
    rows = [{"order_type": "limit", "side": "buy", "order_qty": qty, "limit_price": price, "order_userref": n}
            for n, qty in enumerate((0.01, 100))]  # fmt: skip
    placed = line.one("batch_add", symbol="BTC/USD", orders=rows)["result"]
    assert placed[0]["order_userref"] == 0
    assert placed[1] == {"success": False, "error": "EOrder:Insufficient funds"}
    edited = line.one("edit_order", order_id=placed[0]["order_id"], symbol="BTC/USD", order_qty=0.02)["result"]
    assert edited["original_order_id"] == placed[0]["order_id"]
    other = line.buy("0.01", client.price(500))["result"]["order_id"]
    assert line.one("batch_cancel", orders=[edited["order_id"], other])["result"] == {"count": 2}
    armed = line.one("cancel_all_orders_after", timeout=60)["result"]
    assert armed == {"currentTime": "2024-01-31T00:00:00Z", "triggerTime": "2024-01-31T00:01:00Z"}
    line.buy("0.01", client.price(500))
    client.simulation.advance(60)
    assert line.one("cancel_all")["result"] == {"count": 0}


def test_rights_hold_here_too(client: Client) -> None:
    line = Line(client, private=True)
    client.venue.key.rights = frozenset({"close-trades"})
    assert line.buy("0.01")["error"] == "EGeneral:Permission denied"
    assert line.one("subscribe", channel="executions")["error"] == "EGeneral:Permission denied"
    assert line.one("cancel_all")["success"]


def test_replies_come_before_or_after_the_reports_they_cause(line: Line) -> None:
    line.subscribe("executions")
    firsts = set()
    for _ in range(20):
        before = len(line.frames)
        line.buy("0.001")
        firsts.add("method" in line.frames[before])
    assert firsts == {True, False}


def test_the_same_seed_and_calls_give_the_same_frames_byte_for_byte() -> None:
    def play(seed: int) -> list[str]:
        client = Client(seed=seed)
        line = Line(client, private=True)
        for channel in ("executions", "balances"):
            line.subscribe(channel)
        for channel in ("book", "ticker", "trade", "ohlc"):
            line.subscribe(channel, symbol=["BTC/USD", "SOL/USD"][:1])
        for n in range(10):
            line.buy("0.01", client.price(999 + n % 3))
            client.simulation.advance(45)
            line.read()
        return line.texts

    assert play(3) == play(3)
    assert play(3) != play(4)
