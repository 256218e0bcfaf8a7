"""Things go wrong as the scenario says, as often as it says, and the same way each time."""

from __future__ import annotations

import json

import pytest

from mooring.errors import Invalid
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.faults import parse_scenario, read_scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config
from tests.support.look_alike import assert_books
from tests.support.look_alike_rest import Client
from tests.support.look_alike_ws import Line

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01", "oflags": "fciq"}


def client(*faults: dict, seed: int = 0) -> Client:
    scenario = parse_scenario({"seed": seed, "fault": list(faults)}, "test")
    config = Config(balances={"USD": "100000", "BTC": "2"}, tier="pro")
    return Client(Simulation(["BTC-USD", "SOL-USD"], config=config, scenario=scenario))


def orders(one: Client) -> list[str]:
    return [order.status.value for order in one.venue.account.orders()]


def test_an_order_is_placed_and_its_answer_lost() -> None:
    one = client({"kind": "drop_answer", "match": "rest:AddOrder", "times": 1})
    assert one.send("AddOrder", **ORDER).dropped
    assert orders(one) == ["closed"]
    assert one.result("AddOrder", **ORDER)["txid"], "once only"


def test_a_request_is_lost_before_it_arrives() -> None:
    one = client({"kind": "drop_request", "match": "rest:AddOrder", "times": 1})
    assert one.send("AddOrder", **ORDER).dropped
    assert orders(one) == []


def test_a_request_lands_late_and_its_nonce_with_it() -> None:
    one = client({"kind": "late", "match": "rest:AddOrder", "seconds": 30, "times": 1})
    assert one.send("AddOrder", **ORDER).dropped
    one.simulation.advance(29)
    assert orders(one) == []
    one.simulation.advance(1)
    assert orders(one) == ["closed"]


def test_a_late_request_may_find_its_nonce_overtaken_or_its_deadline_past() -> None:
    late = {"kind": "late", "match": "rest:AddOrder", "seconds": 30, "times": 1}
    one = client(late)
    one.send("AddOrder", **ORDER)
    one.result("Balance")
    one.simulation.advance(30)
    assert orders(one) == [], "a later nonce was used meanwhile"
    for seconds, placed in ((4, ["closed"]), (6, [])):
        two = client(late | {"seconds": seconds})
        two.send("AddOrder", deadline="2024-01-31T00:00:05Z", **ORDER)
        two.simulation.advance(30)
        assert orders(two) == placed


def test_an_answer_is_delayed_while_the_order_is_already_there() -> None:
    one = client({"kind": "delay", "match": "rest:*", "seconds": "2.5"})
    answer = one.send("AddOrder", **ORDER)
    assert answer.due == one.venue.now + 2_500_000_000
    assert orders(one) == ["closed"]


@pytest.mark.parametrize("lands", [True, False])
def test_gateway_pages_and_service_errors_leave_it_open_whether_the_order_landed(lands: bool) -> None:
    one = client(
        {"kind": "http_error", "match": "rest:AddOrder", "status": 502, "lands": lands, "times": 1},
        {
            "kind": "error",
            "match": "rest:AddOrder",
            "text": "EService:Unavailable",
            "lands": lands,
            "times": 1,
            "skip": 1,
        },
    )
    page = one.send("AddOrder", **ORDER)
    assert (page.status, page.content_type) == (502, "text/html")
    assert b"<html>" in page.body
    assert one.error("AddOrder", **ORDER) == "EService:Unavailable"
    assert orders(one) == ["closed"] * (2 * lands)


def test_chances_are_drawn_from_the_seed() -> None:
    def play(seed: int) -> list[bool]:
        one = client({"kind": "drop_answer", "match": "rest:Time", "percent": 30}, seed=seed)
        return [one.get("/0/public/Time").dropped for _ in range(200)]

    assert play(1) == play(1)
    assert play(1) != play(2)
    assert 30 < sum(play(1)) < 90


def test_a_rule_holds_between_its_seconds_and_after_its_skips() -> None:
    one = client({"kind": "error", "match": "rest:Time", "text": "EService:Busy", "after": 10, "until": 20, "skip": 1})
    said = []
    for _ in range(5):
        said.append(one.public("Time")["error"])
        one.simulation.advance(5)
    assert said == [[], [], [], ["EService:Busy"], []]


def test_rest_lags_behind_what_the_websocket_tells() -> None:
    one = client({"kind": "rest_lag", "seconds": 60, "after": 10, "until": 100})
    one.simulation.advance(70)
    line = Line(one, private=True)
    line.subscribe("executions")
    txid = line.buy("0.01")["result"]["order_id"]
    assert line.reports()[-1]["order_status"] == "filled"
    assert one.error("QueryOrders", txid=txid) == "EOrder:Unknown order"
    one.simulation.advance(30)
    assert txid in one.result("QueryOrders", txid=txid), "the lag is over"


def test_the_ledger_lags_like_all_else() -> None:
    one = client({"kind": "rest_lag", "seconds": 60})
    one.simulation.advance(100)
    one.result("AddOrder", **ORDER)
    assert one.result("Ledgers", type="trade")["count"] == 0
    one.simulation.happenings.clear()
    assert one.result("Ledgers", type="trade")["count"] == 2, "without faults there is no lag"


@pytest.mark.parametrize("way", ["rest", "ws"])
def test_a_cancel_is_acknowledged_and_the_order_fills_all_the_same(way: str) -> None:
    one = client({"kind": "fill_after_cancel", "seconds": 2, "share": 40})
    line = Line(one, private=True)
    line.subscribe("executions")
    txid = one.result("AddOrder", **ORDER | {"ordertype": "limit", "price": one.price(500)})["txid"][0]
    if way == "rest":
        assert one.result("CancelOrder", txid=txid) == {"count": 1}
    else:
        assert line.one("cancel_order", order_id=[txid])["success"]
    assert orders(one) == ["open"]
    one.simulation.advance(2)
    assert orders(one) == ["canceled"]
    assert one.venue.account.order(txid).filled == 400_000
    assert [report["exec_type"] for report in line.reports()][-2:] == ["trade", "canceled"]
    assert_books(one.venue.account)


def test_the_clock_of_the_venue_is_wrong_for_a_while() -> None:
    one = client({"kind": "clock_skew", "seconds": 90, "backwards": True, "until": 50})
    one.simulation.advance(1)
    assert one.public("Time")["result"]["unixtime"] == 1706659200 + 1 - 90
    one.simulation.advance(49)
    assert one.public("Time")["result"]["unixtime"] == 1706659200 + 50


def test_lock_outs_and_a_nonce_that_somebody_else_raised() -> None:
    one = client({"kind": "lockout", "seconds": 60, "after": 1}, {"kind": "nonce_jump", "by": 1000, "after": 100})
    one.simulation.advance(2)
    assert one.error("Balance") == "EGeneral:Temporary lockout"
    one.simulation.advance(60)
    one.result("Balance")
    one.simulation.advance(60)
    assert one.error("Balance") == "EAPI:Invalid nonce"
    one.result("Balance", nonce="5000")


def test_money_moves_that_nobody_here_asked_for() -> None:
    one = client(
        {"kind": "deposit", "asset": "USD", "amount": "500", "after": 1},
        {"kind": "withdrawal", "asset": "USD", "amount": "100", "after": 2},
        {"kind": "staking", "asset": "BTC", "amount": "1.5", "after": 3},
        {"kind": "external_order", "pair": "XBTUSD", "side": "buy", "volume": "0.1", "after": 4},
        {"kind": "withdrawal", "asset": "USD", "amount": "9999999", "after": 5},
    )
    line = Line(one, private=True)
    line.subscribe("balances")
    one.simulation.advance(10)
    kinds = [frame["data"][0]["type"] for frame in line.of("balances")[1:]]
    assert kinds == ["deposit", "withdrawal", "transfer", "transfer", "trade", "trade"]
    assert one.result("Balance")["XBT.F"] == "1.5000000000"
    (order,) = one.result("ClosedOrders")["closed"].values()
    assert "cl_ord_id" not in order
    assert one.simulation.happenings.failed == ["withdrawal: EOrder:Insufficient funds"]
    assert_books(one.venue.account)


def test_modes_come_and_go() -> None:
    one = client(
        {"kind": "status", "mode": "maintenance", "after": 10, "until": 20},
        {"kind": "status", "mode": "post_only", "pair": "SOLUSD", "after": 5},
    )
    line = Line(one)
    for _ in range(5):
        one.simulation.advance(5)
    assert [frame["data"][0]["system"] for frame in line.of("status")] == ["online", "maintenance", "online"]
    assert one.error("AddOrder", **ORDER | {"pair": "SOLUSD", "volume": "1"}) == "EService:Market in post_only mode"


@pytest.mark.parametrize("kind", ["drop_request", "drop_answer", "disconnect", "late"])
def test_trading_over_the_websocket_goes_wrong_too(kind: str) -> None:
    rule = {"kind": kind, "match": "ws:add_order", "times": 1} | ({"seconds": 5} if kind == "late" else {})
    one = client(rule)
    line = Line(one, private=True)
    assert line.ask("add_order", order_type="market", side="buy", symbol="BTC/USD", order_qty=0.01) == []
    assert orders(one) == (["closed"] if kind in ("drop_answer", "disconnect") else [])
    assert bool(line.session.closed) == (kind == "disconnect")
    one.simulation.advance(5)
    assert orders(one) == ([] if kind == "drop_request" else ["closed"])


def test_frames_are_doubled_swapped_lost_or_carry_a_wrong_checksum() -> None:
    one = client(
        {"kind": "duplicate", "match": "frame:executions", "times": 1},
        {"kind": "reorder", "match": "frame:executions", "skip": 2, "times": 1},
        {"kind": "drop_frame", "match": "frame:executions", "skip": 4, "times": 1},
        {"kind": "bad_checksum", "match": "frame:book", "skip": 1, "times": 1},
        {"kind": "cut", "match": "frame:ticker", "times": 1},
    )
    line = Line(one, private=True)
    line.subscribe("executions")
    line.buy("0.01")
    line.buy("0.01")
    assert [frame["sequence"] for frame in line.of("executions")] == [1, 1, 2, 4, 3, 6, 7, 8, 9]
    line.subscribe("book", symbol=["BTC/USD"])
    for _ in range(10):
        one.simulation.advance(30)
        line.read()
    books = [json.loads(text, parse_float=str)["data"][0] for text in line.texts if '"book","type"' in text]
    assert len(books) > 2
    line.ask("subscribe", channel="ticker", symbol=["BTC/USD"])
    assert line.session.closed == "cut"


def test_all_lines_are_cut_at_once() -> None:
    one = client({"kind": "disconnect_all", "after": 5})
    lines = [Line(one), Line(one, private=True)]
    one.simulation.advance(6)
    assert all(line.session.closed for line in lines)
    assert one.venue.listeners == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "nope"}, "kind"),
        ({"kind": "delay"}, "needs seconds"),
        ({"kind": "duplicate", "seconds": 1}, "has no seconds"),
        ({"kind": "delay", "seconds": -1}, "seconds"),
        ({"kind": "delay", "seconds": "NaN"}, "seconds"),
        ({"kind": "cut", "percent": 101}, "percent"),
        ({"kind": "cut", "after": 5, "until": 5}, "until"),
        ({"kind": "cut", "colour": "red"}, "colour"),
        ({"kind": "deposit", "asset": "USD", "amount": "1e5"}, "amount"),
        ({"kind": "deposit", "asset": "NOPE", "amount": "1"}, "asset"),
        ({"kind": "deposit", "asset": "USD", "amount": "0.00001"}, "finer"),
        ({"kind": "status", "mode": "online", "pair": "NOPE"}, "pair"),
    ],
)
def test_a_scenario_that_is_wrong_is_refused_with_what_is_wrong(rule: dict, said: str) -> None:
    with pytest.raises(Invalid, match=said) as found:
        client(rule)
    assert found.value.code == "bad_scenario"


def test_a_scenario_is_read_from_toml_and_json(tmp_path) -> None:
    (tmp_path / "a.toml").write_text('seed = 4\n[[fault]]\nkind = "late"\nmatch = "rest:AddOrder"\nseconds = 0.25\n')
    (tmp_path / "a.json").write_text(
        '{"seed": 4, "fault": [{"kind": "late", "match": "rest:AddOrder", "seconds": 0.25}]}'
    )
    first, second = read_scenario(tmp_path / "a.toml"), read_scenario(tmp_path / "a.json")
    assert first == second
    assert first.fault[0].wait == NANO // 4
    for name, text in (("b.toml", "x = ["), ("b.json", "{"), ("c.toml", "x" * 2_000_000)):
        (tmp_path / name).write_text(text)
        with pytest.raises(Invalid):
            read_scenario(tmp_path / name)
    with pytest.raises(Invalid):
        read_scenario(tmp_path / "none.toml")
