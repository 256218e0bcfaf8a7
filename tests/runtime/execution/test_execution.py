"""Orders on their way: sent once, and told to the books as they are, whatever the venue does."""

from __future__ import annotations

import asyncio

import pytest

from mooring.errors import Halt, Retry
from mooring.runtime.domain.orders import Status
from mooring.runtime.venues.protocol import Trouble
from tests.support.execution_rig import bought, entry, play, stop
from tests.support.scripted_venue import DENIED, E8, NOT_SENT

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


def test_nothing_is_sent_before_the_first_comparison_not_even_a_stop():
    buy, protect = entry(), stop()

    async def use(rig):
        rig.books.positions["BTC"] = WHOLE
        rig.venue.total["BTC"] = WHOLE * E8
        rig.venue.fail("holdings", *[Retry("kraken_unreachable", "No answer.")] * 8)
        async with rig.running(ready=False):
            rig.send(buy, protect)
            await asyncio.sleep(100)
            assert rig.venue.sent() == []
            await rig.reaches(buy, "OPEN")
            await rig.reaches(protect, "OPEN")

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


def test_one_order_that_the_books_never_take_keeps_no_other_back_and_is_told_once():
    bad, good = entry(1, lots=WHOLE // 10), entry(2, lots=WHOLE // 10)

    async def use(rig):
        take = rig.books.take

        def picky(updates):
            if any(update.client_id == bad.client_id for update in updates):
                raise Halt("fill_not_booked", "It cannot be booked.")
            take(updates)

        async with rig.running():
            rig.send(bad, good)
            rig.books.take = picky
            await rig.reaches(good, "OPEN")
            for _ in range(10):
                rig.venue.fill(good, WHOLE // 100)
                await asyncio.sleep(40)
            assert rig.books.lines[good.client_id].filled
            rig.books.take = take
            await rig.reaches(bad, "OPEN", 60)

    assert play(use, settle_ms=10**7).books.codes() == ["books_refused"]


def test_books_that_block_are_called_from_threads():
    buy = entry()

    async def use(rig):
        rig.call = asyncio.to_thread
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED")

    assert play(use).books.positions["BTC"] == WHOLE


def test_books_that_are_slow_are_told_each_thing_once():
    buy = entry()

    async def slow(func, /, *args):
        await asyncio.sleep(0.7)
        return func(*args)

    async def use(rig):
        rig.call = slow
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            for _ in range(5):
                rig.venue.fill(buy, WHOLE // 5)
                execution.reconcile()
                await asyncio.sleep(0.4)
            await rig.reaches(buy, "FILLED")
            await asyncio.sleep(100)

    rig = play(use)
    assert rig.books.passed_over == 0
    assert rig.books.comparisons[-1].equal


def test_books_that_release_nothing_end_the_entry_as_not_sent():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.books.failing = 3
            rig.send(buy)
            await rig.reaches(buy, "REJECTED", 60)

    assert play(use).venue.sent() == []


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
