"""What holds of orders at every venue behind the protocol, whatever stands behind it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mooring.errors import Denied
from mooring.runtime.domain.orders import Kind, Side, Status
from mooring.runtime.venues.protocol import Holdings
from tests.support.venue_contract import DEADLINE_MS, REFUSES_ORDERS, TAKES_ORDERS, bought, find, having, lacking, play
from tests.support.venue_desks import VenueDesk

pytestmark = pytest.mark.xdist_group("ccxt")  # to import it takes seconds: once, in one process


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_an_id_nobody_used_is_not_found(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        assert await find(desk, desk.unused_id()) == ()

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_an_order_rests_and_is_found(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.buy("0.01", 50)
        order_id = await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        assert order_id
        (found,) = await find(desk, order.client_id)
        assert (found.order_id, found.client_id, found.symbol) == (order_id, order.client_id, desk.symbol)
        assert (found.side, found.kind) == (Side.BUY, Kind.LIMIT)
        assert (found.status, found.quantity, found.filled, found.fills) == (Status.OPEN, order.quantity, 0, ())
        assert [each.client_id for each in await desk.venue.open_orders()] == [order.client_id]

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_a_purchase_fills_and_its_fills_add_up(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        found = await bought(desk)
        assert found.status is Status.FILLED
        assert found.filled == found.quantity == sum(fill.quantity for fill in found.fills)
        scale = 10 ** (desk.instrument.pair_decimals + desk.instrument.lot_decimals)
        for fill in found.fills:
            assert fill.fee > 0
            # Rounded against us: never below what was paid, by less than a hundredth of a cent.
            assert 0 <= fill.notional * scale - fill.price * fill.quantity * 10**8 < 10**4 * scale
        assert await desk.venue.open_orders() == ()

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_looking_twice_shows_the_same(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        found = await bought(desk)
        assert found.client_id is not None
        assert await find(desk, found.client_id) == (found,)
        assert await find(desk, found.client_id) == (found,)

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_trades_tell_the_same_fills(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        found = await bought(desk)
        told = await desk.venue.trades(since_ms=desk.venue.now_ms() - 3_600_000)
        assert tuple(each.fill for each in told) == found.fills
        assert {(each.order_id, each.client_id, each.side, each.symbol) for each in told} == {
            (found.order_id, found.client_id, Side.BUY, desk.symbol)
        }

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_a_market_sale_fills_and_pays(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        before = await desk.venue.holdings()
        order = desk.sell("0.01")
        await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        await desk.settle()
        (found,) = await find(desk, order.client_id)
        assert (found.status, found.filled, found.side) == (Status.FILLED, order.quantity, Side.SELL)
        after = await desk.venue.holdings()
        got = after.total[desk.quote] - before.total[desk.quote]
        booked = Decimal(sum(fill.notional - fill.fee for fill in found.fills)).scaleb(-8)
        assert 0 <= got - booked <= Decimal("0.0002") * len(found.fills)

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_a_cancelled_order_is_found_as_cancelled(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.buy("0.01", 50)
        await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        await desk.venue.cancel(order.client_id, desk.symbol)
        await desk.pass_(1)
        (found,) = await find(desk, order.client_id)
        assert (found.status, found.filled) == (Status.CANCELLED, 0)
        assert await desk.venue.open_orders() == ()
        assert (await desk.venue.holdings()).held.get(desk.quote, Decimal(0)) == 0

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_cancelling_what_has_ended_says_nothing(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        found = await bought(desk)
        assert found.client_id is not None
        await desk.venue.cancel(found.client_id, desk.symbol)
        await desk.venue.cancel(desk.unused_id(), desk.symbol)
        assert await find(desk, found.client_id) == (found,)

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_all_orders_can_be_cancelled(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        orders = [desk.buy("0.01", percent) for percent in (50, 51, 52)]
        for order in orders:
            await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        assert await desk.venue.cancel_all() == 3
        await desk.pass_(1)
        assert await desk.venue.open_orders() == ()
        assert await desk.venue.cancel_all() == 0

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_an_order_that_is_too_small_is_refused(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.buy("0.00000001", 50)
        with pytest.raises(Denied):
            await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        assert await find(desk, order.client_id) == ()

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_more_than_there_is_is_refused(kind: str, side: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.buy("900", 100) if side == "buy" else desk.sell("900")
        with pytest.raises(Denied):
            await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        assert await find(desk, order.client_id) == ()
        assert await desk.venue.open_orders() == ()

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_what_is_held_for_one_order_is_not_there_for_another(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        has: Holdings = await desk.venue.holdings()
        most = has.total[desk.quote] * 100 / (Decimal(desk.last).scaleb(-desk.instrument.pair_decimals) * 50)
        quantity = f"{most * Decimal('0.7'):.4f}"
        await desk.venue.place(desk.buy(quantity, 50), deadline_ms=DEADLINE_MS)
        with pytest.raises(Denied):
            await desk.venue.place(desk.buy(quantity, 50), deadline_ms=DEADLINE_MS)

    play(kind, use)


@pytest.mark.parametrize("kind", TAKES_ORDERS)
def test_an_order_expires_at_the_venue(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.buy("0.01", 50, expires_at=desk.expires(60))
        await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        await desk.pass_(30)
        (found,) = await find(desk, order.client_id)
        assert found.status is Status.OPEN
        await desk.pass_(40)
        (found,) = await find(desk, order.client_id)
        assert (found.status, found.filled) == (Status.EXPIRED, 0)

    play(kind, use)


@pytest.mark.parametrize("kind", having("stops"))
def test_a_stop_rests_and_holds_what_it_would_sell(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.stop("0.5", 50)
        await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        await desk.pass_(1)
        (found,) = await find(desk, order.client_id)
        assert (found.status, found.kind) == (Status.OPEN, Kind.STOP_LOSS)
        assert (await desk.venue.holdings()).held[desk.base] == Decimal("0.5")
        if desk.move is not None:
            await desk.move(desk.last * 45 // 100)
            await desk.settle()
            (found,) = await find(desk, order.client_id)
            assert found.status is Status.FILLED

    play(kind, use)


@pytest.mark.parametrize("kind", lacking("stops"))
def test_a_stop_is_refused_where_there_are_none(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.stop("0.5", 50)
        with pytest.raises(Denied) as refused:
            await desk.venue.place(order, deadline_ms=DEADLINE_MS)
        assert refused.value.code == "venue_cannot"
        assert await desk.venue.open_orders() == ()

    play(kind, use)


@pytest.mark.parametrize("kind", having("validate"))
def test_checking_an_order_places_nothing(kind: str) -> None:
    async def use(desk: VenueDesk) -> None:
        order = desk.buy("0.01", 50)
        assert await desk.venue.place(order, deadline_ms=DEADLINE_MS, validate=True) == ""
        assert await find(desk, order.client_id) == ()
        with pytest.raises(Denied):
            await desk.venue.place(desk.buy("0.00000001", 50), deadline_ms=DEADLINE_MS, validate=True)

    play(kind, use)


@pytest.mark.parametrize("kind", REFUSES_ORDERS)
@pytest.mark.parametrize("validate", [False, True])
def test_no_order_goes_to_a_venue_that_is_not_live(kind: str, validate: bool) -> None:
    async def use(desk: VenueDesk) -> None:
        with pytest.raises(Denied) as refused:
            await desk.venue.place(desk.buy("0.01", 50), deadline_ms=DEADLINE_MS, validate=validate)
        assert refused.value.code == "venue_not_live"
        for call in (
            desk.venue.cancel(desk.unused_id(), desk.symbol),
            desk.venue.cancel_all(),
            desk.venue.keep_alive(60),
        ):
            with pytest.raises(Denied):
                await call

    play(kind, use)
