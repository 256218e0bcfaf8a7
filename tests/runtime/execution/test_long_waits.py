"""What is concluded, asked and told where something goes on for long: lists without an order, a busy account, a double."""

from __future__ import annotations

import asyncio

from mooring.runtime.execution import board
from mooring.runtime.venues.protocol import MoneyMoved
from tests.support.execution_rig import bought, entry, play, stop

WHOLE = 100_000_000


def hide(rig, order):
    """The venue's lists have it no more, and it is open all the same."""
    found = rig.venue.of(order)
    del rig.venue.orders[found.order_id]
    return found


def test_an_open_order_that_no_list_has_is_not_given_up_while_the_venue_does_not_tell_by_itself():
    buy, protect = entry(), stop()

    async def use(rig):
        async with rig.running():
            await bought(rig, buy)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
            rig.venue.link(up=False)
            await asyncio.sleep(1)
            found = hide(rig, protect)
            await asyncio.sleep(1800)
            assert rig.status(protect) == "OPEN"
            assert "order_gone" not in rig.books.codes()
            rig.venue.orders[found.order_id] = found
            rig.venue.link(up=True)
            await asyncio.sleep(60)
            assert rig.status(protect) == "OPEN"

    play(use)


def test_an_open_order_that_no_list_has_is_given_up_where_the_venue_tells_of_others():
    buy, protect = entry(), stop()

    async def use(rig):
        async with rig.running():
            await bought(rig, buy)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
            hide(rig, protect)
            await rig.reaches(protect, "CANCELLED", 3600)
            assert "order_gone" in rig.books.codes()

    play(use)


def test_the_venue_s_own_word_of_an_order_begins_the_count_of_empty_lists_anew():
    buy, protect = entry(), stop()

    async def use(rig):
        async with rig.running() as execution:
            await bought(rig, buy)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
            found = hide(rig, protect)
            for _ in range(6):
                execution.reconcile()
                await asyncio.sleep(80)
                rig.venue.tell(found)
                await asyncio.sleep(1)
            assert rig.status(protect) == "OPEN"

    play(use)


def test_a_busy_account_is_not_compared_without_a_pause():
    async def use(rig):
        async with rig.running():
            await asyncio.sleep(60)
            before = rig.venue.names().count("holdings")
            for _ in range(300):
                rig.venue.queue.put_nowait(MoneyMoved())
                await asyncio.sleep(1)
            assert 10 <= rig.venue.names().count("holdings") - before <= 30

    play(use)


def test_an_account_that_never_rests_is_told_as_it_cannot_be_opened():
    async def use(rig):
        async def trades():
            while True:
                rig.venue.deposit("USD", "1")
                await asyncio.sleep(30)

        busy = asyncio.create_task(trades())
        async with rig.running(ready=False) as execution:
            await asyncio.sleep(900)
            assert not execution.ready.is_set()
            assert rig.books.codes() == ["reconcile_not_done"]
            busy.cancel()
            await rig.until(execution.ready.is_set, 300)

    play(use)


def test_a_double_that_outlives_the_memory_of_its_order_ends_nothing(monkeypatch):
    monkeypatch.setattr(board, "SETTLED_MAX", 1)
    buy, others = entry(), [entry(n, lots=WHOLE // 10) for n in (2, 3)]

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.double(buy)
            execution.reconcile()
            rig.venue.acks_only = True
            rig.venue.link(up=False)
            rig.venue.link(up=True)
            await rig.until(lambda: "order_doubled" in rig.books.codes())
            rig.venue.fill(buy, WHOLE)
            for other in others:
                rig.send(other)
                await rig.reaches(other, "OPEN")
                rig.venue.fill(other, other.quantity)
            await asyncio.sleep(300)
            assert execution._board.get(buy.client_id) is None

    play(use)
