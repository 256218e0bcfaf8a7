"""Orders whose outcome is not known, and what was told late, twice or never: looked up, never sent again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mooring.errors import Halt, Retry
from mooring.runtime.domain.orders import Status
from tests.support.execution_rig import entry, play
from tests.support.scripted_venue import UNCLEAR

WHOLE = 100_000_000


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


def test_a_request_that_never_comes_back_is_unknown_after_two_minutes():
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.venue.fail("place", "hang")
            rig.send(buy)
            await asyncio.sleep(115)
            assert rig.status(buy) == "SUBMITTING"
            await rig.reaches(buy, "UNKNOWN", 10)
            await rig.reaches(buy, "CANCELLED", 200)

    assert len(play(use).venue.sent()) == 1


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
    sent = next(at for at, name, _ in rig.venue.calls if name == "place")
    conclusive = [at for at, name, _ in rig.venue.calls if name == "find" and at > sent + 5_000 + 2_000 + 75_000]
    assert len(conclusive) == 2
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
            await rig.reaches(buy, "CANCELLED", 10)

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
