"""Execution through the real adapter before a look-alike that loses, repeats, delays and lies."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import pytest

from mooring.runtime.domain.orders import ENDED
from tests.support.execution_stage import trade

BUY = "buy limit 1000000 1002"  # takes what stands in the book
REST = "buy limit 1000000 900"
DEEP = "buy limit 5000000000 1002"  # takes several levels of the book, each a fill


async def day(desk) -> None:
    """A position is bought, protected, and left; another order rests and is taken back."""
    buy, low = desk.send(BUY, REST)
    await desk.reaches(buy, "FILLED", "CANCELLED", "REJECTED", "EXPIRED")
    await desk.reaches(low, "OPEN", "CANCELLED", "REJECTED")
    if desk.books.lines[buy.client_id].filled:
        (protect,) = desk.send(f"sell stop-loss {desk.books.lines[buy.client_id].filled} 800", first=3)
        await desk.reaches(protect, "OPEN", "CANCELLED", "REJECTED")
        (leave,) = desk.send("sell market 1000000", first=4, after=(protect.client_id,))
        await desk.reaches(leave, "FILLED", "CANCELLED", "REJECTED", "WITHHELD")
    desk.execution.cancel([low])
    await desk.reaches(low, *[status.value for status in ENDED])
    await asyncio.sleep(90)
    await desk.compared()


def test_a_day_without_trouble() -> None:
    async def use(desk):
        async with desk.process():
            await day(desk)

    desk = trade(use)
    desk.check()
    assert [line.status.value for line in desk.books.lines.values()] == ["FILLED", "CANCELLED", "CANCELLED", "FILLED"]
    assert desk.books.positions["BTC"] == 0
    assert desk.books.alerts == []
    assert desk.rounding() < 1


ALWAYS_THERE = ("deposit", "withdrawal", "staking", "external_order")
TROUBLES = {
    "answers to orders are lost": [{"kind": "drop_answer", "match": "ws:add_order"}],
    "requests are lost": [{"kind": "drop_request", "match": "ws:add_order", "times": 2}],
    "the line breaks at each order": [{"kind": "disconnect", "match": "ws:add_order"}],
    "orders come late": [{"kind": "late", "match": "ws:add_order", "seconds": 4, "times": 2}],
    "orders come after their deadline": [{"kind": "late", "match": "ws:add_order", "seconds": 8, "times": 2}],
    "the venue is busy": [{"kind": "error", "match": "ws:add_order", "text": "EService:Busy", "times": 2}],
    "the venue fails after it acted": [
        {"kind": "error", "match": "ws:add_order", "text": "EService:Unavailable", "lands": True, "times": 2}
    ],
    "REST lags": [{"kind": "rest_lag", "seconds": 45}],
    "REST lags, and answers and events are lost": [
        {"kind": "rest_lag", "seconds": 45},
        {"kind": "drop_answer", "match": "ws:add_order", "times": 2},
        {"kind": "drop_frame", "match": "frame:executions", "percent": 50},
    ],
    "events come twice": [{"kind": "duplicate", "match": "frame:executions"}],
    "events change places": [{"kind": "reorder", "match": "frame:executions", "percent": 50}],
    "events are lost": [{"kind": "drop_frame", "match": "frame:executions", "percent": 40}],
    "the line is cut again and again": [{"kind": "cut", "match": "frame:executions", "percent": 20}],
    "cancellations are followed by fills": [{"kind": "fill_after_cancel", "seconds": 3, "share": 50}],
    "answers to cancellations are lost": [{"kind": "drop_answer", "match": "ws:cancel_order", "times": 3}],
    "cancellations are lost": [{"kind": "drop_request", "match": "ws:cancel_order", "times": 3}],
    "the key is locked out for a while": [{"kind": "lockout", "seconds": 120, "after": 100}],
    "reads fail": [{"kind": "http_error", "match": "rest:*", "percent": 60, "after": 60}],
    "the venue is in maintenance for a while": [{"kind": "status", "mode": "maintenance", "after": 60, "until": 200}],
    "money comes and goes": [
        {"kind": "deposit", "asset": "USD", "amount": "250.50", "after": 20},
        {"kind": "withdrawal", "asset": "USD", "amount": "100", "after": 85},
        {"kind": "staking", "asset": "BTC", "amount": "0.5", "after": 95},
        {"kind": "external_order", "pair": "BTC/USD", "side": "buy", "volume": "0.01", "after": 105},
        {"kind": "external_order", "pair": "BTC/USD", "side": "sell", "volume": "0.02", "after": 125},
    ],
}


@pytest.mark.parametrize("name", TROUBLES)
def test_books_and_venue_agree_in_the_end_although(name: str) -> None:
    async def use(desk):
        async with desk.process():
            await day(desk)

    desk = trade(use, *TROUBLES[name])
    desk.check()
    assert all(desk.virtual.simulation.faults.hits), "a trouble that never came shows nothing"


@pytest.mark.parametrize("seed", range(12))
def test_books_and_venue_agree_whatever_dies_when(seed: int) -> None:
    """Faults by chance, and processes that end at any moment; the last one lives on until all is clear."""
    chance = random.Random(seed)
    faults = [dict(fault) for name in chance.sample(sorted(TROUBLES), 2) for fault in TROUBLES[name]]
    for fault in faults:
        if fault["kind"] not in ALWAYS_THERE:
            fault.setdefault("until", 900)

    async def use(desk):
        number = 1
        for _ in range(4):
            async with desk.process(ready=False):
                await asyncio.sleep(chance.uniform(0, 120))
                for _ in range(chance.randrange(3)):
                    desk.send(chance.choice([BUY, REST, DEEP]), first=number)
                    number += 1
                    await asyncio.sleep(chance.choice([0, 0.01, 0.05, 0.3, 2, 20]))
        async with desk.process():
            await asyncio.sleep(1000)
            desk.execution.cancel([line.order for line in desk.books.lines.values() if line.status not in ENDED])
            await desk.until(lambda: all(line.status in ENDED for line in desk.books.lines.values()))
            await asyncio.sleep(90)
            await desk.compared()

    trade(use, *faults).check()


def test_an_order_that_takes_many_levels_is_booked_fill_by_fill() -> None:
    async def use(desk):
        async with desk.process():
            (buy,) = desk.send(DEEP)
            await desk.reaches(buy, "FILLED")
            assert len(desk.books.trades) > 1
            (leave,) = desk.send("sell market 5000000000", first=2)
            await desk.reaches(leave, "FILLED")
            await desk.compared()

    desk = trade(use)
    desk.check()
    assert 0 <= desk.rounding() <= Decimal("0.0002") * len(desk.books.trades)


def test_an_entry_of_a_process_that_died_is_cancelled_by_the_venue_within_a_minute() -> None:
    async def use(desk):
        async with desk.process():
            (low,) = desk.send(REST)
            await desk.reaches(low, "OPEN")
            await asyncio.sleep(5)
        await asyncio.sleep(62)
        assert not desk.at_venue(low)[0].live
        async with desk.process():
            await desk.reaches(low, "CANCELLED", seconds=60)
            await desk.compared()

    trade(use).check()


def test_a_stop_of_a_process_that_died_stays() -> None:
    async def use(desk):
        async with desk.process():
            (buy,) = desk.send(BUY)
            await desk.reaches(buy, "FILLED")
            (protect,) = desk.send("sell stop-loss 1000000 800", first=2)
            await desk.reaches(protect, "OPEN")
            (low,) = desk.send(REST, first=3)
            await desk.reaches(low, "OPEN")
        await asyncio.sleep(600)
        assert desk.at_venue(protect)[0].live
        async with desk.process():
            await desk.compared()
            assert desk.status(protect) == "OPEN"

    trade(use).check()


def test_a_stream_of_events_that_dies_is_taken_up_again_and_orders_are_told_as_before() -> None:
    async def use(desk):
        async with desk.process():
            translator = desk.stage.kraken._stream._translator

            def fails(_signal):
                raise KeyError("nobody foresaw this")

            translator.take = fails
            (low,) = desk.send(REST)
            await desk.until(lambda: not desk.execution.state.linked, 60)
            await desk.until(lambda: desk.execution.state.linked and not desk.execution.state.held, 60)
            (buy,) = desk.send(BUY, first=2)
            await desk.reaches(buy, "FILLED", seconds=20)
            desk.execution.cancel([low])
            await desk.reaches(low, "CANCELLED", seconds=20)
            await asyncio.sleep(90)
            await desk.compared()

    trade(use).check()
