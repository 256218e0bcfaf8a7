"""Lists that change while a run goes on: what is told, and in which units orders and fills are counted then."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mooring.errors import Denied, MooringError
from mooring.runtime.venues.kraken.venue_changes import change_of
from tests.support.kraken_client import pair
from tests.support.kraken_venue import Stage, meet

PAIR = pair()


def test_a_pair_as_it_was_has_no_change() -> None:
    assert change_of(PAIR.instrument(), PAIR) is None


@pytest.mark.parametrize(
    ("more", "recounted", "said"),
    [
        ({"order_min": PAIR.order_min * 10}, False, "least quantity"),
        ({"cost_min": PAIR.cost_min + 7}, False, "least cost"),
        ({"status": "cancel_only"}, False, "The pair is cancel_only."),
        ({"status": "delisted"}, False, "delisted"),
        ({"pair_decimals": PAIR.pair_decimals + 1}, True, f"Prices have {PAIR.pair_decimals + 1} decimals"),
        ({"lot_decimals": PAIR.lot_decimals - 1}, True, f"quantities {PAIR.lot_decimals - 1} "),
    ],
)
def test_what_is_listed_otherwise_is_named(more, recounted, said) -> None:
    change = change_of(PAIR.instrument(), replace(PAIR, **more))
    assert change is not None
    assert (change.symbol, change.recounted) == (PAIR.symbol, recounted)
    assert said in change.text


def relisted(stage: Stage, monkeypatch, **more) -> None:
    methods = stage.simulation.rest._public.methods
    listed = methods["AssetPairs"]({})
    changed = listed | {"XXBTZUSD": listed["XXBTZUSD"] | more}
    monkeypatch.setitem(methods, "AssetPairs", lambda _fields: changed)


def test_the_venue_tells_what_changed_since_the_run_began(monkeypatch) -> None:
    async def use(stage: Stage):
        counted = stage.kraken.instruments(["BTC-USD", "SOL-USD"])
        before = stage.kraken.changes(counted)
        relisted(stage, monkeypatch, ordermin="0.001")
        await asyncio.sleep(86_400)
        await stage.kraken.refresh()
        return before, stage.kraken.changes(counted)

    before, (change,) = meet(use, listen=False)
    assert before == ()
    assert (change.symbol, change.recounted) == ("BTC-USD", False)
    assert "0.001 BTC (was 0.00005)" in change.text


FINER = {"pair_decimals": 2, "tick_size": "0.01", "lot_decimals": 8}
COARSER = {"pair_decimals": 0, "tick_size": "1", "lot_decimals": 6}


@pytest.mark.parametrize("more", [FINER, COARSER])
def test_a_pair_that_is_counted_otherwise_takes_no_entry_and_what_is_held_is_sold_as_it_was_counted(
    monkeypatch, more
) -> None:
    """Ticks and lots of a start mean the same to its end, whatever the lists say meanwhile."""

    async def use(stage: Stage):
        counted = stage.kraken.instruments(["BTC-USD"])
        stop = stage.order(2, "sell stop-loss 1000099 800")
        stop = replace(stop, trigger=stop.trigger - stop.trigger % 10 + 7)
        relisted(stage, monkeypatch, **more)
        await asyncio.sleep(86_400)
        await stage.kraken.refresh()
        with pytest.raises(MooringError) as refused:
            await stage.place(stage.order(1, "buy limit 1000000 500"))
        await stage.place(stop)
        await stage.place(stage.order(3, "sell market 2000000"))
        await asyncio.sleep(1)
        (sold,) = await stage.find(3)
        placed = next(one for one in stage.orders() if one.ticket.cl_ord_id == stop.client_id)
        return refused.value, stage.kraken.changes(counted), stop, placed.ticket, sold, stage.last()

    refused, (change,), stop, placed, sold, last = meet(use, listen=False)
    assert (type(refused), refused.code) == (Denied, "kraken_recounted")
    assert change.recounted
    step, lots = (10, 100) if more is COARSER else (1, 1)
    assert placed.trigger == stop.trigger - stop.trigger % step
    assert placed.lots == stop.quantity - stop.quantity % lots
    assert (sold.filled, len(sold.fills)) == (2_000_000, 1)
    assert abs(sold.fills[0].price - last) < last // 100
