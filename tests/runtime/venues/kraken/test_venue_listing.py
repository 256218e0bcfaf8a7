"""Pairs, assets and time as the adapter knows them."""

from __future__ import annotations

import asyncio

import pytest

from mooring.errors import Halt, NotFound, Retry
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.venues.kraken.server_clock import ServerClock
from tests.support.kraken_venue import Stage, meet

NOW = 1_700_000_000


def test_a_pair_whose_price_step_is_no_power_of_ten_is_named(monkeypatch) -> None:
    async def use(stage: Stage):
        methods = stage.simulation.rest._public.methods
        listed = methods["AssetPairs"]({})
        odd = listed | {"XXBTZUSD": listed["XXBTZUSD"] | {"tick_size": "0.5"}}
        monkeypatch.setitem(methods, "AssetPairs", lambda _fields: odd)
        await stage.kraken.open()
        with pytest.raises(NotFound, match=r"BTC-USD in steps of 0\.5,") as refused:
            stage.kraken.instruments(["SOL-USD", "BTC-USD"])
        return refused.value.code, stage.kraken.instruments(["SOL-USD"])[0].symbol

    assert meet(use, opened=False) == ("kraken_price_step", "SOL-USD")


def test_figures_are_read_again_after_a_day(monkeypatch) -> None:
    async def use(stage: Stage):
        before = stage.kraken.instruments(["BTC-USD"])[0].order_min
        methods = stage.simulation.rest._public.methods
        listed = methods["AssetPairs"]({})
        more = listed | {"XXBTZUSD": listed["XXBTZUSD"] | {"ordermin": "0.001"}}
        monkeypatch.setitem(methods, "AssetPairs", lambda _fields: more)
        too_soon = await stage.kraken.refresh()
        await asyncio.sleep(86_400)
        return before, too_soon, await stage.kraken.refresh(), stage.kraken.instruments(["BTC-USD"])[0].order_min

    assert meet(use, listen=False) == (5_000, False, True, 100_000)


def test_a_pair_that_got_another_id_is_that_one_pair(monkeypatch) -> None:
    async def use(stage: Stage):
        methods = stage.simulation.rest._public.methods
        listed = methods["AssetPairs"]({})
        renamed = {"BTCUSDNEW" if name == "XXBTZUSD" else name: each for name, each in listed.items()}
        monkeypatch.setitem(methods, "AssetPairs", lambda _fields: renamed)
        await asyncio.sleep(86_400)
        await stage.kraken.refresh()
        return stage.kraken._listing.pair("BTC-USD").id, await stage.place(stage.order(1, "buy limit 1000000 500"))

    name, placed = meet(use, listen=False)
    assert name == "BTCUSDNEW"
    assert placed


def test_lists_that_fail_leave_what_was_read_before(monkeypatch) -> None:
    async def use(stage: Stage):
        await asyncio.sleep(86_400)
        monkeypatch.setitem(stage.simulation.rest._public.methods, "AssetPairs", lambda _fields: {})
        with pytest.raises(Halt):
            await stage.kraken.refresh()
        return stage.kraken.instruments(["BTC-USD"])[0].symbol

    assert meet(use, listen=False) == "BTC-USD"


def test_a_venue_that_does_not_answer_is_not_opened() -> None:
    async def use(stage: Stage):
        with pytest.raises(Retry):
            await stage.kraken.open()
        stage.simulation.happenings.clear()
        await stage.kraken.open()
        return stage.kraken.instruments(["BTC-USD"])[0].symbol

    assert meet(use, {"kind": "drop_request", "match": "rest:AssetPairs"}, opened=False) == "BTC-USD"


@pytest.mark.parametrize(("fast", "wrong"), [(30, True), (-30, True), (1.5, False), (0, False)])
def test_time_is_the_venue_s_and_orders_have_their_deadlines_in_it(fast, wrong) -> None:
    async def use(stage: Stage):
        stage.clock.asleep = fast
        await stage.kraken.open()
        placed = await stage.place(stage.order(1, "buy limit 1000000 500", expires_at=stage.venue.now // 10**9 + 60))
        off = stage.kraken.now_ms() - stage.venue.now // 10**6
        return placed, off, stage.kraken.clock_wrong, stage.kraken.clock_offset_ms

    placed, off, said, offset = meet(use, opened=False)
    assert placed
    assert abs(off) <= 1_000
    assert said is wrong
    assert abs(offset + fast * 1000) <= 1_000


@pytest.mark.parametrize("jump", [45, -45, 7_200])
def test_after_the_clock_was_moved_or_the_machine_slept_orders_have_the_right_deadlines_again(jump) -> None:
    async def use(stage: Stage):
        stage.clock.asleep = jump
        placed = await stage.place(stage.order(1, "buy market 1000000"))
        return placed, stage.kraken.now_ms() - stage.venue.now // 10**6

    placed, off = meet(use)
    assert placed
    assert abs(off) <= 1_000


def test_a_clock_that_cannot_be_compared_holds_an_order_up_for_two_seconds_at_most() -> None:
    async def use(stage: Stage):
        stage.fault(kind="drop_answer", match="rest:Time")
        stage.clock.asleep = 1.5
        begun = stage.clock.monotonic()
        placed = await stage.place(stage.order(1, "buy market 1000000"))
        first = stage.clock.monotonic() - begun
        await stage.place(stage.order(2, "buy market 1000000"))
        return placed, first, stage.clock.monotonic() - begun

    placed, first, both = meet(use)
    assert placed
    assert first <= 2.1
    assert both - first < 0.5


def test_lists_are_read_again_with_the_balances_of_the_next_day() -> None:
    async def use(stage: Stage):
        asked = []
        handle = stage.simulation.rest.handle
        stage.simulation.rest.handle = lambda request: (asked.append(request.path.rpartition("/")[2]), handle(request))[
            1
        ]
        await stage.kraken.holdings()
        await asyncio.sleep(86_400)
        await stage.kraken.holdings()
        await stage.kraken.holdings()
        return asked

    assert meet(use, listen=False) == ["BalanceEx", "Time", "AssetPairs", "Assets", "BalanceEx", "BalanceEx"]


def test_a_clock_within_a_second_is_left_alone_and_a_slow_answer_says_nothing() -> None:
    clock = ServerClock(ManualClock(NOW))
    clock.compare(asked_ms=1_000 * NOW + 700, seconds=NOW, answered_ms=1_000 * NOW + 800)
    assert clock.offset_ms == 0
    clock.compare(asked_ms=1_000 * NOW, seconds=NOW + 60, answered_ms=1_000 * NOW + 2_100)
    assert clock.offset_ms == 0
    clock.compare(asked_ms=1_000 * NOW, seconds=NOW + 60, answered_ms=1_000 * NOW + 100)
    assert 59_900 <= clock.offset_ms <= 60_999
    assert clock.wrong
    assert clock.now() in {NOW + 60, NOW + 59}
