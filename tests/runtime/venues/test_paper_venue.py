"""The paper account: pessimistic fills, nothing twice, nothing out of nothing."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Denied, Invalid, NotFound
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import to_decimal
from mooring.runtime.domain.orders import ENDED, Kind, Order, Side, Status
from mooring.runtime.venues.paper.desk import OPEN_MAX, Desk
from mooring.runtime.venues.paper.matching import PaperParams
from mooring.runtime.venues.paper.venue import EVENTS_MAX, PaperVenue
from mooring.runtime.venues.protocol import LinkDown, LinkUp, MoneyMoved, OrderTold

BTC = Instrument.of("BTC-USD", pair_decimals=1, lot_decimals=8, order_min="0.0001", cost_min="0.5")
SOL = Instrument.of("SOL-USD", pair_decimals=2, lot_decimals=5, order_min="0.02", cost_min="0.5")
COSTS = PaperParams(taker_fee_ppm=4000, maker_fee_ppm=2500, cost_ppm=1000)
ONE = 10**8


def desk(**more) -> Desk:
    given = {"cash": Decimal(10_000), "positions": {"BTC": Decimal(1)}} | more
    made = Desk([BTC, SOL], COSTS, **given)
    made.on_trade("BTC-USD", 300_000, ONE, 1)
    return made


def order(name: str, text: str, **more) -> Order:
    """`buy limit 0.01 29000`: prices in dollars."""
    side, kind, quantity, *price = text.split()
    ticks = int(Decimal(price[0]) * 10) if price else 0
    field = {"limit": "limit", "stop-loss": "trigger", "market": "limit"}[kind]
    return Order(
        client_id=name, role=Role.ENTRY, symbol="BTC-USD", side=Side(side), kind=Kind(kind),
        quantity=int(Decimal(quantity) * ONE), **{field: ticks}, **more,
    )  # fmt: skip


def ticket(made: Desk, name: str):
    return made.open.get(name) or made.ended[name]


def test_nothing_fills_against_what_was_told_before() -> None:
    made = desk()
    made.place(order("a", "buy limit 0.01 31000"))
    assert ticket(made, "a").status is Status.OPEN


def test_an_order_that_takes_pays_costs_on_top_of_the_price() -> None:
    made = desk()
    made.place(order("a", "buy limit 0.01 31000"))
    made.on_trade("BTC-USD", 300_000, ONE, 2)
    (fill,) = ticket(made, "a").fills
    assert (fill.price, fill.maker, fill.fee) == (300_300, False, 120_120_000)
    assert fill.notional == 30_030_000_000


def test_an_order_that_rests_fills_only_where_the_price_goes_through() -> None:
    made = desk()
    made.place(order("a", "buy limit 0.01 29000"))
    for price in (300_000, 290_000):
        made.on_trade("BTC-USD", price, ONE, 2)
        assert ticket(made, "a").status is Status.OPEN
    made.on_trade("BTC-USD", 289_999, ONE, 3)
    (fill,) = ticket(made, "a").fills
    assert (fill.price, fill.maker) == (290_000, True)


def test_a_resting_sale_fills_above_its_limit_only() -> None:
    made = desk()
    made.place(order("a", "sell limit 0.01 31000"))
    made.on_trade("BTC-USD", 310_000, ONE, 2)
    assert ticket(made, "a").status is Status.OPEN
    made.on_trade("BTC-USD", 310_001, ONE, 3)
    assert ticket(made, "a").fills[0].price == 310_000


def test_fills_are_no_more_than_was_traded_over_all_orders() -> None:
    made = desk()
    made.place(order("a", "sell market 0.3"))
    made.place(order("b", "sell market 0.3"))
    made.on_trade("BTC-USD", 300_000, ONE * 4 // 10, 2)
    assert (ticket(made, "a").filled, ticket(made, "b").filled) == (ONE * 3 // 10, ONE // 10)
    assert ticket(made, "b").status is Status.PARTIAL
    made.on_trade("BTC-USD", 200_000, ONE, 3)
    assert [fill.price for fill in ticket(made, "b").fills] == [299_700, 199_800]


def test_a_partly_filled_order_that_is_cancelled_keeps_its_fills() -> None:
    made = desk()
    made.place(order("a", "sell market 0.3"))
    made.on_trade("BTC-USD", 300_000, ONE // 10, 2)
    assert made.cancel("a")
    assert not made.cancel("a")
    assert (ticket(made, "a").status, ticket(made, "a").filled) == (Status.CANCELLED, ONE // 10)
    assert made.held_lots("BTC") == 0


def test_a_stop_fills_no_better_than_what_set_it_off() -> None:
    made = desk()
    made.place(order("a", "sell stop-loss 0.5 28000"))
    made.on_trade("BTC-USD", 280_001, ONE, 2)
    assert ticket(made, "a").status is Status.OPEN
    made.on_trade("BTC-USD", 250_000, ONE // 10, 3)
    made.on_trade("BTC-USD", 260_000, ONE, 4)
    assert [fill.price for fill in ticket(made, "a").fills] == [249_750, 259_740]


def test_a_bar_is_met_in_the_worst_order() -> None:
    made = desk()
    made.place(order("exit", "sell market 0.1"))
    made.place(order("stop", "sell stop-loss 0.1 28000"))
    made.place(order("entry", "buy limit 0.1 29000"))
    made.place(order("high", "sell limit 0.1 31000"))
    made.on_bar("BTC-USD", (295_000, 320_000, 270_000, 310_000), ONE, 3_600_000)
    prices = {name: ticket(made, name).fills[0].price for name in ("exit", "stop", "entry", "high")}
    assert prices == {"exit": 294_705, "stop": 279_720, "entry": 290_000, "high": 310_000}


def test_a_bar_that_opens_below_a_stop_sells_at_the_open() -> None:
    made = desk()
    made.place(order("stop", "sell stop-loss 0.1 28000"))
    made.on_bar("BTC-USD", (260_000, 300_000, 250_000, 290_000), ONE, 3_600_000)
    assert ticket(made, "stop").fills[0].price == 259_740


def test_a_bar_without_volume_fills_nothing() -> None:
    made = desk()
    made.place(order("exit", "sell market 0.1"))
    made.on_bar("BTC-USD", (295_000, 320_000, 270_000, 310_000), 0, 3_600_000)
    assert ticket(made, "exit").status is Status.OPEN


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("buy market 0.01", "paper_refused"),
        ("buy stop-loss 0.01 29000", "paper_refused"),
        ("buy limit 0.01", "paper_refused"),
        ("sell market 0.01 5", "paper_refused"),
        ("sell market 0", "paper_refused"),
        ("sell market 0.00009", "paper_refused"),
        ("buy limit 0.001 1", "paper_refused"),
        ("sell market 1.1", "paper_insufficient_funds"),
        ("buy limit 0.34 30000", "paper_insufficient_funds"),
        ("buy limit 0.333 30000", "paper_insufficient_funds"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(text: str, code: str) -> None:
    made = desk()
    with pytest.raises(Denied) as refused:
        made.place(order("a", text))
    assert refused.value.code == code
    assert (made.open, made.ended, made.held_cash(), made.held_lots("BTC")) == ({}, {}, 0, 0)


def test_an_id_is_taken_once_also_after_its_order_ended() -> None:
    made = desk()
    made.place(order("a", "sell market 0.1"))
    for _ in range(2):
        with pytest.raises(Denied):
            made.place(order("a", "sell market 0.1"))
        made.on_trade("BTC-USD", 300_000, ONE, 2)
    assert ticket(made, "a").filled == ONE // 10
    assert made.lots["BTC"] == ONE * 9 // 10


def test_without_a_price_nothing_is_sold_blindly() -> None:
    made = Desk([BTC], COSTS, cash=Decimal(1), positions={"BTC": Decimal(1)})
    with pytest.raises(Denied, match="no price"):
        made.place(order("a", "sell market 0.1"))


def test_open_orders_have_a_limit() -> None:
    made = desk()
    for number in range(OPEN_MAX):
        made.place(order(str(number), "sell stop-loss 0.001 20000"))
    with pytest.raises(Denied, match="open"):
        made.place(order("more", "sell stop-loss 0.001 20000"))


def test_an_order_that_has_expired_is_not_taken() -> None:
    made = desk(time_ms=10_000)
    with pytest.raises(Denied, match="expired"):
        made.place(order("a", "buy limit 0.01 29000", expires_at=10))


def test_an_order_expires_before_the_trade_of_that_moment() -> None:
    made = desk(time_ms=10_000)
    made.place(order("a", "buy limit 0.01 29000", expires_at=20))
    made.on_trade("BTC-USD", 200_000, ONE, 20_000)
    assert (ticket(made, "a").status, ticket(made, "a").filled) == (Status.EXPIRED, 0)


def test_time_never_goes_back() -> None:
    made = desk(time_ms=10_000)
    made.advance(5_000)
    assert made.now_ms == 10_000


@pytest.mark.parametrize("cash", ["-1", "NaN", "Infinity", "0.000000001", "1e30"])
def test_cash_that_cannot_be_counted_is_refused(cash: str) -> None:
    with pytest.raises(Invalid):
        Desk([BTC], COSTS, cash=Decimal(cash))


def test_instruments_of_two_moneys_and_unknown_positions_are_refused() -> None:
    euro = Instrument.of("ETH-EUR", pair_decimals=2, lot_decimals=8, order_min="0.01", cost_min="0.5")
    with pytest.raises(Invalid):
        Desk([BTC, euro], COSTS, cash=Decimal(1))
    with pytest.raises(NotFound):
        Desk([BTC], COSTS, cash=Decimal(1), positions={"ETH": Decimal(1)})


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(1, 600_000), st.integers(0, 10**7)),
        st.tuples(st.just("buy"), st.integers(1, 600_000), st.integers(1, 10**8)),
        st.tuples(st.just("sell"), st.integers(1, 600_000), st.integers(1, 10**8)),
        st.tuples(st.just("market"), st.just(0), st.integers(1, 10**8)),
        st.tuples(st.just("stop"), st.integers(1, 600_000), st.integers(1, 10**8)),
        st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("time"), st.integers(1, 100_000), st.just(0)),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_whatever_happens_the_books_add_up(actions: list[tuple[str, int, int]]) -> None:
    made = desk()
    texts = {"buy": "buy limit", "sell": "sell limit", "market": "sell market", "stop": "sell stop-loss"}
    told: dict[str, int] = {}
    for number, (what, price, lots) in enumerate(actions):
        if what == "trade":
            made.on_trade("BTC-USD", price, lots, made.now_ms + 1)
        elif what == "cancel":
            made.cancel(str(price))
        elif what == "time":
            made.advance(made.now_ms + price)
        else:
            text = f"{texts[what]} {Decimal(lots).scaleb(-8)}" + (f" {Decimal(price) / 10}" if price else "")
            try:
                made.place(order(str(number), text, expires_at=made.now_ms // 1000 + 50))
            except Denied:
                continue
        assert 0 <= made.held_lots("BTC") <= made.lots["BTC"]
        assert made.cash >= 0
        for happening in made.happenings:
            name = happening.ticket.order.client_id
            assert happening.filled >= told.get(name, 0), "an order went back"
            told[name] = happening.filled
        made.happenings.clear()
    sums = {"BTC": Decimal(1), "USD": Decimal(10_000)}
    for entry in made.entries:
        sums[entry.asset] += entry.amount - entry.fee
    assert sums == {"BTC": to_decimal(made.lots["BTC"], 8), "USD": to_decimal(made.cash, 8)}
    for each in [*made.open.values(), *made.ended.values()]:
        assert each.filled == sum(fill.quantity for fill in each.fills) <= each.order.quantity
        assert (each.order.client_id in made.ended) == (each.status in ENDED)
        assert (each.status is Status.FILLED) == (each.left == 0)
        assert len({fill.trade_id for fill in each.fills}) == len(each.fills)


def venue(**more) -> PaperVenue:
    made = PaperVenue([BTC], COSTS, cash=Decimal(10_000), positions={"BTC": Decimal(1)}, **more)
    made.on_trade("BTC-USD", 300_000, ONE, 1)
    return made


def test_an_order_that_would_come_after_its_deadline_is_refused() -> None:
    made = venue(delay_ms=3000)
    with pytest.raises(Denied) as refused:
        asyncio.run(made.place(order("a", "sell market 0.1"), deadline_ms=2999))
    assert refused.value.code == "paper_too_late"
    assert asyncio.run(made.place(order("a", "sell market 0.1"), deadline_ms=3000))


def test_a_deposit_is_told_and_booked_and_no_more_goes_than_is_free() -> None:
    async def use() -> None:
        made = venue()
        events = made.events()
        assert await anext(events) == LinkUp()
        made.deposit("USD", Decimal("12.5"))
        made.deposit("BTC", Decimal("-0.5"))
        assert [await anext(events), await anext(events)] == [MoneyMoved(), MoneyMoved()]
        with pytest.raises(Invalid):
            made.deposit("BTC", Decimal("-0.6"))
        assert (await made.holdings()).total == {"USD": Decimal("10012.5"), "BTC": Decimal("0.5")}
        lines = await made.entries(since_ms=0)
        assert [(each.kind.value, each.amount) for each in lines] == [
            ("deposit", Decimal("12.5")), ("withdrawal", Decimal("-0.5"))
        ]  # fmt: skip

    asyncio.run(use())


def test_a_listener_that_fell_far_behind_is_told_to_ask_anew() -> None:
    async def use() -> None:
        made = venue()
        events = made.events()
        assert await anext(events) == LinkUp()
        for _ in range(EVENTS_MAX + 1):
            made.deposit("USD", Decimal(1))
        assert isinstance(await anext(events), LinkDown)
        assert await anext(events) == LinkUp()
        assert await anext(events) == MoneyMoved()
        await made.close()
        assert [each async for each in events] == []

    asyncio.run(use())


def test_each_change_is_told_once_in_its_order() -> None:
    async def use() -> None:
        made = venue()
        events = made.events()
        await anext(events)
        await made.place(order("a", "sell market 0.2"), deadline_ms=5000)
        made.on_trade("BTC-USD", 300_000, ONE // 10, 2)
        made.on_trade("BTC-USD", 300_000, ONE, 3)
        told = [await anext(events) for _ in range(3)]
        assert all(isinstance(each, OrderTold) for each in told)
        assert [(each.order.status, each.order.filled, len(each.order.fills)) for each in told] == [
            (Status.OPEN, 0, 0), (Status.PARTIAL, ONE // 10, 1), (Status.FILLED, ONE // 5, 1)
        ]  # fmt: skip

    asyncio.run(use())


def test_closed_orders_before_since_are_not_found_open_ones_are() -> None:
    async def use() -> None:
        made = venue()
        await made.place(order("a", "sell market 0.2"), deadline_ms=5000)
        await made.place(order("b", "sell stop-loss 0.2 100"), deadline_ms=5000)
        made.on_trade("BTC-USD", 300_000, ONE, 1000)
        assert await made.find("a", "BTC-USD", since_ms=1001) == ()
        assert len(await made.find("a", "BTC-USD", since_ms=1000)) == 1
        assert len(await made.find("b", "BTC-USD", since_ms=10**12)) == 1
        assert await made.trades(since_ms=1001) == ()

    asyncio.run(use())
