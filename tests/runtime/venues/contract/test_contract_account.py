"""What holds of the account at every venue behind the protocol, whatever stands behind it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from mooring.errors import Denied, NotFound
from mooring.runtime.domain.orders import Status
from mooring.runtime.venues.capabilities import CAPABILITIES
from mooring.runtime.venues.protocol import EntryKind, LinkUp, OrderTold, VenueOrder
from tests.support.venue_contract import (
    DEADLINE_MS,
    EVERY,
    REFUSES_ORDERS,
    TAKES_ORDERS,
    bought,
    find,
    having,
    lacking,
    play,
)
from tests.support.venue_desks import VenueDesk

pytestmark = pytest.mark.xdist_group("ccxt")  # to import it takes seconds: once, in one process


@pytest.mark.parametrize("kind", EVERY)
def test_it_is_the_venue_of_the_table(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        assert desk.venue.name == kind
        assert desk.venue.capabilities == CAPABILITIES[kind]
        assert bool(desk.venue.capabilities.reason) == (not desk.venue.capabilities.live)

    play(kind, use)


@pytest.mark.parametrize("kind", EVERY)
def test_instruments_are_stated_exactly(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        instrument = desk.instrument
        assert instrument.symbol == desk.symbol
        assert not instrument.estimated
        assert instrument.order_min > 0 or instrument.cost_min > 0
        with pytest.raises(NotFound):
            desk.venue.instruments(["NOSUCHCOIN-USD"])

    play(kind, use)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("symbol", ["BTC-PERP", "PF_XBTUSD", "BTC/USD:USD", "BTC-28JUN24"])
def test_contracts_are_locked(kind: str, symbol: str) -> None:
    async def use(desk: VenueDesk) -> None:
        with pytest.raises(Denied) as refused:
            desk.venue.instruments([symbol])
        assert refused.value.code == "derivatives_locked"

    play(kind, use)


@pytest.mark.parametrize("kind", EVERY)
def test_holdings_are_whole(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        has = await desk.venue.holdings()
        assert has.total[desk.quote] > 0
        assert has.total[desk.base] > 0
        assert all(0 <= has.held[asset] <= has.total[asset] for asset in has.held)
        assert has.unknown == {}

    play(kind, use)


@pytest.mark.parametrize("kind", EVERY)
def test_an_account_without_orders_says_so(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        assert await desk.venue.open_orders() == ()
        assert await desk.venue.trades(since_ms=desk.venue.now_ms() - 60_000) == ()

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_what_is_open_holds_money(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        before = await desk.venue.holdings()
        order = desk.buy("0.01", 50)
        await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        during = await desk.venue.holdings()
        assert during.total == before.total
        cost = Decimal(order.limit * order.quantity).scaleb(
            -desk.instrument.pair_decimals - desk.instrument.lot_decimals
        )  # fmt: skip
        assert during.held.get(desk.quote, Decimal(0)) >= cost

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_holdings_change_by_what_was_filled(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        before = await desk.venue.holdings()
        found = await bought(desk)
        after = await desk.venue.holdings()
        lots = Decimal(found.filled).scaleb(-desk.instrument.lot_decimals)
        paid = Decimal(sum(fill.notional + fill.fee for fill in found.fills)).scaleb(-8)
        assert after.total[desk.base] - before.total[desk.base] == lots
        took = before.total[desk.quote] - after.total[desk.quote]
        # What is booked is never less than what was taken, and more by a rounding of each fill at most.
        assert 0 <= paid - took <= Decimal("0.0002") * len(found.fills)

    play(kind, use)


@pytest.mark.parametrize("kind", having("dead_man_switch"))
def test_silence_cancels_everything(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.buy("0.01", 50)
        await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        await desk.venue.keep_alive(60)
        await desk.pass_(40)
        await desk.venue.keep_alive(60)
        await desk.pass_(40)
        assert len(await desk.venue.open_orders()) == 1
        await desk.pass_(40)
        assert await desk.venue.open_orders() == ()
        (found,) = await find(desk, order.client_id)
        assert found.status is Status.CANCELLED

    play(kind, use)


@pytest.mark.parametrize("kind", having("dead_man_switch"))
def test_the_switch_can_be_put_away(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        await desk.venue.place(desk.buy("0.01", 50), deadline_ms=DEADLINE_MS)
        await desk.venue.keep_alive(60)
        await desk.venue.keep_alive(0)
        await desk.pass_(200)
        assert len(await desk.venue.open_orders()) == 1

    play(kind, use)


@pytest.mark.parametrize("kind", lacking("dead_man_switch"))
def test_a_switch_that_is_not_there_is_refused(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        with pytest.raises(Denied) as refused:
            await desk.venue.keep_alive(60)
        assert refused.value.code == "venue_cannot"

    play(kind, use)


@pytest.mark.parametrize("kind", having("ledger"))
def test_the_ledger_explains_every_change(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        before = await desk.venue.holdings()
        since = desk.venue.now_ms()
        await desk.pass_(1)
        found = await bought(desk)
        after = await desk.venue.holdings()
        lines = await desk.venue.entries(since_ms=since)
        for asset in (desk.base, desk.quote):
            moved = sum((each.amount - each.fee for each in lines if each.asset == asset and not each.away), Decimal(0))
            assert after.total[asset] - before.total[asset] == moved
        assert {each.kind for each in lines} == {EntryKind.TRADE}
        assert {each.ref_id for each in lines} == {fill.trade_id for fill in found.fills}
        assert len({each.entry_id for each in lines}) == len(lines)

    play(kind, use)


@pytest.mark.parametrize("kind", lacking("ledger") + REFUSES_ORDERS)
def test_a_venue_without_a_ledger_tells_no_lines(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        assert await desk.venue.entries(since_ms=0) == ()

    play(kind, use)


@pytest.mark.parametrize("kind", having("private_events"))
def test_orders_are_told_as_they_change(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        told: list[VenueOrder] = []
        linked = asyncio.Event()

        async def listen() -> None:
            async for event in desk.venue.events():
                if isinstance(event, LinkUp):
                    linked.set()
                if isinstance(event, OrderTold):
                    told.append(event.order)

        listening = asyncio.create_task(listen())
        await linked.wait()
        order = desk.buy("0.01", 101)
        await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        await desk.settle()
        for _ in range(200):
            if told and told[-1].status is Status.FILLED:
                break
            await asyncio.sleep(0.01)
        listening.cancel()
        mine = [each for each in told if each.client_id == order.client_id]
        assert mine[-1].status is Status.FILLED
        fills = {fill.trade_id: fill for each in mine for fill in each.fills}
        (found,) = await find(desk, order.client_id)
        assert tuple(fills.values()) == found.fills

    play(kind, use)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if not CAPABILITIES[kind].private_events])
def test_a_venue_that_must_be_asked_says_once_that_it_is_there(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        events = desk.venue.events()
        assert await anext(events) == LinkUp()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.01)

    play(kind, use)
