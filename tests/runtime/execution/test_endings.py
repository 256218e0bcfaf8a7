"""Cancellations, expiries and orderly ends: an order has ended when the venue says so, not before."""

from __future__ import annotations

import asyncio

import pytest

from mooring.errors import Retry
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Status
from mooring.runtime.execution.service import STOP_SECONDS
from tests.support.execution_rig import bought, entry, play, sale, stop
from tests.support.scripted_venue import DENIED, NOT_SENT, UNCLEAR

WHOLE = 100_000_000


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


def test_an_exit_waits_quietly_while_the_books_are_slow_to_know_that_its_stop_has_ended():
    """It was asked for again at every turn of the loop, which kept the books from their turn."""
    buy, protect, leave = entry(), stop(), sale(after=(stop().client_id,))
    begun = []

    async def use(rig):
        slow = [False]

        async def call(func, /, *args):
            if slow[0] and func == rig.books.take:
                await asyncio.sleep(30)
            return func(*args)

        rig.call = call
        async with rig.running() as execution:
            await bought(rig, buy)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
            cancel = execution._cancelling._cancel

            async def counted(client_id):
                begun.append(client_id)
                assert len(begun) < 50, "it never waits"
                await cancel(client_id)

            execution._cancelling._cancel = counted
            slow[0] = True
            rig.send(leave)
            await rig.reaches(leave, "OPEN")
            assert rig.status(protect) == "CANCELLED"

    play(use)
    assert begun == [protect.client_id]


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


def test_a_cancellation_waits_until_the_order_has_arrived():
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await asyncio.sleep(0.02)
            assert rig.status(buy) == "SUBMITTING"
            execution.cancel([buy])
            await rig.reaches(buy, "CANCELLED", 5)

    at = {name: when for when, name, _ in play(use).venue.calls}
    assert at["cancel"] - at["place"] >= 50, "asked for only after the venue answered"


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


@pytest.mark.parametrize("role", [Role.ENTRY, Role.EXIT])
def test_an_orderly_end_waits_a_bounded_while_for_a_venue_that_does_not_answer(role):
    """The rest must fit into what supervisors allow: they kill what takes longer."""
    buy, held, late = entry(1), entry(2), sale() if role is Role.EXIT else entry(3)

    async def use(rig):
        async with rig.running() as execution:
            await bought(rig, held)
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            await rig.until(lambda: execution.state.armed, 10)
            for name in ("cancel", "keep_alive", "place", "find", "open_orders"):
                rig.venue.fail(name, *["hang"] * 50)
            rig.send(late)
            await rig.reaches(late, "SUBMITTING")
            begun = asyncio.get_running_loop().time()
            assert not await execution.drain(cancel={Role.ENTRY})
            assert asyncio.get_running_loop().time() - begun < STOP_SECONDS + 0.1

    play(use)


def test_an_orderly_end_gives_up_what_the_venue_refuses_again_and_again_and_calls_it_known():
    """It waits between two tries, so it is certainly not at the venue: nobody needs to look for it there."""
    buy, leave = entry(), sale()

    async def use(rig):
        async with rig.running() as execution:
            await bought(rig, buy)
            rig.venue.fail("place", *[DENIED] * 50)
            rig.send(leave)
            await rig.reaches(leave, "SUBMITTING")
            await rig.until(lambda: rig.venue.names().count("place") > 2)
            assert await execution.drain(cancel={Role.ENTRY})
            tried = rig.venue.names().count("place")
            assert rig.status(leave) == "REJECTED"
            await asyncio.sleep(60)
            assert rig.venue.names().count("place") == tried
            assert "order_not_sent" in [code for _, code, *_ in rig.books.alerts]

    play(use)


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
