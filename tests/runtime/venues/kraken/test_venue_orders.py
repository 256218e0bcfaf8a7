"""Orders through the adapter, before the look-alike in virtual time: once or not at all, and said which."""

from __future__ import annotations

import asyncio

import pytest

from mooring.errors import Denied, MooringError, Retry, Unknown
from mooring.runtime.domain.orders import Status
from mooring.runtime.venues.protocol import OrderTold
from tests.support.kraken_venue import Stage, client_id, meet

WAYS = pytest.mark.parametrize("listen", [True, False], ids=["over the link", "over REST"])
REQUEST = {True: "ws:add_order", False: "rest:AddOrder"}
CANCEL = {True: "ws:cancel_order", False: "rest:CancelOrder"}


async def refused(answer) -> MooringError:
    with pytest.raises(MooringError) as caught:
        await answer
    return caught.value


@WAYS
def test_an_order_is_placed_under_its_id_and_found_with_its_fills(listen) -> None:
    async def use(stage: Stage):
        txid = await stage.place(stage.order(1, "buy market 1000000"))
        (found,) = await stage.find(1)
        return txid, found, stage.orders()

    txid, found, (order,) = meet(use, listen=listen)
    assert (found.order_id, found.client_id, found.status) == (txid, client_id(1), Status.FILLED)
    assert sum(fill.quantity for fill in found.fills) == found.filled == 1_000_000
    assert order.id == txid
    assert not order.ticket.fee_in_base


@WAYS
@pytest.mark.parametrize(
    ("text", "status", "left"),
    [("buy limit 1000000 500", Status.OPEN, 0), ("sell stop-loss 1000000 500", Status.OPEN, 0)],
)
def test_limits_and_stops_rest_at_the_venue(listen, text, status, left) -> None:
    async def use(stage: Stage):
        order = stage.order(1, text)
        await stage.place(order)
        (found,) = await stage.find(1)
        return order, found, stage.orders()[0].ticket

    order, found, ticket = meet(use, listen=listen)
    assert (found.kind, found.status, found.filled) == (order.kind, status, left)
    assert (ticket.limit or 0, ticket.trigger or 0) == (order.limit, order.trigger)


@WAYS
@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop_answer"}, {"kind": "disconnect"}, {"kind": "drop_request"}, {"kind": "late", "seconds": 3}],
    ids=lambda fault: fault["kind"],
)
def test_an_unclear_outcome_is_unknown_and_never_tried_over_the_other_way(listen, fault) -> None:
    async def use(stage: Stage):
        error = await refused(stage.place(stage.order(1, "buy market 1000000")))
        again = await refused(stage.place(stage.order(1, "buy market 1000000")))
        await asyncio.sleep(60)
        return error, again, stage.orders(), await stage.find(1)

    error, again, orders, found = meet(use, fault | {"match": REQUEST[listen], "times": 1}, listen=listen)
    assert (type(error), error.code) == (Unknown, "kraken_outcome_unknown")
    assert (type(again), again.code) == (Unknown, "kraken_order_id_taken")
    assert len(orders) == len(found) == (0 if fault["kind"] == "drop_request" else 1)


@pytest.mark.parametrize("status", [502, 520])
def test_a_gateway_s_page_after_an_order_that_landed_is_unknown_and_found(status) -> None:
    async def use(stage: Stage):
        error = await refused(stage.place(stage.order(1, "buy market 1000000")))
        return error, await stage.find(1), len(stage.orders())

    fault = {"kind": "http_error", "status": status, "lands": True, "match": "rest:AddOrder", "times": 1}
    error, (found,), count = meet(use, fault, listen=False)
    assert isinstance(error, Unknown)
    assert (found.status, count) == (Status.FILLED, 1)


@WAYS
def test_an_order_that_comes_after_its_deadline_is_not_taken(listen) -> None:
    async def use(stage: Stage):
        error = await refused(stage.place(stage.order(1, "buy market 1000000"), deadline_ms=2_500))
        await asyncio.sleep(60)
        return error, stage.orders()

    error, orders = meet(use, {"kind": "late", "seconds": 4, "match": REQUEST[listen]}, listen=listen)
    assert isinstance(error, Unknown)
    assert orders == []


def test_a_deadline_that_is_too_near_is_not_sent_and_says_so() -> None:
    async def use(stage: Stage):
        error = await refused(stage.place(stage.order(1, "buy market 1000000"), deadline_ms=1_900))
        sent = await stage.place(stage.order(1, "buy market 1000000"))
        return error, sent, len(stage.orders())

    error, sent, count = meet(use, listen=False)
    assert (type(error), error.code) == (Retry, "kraken_not_sent")
    assert sent
    assert count == 1


@WAYS
def test_what_is_refused_is_denied_with_kraken_s_words_and_may_be_asked_again(listen) -> None:
    async def use(stage: Stage):
        poor = await refused(stage.place(stage.order(1, "buy limit 100000000000 900")))
        small = await refused(stage.place(stage.order(2, "buy limit 10 900")))
        placed = await stage.place(stage.order(1, "buy limit 1000000 900"))
        return poor, small, placed

    poor, small, placed = meet(use, listen=listen)
    assert (type(poor), poor.code) == (Denied, "kraken_insufficient_funds")
    assert "Insufficient funds" in poor.what
    assert (type(small), small.code) == (Denied, "kraken_below_minimum")
    assert placed


@pytest.mark.parametrize("left", [4, 0, -60, 31 * 86_400])
def test_an_order_that_would_expire_too_soon_or_too_late_is_not_sent(left) -> None:
    async def use(stage: Stage):
        order = stage.order(1, "buy limit 1000000 500", expires_at=stage.clock.now() + left)
        return await refused(stage.place(order)), stage.orders()

    error, orders = meet(use)
    assert (type(error), error.code) == (Denied, "kraken_expires_soon")
    assert orders == []


@WAYS
def test_the_venue_ends_an_order_at_its_expiry_by_itself(listen) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 500", expires_at=stage.clock.now() + 60))
        await asyncio.sleep(90)
        return (await stage.find(1))[0].status, [event.order.status for event in stage.of(OrderTold)][-1:]

    status, told = meet(use, listen=listen)
    assert status is Status.EXPIRED
    assert told == ([Status.EXPIRED] if listen else [])


def test_a_market_order_needs_no_expiry() -> None:
    async def use(stage: Stage):
        return await stage.place(stage.order(1, "sell market 1000000", expires_at=stage.clock.now() + 1))

    assert meet(use)


@WAYS
def test_a_cancelled_order_ends_and_cancelling_it_again_says_nothing(listen) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 500"))
        await stage.kraken.cancel(client_id(1), "BTC-USD")
        await asyncio.sleep(1)
        await stage.kraken.cancel(client_id(1), "BTC-USD")
        await stage.kraken.cancel(client_id(77), "BTC-USD")
        return await stage.find(1)

    assert meet(use, listen=listen)[0].status is Status.CANCELLED


@WAYS
def test_an_order_may_fill_after_its_cancellation_was_acknowledged(listen) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 990"))
        await stage.kraken.cancel(client_id(1), "BTC-USD")
        (before,) = await stage.find(1)
        await asyncio.sleep(10)
        return before, (await stage.find(1))[0], stage.of(OrderTold)

    fault = {"kind": "fill_after_cancel", "match": CANCEL[listen], "seconds": 3, "share": 40}
    before, after, told = meet(use, fault, listen=listen)
    assert (before.status, before.filled) == (Status.OPEN, 0)
    assert (after.status, after.filled) == (Status.CANCELLED, 400_000)
    assert sum(fill.quantity for fill in after.fills) == 400_000
    if listen:
        assert told[-1].order.status is Status.CANCELLED
        assert sum(fill.quantity for each in told for fill in each.order.fills) == 400_000


@WAYS
def test_a_cancellation_without_an_answer_is_unknown_and_can_be_asked_again(listen) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 500"))
        error = await refused(stage.kraken.cancel(client_id(1), "BTC-USD"))
        await stage.kraken.cancel(client_id(1), "BTC-USD")
        return error, (await stage.find(1))[0].status

    error, status = meet(use, {"kind": "drop_answer", "match": CANCEL[listen], "times": 1}, listen=listen)
    assert isinstance(error, Unknown)
    assert status is Status.CANCELLED


@WAYS
def test_all_orders_of_the_account_are_cancelled_also_those_of_others(listen) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 500"))
        stage.fault(kind="external_order", pair="SOLUSD", side="buy", volume="1", price="1.00")
        await asyncio.sleep(1)
        everybody = await stage.kraken.open_orders()
        return everybody, await stage.kraken.cancel_all(), await stage.kraken.open_orders()

    before, count, after = meet(use, listen=listen)
    assert [order.client_id for order in before] == [client_id(1), None]
    assert (count, after) == (2, ())


@WAYS
def test_the_dead_man_s_switch_fires_unless_it_is_kept_from_it(listen) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 500"))
        for _ in range(5):
            await stage.kraken.keep_alive(60)
            await asyncio.sleep(30)
        kept = len(await stage.kraken.open_orders())
        await asyncio.sleep(40)
        fired = len(await stage.kraken.open_orders())
        await stage.place(stage.order(2, "buy limit 1000000 500"))
        await stage.kraken.keep_alive(60)
        await stage.kraken.keep_alive(0)
        await asyncio.sleep(100)
        with pytest.raises(Denied):
            await stage.kraken.keep_alive(90_000)
        return kept, fired, len(await stage.kraken.open_orders())

    assert meet(use, listen=listen) == (1, 0, 1)


@WAYS
def test_a_check_places_nothing(listen) -> None:
    async def use(stage: Stage):
        order = stage.order(1, "buy limit 1000000 500")
        checked = await stage.kraken.place(order, deadline_ms=5_000, validate=True)
        bad = await refused(stage.kraken.place(stage.order(2, "buy limit 10 500"), deadline_ms=5_000, validate=True))
        return checked, bad, stage.orders(), await stage.place(order)

    checked, bad, orders, placed = meet(use, listen=listen)
    assert (checked, bad.code, orders) == ("", "kraken_below_minimum", [])
    assert placed


def test_a_lock_out_that_rest_met_holds_for_the_link_too_and_nothing_leaves() -> None:
    async def use(stage: Stage):
        await refused(stage.kraken.holdings())
        entry = await refused(stage.place(stage.order(1, "buy market 1000000")))
        leave = await refused(stage.kraken.cancel(client_id(9), "BTC-USD"))
        await asyncio.sleep(901)
        return entry, leave, await stage.place(stage.order(1, "buy market 1000000")), len(stage.orders())

    async def locked(stage: Stage):
        stage.fault(kind="lockout", seconds=600)
        await asyncio.sleep(1)
        return await use(stage)

    entry, leave, placed, count = meet(locked)
    assert (type(entry), entry.code) == (Retry, "kraken_not_sent")
    assert isinstance(leave, Retry)
    assert 800 < entry.retry_after_seconds <= 900
    assert placed
    assert count == 1


def test_a_pause_that_kraken_names_is_kept_by_both_ways() -> None:
    async def use(stage: Stage):
        until = stage.clock.now() + 120
        stage.fault(kind="error", text=f"EService:Throttled: {until}", match="rest:OpenOrders", times=1)
        first = await refused(stage.kraken.open_orders())
        second = await refused(stage.kraken.open_orders())
        entry = await refused(stage.place(stage.order(1, "buy market 1000000")))
        await asyncio.sleep(121)
        return (
            first,
            second,
            entry,
            await stage.kraken.open_orders(),
            await stage.place(stage.order(1, "buy market 1000000")),
        )

    first, second, entry, later, placed = meet(use)
    assert (type(first), first.code) == (Retry, "kraken_throttled")
    assert {second.code, entry.code} == {"kraken_not_sent"}
    assert 110 < entry.retry_after_seconds <= 120
    assert later == ()
    assert placed


def test_a_pair_that_is_closed_takes_no_entry_and_is_asked_about_exits() -> None:
    async def use(stage: Stage):
        stage.fault(kind="status", mode="cancel_only", pair="XBTUSD", until=2000)
        await asyncio.sleep(700)
        unseen = await refused(stage.place(stage.order(1, "buy limit 1000000 500")))
        await stage.kraken._listing.load()
        entry = await refused(stage.place(stage.order(1, "buy limit 1000000 500")))
        leave = await refused(stage.place(stage.order(2, "sell market 1000000")))
        await asyncio.sleep(2000)
        return unseen, entry, leave, await stage.place(stage.order(1, "buy limit 1000000 500"))

    unseen, entry, leave, placed = meet(use)
    assert (type(unseen), unseen.code) == (Retry, "kraken_market_mode")
    assert (type(entry), entry.code) == (Denied, "kraken_pair_closed")
    assert (type(leave), leave.code) == (Retry, "kraken_market_mode")
    assert placed


def test_exits_have_room_left_on_the_counter_when_entries_have_none() -> None:
    async def use(stage: Stage):
        placed, error = 0, None
        while error is None:
            try:
                await stage.place(stage.order(100 + placed, "buy limit 1000000 400"), deadline_ms=2_100)
                placed += 1
            except Retry as none_left:
                error = none_left
        exits = [await stage.place(stage.order(1000 + n, "sell market 100000")) for n in range(10)]
        return placed, error, exits

    placed, error, exits = meet(use, tier="starter")
    assert error.code == "kraken_not_sent"
    assert 40 <= placed < 60
    assert all(exits)


def test_a_key_that_kraken_refuses_denies_orders_for_good() -> None:
    async def use(stage: Stage):
        stage.venue.key.valid_until = 1
        return await refused(stage.place(stage.order(1, "buy market 1000000")))

    error = meet(use, listen=False)
    assert (type(error), error.code) == (Denied, "kraken_key_refused")


def test_a_caller_that_gives_up_leaves_an_order_that_is_not_sent_again() -> None:
    async def use(stage: Stage):
        stage.fault(kind="delay", seconds=5, match="ws:add_order")
        task = asyncio.create_task(stage.place(stage.order(1, "buy market 1000000")))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        again = await refused(stage.place(stage.order(1, "buy market 1000000")))
        return again, stage.orders(), await stage.find(1)

    again, orders, found = meet(use)
    assert isinstance(again, Unknown)
    assert len(orders) == len(found) == 1
