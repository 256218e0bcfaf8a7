"""Rows and states in people's words: exact decimals, never a float, never an exponent; one sentence for each state."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.daemon.present import MACHINE, UNITS, Presenter, first_line, percent_text, time_text, word_for
from mooring.runtime.domain.codes import Reason
from mooring.runtime.engine.status import EngineStatus
from tests.support.core import instrument

NOON = 1_704_110_520  # 2024-01-01 12:02 UTC
PAIR, LOT = 2, 4
PRESENTER = Presenter([instrument("AAA-USD", pair_decimals=PAIR, lot_decimals=LOT)])
PLAIN = re.compile(r"-?\d+(\.\d+)?")

whole = st.integers(-(2**63), 2**63 - 1)
ts = st.integers(0, 4_000_000_000)
name = st.sampled_from(["a", "taker", "buy"])
ROWS: dict[str, dict[str, Any]] = {
    "prices": dict.fromkeys(("open", "high", "low", "close", "volume"), whole),
    "signals": {"producer": name, "direction": whole, "conviction": whole, "reason": name, "value_micro": whole},
    "decisions": {"action": name, "reason": st.sampled_from([r.name.lower() for r in Reason])}
    | dict.fromkeys(("score", "quantity", "price", "stop", "target", "limit_value", "observed"), whole),
    "campaigns": {"campaign_id": name, "event": name}
    | dict.fromkeys(("quantity", "cost", "realised_pnl", "stop", "target"), whole),
    "positions": dict.fromkeys(("quantity", "price", "cost", "value"), whole),
    "orders": dict.fromkeys(("client_order_id", "side", "order_type", "reason", "status_reason"), name)
    | {"parent_id": st.none() | name, "status": st.none() | st.just("OPEN")}
    | dict.fromkeys(("quantity", "filled_quantity", "price", "stop_price"), whole),
    "fills": dict.fromkeys(("fill_id", "client_order_id", "side", "liquidity"), name)
    | dict.fromkeys(("quantity", "price", "notional", "fee"), whole)
    | {"filled_ts": ts},
    "trades": dict.fromkeys(("trade_id", "open_fill_id", "close_fill_id"), name)
    | dict.fromkeys(("quantity", "cost", "proceeds", "pnl"), whole)
    | {"opened_ts": ts, "closed_ts": ts},
    "ledger": dict.fromkeys(("txn_id", "kind", "account"), name)
    | {"line": whole, "amount": whole, "asset": st.sampled_from(["AAA", "USD"])},
    "equity": dict.fromkeys(("cash", "positions_value", "equity", "peak", "realised_pnl", "fees_paid"), whole)
    | {"drawdown_bps": whole, "tier": name},
    "alerts": {"alert_id": name, "severity": name, "code": name, "text": name}
    | {"acknowledged_at": st.none() | ts, "acknowledged_by": st.none() | name},
    "audit": dict.fromkeys(("actor", "action", "reason", "result"), name) | {"at": ts},
}
# Counted things, which JSON may show as integers; everything else that is a number is money, price, quantity or percent.
COUNTED = {"id", "direction", "conviction", "score", "line"}


UNSHOWN = ("prev_hash", "parent_hash", "account_id", "run_id")


def rows(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    base = {"seq": st.integers(1, 10**9), "row_hash": st.just("f" * 64)}
    base |= dict.fromkeys(UNSHOWN, st.just("0" * 64))
    return st.fixed_dictionaries(base | {"hour_ts_utc": ts, "symbol": st.just("AAA-USD")} | ROWS[kind])


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_no_row_shows_a_float_or_an_exponent_and_every_number_is_exact(kind: str) -> None:
    @given(rows(kind))
    def check(row: dict[str, Any]) -> None:
        item = PRESENTER.item(kind, row)
        assert item["id"] == row["seq"]
        assert item["hash"] == row["row_hash"]
        assert not {*UNSHOWN} & {*item}
        for field, value in item.items():
            assert not isinstance(value, float), field
            if isinstance(value, int) and not isinstance(value, bool):
                assert field in COUNTED, field
            if isinstance(value, str) and re.fullmatch(r"[-+\d.eE]+", value):
                assert PLAIN.fullmatch(value), (field, value)

    check()


@given(rows("fills"))
def test_a_fill_reads_back_to_the_very_integers(row: dict[str, Any]) -> None:
    item = PRESENTER.item("fills", row)
    assert int(Decimal(item["quantity"]).scaleb(LOT)) == row["quantity"]
    assert int(Decimal(item["price"]).scaleb(PAIR)) == row["price"]
    assert int(Decimal(item["fee"]).scaleb(8)) == row["fee"]


def test_ledger_amounts_of_the_base_asset_count_in_lots_and_those_of_the_quote_in_money() -> None:
    row = {"seq": 1, "row_hash": "f", "hour_ts_utc": 0, "txn_id": "t", "line": 1, "kind": "fill", "account": "cash"}
    assert PRESENTER.item("ledger", row | {"asset": "AAA", "amount": 12_345})["amount"] == "1.2345"
    assert PRESENTER.item("ledger", row | {"asset": "USD", "amount": 12_345})["amount"] == "0.00012345"


def test_order_without_a_price_has_none_and_one_not_yet_answered_is_an_intent() -> None:
    row = dict.fromkeys(("client_order_id", "side", "order_type", "reason", "parent_id", "status_reason"), "x") | {
        "seq": 1, "row_hash": "f", "symbol": "AAA-USD", "status": None, "quantity": 5, "filled_quantity": 0,
        "price": 0, "stop_price": 0,
    }  # fmt: skip
    item = PRESENTER.item("orders", row)
    assert (item["status"], item["price"], item["stop_price"]) == ("INTENT", None, None)


def test_every_unit_belongs_to_a_reason_that_is_there() -> None:
    assert set(UNITS) <= {reason.name.lower() for reason in Reason}


def test_limit_and_observed_of_a_decision_are_in_the_unit_of_its_reason() -> None:
    def shown(reason: str) -> tuple[str, str]:
        row = {"seq": 1, "row_hash": "f", "symbol": "AAA-USD", "action": "refused", "reason": reason} | dict.fromkeys(
            ("score", "quantity", "price", "stop", "target", "limit_value", "observed"), 150_000_000
        )
        item = PRESENTER.item("decisions", row)
        return item["unit"], item["observed"]

    assert shown("no_cash") == ("money", "1.50000000")
    assert shown("stop_reached") == ("price", "1500000.00")
    assert shown("dust") == ("quantity", "15000.0000")
    assert shown("cooldown") == ("bars", "150000000")


@given(st.integers(-(10**9), 10**9))
def test_percent_of_basis_points_has_two_places(bps: int) -> None:
    assert Decimal(percent_text(bps)) * 100 == bps
    assert re.fullmatch(r"-?\d+\.\d\d", percent_text(bps))


def test_times_end_in_z() -> None:
    assert time_text(NOON) == "2024-01-01T12:02:00Z"
    assert time_text(None) is None


def picture(**over: Any) -> EngineStatus:
    values: dict[str, Any] = dict.fromkeys(
        (
            "hours",
            "equity",
            "cash",
            "peak",
            "drawdown_bps",
            "positions",
            "working_orders",
            "ledger_rows",
            "alerts_open",
        ),
        0,
    )
    values |= {
        "state": "running", "state_reason": "", "state_since": NOON, "mode": "paper", "kill_active": False,
        "kill_reason": "", "kill_since": None, "run_id": "r", "last_cycle": None, "next_cycle": None, "tier": "normal",
        "head": None, "ledger_head": "", "decision_hash": "", "state_hash": "", "made_up_prices": False, "market": "m", "ended": False,
    }  # fmt: skip
    return EngineStatus(**(values | over))


@pytest.mark.parametrize(
    ("over", "word", "line"),
    [
        ({"state": "stopped"}, "Off", "Mooring is off. Nothing is being traded."),
        (
            {"state": "stopped", "state_reason": "The market has ended."},
            "Off",
            "Mooring is off. Nothing is being traded. The market has ended.",
        ),
        ({}, "Paper", f"Paper trading. No real orders can leave this {MACHINE}."),
        (
            {"made_up_prices": True},
            "Paper",
            f"Paper trading. No real orders can leave this {MACHINE}. Prices are made up.",
        ),
        ({"mode": "shadow"}, "Shadow", "Shadow: decisions are recorded, nothing is sent. Fills are simulated."),
        (
            {"state": "paused", "state_reason": "lunch"},
            "Paused",
            "Paused by you at 12:02 UTC: lunch. Exits still work.",
        ),
        ({"state": "paused"}, "Paused", "Paused by you at 12:02 UTC. Exits still work."),
        (
            {"state": "halted", "state_reason": "Drawdown reached its limit."},
            "Halted",
            "Halted: Drawdown reached its limit. Nothing new will be bought. Next: `mooring doctor`.",
        ),
        (
            {"kill_active": True, "kill_since": NOON},
            "Killed",
            "Kill switch on since 12:02 UTC. Open orders were cancelled.",
        ),
        (
            {"kill_active": True, "kill_since": NOON, "kill_reason": "enough", "state": "halted"},
            "Killed",
            "Kill switch on since 12:02 UTC: enough. Open orders were cancelled.",
        ),
        (
            {"kill_active": True, "kill_since": None, "state": "stopped"},
            "Killed",
            "Kill switch on since an unknown time. Open orders were cancelled.",
        ),
        (
            {"mode": "live"},
            "Live",
            "Live, not armed. Decisions are recorded and no order is sent. Arm it to send real orders.",
        ),
        (
            {"mode": "live", "made_up_prices": True},
            "Live",
            (
                "Live, not armed. Decisions are recorded and no order is sent. Arm it to send real orders. "
                "This is a look-alike: no real money."
            ),
        ),
        (
            {"mode": "live", "armed": True, "positions": 3, "cash": 42, "equity": 100, "next_cycle": NOON},
            "Live",
            "Live. 3 positions, 42 % in cash, next decision at 12:02 UTC.",
        ),
        (
            {"mode": "live", "armed": True, "positions": 1, "made_up_prices": True},
            "Live",
            "Live. 1 position, 100 % in cash, next decision at an unknown time. This is a look-alike: no real money.",
        ),
        (
            {"mode": "live", "armed": True, "blocked": "Prices are not followed at the moment."},
            "Live",
            "Live, entries blocked: Prices are not followed at the moment. Exits still work.",
        ),
        (
            {"mode": "live", "armed": True, "state": "paused", "state_reason": "lunch", "working_orders": 2},
            "Paused",
            "Paused by you at 12:02 UTC: lunch. Exits still work.",
        ),
        (
            {"mode": "live", "state": "paused"},
            "Paused",
            "Paused by you at 12:02 UTC. Not armed: no order is sent, exits neither.",
        ),
        (
            {"mode": "live", "state": "stopped", "working_orders": 2},
            "Off",
            "Mooring is off. Nothing is being traded. Open orders at Kraken stay: 2.",
        ),
        (
            {"mode": "live", "kill_active": True, "kill_since": NOON, "kill_reason": "enough", "working_orders": 2},
            "Killed",
            "Kill switch on since 12:02 UTC: enough. Open orders are being cancelled; 2 still work.",
        ),
        (
            {"mode": "live", "kill_active": True, "kill_since": NOON},
            "Killed",
            "Kill switch on since 12:02 UTC. Open orders were cancelled.",
        ),
    ],
)
def test_each_state_has_its_word_and_its_sentence(over: dict[str, Any], word: str, line: str) -> None:
    seen = picture(**over)
    assert (word_for(seen), first_line(seen)) == (word, line)
