"""Coinbase's dialect where things go wrong: at most once, nothing but what was meant, and nothing believed unread."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mooring.errors import Denied, Halt, Retry, Unknown
from mooring.runtime.domain.orders import Side, Status
from mooring.runtime.venues.others import coinbase as dialect
from tests.support.coinbase_stage import LAST, Stage, play
from tests.support.venue_desks import START_MS, coinbase_venue

pytestmark = pytest.mark.xdist_group("ccxt")  # to import it takes seconds: once, in one process


def test_exactly_what_was_meant_leaves() -> None:
    async def use(stage: Stage) -> None:
        order = stage.desk.buy("0.01234567", 50, expires_at=START_MS // 1000 + 3600)
        await stage.place(order)
        (body,) = stage.sent("orders")
        assert body == {
            "client_order_id": order.client_id, "product_id": "BTC-USD", "side": "BUY",
            "order_configuration": {"limit_limit_gtd": {
                "base_size": "0.01234567", "limit_price": "15000.00", "end_time": "2024-01-31T01:00:00Z",
                "post_only": False,
            }},
        }  # fmt: skip
        await stage.place(stage.desk.sell("0.5"))
        assert stage.sent("orders")[1]["order_configuration"] == {"market_market_ioc": {"base_size": "0.50000000"}}
        await stage.place(stage.desk.buy("0.01", 40))
        assert list(stage.sent("orders")[2]["order_configuration"]) == ["limit_limit_gtc"]

    play(use)


@pytest.mark.parametrize("fault", ["drop", "502", "429", "520", "not json", "[]", "{}", '{"success": true}', "null"])
def test_an_order_without_a_clear_answer_is_unknown_and_sent_once(fault: str) -> None:
    async def use(stage: Stage) -> None:
        order = stage.desk.buy("0.01", 50)
        stage.account.faults.append(("orders", fault))
        with pytest.raises(Unknown) as lost:
            await stage.place(order)
        assert lost.value.code == "venue_outcome_unknown"
        assert len(stage.sent("orders")) == 1
        (found,) = await stage.find(order)
        assert found.status is Status.OPEN

    play(use)


def test_an_answer_about_another_order_is_unknown() -> None:
    async def use(stage: Stage) -> None:
        told = {"order_id": "x", "client_order_id": "somebody-elses"}
        stage.account.faults.append(("orders", json.dumps({"success": True, "success_response": told})))
        with pytest.raises(Unknown):
            await stage.place(stage.desk.buy("0.01", 50))

    play(use)


def test_a_request_that_could_not_leave_may_be_tried_again() -> None:
    async def use(stage: Stage) -> None:
        order = stage.desk.buy("0.01", 50)
        stage.account.faults.append(("orders", "refuse"))
        with pytest.raises(Retry) as refused:
            await stage.place(order)
        assert refused.value.code == "venue_not_sent"
        assert await stage.find(order) == ()

    play(use)


def test_the_same_id_twice_is_looked_up_never_refused() -> None:
    """Coinbase says that there was one: whether ours, only a look can tell."""

    async def use(stage: Stage) -> None:
        order = stage.desk.buy("0.01", 50)
        await stage.place(order)
        with pytest.raises(Unknown):
            await stage.place(order)
        (found,) = await stage.find(order)
        assert found.quantity == order.quantity

    play(use)


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        ({"error": "INSUFFICIENT_FUND"}, Denied, "venue_insufficient_funds"),
        (
            {"error": "UNKNOWN_FAILURE_REASON", "new_order_failure_reason": "INVALID_LIMIT_PRICE"},
            Denied,
            "venue_refused",
        ),
        ({"error": "UNKNOWN_FAILURE_REASON"}, Unknown, "venue_outcome_unknown"),
        ({"error": "INTERNAL_ERROR"}, Unknown, "venue_outcome_unknown"),
        ({}, Unknown, "venue_outcome_unknown"),
    ],
)
def test_only_a_no_with_a_reason_is_a_no(answer: dict, error: type[Exception], code: str) -> None:
    async def use(stage: Stage) -> None:
        stage.account.faults.append(("orders", json.dumps({"success": False, "error_response": answer})))
        with pytest.raises(error) as raised:
            await stage.place(stage.desk.buy("0.01", 50))
        assert raised.value.code == code

    play(use)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ('{"error": "PERMISSION_DENIED", "error_description": "no right"}', Denied),
        ('{"error": "INVALID_ARGUMENT", "error_description": "bad"}', Denied),
        ('{"error": "resource_exhausted", "error_description": "slow down"}', Unknown),
        ('{"error": "something_new", "error_description": "?"}', Unknown),
    ],
)
def test_errors_that_ccxt_classes_are_taken_by_what_they_mean_for_an_order(answer: str, error: type[Exception]) -> None:
    async def use(stage: Stage) -> None:
        stage.account.faults.append(("orders", answer))
        with pytest.raises(error):
            await stage.place(stage.desk.buy("0.01", 50))

    play(use)


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("drop", Retry, "venue_unreachable"),
        ("refuse", Retry, "venue_not_sent"),
        ("502", Retry, "venue_unreachable"),
        ("429", Retry, "venue_rate_limited"),
        ("401", Halt, "venue_key_refused"),
        ('{"error": "PERMISSION_DENIED", "error_description": "no"}', Halt, "venue_key_refused"),
        ('{"error": "something_new", "error_description": "?"}', Halt, "venue_unreadable_answer"),
        ("not json", Retry, "venue_unreachable"),
        ("{}", Halt, "venue_unreadable_answer"),
        ("[]", Halt, "venue_unreadable_answer"),
        ('{"accounts": [{"currency": "USD"}]}', Halt, "venue_unreadable_answer"),
    ],
)
def test_a_question_that_fails_passes_or_needs_a_person(fault: str, error: type[Exception], code: str) -> None:
    async def use(stage: Stage) -> None:
        stage.account.faults.append(("accounts", fault))
        with pytest.raises(error) as raised:
            await stage.venue.holdings()
        assert raised.value.code == code

    play(use)


def test_a_check_that_is_lost_placed_nothing() -> None:
    async def use(stage: Stage) -> None:
        stage.account.faults.append(("orders/preview", "drop"))
        with pytest.raises(Retry):
            await stage.place(stage.desk.buy("0.01", 50), validate=True)
        with pytest.raises(Denied) as refused:
            await stage.place(stage.desk.buy("900", 100), validate=True)
        assert refused.value.code == "venue_insufficient_funds"
        assert stage.sent("orders") == []

    play(use)


def test_a_cancellation_without_an_answer_is_unknown() -> None:
    async def use(stage: Stage) -> None:
        order = stage.desk.buy("0.01", 50)
        await stage.place(order)
        stage.account.faults.append(("orders/batch_cancel", "drop"))
        with pytest.raises(Unknown):
            await stage.venue.cancel(order.client_id, "BTC-USD")
        await stage.venue.cancel(order.client_id, "BTC-USD")
        assert [each.status for each in await stage.find(order)] == [Status.CANCELLED]

    play(use)


def test_more_orders_than_a_page_holds_are_all_seen_and_cancelled() -> None:
    async def use(stage: Stage) -> None:
        orders = [stage.desk.buy("0.001", 30 + number) for number in range(7)]
        for order in orders:
            await stage.place(order)
        assert {each.client_id for each in await stage.venue.open_orders()} == {order.client_id for order in orders}
        for order in orders:
            assert len(await stage.find(order)) == 1
        assert await stage.venue.cancel_all() == 7

    play(use)


def test_an_account_with_too_much_to_read_is_not_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "PAGES_MAX", 2)

    async def use(stage: Stage) -> None:
        for number in range(5):
            await stage.place(stage.desk.buy("0.001", 30 + number))
        with pytest.raises(Halt) as too_much:
            await stage.venue.open_orders()
        assert too_much.value.code == "venue_too_much"

    play(use)


def test_a_partial_fill_is_told_with_what_is_there() -> None:
    async def use(stage: Stage) -> None:
        order = stage.desk.buy("0.01", 50)
        await stage.place(order)
        stage.trade(LAST // 4, 400_000)
        (found,) = await stage.find(order)
        assert (found.status, found.filled, [fill.quantity for fill in found.fills]) == (
            Status.PARTIAL, 400_000, [400_000]
        )  # fmt: skip
        await stage.venue.cancel(order.client_id, "BTC-USD")
        (found,) = await stage.find(order)
        assert (found.status, found.filled, len(found.fills)) == (Status.CANCELLED, 400_000, 1)

    play(use)


def test_after_a_restart_fills_are_known_by_our_ids_again() -> None:
    async def use(stage: Stage) -> None:
        orders = [stage.desk.buy("0.001", 101) for _ in range(3)]
        for order in orders:
            await stage.place(order)
            stage.trade(LAST)
        again = coinbase_venue(stage.account)
        await again.open()
        told = await again.trades(since_ms=START_MS)
        assert [each.client_id for each in told] == [order.client_id for order in orders]
        await again.close()

    play(use)


def test_an_old_order_that_fills_now_is_looked_up_by_itself() -> None:
    async def use(stage: Stage) -> None:
        order = stage.desk.buy("0.001", 50)
        await stage.place(order)
        await stage.pass_(3 * 86_400)
        since = stage.venue.now_ms()
        stage.trade(LAST // 4)
        again = coinbase_venue(stage.account)
        await again.open()
        assert [each.client_id for each in await again.trades(since_ms=since)] == [order.client_id]
        await again.close()

    play(use)


@pytest.mark.parametrize("change", [{"expires_at": START_MS // 1000 - 1}, {"quantity": 1}, {"limit": 1}, {"limit": 0}])
def test_what_would_be_refused_for_certain_is_not_sent(change: dict) -> None:
    async def use(stage: Stage) -> None:
        with pytest.raises(Denied):
            await stage.place(replace(stage.desk.buy("0.01", 50), **change))
        assert stage.sent("orders") == []

    play(use)


def test_a_purchase_without_a_limit_is_refused() -> None:
    async def use(stage: Stage) -> None:
        with pytest.raises(Denied) as refused:
            await stage.place(replace(stage.desk.sell("0.01"), side=Side.BUY))
        assert refused.value.code == "venue_cannot"
        assert stage.sent("orders") == []

    play(use)


def test_a_status_nobody_knows_is_not_guessed() -> None:
    async def use(stage: Stage) -> None:
        await stage.place(stage.desk.buy("0.01", 50))
        (row,) = stage.account._orders({"order_status": "OPEN"})
        page = {"orders": [row | {"status": "HALF_FILLED"}], "has_next": False, "cursor": ""}
        stage.account.faults.append(("batch", json.dumps(page)))
        with pytest.raises(Halt, match="HALF_FILLED"):
            await stage.venue.open_orders()

    play(use)
