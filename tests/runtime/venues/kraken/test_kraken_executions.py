"""Orders from sparse reports: whole, moving forward only, each fill told once."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.venues.kraken.events import Executions
from mooring.runtime.venues.kraken.executions import ENDED, OrderCache
from mooring.runtime.venues.kraken.frames import read_frame
from tests.support.kraken_client import CLIENT_ID

FULL = {
    "order_id": "O1", "cl_ord_id": CLIENT_ID, "symbol": "BTC/USD", "order_qty": 0.005, "cum_cost": 0.0,
    "exec_type": "pending_new", "side": "sell", "order_type": "limit", "limit_price": 26500.0,
    "order_status": "pending_new", "timestamp": "2023-09-22T10:33:05.709950Z",
}  # fmt: skip
NEW = {"order_id": "O1", "exec_type": "new", "order_status": "new", "timestamp": "2023-09-22T10:33:05.709982Z"}
FILLED = {
    "order_id": "O1",
    "exec_type": "filled",
    "order_status": "filled",
    "cum_qty": 0.005,
    "timestamp": "2023-09-22T10:33:06.000001Z",
}
CANCELED = NEW | {"exec_type": "canceled", "order_status": "canceled", "reason": "User requested"}


def trade(exec_id="T1", quantity=0.002, done=0.002, **more) -> dict:
    return {
        "order_id": "O1", "exec_type": "trade", "order_status": "partially_filled", "exec_id": exec_id, "trade_id": 7,
        "last_qty": quantity, "last_price": 26599.9, "cost": 53.1998, "cum_qty": done, "cum_cost": 53.1998,
        "avg_price": 26599.9, "liquidity_ind": "t", "fees": [{"asset": "USD", "qty": 0.1383}],
        "timestamp": "2023-09-22T10:33:05.999999Z",
    } | more  # fmt: skip


def executions(*reports: dict, snapshot: bool = False) -> Executions:
    kind = "snapshot" if snapshot else "update"
    (frame,) = read_frame(json.dumps({"channel": "executions", "type": kind, "data": list(reports), "sequence": 1}))
    assert isinstance(frame, Executions)
    return frame


def test_a_new_order_that_comes_without_symbol_keeps_the_one_it_had() -> None:
    cache = OrderCache()
    cache.apply(executions(FULL))
    (change,) = cache.apply(executions(NEW)).changes
    assert (change.order.status, change.order.symbol, change.order.side) == ("new", "BTC/USD", "sell")
    assert (change.order.quantity, change.order.client_id) == (Decimal("0.005"), CLIENT_ID)
    assert change.fill is None


def test_the_fill_that_completes_an_order_says_partially_filled_and_filled_follows() -> None:
    cache = OrderCache()
    changes = [
        cache.apply(executions(each)).changes[0] for each in (FULL, NEW, trade(quantity=0.005, done=0.005), FILLED)
    ]
    assert [change.order.status for change in changes] == ["pending_new", "new", "partially_filled", "filled"]
    assert [change.fill is not None for change in changes] == [False, False, True, False]
    fill = changes[2].fill
    assert (fill.exec_id, fill.symbol, fill.side, fill.client_id) == ("T1", "BTC/USD", "sell", CLIENT_ID)
    assert (fill.quantity, fill.price, fill.fees[0].quantity) == (
        Decimal("0.005"),
        Decimal("26599.9"),
        Decimal("0.1383"),
    )
    assert changes[3].order.ended
    assert cache.open_orders() == ()


def test_a_fill_that_is_told_again_after_a_reconnect_is_no_second_fill() -> None:
    cache = OrderCache()
    cache.apply(executions(FULL, trade()))
    again = cache.apply(executions(FULL, trade(), snapshot=True))
    assert [change.fill for change in again.changes] == [None, None]
    assert cache.order("O1").filled == Decimal("0.002")
    assert cache.order("O1").status == "partially_filled"


def test_a_fill_after_the_cancellation_counts_and_the_order_stays_ended() -> None:
    cache = OrderCache()
    cache.apply(executions(FULL, NEW, CANCELED))
    (change,) = cache.apply(executions(trade())).changes
    assert change.fill is not None
    assert (change.order.status, change.order.filled) == ("canceled", Decimal("0.002"))
    assert change.order.reason == "User requested"


def test_an_open_order_that_a_snapshot_does_not_have_is_missing_and_not_taken_for_rejected() -> None:
    cache = OrderCache()
    cache.apply(executions(FULL, NEW, FULL | {"order_id": "O2"}))
    changes = cache.apply(executions(FULL | {"order_id": "O2"}, snapshot=True), complete=True)
    assert [order.order_id for order in changes.missing] == ["O1"]
    assert cache.order("O1").status == "new"


def test_an_amendment_changes_quantity_and_limit() -> None:
    cache = OrderCache()
    cache.apply(executions(FULL, NEW))
    amended = NEW | {"exec_type": "amended", "order_qty": 0.004, "limit_price": 26400.0}
    (change,) = cache.apply(executions(amended)).changes
    assert (change.order.quantity, change.order.limit_price) == (Decimal("0.004"), Decimal("26400.0"))


def test_an_order_that_is_first_heard_of_by_a_delta_has_no_symbol_and_says_so() -> None:
    (change,) = OrderCache().apply(executions(NEW)).changes
    assert (change.order.symbol, change.order.quantity) == ("", None)


REPORTS = st.lists(
    st.one_of(
        st.sampled_from([FULL, NEW, FILLED, CANCELED]),
        st.integers(0, 5).map(lambda n: trade(f"T{n}", 0.001, n / 1000)),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(REPORTS)
def test_whatever_the_order_of_reports_fills_are_told_once_and_nothing_goes_back(reports) -> None:
    cache, told, filled, ended = OrderCache(), [], Decimal(0), ""
    for report in reports:
        (change,) = cache.apply(executions(report)).changes
        if change.fill:
            told.append(change.fill.exec_id)
        assert change.order.filled >= filled
        filled = change.order.filled
        if ended:
            assert change.order.status == ended
        ended = change.order.status if change.order.status in ENDED else ""
    assert len(told) == len(set(told))
    assert set(told) == {report["exec_id"] for report in reports if "exec_id" in report}


def test_ended_orders_are_forgotten_first_and_open_ones_never() -> None:
    cache = OrderCache(orders_max=3, fills_max=2)
    cache.apply(executions(FULL | {"order_id": "OPEN"}))
    for number in range(5):
        cache.apply(executions(FULL | {"order_id": f"O{number}"}, CANCELED | {"order_id": f"O{number}"}))
    assert cache.order("OPEN") is not None
    assert cache.order("O0") is None
    assert cache.order("O4") is not None
    assert len(cache._orders) == 3
