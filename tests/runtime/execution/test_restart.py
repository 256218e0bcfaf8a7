"""A process that dies at any moment: the next one knows what left, looks up what may have, and sends nothing twice."""

from __future__ import annotations

import asyncio

import pytest

from mooring.runtime.domain.orders import Status
from tests.support.execution_rig import entry, play, stop
from tests.support.scripted_venue import UNCLEAR

WHOLE = 100_000_000


def test_an_intent_that_never_left_is_told_so_and_not_sent() -> None:
    buy = entry()

    async def use(rig):
        rig.books.intend(buy)
        async with rig.running():
            await rig.reaches(buy, "CANCELLED")

    rig = play(use)
    assert rig.books.lines[buy.client_id].reason == "not_sent_before_restart"
    assert rig.venue.sent() == []


def test_an_intent_that_is_handed_in_before_the_start_is_sent() -> None:
    buy = entry()

    async def use(rig):
        execution = rig.execution
        rig.books.intend(buy)
        execution.submit([buy])
        task = asyncio.create_task(execution.run())
        await rig.reaches(buy, "OPEN")
        task.cancel()

    assert play(use).venue.sent() == [buy.client_id]


def test_one_that_was_being_sent_and_never_arrived_is_told_so_after_the_lag() -> None:
    buy = entry()

    async def use(rig):
        rig.books.intend(buy)
        rig.books.release([buy])
        begun = rig.clock.monotonic()
        async with rig.running():
            await rig.reaches(buy, "UNKNOWN", 5)
            await rig.reaches(buy, "CANCELLED")
            assert rig.clock.monotonic() - begun > 80

    rig = play(use)
    assert rig.books.lines[buy.client_id].reason == "never_arrived"
    assert rig.venue.sent() == []


@pytest.mark.parametrize("done", ["open", "part", "filled", "cancelled"])
@pytest.mark.parametrize("known", ["SUBMITTING", "UNKNOWN", "OPEN", "PARTIAL"])
def test_whatever_happened_meanwhile_is_found_and_booked_once(known: str, done: str) -> None:
    buy = entry()

    async def use(rig):
        async with rig.running():
            await asyncio.sleep(1)  # the account is opened
        if known in ("SUBMITTING", "UNKNOWN"):
            rig.books.intend(buy)
            rig.books.release([buy])
            await rig.venue.place(buy, deadline_ms=5000)
            rig.books.lines[buy.client_id].status = Status(known)
        else:
            async with rig.running():
                rig.send(buy)
                await rig.reaches(buy, "OPEN")
                if known == "PARTIAL":
                    rig.venue.fill(buy, WHOLE // 10)
                    await rig.reaches(buy, "PARTIAL")
        rig.venue.silent = True
        if done in ("part", "cancelled"):
            rig.venue.fill(buy, WHOLE // 5)
        if done == "filled":
            rig.venue.fill(buy, WHOLE - rig.venue.of(buy).filled)
        if done == "cancelled":
            rig.venue.end(buy)
        async with rig.running():
            await asyncio.sleep(2)
            some = known == "PARTIAL" or done == "part"
            assert rig.status(buy) == {"filled": "FILLED", "cancelled": "CANCELLED"}.get(
                done, "PARTIAL" if some else "OPEN"
            )

    rig = play(use)
    assert rig.books.lines[buy.client_id].filled == rig.venue.of(buy).filled
    assert rig.venue.sent() == [buy.client_id]
    assert rig.books.comparisons[-1].equal


@pytest.mark.parametrize("moment", [n * 0.02 for n in range(12)])
def test_a_process_that_ends_at_any_moment_of_a_sending_sends_once_at_most(moment: float) -> None:
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.venue.fail("place", (UNCLEAR, "after"))
            rig.send(buy)
            await asyncio.sleep(moment)
        async with rig.running():
            await rig.until(lambda: rig.status(buy) in ("OPEN", "CANCELLED"))
            await asyncio.sleep(200)

    rig = play(use)
    there = [order for order in rig.venue.orders.values() if order.client_id == buy.client_id]
    assert len(there) <= 1
    assert len(rig.venue.sent()) <= 1
    assert rig.status(buy) == ("OPEN" if there else "CANCELLED")


def test_a_stop_that_rests_stays_where_it_is() -> None:
    buy, protect = entry(), stop()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED")
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
        for _ in range(3):
            async with rig.running():
                await asyncio.sleep(120)
        assert rig.venue.of(protect).status is Status.OPEN
        assert rig.venue.alive_until is None

    rig = play(use)
    assert rig.status(protect) == "OPEN"
    assert "cancel" not in rig.venue.names()


def test_a_cancellation_of_an_order_that_only_the_books_know_finds_it_out_first() -> None:
    buy = entry()

    async def use(rig):
        await rig.venue.place(buy, deadline_ms=5000)
        async with rig.running() as execution:
            rig.books.intend(buy)
            rig.books.release([buy])
            execution.cancel([buy])
            await rig.reaches(buy, "CANCELLED", 30)

    assert play(use).books.lines[buy.client_id].order_id
