"""When books and venue are compared, and how long what does not fit may be a list that lags."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from mooring.errors import Invalid, Retry
from mooring.runtime.domain.orders import Status
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.waking import Waking
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.venues.protocol import EntryKind, MoneyMoved
from tests.support.execution_rig import Rig, entry, play, stop
from tests.support.memory_books import MemoryBooks

WHOLE = 100_000_000


def triggers(rig: Rig) -> list[str]:
    return [found.trigger for found in rig.books.comparisons]


def test_it_compares_at_the_start_and_every_ten_minutes() -> None:
    async def use(rig):
        async with rig.running():
            await asyncio.sleep(1900)

    rig = play(use)
    assert triggers(rig) == ["start", "schedule", "schedule", "schedule"]
    assert all(found.equal for found in rig.books.comparisons)
    assert rig.books.opened


def test_what_was_in_the_account_before_is_outside() -> None:
    async def use(rig):
        rig.venue.total |= {"USD": Decimal(5000), "ETH": Decimal(2)}
        async with rig.running():
            await asyncio.sleep(1)

    assert play(use).books.outside == {"USD": Decimal(4000), "ETH": Decimal(2)}


def test_an_account_is_not_opened_on_a_list_that_may_lack_what_just_came() -> None:
    async def use(rig):
        rig.venue.lag = 60.0
        await asyncio.sleep(1)
        rig.venue.deposit("USD", "500")
        await asyncio.sleep(30)
        async with rig.running():
            await asyncio.sleep(200)
            await rig.until(lambda: "schedule" in triggers(rig))

    rig = play(use)
    assert rig.books.outside == {"USD": Decimal(500)}
    assert all(found.equal for found in rig.books.comparisons)


def test_what_came_before_the_account_was_opened_is_not_counted_again_however_far_back_the_books_ask() -> None:
    async def use(rig):
        rig.venue.deposit("USD", "500")
        await asyncio.sleep(600)
        async with rig.running() as execution:
            rig.books.since_ms -= 900_000
            execution.reconcile()
            await rig.until(lambda: "person" in triggers(rig))

    rig = play(use)
    assert rig.books.comparisons[-1].equal
    assert rig.books.outside["USD"] == 500


def test_money_that_comes_is_booked_as_outside_once() -> None:
    async def use(rig):
        async with rig.running():
            rig.venue.deposit("USD", "250.5")
            rig.venue.queue.put_nowait(MoneyMoved())
            await rig.until(lambda: "moved" in triggers(rig))
            await asyncio.sleep(1300)

    rig = play(use)
    assert [m.kind for m in rig.books.movements] == ["deposit"]
    assert rig.books.outside == {"USD": Decimal("250.5")}
    assert rig.books.comparisons[-1].equal


def test_a_list_that_lags_behind_a_fill_is_no_break() -> None:
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.venue.lag = 55.0
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED")
            execution.reconcile()
            await rig.until(lambda: "person" in triggers(rig))

    rig = play(use)
    assert all(found.equal for found in rig.books.comparisons)


def test_what_stays_unexplained_breaks_after_the_lag_and_heals_when_it_is_explained() -> None:
    async def use(rig):
        async with rig.running():
            begun = rig.clock.monotonic()
            rig.venue.total["USD"] -= 40
            rig.venue.queue.put_nowait(MoneyMoved())
            await rig.until(lambda: not rig.books.comparisons[-1].equal)
            assert rig.clock.monotonic() - begun >= 75
            rig.venue.total["USD"] += 40
            rig.venue.queue.put_nowait(MoneyMoved())
            await rig.until(lambda: rig.books.comparisons[-1].equal, 20)

    rig = play(use)
    assert rig.books.comparisons[-2].breaks == ("Somebody took what Mooring counts as its own: 40 USD.",)


def test_where_time_runs_fast_a_break_is_told_after_seconds() -> None:
    async def use(rig):
        async with rig.running() as execution:
            rig.venue.total["USD"] -= 40
            begun = rig.clock.monotonic()
            execution.reconcile()
            await rig.until(lambda: not rig.books.comparisons[-1].equal, 200)
            taken.append(rig.clock.monotonic() - begun)

    taken: list[float] = []
    play(use, patience_ms=3_000)
    play(use)
    assert 3 <= taken[0] < 6
    assert taken[1] > 60


def test_answers_that_take_longer_than_the_patience_are_no_reason_for_a_break() -> None:
    """Balances are read before the ledger, and both after a wait: what came between them is there at the next look."""

    async def use(rig):
        async with rig.running() as execution:
            read = rig.venue.entries
            looks = []

            async def slowly(**more):
                looks.append(1)
                await asyncio.sleep(100)
                if len(looks) < 3:
                    rig.venue.deposit("USD", "10")
                return await read(**more)

            rig.venue.entries = slowly
            execution.reconcile()
            await rig.until(lambda: "person" in triggers(rig))

    rig = play(use)
    assert all(found.equal for found in rig.books.comparisons)
    assert rig.books.outside == {"USD": Decimal(20)}


def test_coins_that_went_staking_break_and_heal_when_they_are_back() -> None:
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE)
            rig.venue.away["BTC"] = Decimal("0.4")
            rig.venue.deposit("BTC", "-0.4", EntryKind.STAKING)
            execution.reconcile()
            await rig.until(lambda: not rig.books.comparisons[-1].equal)
            rig.venue.away.clear()
            rig.venue.deposit("BTC", "0.4", EntryKind.STAKING)
            execution.reconcile()
            await rig.until(lambda: rig.books.comparisons[-1].equal)

    rig = play(use)
    assert "take it back" in rig.books.comparisons[-2].breaks[0]


def test_a_person_can_accept_what_nothing_explains() -> None:
    async def use(rig):
        async with rig.running() as execution:
            rig.venue.total["USD"] += 7
            execution.reconcile()
            await rig.until(lambda: not rig.books.comparisons[-1].equal)
            execution.reconcile(accept=True)
            await rig.until(lambda: rig.books.comparisons[-1].equal)

    assert play(use).books.outside["USD"] == 7


def test_a_list_that_lags_is_not_accepted_in_haste() -> None:
    buy = entry()

    async def use(rig):
        async with rig.running() as execution:
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.lag = 55.0
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED")
            execution.reconcile(accept=True)
            await rig.until(lambda: triggers(rig)[-1] == "person")

    rig = play(use)
    assert rig.books.movements == []
    assert rig.books.comparisons[-1].equal


def test_a_fill_that_was_not_heard_is_asked_for_before_it_could_break() -> None:
    buy = entry()

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE // 2, tell=False)
            rig.venue.end(buy, Status.EXPIRED, tell=False)
            rig.venue.queue.put_nowait(MoneyMoved())
            await rig.reaches(buy, "EXPIRED", 10)
            await rig.until(lambda: triggers(rig)[-1] == "moved")

    assert play(use).books.comparisons[-1].equal


def test_books_that_can_not_record_a_comparison_are_asked_again() -> None:
    async def use(rig):
        async with rig.running() as execution:
            rig.books.failing = 2
            execution.reconcile()
            await rig.until(lambda: "person" in triggers(rig))

    assert triggers(play(use)).count("person") == 1


def test_a_machine_that_slept_compares_before_it_buys_and_looks_at_its_orders() -> None:
    buy, other = entry(1), entry(2, lots=WHOLE // 2)

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.silent = True
            rig.venue.fill(buy, WHOLE)
            rig.clock.asleep = 3600.0
            rig.send(other)
            await rig.reaches(other, "OPEN")
            assert rig.status(buy) == "FILLED"

    rig = play(use)
    assert triggers(rig) == ["start", "wake"]
    names = rig.venue.names("keep_alive")
    assert names[-1] == "place"
    assert "holdings" in names[names.index("place") + 1 : -1]


def test_after_a_sleep_connections_are_opened_anew_before_anything_is_asked_over_them() -> None:
    order: list[str] = []

    async def use(rig):
        async def renew() -> None:
            order.append("renewed")

        asked = rig.venue.holdings

        async def holdings():
            order.append("asked")
            return await asked()

        rig.venue.holdings = holdings
        rig.renew = renew
        async with rig.running() as execution:
            await asyncio.sleep(5)
            order.clear()
            rig.clock.asleep = 6.0
            await rig.until(lambda: "wake" in triggers(rig))
            await asyncio.sleep(5)
            await execution.woke()
            await execution.woke()  # noticed by two, within a moment

    play(use)
    assert order[:2] == ["renewed", "asked"]
    assert order.count("renewed") == 2


def test_a_stop_does_not_wait_for_ever_for_the_comparison_after_a_sleep() -> None:
    buy, protect, other = entry(1), stop(), entry(2, lots=WHOLE // 2)

    async def use(rig):
        async with rig.running():
            rig.send(buy)
            await rig.reaches(buy, "OPEN")
            rig.venue.fill(buy, WHOLE)
            await rig.reaches(buy, "FILLED")
            rig.venue.fail("holdings", *[Retry("kraken_unreachable", "No answer.")] * 20)
            rig.clock.asleep = 3600.0
            await asyncio.sleep(1)
            rig.send(protect, other)
            await rig.reaches(protect, "OPEN", 40)
            assert rig.status(other) == "INTENT"
            await rig.reaches(other, "OPEN")

    play(use)


@pytest.mark.parametrize(
    ("wall", "steady", "slept"),
    [(1, 1, False), (60, 1, True), (-60, 1, True), (6, 1, False), (7, 1, True), (9, 9, False), (11, 11, True)],
)
def test_a_sleep_is_a_jump_of_the_wall_clock_or_a_process_that_stood_still(wall, steady, slept) -> None:
    clock = ManualClock(1000)
    waking = Waking(clock, jump_ms=Options().slept_ms)
    clock.advance(steady)
    clock.set(1000 + wall)
    assert waking.slept() is slept
    assert not waking.slept()


def test_a_venue_that_has_less_than_is_to_be_used_breaks_at_the_start() -> None:
    async def use(rig):
        async with rig.running():
            await asyncio.sleep(1)

    rig = play(use, MemoryBooks(cash="1000.01"))
    assert not rig.books.opened
    assert rig.books.comparisons[-1].breaks == ("The account has 1000 USD, and Mooring is to work with 1000.01.",)


@pytest.mark.parametrize("bad", [{"deadline_ms": 0}, {"lag_ms": -1}, {"dead_man_every_s": 40}])
def test_options_that_make_no_sense_are_refused(bad) -> None:
    with pytest.raises(Invalid):
        Options(**bad)
