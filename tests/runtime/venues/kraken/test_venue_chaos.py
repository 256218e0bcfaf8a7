"""Everything goes wrong at once: whatever the adapter says became of an order must be true, and no order is there twice."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mooring.errors import Denied, Retry, Unknown
from mooring.runtime.domain.orders import Status
from mooring.runtime.venues.protocol import LinkUp, OrderTold
from tests.support.kraken_venue import Stage, client_id, meet

COUNT = 60
ENDED = {Status.FILLED, Status.CANCELLED, Status.EXPIRED}


def troubles(seed: int) -> list[dict]:
    """Every call and every frame may fail, in each of the ways that a line and a gateway have."""
    ways = [
        {"kind": "drop_request", "match": "*:*dd*rder", "percent": 6},
        {"kind": "drop_answer", "match": "*:*dd*rder", "percent": 8},
        {"kind": "disconnect", "match": "*:*dd*rder", "percent": 4},
        {"kind": "late", "seconds": 3 + seed % 4, "match": "*:*dd*rder", "percent": 6},
        {"kind": "error", "text": "EService:Unavailable", "match": "*:*dd*rder", "percent": 4},
        {"kind": "error", "text": "EService:Busy", "lands": True, "match": "*:*dd*rder", "percent": 4},
        {"kind": "error", "text": "EGeneral:Temporary lockout", "match": "rest:OpenOrders", "skip": 40, "times": 1},
        {"kind": "http_error", "lands": True, "match": "rest:AddOrder", "percent": 10},
        {"kind": "http_error", "match": "rest:*", "percent": 10},
        {"kind": "cut", "match": "frame:executions", "percent": 6},
        {"kind": "reorder", "match": "frame:*", "percent": 5},
        {"kind": "duplicate", "match": "frame:*", "percent": 5},
        {"kind": "drop_frame", "match": "frame:executions", "percent": 3},
        {"kind": "fill_after_cancel", "seconds": 2, "share": 30, "match": "*cancel*", "percent": 30},
        {"kind": "rest_lag", "seconds": 20, "after": 900, "until": 1_800},
        {"kind": "disconnect_all", "after": 1_200},
        {"kind": "external_order", "pair": "XBTUSD", "side": "buy", "volume": "0.01", "after": 700},
        {"kind": "deposit", "asset": "USD", "amount": "1", "after": 800},
    ]
    return ways[seed % 3 :] + ways[: seed % 3]


def text_of(number: int) -> str:
    return ("buy market 1000000", "buy limit 1000000 1001", "buy limit 1000000 700", "sell stop-loss 1000000 600")[
        number % 4
    ]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_said_of_an_order_is_true(seed) -> None:
    async def use(stage: Stage):
        said = {}
        for number in range(COUNT):
            try:
                said[number] = await stage.place(stage.order(number, text_of(number)))
            except (Denied, Retry, Unknown) as error:
                said[number] = error
            if number % 4 == 2:
                with contextlib.suppress(Retry, Unknown):
                    await stage.kraken.cancel(client_id(number), "BTC-USD")
            await asyncio.sleep(20)
        stage.simulation.happenings.clear()
        await asyncio.sleep(1_000)
        await stage.until(lambda: stage.kraken._stream.up)
        found = {number: await stage.find(number) for number in range(COUNT)}
        return said, found, stage.orders(), stage.told, stage.venue.account.fills

    said, found, orders, told, fills = meet(use, *troubles(seed), seed=seed)
    truth = {number: [each for each in orders if each.ticket.cl_ord_id == client_id(number)] for number in range(COUNT)}
    for number, outcome in said.items():
        there = truth[number]
        assert len(there) <= 1, f"{number} is there twice after {outcome!r}"
        if isinstance(outcome, str):
            assert [each.id for each in there] == [outcome]
        elif not isinstance(outcome, Unknown):
            assert there == [], f"{number} is there after {outcome!r}"
        assert [each.order_id for each in found[number]] == [each.id for each in there]
        for order, real in zip(found[number], there, strict=True):
            assert order.filled == real.filled == sum(fill.quantity for fill in order.fills)
            assert [fill.trade_id for fill in order.fills] == list(real.trades)
            assert (order.status in ENDED) is (not real.live)
    assert {type(outcome) for outcome in said.values()} >= {str, Unknown}
    ids = [fill.trade_id for each in told if isinstance(each, OrderTold) for fill in each.order.fills]
    assert len(ids) == len(set(ids))
    assert set(ids) <= set(fills)
    assert any(isinstance(each, LinkUp) for each in told)
