"""The whole look-alike under random calls and random faults: books add up, and everything repeats byte for byte."""

from __future__ import annotations

import json
from contextlib import suppress

import hypothesis.strategies as st
from hypothesis import given, settings

from mooring.runtime.venues.simulator.control import books
from mooring.runtime.venues.simulator.digits import as_json
from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config
from tests.support.look_alike import assert_books
from tests.support.look_alike_rest import Client
from tests.support.look_alike_ws import Line

CALL = st.sampled_from(["drop_request", "drop_answer", "disconnect"]).map(lambda kind: {"kind": kind})
FAULT = st.one_of(
    CALL,
    st.builds(lambda kind, s: {"kind": kind, "seconds": s}, st.sampled_from(["delay", "late"]), st.integers(0, 90)),
    st.builds(lambda lands: {"kind": "http_error", "lands": lands}, st.booleans()),
    st.builds(lambda lands: {"kind": "error", "text": "EService:Busy", "lands": lands}, st.booleans()),
    st.sampled_from(["duplicate", "reorder", "drop_frame", "bad_checksum", "cut"]).map(lambda kind: {"kind": kind}),
    st.builds(lambda s: {"kind": "rest_lag", "seconds": s, "until": 400}, st.integers(1, 60)),
    st.builds(lambda s, b: {"kind": "clock_skew", "seconds": s, "backwards": b, "until": 300}, st.integers(0, 90), st.booleans()),
    st.sampled_from(["maintenance", "cancel_only", "post_only"]).map(lambda m: {"kind": "status", "mode": m, "until": 120}),
    st.builds(lambda s, n: {"kind": "fill_after_cancel", "seconds": s, "share": n}, st.integers(0, 30), st.integers(1, 100)),
    st.builds(lambda k, a: {"kind": k, "asset": "BTC", "amount": a}, st.sampled_from(["deposit", "withdrawal", "staking"]),
              st.sampled_from(["0.5", "1.75", "30"])),
    st.sampled_from([{"kind": "lockout", "seconds": 30}, {"kind": "nonce_jump", "by": 50}, {"kind": "disconnect_all"}]),
    st.just({"kind": "external_order", "pair": "XBTUSD", "side": "sell", "volume": "0.3"}),
)  # fmt: skip
TIMED = st.builds(
    lambda rule, after, percent: rule | {"percent": percent} | ({"after": after} if "until" not in rule else {}),
    FAULT, st.integers(0, 300), st.sampled_from([20, 60, 100]),
)  # fmt: skip
STEP = st.tuples(
    st.sampled_from(["rest", "ws", "cancel", "ws_cancel", "amend", "read", "wait", "wait", "arm", "reconnect"]),
    st.integers(0, 40),
    st.integers(980, 1010),
)


class Play:
    """Steps taken one after another; `said` holds every byte that came back."""

    def __init__(self, faults: list[dict], steps: list[tuple], seed: int) -> None:
        scenario = parse_scenario({"seed": seed, "fault": faults}, "test")
        config = Config(seed=seed, balances={"USD": "50000", "BTC": "1"}, tier="pro")
        self.client = Client(Simulation(["BTC-USD"], config=config, scenario=scenario))
        self.said: list[bytes | str] = []
        self.line: Line | None = None
        for step in steps:
            self.do(*step)
            assert_books(self.client.venue.account)

    def do(self, kind: str, number: int, per_mille: int) -> None:
        client, account = self.client, self.client.venue.account
        live = list(account.open)
        txid = live[number % len(live)] if live else "OAAAAA-AAAAA-AAAAAA"
        order = {
            "pair": "XBTUSD",
            "type": ("buy", "sell")[number % 2],
            "ordertype": "limit",
            "price": client.price(per_mille),
        }
        volume = f"{0.001 + number / 50:.3f}"
        if kind == "rest":
            self.send("AddOrder", **order, volume=volume, userref=str(number))
        elif kind == "cancel":
            self.send("CancelOrder", txid=txid)
        elif kind == "amend":
            self.send("AmendOrder", txid=txid, order_qty=volume)
        elif kind == "arm":
            self.send("CancelAllOrdersAfter", timeout=str(number))
        elif kind == "read":
            for name in ("BalanceEx", "OpenOrders", "TradesHistory"):
                self.send(name)
        elif kind == "wait":
            client.simulation.advance(number * 3)
        elif kind == "reconnect" or self.line is None or self.line.session.closed:
            self.connect()
        else:
            params = {"order_id": [txid]} if kind == "ws_cancel" else {
                "order_type": "market", "side": order["type"], "symbol": "BTC/USD", "order_qty": float(volume)}  # fmt: skip
            self.line.ask("cancel_order" if kind == "ws_cancel" else "add_order", **params)
        if self.line is not None:
            self.line.read()

    def connect(self) -> None:
        with suppress(AssertionError, ValueError):  # no token: the call may be refused, or answered with a page
            self.line = Line(self.client, private=True)
            for channel in ("executions", "balances"):
                self.line.ask("subscribe", channel=channel)
            self.line.ask("subscribe", channel="book", symbol=["BTC/USD"], token=self.line.token)

    def send(self, name: str, **fields: str) -> None:
        answer = self.client.send(name, **fields)
        self.said.append(answer.body if not answer.dropped else b"dropped")

    def end(self) -> dict:
        self.client.simulation.advance(600)
        if self.line is not None:
            self.line.read()
            self.said += self.line.texts
        return books(self.client.simulation, self.client.venue.account)


@given(st.lists(TIMED, max_size=6), st.lists(STEP, max_size=25), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_books_add_up_whatever_goes_wrong_and_everything_repeats(
    faults: list[dict], steps: list[tuple], seed: int
) -> None:
    first, second = Play(faults, steps, seed), Play(faults, steps, seed)
    assert first.end() == second.end()
    assert first.said == second.said
    assert_books(first.client.venue.account)


@given(st.lists(STEP, max_size=25))
@settings(max_examples=30, deadline=None)
def test_without_faults_the_websocket_and_rest_tell_the_same_story(steps: list[tuple]) -> None:
    play = Play([], [("reconnect", 0, 990), *steps], 1)
    play.line = None
    play.client.simulation.advance(1)
    truth = json.loads(as_json(play.end()))
    client = play.client
    rest = client.result("ClosedOrders", trades="true")["closed"] | client.result("OpenOrders", trades="true")["open"]
    assert rest == {key: truth["orders"][key] for key in rest}
    assert len(rest) == min(len(truth["orders"]), len(rest))
    assert client.result("Balance") == truth["balances"]
    line = Line(client, private=True)
    line.subscribe("executions", snap_trades=True)
    line.subscribe("balances")
    told = {row["order_id"] for row in line.reports() if "exec_id" not in row}
    assert told == set(client.result("OpenOrders")["open"])
    assert {row["exec_id"] for row in line.reports() if "exec_id" in row} <= set(truth["trades"])
