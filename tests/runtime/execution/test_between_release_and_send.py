"""What becomes of orders that a word meets between the books' release and the venue: nothing leaves that should not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Status
from tests.support.execution_rig import bought, entry, play, sale, stop
from tests.support.scripted_venue import DENIED, NOT_SENT

WHOLE = 100_000_000


def slowly(rig, seconds):
    """Releases of the books take so long."""

    async def call(func, /, *args):
        found = func(*args)
        if func == rig.books.release:
            await asyncio.sleep(seconds)
        return found

    rig.call = call


def test_an_entry_that_is_being_released_while_the_process_ends_never_leaves():
    buy = entry()

    async def use(rig):
        slowly(rig, 2)
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "SUBMITTING")
            assert await execution.drain(cancel={Role.ENTRY})
            assert rig.status(buy) == "CANCELLED"
        assert rig.venue.sent() == []

    play(use)


def test_an_order_that_is_cancelled_while_it_is_being_released_never_leaves():
    buy = entry()

    async def use(rig):
        slowly(rig, 2)
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "SUBMITTING")
            execution.cancel([buy])
            await rig.reaches(buy, "CANCELLED")
            await asyncio.sleep(5)
            assert rig.venue.sent() == []

    play(use)


def test_a_kill_that_was_pressed_while_nothing_ran_holds_entries_and_stops_back_that_were_released_and_no_sale():
    buy, other, protect, sell = entry(), entry(2), stop(), sale(lots=WHOLE // 2)

    async def use(rig):
        async with rig.running():
            await bought(rig, buy)
        slowly(rig, 2)
        async with rig.running():
            rig.send(other, protect, sell)
            await rig.reaches(other, "SUBMITTING")
            rig.books.kill_pressed = True
            for order in (other, protect):
                await rig.reaches(order, "CANCELLED")
                assert rig.books.lines[order.client_id].reason == "killed_before_sending"
            await rig.reaches(sell, "OPEN")
        assert [name for name in rig.venue.sent() if name != buy.client_id] == [sell.client_id]

    play(use)


def test_a_stop_that_is_cancelled_while_it_waits_for_the_dead_man_s_switch_never_leaves():
    buy, other, protect = entry(), entry(2), stop()

    async def use(rig):
        async with rig.running() as execution:
            await bought(rig, buy)
            rig.send(other)
            await rig.reaches(other, "OPEN")
            await rig.until(lambda: rig.venue.alive_until)
            rig.venue.fail("keep_alive", "hang")
            rig.send(protect)
            await rig.reaches(protect, "SUBMITTING")
            execution.cancel([protect])
            await asyncio.sleep(20)
            assert protect.client_id not in rig.venue.sent()
            assert rig.status(protect) == "CANCELLED"

    play(use)


def test_a_stop_stays_where_the_sale_that_waits_for_it_is_taken_back():
    buy, protect, leave = entry(), stop(), sale(after=(stop().client_id,))

    async def use(rig):
        async with rig.running() as execution:
            await bought(rig, buy)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
            rig.venue.link(up=False)
            await asyncio.sleep(1)
            rig.send(leave)
            await asyncio.sleep(1)
            execution.cancel([leave])
            await asyncio.sleep(120)
            assert (rig.status(leave), rig.status(protect)) == ("CANCELLED", "OPEN")
            assert "cancel" not in rig.venue.names()

    play(use)


def test_an_order_that_is_let_go_with_another_size_is_followed_in_that_size():
    buy, leave = entry(), sale()

    async def use(rig):
        held = [WHOLE // 2, WHOLE]
        real = rig.books.release

        def release(orders):
            return tuple(replace(one, quantity=held.pop(0)) if one.role is Role.EXIT else one for one in real(orders))

        rig.books.release = release
        async with rig.running():
            await bought(rig, buy)
            rig.venue.fail("place", DENIED)
            rig.send(leave)
            await rig.reaches(leave, "OPEN")
            assert rig.venue.of(leave).quantity == WHOLE
            rig.venue.fill(leave, WHOLE // 2)
            await asyncio.sleep(5)
            assert rig.status(leave) == "PARTIAL"
            rig.venue.fill(leave, WHOLE // 2)
            await rig.reaches(leave, "FILLED")

    play(use)


def test_a_stop_is_tried_on_where_the_books_fail_before_another_try():
    buy, protect = entry(), stop()

    async def use(rig):
        real, failing = rig.books.release, []

        def release(orders):
            if failing:
                raise failing.pop()
            return real(orders)

        rig.books.release = release
        async with rig.running():
            await bought(rig, buy)
            rig.venue.fail("place", NOT_SENT)
            rig.send(protect)
            await rig.reaches(protect, "SUBMITTING")
            failing.append(OSError("the disk is full"))
            await rig.reaches(protect, "OPEN")

    play(use)


def test_a_kill_that_is_pressed_while_a_stop_is_let_go_again_holds_it_back():
    buy, protect = entry(), stop()

    async def use(rig):
        real = rig.books.release

        def release(orders):
            rig.books.kill_pressed = rig.status(protect) == "SUBMITTING"  # it was refused once
            return real(orders)

        async with rig.running():
            await bought(rig, buy)
            rig.books.release = release
            rig.venue.fail("place", NOT_SENT)
            rig.send(protect)
            await rig.reaches(protect, "CANCELLED")
            assert rig.books.lines[protect.client_id].reason == "killed_before_sending"
        assert rig.venue.sent().count(protect.client_id) == 1

    play(use)


def test_a_stop_that_the_books_never_let_go_again_is_told():
    buy, protect = entry(), stop()

    async def use(rig):
        real, failing = rig.books.release, []

        def release(orders):
            if failing:
                raise failing[0]
            return real(orders)

        rig.books.release = release
        async with rig.running():
            await bought(rig, buy)
            rig.venue.fail("place", NOT_SENT)
            rig.send(protect)
            await rig.reaches(protect, "SUBMITTING")
            failing.append(OSError("the disk is full"))
            await rig.reaches(protect, "REJECTED")
            await rig.until(lambda: "order_not_sent" in rig.books.codes())

    play(use)


def test_an_orderly_end_waits_for_what_an_entry_filled_so_that_its_stop_can_follow():
    """The venue says that the entry ended before any list has its fill: the end was over before the stop was asked for."""
    buy, protect = entry(), stop(lots=WHOLE // 2)

    async def use(rig):
        real = rig.books.take

        def take(updates):
            real(updates)
            if rig.status(buy) in ("FILLED", "CANCELLED") and protect.client_id not in rig.books.lines:
                rig.send(protect)

        rig.books.take = take
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.lag = 4
            rig.venue.fill(buy, WHOLE // 2, tell=False)
            assert await execution.drain(cancel={Role.ENTRY})
            assert rig.status(protect) == "OPEN"
            assert rig.venue.of(protect).status is Status.OPEN

    play(use)
