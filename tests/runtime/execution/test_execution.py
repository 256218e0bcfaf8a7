"""Orders on their way: sent once, and told to the books as they are, whatever the venue does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mooring.errors import Halt, Retry
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Status
from mooring.runtime.venues.protocol import Trouble
from tests.support.execution_rig import entry, play, sale, stop
from tests.support.scripted_venue import DENIED, NOT_SENT, UNCLEAR

WHOLE = 100_000_000


def test_an_entry_is_released_sent_filled_in_parts_and_told_once():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE // 4)
            await rig.reaches(buy, "PARTIAL")
            rig.venue.fill(buy, WHOLE * 3 // 4)
            await rig.reaches(buy, "FILLED")

    rig = play(use)
    assert rig.books.lines[buy.client_id].history == [Status.OPEN, Status.PARTIAL, Status.FILLED]
    assert rig.venue.sent() == [buy.client_id]
    assert rig.books.positions["BTC"] == WHOLE
    assert rig.books.alerts == []


def test_nothing_is_sent_before_the_first_comparison():
    buy = entry()

    async def use(rig):
        rig.venue.fail("holdings", *[Retry("kraken_unreachable", "No answer.")] * 8)
        async with rig.running(ready=False):
            rig.send(buy)
            await asyncio.sleep(60)
            assert rig.venue.sent() == []
            await rig.reaches(buy, "OPEN")

    rig = play(use)
    names = rig.venue.names("keep_alive")
    assert names.index("place") > len(names) - 1 - names[::-1].index("holdings")
    assert rig.books.codes() == ["reconcile_not_done"]


def test_orders_that_are_ready_at_once_are_released_in_one_commit():
    buys = [entry(n, lots=WHOLE // 10) for n in range(5)]

    async def use(rig):
        async with rig.running():
            rig.send(*buys)
            for buy in buys:
                await rig.reaches(buy, "OPEN")

    rig = play(use)
    assert rig.books.batches == [tuple(buy.client_id for buy in buys)]


def test_submitted_from_another_thread_and_twice_is_sent_once():
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.books.intend(buy)
            await asyncio.to_thread(execution.submit, [buy])
            await asyncio.to_thread(execution.submit, [buy])
            await rig.reaches(buy, "OPEN")
            execution.submit([buy])
            await asyncio.sleep(5)

    assert play(use).venue.sent() == [buy.client_id]


def test_a_refusal_is_told_in_the_venues_words():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.venue.fail("place", DENIED)
            rig.send(buy)
            await rig.reaches(buy, "REJECTED")

    assert play(use).books.lines[buy.client_id].reason == "Insufficient funds."


def test_an_entry_that_was_not_sent_is_given_up_and_never_sent_again():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.venue.fail("place", NOT_SENT)
            rig.send(buy)
            await rig.reaches(buy, "REJECTED")
            await asyncio.sleep(300)

    rig = play(use)
    assert rig.books.lines[buy.client_id].reason == "not_sent"
    assert len(rig.venue.sent()) == 1
    assert rig.books.alerts == []


def bought(rig, buy):
    async def go():
        rig.send(buy)
        await rig.reaches(buy, "OPEN")
        rig.venue.fill(buy, buy.quantity)
        await rig.reaches(buy, "FILLED")

    return go()


def test_a_stop_that_was_not_sent_is_tried_again_after_a_look():
    buy, protect = entry(), stop()

    async def use(rig):
        async with rig.running():
            await bought(rig, buy)
            rig.venue.fail("place", NOT_SENT, NOT_SENT)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")

    rig = play(use)
    assert rig.venue.sent().count(protect.client_id) == 3
    assert [n for n in rig.venue.names() if n in ("place", "find")][-4:] == ["find", "place", "find", "place"]


def test_a_stop_that_can_not_be_sent_at_all_is_told_with_an_alert():
    buy, protect = entry(), stop()

    async def use(rig):
        async with rig.running():
            await bought(rig, buy)
            rig.venue.fail("place", *[NOT_SENT] * 5)
            rig.send(protect)
            await rig.reaches(protect, "REJECTED")
            await rig.until(lambda: rig.books.alerts)

    rig = play(use)
    assert rig.books.codes() == ["order_not_sent"]
    assert rig.venue.sent().count(protect.client_id) == 5


@pytest.mark.parametrize("error", [UNCLEAR, ValueError("a bug"), Halt("kraken_unreadable_answer", "Nonsense.")])
def test_an_order_that_landed_without_an_answer_is_found_and_not_sent_again(error):
    buy = entry()

    async def use(rig):
        rig.venue.silent = True
        async with rig.running():
            rig.venue.fail("place", (error, "after"))
            rig.send(buy)
            await rig.reaches(buy, "OPEN", 10)

    rig = play(use)
    assert rig.books.lines[buy.client_id].history == [Status.UNKNOWN, Status.OPEN]
    assert len(rig.venue.sent()) == 1


def test_an_order_that_filled_at_once_without_an_answer_is_found_with_its_fills():
    buy = entry()

    async def use(rig):
        rig.venue.silent = True
        async with rig.running():
            rig.venue.fail("place", (UNCLEAR, "after"))
            rig.send(buy)
            await rig.until(lambda: rig.venue.orders)
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED", 10)

    assert play(use).books.positions["BTC"] == WHOLE


def test_lists_that_lag_a_minute_do_not_make_an_order_disappear():
    buy = entry()

    async def use(rig):
        rig.venue.silent, rig.venue.lag = True, 60.0
        async with rig.running():
            rig.venue.fail("place", (UNCLEAR, "after"))
            rig.send(buy)
            await rig.reaches(buy, "OPEN", 100)

    rig = play(use)
    assert rig.books.lines[buy.client_id].history == [Status.UNKNOWN, Status.OPEN]
    assert len(rig.venue.sent()) == 1


def test_an_order_that_never_arrived_is_told_so_only_after_its_deadline_and_the_lag():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.venue.fail("place", UNCLEAR)
            rig.send(buy)
            await rig.reaches(buy, "UNKNOWN")
            begun = rig.clock.monotonic()
            await rig.reaches(buy, "CANCELLED")
            assert rig.clock.monotonic() - begun > 82
            await asyncio.sleep(600)

    rig = play(use)
    assert rig.books.lines[buy.client_id].reason == "never_arrived"
    assert len(rig.venue.sent()) == 1
    late = [at for at, name, _ in rig.venue.calls if name == "find"]
    assert late[-1] - late[0] > 82_000
    assert rig.books.codes() == ["order_unknown"]


def test_a_venue_that_does_not_answer_is_no_evidence_and_the_order_stays_unknown():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.venue.fail("place", UNCLEAR)
            rig.venue.fail("find", *[Retry("kraken_unreachable", "No answer.")] * 60)
            rig.send(buy)
            await asyncio.sleep(1800)
            assert rig.status(buy) == "UNKNOWN"
            await rig.reaches(buy, "CANCELLED", 7200)

    rig = play(use)
    assert rig.books.codes().count("order_unknown") == 1
    assert len(rig.venue.sent()) == 1


def test_an_order_that_comes_after_it_was_taken_for_lost_is_cancelled_and_alerted():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.venue.fail("place", UNCLEAR)
            rig.send(buy)
            await rig.reaches(buy, "CANCELLED")
            await rig.venue.place(buy, deadline_ms=1)
            rig.venue.fill(buy, WHOLE // 2)
            await rig.until(lambda: rig.venue.of(buy).status is Status.CANCELLED)
            await asyncio.sleep(5)

    rig = play(use)
    assert "order_came_late" in rig.books.codes()
    assert rig.books.positions["BTC"] == WHOLE // 2


def test_a_second_order_of_one_intent_is_cancelled_alerted_and_breaks_the_comparison():
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            twin = rig.venue.double(buy)
            rig.venue.link(up=False)
            rig.venue.link(up=True)
            await rig.until(lambda: rig.venue.orders[twin.order_id].status is Status.CANCELLED)
            rig.venue.orders[twin.order_id] = replace(rig.venue.orders[twin.order_id], status=Status.OPEN)
            execution.reconcile()
            await rig.until(lambda: not rig.books.comparisons[-1].equal)

    rig = play(use)
    assert "order_doubled" in rig.books.codes()
    assert "second one" in rig.books.comparisons[-1].breaks[0]


def test_fills_that_were_not_told_are_asked_for_before_the_end_is_told():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE // 2, tell=False)
            rig.venue.end(buy)
            await rig.reaches(buy, "CANCELLED")

    rig = play(use)
    assert rig.books.lines[buy.client_id].filled == WHOLE // 2
    assert rig.books.positions["BTC"] == WHOLE // 2


def test_what_was_missed_while_the_link_was_down_is_asked_for_when_it_is_up():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.link(up=False)
            rig.venue.silent = True
            rig.venue.fill(buy, WHOLE)
            await asyncio.sleep(3)
            assert rig.status(buy) == "OPEN"
            rig.venue.link(up=True)
            await rig.reaches(buy, "FILLED", 5)
            await rig.until(lambda: rig.books.comparisons[-1].trigger == "reconnect")

    assert play(use).books.comparisons[-1].equal


def test_while_the_link_is_down_orders_are_asked_after_and_entries_wait():
    buy, other = entry(1), entry(2, lots=WHOLE // 2)

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.queue.put_nowait(OSError("cut"))
            await rig.until(lambda: not execution.state.linked, 5)
            rig.venue.link(up=False)
            await asyncio.sleep(2)
            rig.venue.silent = True
            rig.venue.fill(buy, WHOLE)
            rig.send(other)
            await rig.reaches(buy, "FILLED", 70)
            assert other.client_id not in rig.venue.sent()
            rig.venue.link(up=True)
            await rig.reaches(other, "OPEN")

    play(use)


def test_an_exit_waits_for_the_end_of_the_stop_that_holds_its_coins():
    buy, protect, leave = entry(), stop(), sale(after=(stop().client_id,))

    async def use(rig):
        async with rig.running():
            await bought(rig, buy)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
            rig.venue.acks_only = True
            rig.send(leave)
            await asyncio.sleep(20)
            assert leave.client_id not in rig.venue.sent()
            rig.venue.acks_only = False
            await rig.reaches(leave, "OPEN")
            assert rig.status(protect) == "CANCELLED"

    play(use)


def test_an_exit_is_cut_to_what_the_stop_left_when_it_filled_after_the_cancellation():
    buy, protect, leave = entry(), stop(), sale(after=(stop().client_id,))

    async def use(rig):
        async with rig.running():
            await bought(rig, buy)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
            rig.venue.acks_only = True
            rig.send(leave)
            await rig.until(lambda: "cancel" in rig.venue.names())
            rig.venue.fill(protect, WHOLE // 4)
            rig.venue.end(protect)
            await rig.reaches(leave, "OPEN")

    rig = play(use)
    assert rig.venue.of(leave).quantity == WHOLE * 3 // 4


def test_a_cancellation_is_asked_for_again_until_the_order_ended():
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fail("cancel", UNCLEAR, NOT_SENT, DENIED, ValueError("a bug"))
            execution.cancel([buy])
            await rig.reaches(buy, "CANCELLED", 30)

    assert play(use).venue.names().count("cancel") == 5


def test_a_cancellation_that_is_not_done_for_long_is_alerted_and_goes_on():
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.acks_only = True
            execution.cancel([buy])
            await rig.until(lambda: rig.books.alerts)
            rig.venue.acks_only = False
            await rig.reaches(buy, "CANCELLED", 60)

    assert play(use).books.codes() == ["cancel_not_done"]


def test_an_order_that_is_cancelled_before_it_left_never_leaves():
    buy = entry()

    async def use(rig):
        rig.venue.fail("holdings", *[Retry("kraken_unreachable", "No answer.")] * 3)
        async with rig.running(ready=False) as execution:
            rig.send(buy)
            await asyncio.sleep(1)
            execution.cancel([buy])
            await rig.reaches(buy, "CANCELLED", 5)
            await execution.ready.wait()
            await asyncio.sleep(10)

    assert play(use).venue.sent() == []


def test_a_cancellation_that_fills_meet_ends_as_filled():
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.acks_only = True
            execution.cancel([buy])
            await asyncio.sleep(0.5)
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED", 5)
            await asyncio.sleep(60)

    assert play(use).books.alerts == []


def test_an_order_that_the_books_withhold_is_not_sent():
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.books.withhold.add(buy.client_id)
            rig.send(buy)
            await rig.reaches(buy, "WITHHELD")
            await asyncio.sleep(5)
            assert execution.state.waiting == 0

    assert play(use).venue.sent() == []


def test_books_that_do_not_take_are_told_again_and_nothing_is_lost():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.books.failing = 6
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED", 60)
            await rig.until(lambda: rig.books.alerts)

    assert play(use).books.codes() == ["books_refused"]


def test_books_that_release_nothing_end_the_entry_as_not_sent():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.books.failing = 3
            rig.send(buy)
            await rig.reaches(buy, "REJECTED", 60)

    assert play(use).venue.sent() == []


def test_an_entry_that_stands_still_after_a_part_is_cancelled_for_the_rest():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE // 3)
            await asyncio.sleep(25)
            assert rig.status(buy) == "PARTIAL"
            await rig.reaches(buy, "CANCELLED", 10)

    assert play(use).books.positions["BTC"] == WHOLE // 3


def test_an_entry_past_its_expiry_is_cancelled_from_here_too():
    async def use(rig):
        buy = entry(expires_at=rig.clock.now() + 600)
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            await asyncio.sleep(590)
            assert rig.status(buy) == "OPEN"
            await rig.reaches(buy, "CANCELLED", 20)

    play(use)


def test_an_entry_that_waited_past_its_expiry_is_not_sent():
    async def use(rig):
        buy = entry(expires_at=rig.clock.now() + 30)
        rig.venue.fail("holdings", *[Retry("kraken_unreachable", "No answer.")] * 8)
        async with rig.running(ready=False):
            rig.send(buy)
            await rig.reaches(buy, "EXPIRED", 40)
            await rig.execution.ready.wait()
        assert rig.venue.sent() == []

    play(use)


def test_more_orders_than_can_wait_are_refused():
    async def use(rig):
        many = [entry(n) for n in range(1001)]
        with pytest.raises(Halt, match="1000"):
            rig.execution.submit(many)

    play(use)


def test_trouble_with_the_key_is_told():
    async def use(rig):
        async with rig.running():
            rig.venue.queue.put_nowait(Trouble(code="kraken_invalid_nonce", text="Another program uses the key."))
            await rig.until(lambda: rig.books.alerts)

    assert play(use).books.alerts == [("critical", "kraken_invalid_nonce", "Another program uses the key.")]


def test_an_orderly_end_sends_nothing_more_and_leaves_orders_as_they_are():
    buy, other = entry(1), entry(2)

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            assert await execution.drain()
            rig.send(other)
            await asyncio.sleep(30)
            assert rig.venue.of(buy).status is Status.OPEN
            assert rig.venue.alive_until is None

    assert play(use).venue.sent() == [buy.client_id]


def test_an_orderly_end_can_cancel_entries_and_keep_stops():
    buy, other, protect = entry(1), entry(2), stop()

    async def use(rig):
        async with rig.running() as execution:
            await bought(rig, buy)
            rig.send(protect, other)
            await rig.reaches(protect, "OPEN")
            await rig.reaches(other, "OPEN")
            assert await execution.drain(cancel={Role.ENTRY})
            assert (rig.status(other), rig.status(protect)) == ("CANCELLED", "OPEN")

    play(use)
