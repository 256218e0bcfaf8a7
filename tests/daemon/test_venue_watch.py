"""What moved at Kraken, or on this machine, is told once and in time."""

from __future__ import annotations

import asyncio
import contextlib

from mooring.daemon.venue_watch import LOOK_SECONDS, VenueWatch
from tests.support.kraken_venue import Stage, meet

DAY = 86_400


@contextlib.asynccontextmanager
async def watching(stage: Stage, **more):
    told: list[tuple[str, str, str]] = []
    instruments = stage.kraken.instruments(["BTC-USD", "SOL-USD"])
    watch = VenueWatch(stage.kraken, instruments, lambda *alert: told.append(alert), **more)
    task = asyncio.create_task(watch.run())
    try:
        yield told
    finally:
        assert not task.done()
        task.cancel()


def listed(stage: Stage, monkeypatch, **more) -> None:
    methods = stage.simulation.rest._public.methods
    pairs = methods["AssetPairs"]({})
    changed = pairs | {"XXBTZUSD": pairs["XXBTZUSD"] | more}
    monkeypatch.setitem(methods, "AssetPairs", lambda _fields: changed)


async def later(stage: Stage) -> None:
    """As if a day had passed."""
    stage.kraken._listing._read_at = None
    await asyncio.sleep(LOOK_SECONDS + 1)


def test_a_minimum_that_moves_is_told_within_a_day_and_once(monkeypatch) -> None:
    async def use(stage: Stage):
        async with watching(stage) as told:
            await later(stage)
            quiet = list(told)
            listed(stage, monkeypatch, ordermin="0.001")
            await asyncio.sleep(LOOK_SECONDS)
            early = list(told)
            await asyncio.sleep(DAY)
            await later(stage)
            return quiet + early, told

    quiet, told = meet(use, listen=False)
    assert quiet == []
    ((severity, code, text),) = told
    assert (severity, code) == ("warning", "instrument_changed")
    assert "BTC-USD" in text
    assert "0.001 BTC (was 0.00005)" in text


def test_other_decimals_are_critical_and_a_further_change_is_told_too(monkeypatch) -> None:
    async def use(stage: Stage):
        async with watching(stage) as told:
            listed(stage, monkeypatch, pair_decimals=2, tick_size="0.01")
            await later(stage)
            listed(stage, monkeypatch, costmin="7")
            await later(stage)
            return told

    first, second = meet(use, listen=False)
    assert first[:2] == second[:2] == ("critical", "instrument_changed")
    assert "until the daemon is started again" in first[2]
    assert "The least cost is 7 USD" in second[2]


def test_lists_that_cannot_be_read_end_nothing(monkeypatch) -> None:
    async def use(stage: Stage):
        async with watching(stage) as told:
            listed(stage, monkeypatch, ordermin="0.001")
            stage.fault(kind="drop_request", match="rest:AssetPairs", until=3 * LOOK_SECONDS)
            await later(stage)
            await asyncio.sleep(LOOK_SECONDS)
            quiet = list(told)
            await asyncio.sleep(3 * LOOK_SECONDS)
            return quiet, told

    quiet, told = meet(use, listen=False)
    assert quiet == []
    assert [code for _, code, _ in told] == ["instrument_changed"]


def test_a_clock_that_is_wrong_is_told_once_until_it_is_right_again() -> None:
    async def use(stage: Stage):
        async with watching(stage) as told:
            for off in (0, 30, 30, 0, -30):
                stage.clock.asleep = off
                await asyncio.sleep(LOOK_SECONDS)
            return told

    ahead, behind = meet(use, listen=False)
    assert ahead[:2] == behind[:2] == ("warning", "clock_wrong")
    assert "clock is 30." in ahead[2].replace("29.", "30.")
    assert "ahead of Kraken's" in ahead[2]
    assert "behind Kraken's" in behind[2]


def test_where_time_runs_fast_clocks_are_not_compared() -> None:
    async def use(stage: Stage):
        async with watching(stage, clocks=False) as told:
            stage.clock.asleep = 30
            await later(stage)
            return told, stage.kraken.clock_wrong

    assert meet(use, listen=False) == ([], True)
