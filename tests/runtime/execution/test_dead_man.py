"""The dead man's switch protects entries, and never endangers a stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from mooring.errors import Retry
from mooring.runtime.domain.orders import Status
from mooring.runtime.execution.dead_man import wanted
from mooring.runtime.execution.options import DeadMan
from mooring.runtime.execution.orders import Track, reached, released
from tests.support.execution_rig import entry, play, sale, stop
from tests.support.scripted_venue import ALL

WHOLE = 100_000_000
DOWN = Retry("kraken_unreachable", "No answer.")


def out(order) -> Track:
    return released(Track(order=order), order, since_ms=0)


@pytest.mark.parametrize(
    ("orders", "foreign", "entries", "always"),
    [
        ([], 0, False, False),
        ([entry()], 0, True, True),
        ([entry()], 1, False, True),
        ([stop()], 0, False, True),
        ([entry(), stop()], 0, False, True),
        ([sale()], 0, False, True),
        ([entry(), sale()], 0, True, True),
    ],
)
def test_it_is_armed_where_it_protects(orders, foreign, entries, always) -> None:
    tracks = [out(order) for order in orders]
    assert wanted(tracks, DeadMan.ENTRIES, foreign=foreign) is entries
    assert wanted(tracks, DeadMan.ALWAYS, foreign=foreign) is always
    assert not wanted(tracks, DeadMan.OFF, foreign=foreign)


def test_orders_that_did_not_leave_or_have_ended_do_not_count_and_unknown_ones_do() -> None:
    assert not wanted([Track(order=entry())], DeadMan.ENTRIES, foreign=0)
    assert not wanted([reached(out(entry()), Status.REJECTED)], DeadMan.ENTRIES, foreign=0)
    assert wanted([reached(out(entry()), Status.UNKNOWN)], DeadMan.ENTRIES, foreign=0)


def renewals(rig) -> list[tuple[int, object]]:
    return [(at, seconds) for at, name, seconds in rig.venue.calls if name == "keep_alive"]


def test_what_an_earlier_process_armed_is_switched_off_first() -> None:
    async def use(rig):
        async with rig.running():
            await asyncio.sleep(5)

    assert [seconds for _, seconds in renewals(play(use))] == [0]


def test_it_is_renewed_while_an_entry_works_and_off_before_the_stop_is_sent() -> None:
    buy, protect = entry(), stop()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            await asyncio.sleep(100)
            rig.venue.fill(buy, WHOLE)
            rig.send(protect)
            await rig.reaches(protect, "OPEN")
            await asyncio.sleep(100)

    rig = play(use)
    armed = [at for at, seconds in renewals(rig) if seconds == 60]
    assert 5 <= len(armed) <= 7
    assert max(b - a for a, b in pairwise(armed)) <= 21_200
    last = renewals(rig)[-1]
    assert last[1] == 0
    sent = next(at for at, name, what in rig.venue.calls if name == "place" and what == protect.client_id)
    assert armed[-1] < last[0] <= sent


def test_an_order_of_somebody_else_keeps_it_off() -> None:
    async def use(rig):
        rig.venue.foreign("0b7ed5c8-5d2e-4a7c-8c2b-9f6f2f6f7a11")
        async with rig.running():
            rig.send(entry())
            await asyncio.sleep(60)

    assert {seconds for _, seconds in renewals(play(use))} == {0}


def test_after_a_sleep_it_is_renewed_at_once() -> None:
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            await asyncio.sleep(3)
            rig.clock.asleep = 3600.0
            await asyncio.sleep(3)

    times = [at for at, seconds in renewals(play(use)) if seconds == 60]
    assert len(times) == 2
    assert 3_600_000 <= times[1] - times[0] < 3_606_000


def test_a_venue_without_one_is_never_asked() -> None:
    async def use(rig):
        rig.venue.capabilities = replace(ALL, dead_man_switch=False)
        async with rig.running():
            rig.send(entry())
            await asyncio.sleep(60)

    assert renewals(play(use)) == []


def test_a_switch_that_can_not_be_renewed_is_told_once_and_tried_on() -> None:
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            await asyncio.sleep(10)
            rig.venue.fail("keep_alive", *[DOWN] * 60)
            await asyncio.sleep(200)
            assert rig.execution.state.armed

    rig = play(use)
    assert rig.books.codes() == ["dead_man_late"]
    assert renewals(rig)[-1][1] == 60


def test_a_stop_is_sent_even_if_the_switch_can_not_be_switched_off() -> None:
    buy, protect = entry(), stop()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            await asyncio.sleep(3)
            rig.venue.fail("keep_alive", *[DOWN] * 10)
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED")
            rig.send(protect)
            await rig.reaches(protect, "OPEN", 10)
            await rig.until(lambda: not rig.execution.state.armed, 60)

    play(use)


def test_an_orderly_end_switches_it_off_and_leaves_it_so() -> None:
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            await asyncio.sleep(3)
            assert execution.state.armed
            await execution.drain()
            await asyncio.sleep(60)
            assert not execution.state.armed

    assert renewals(play(use))[-1][1] == 0
