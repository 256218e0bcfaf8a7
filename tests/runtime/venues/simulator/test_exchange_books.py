"""Whatever clients and the market do, the look-alike's books add up, and the same calls give the same books."""

from __future__ import annotations

from contextlib import suppress

import hypothesis.strategies as st
from hypothesis import given, settings

from mooring.runtime.venues.simulator.records import LEGAL, Refusal, Status
from tests.support.look_alike import Desk, assert_books

TEXTS = st.sampled_from(
    ["market", "limit", "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit", "limit post", "limit ioc"]
)
PRICES = st.integers(280_000, 320_000)
ADD = st.tuples(st.just("add"), TEXTS, st.booleans(), st.integers(3_000, 60_000_000), PRICES, PRICES, st.booleans())
TRADE = st.tuples(st.just("trade"), PRICES, st.integers(1, 10**9), st.integers(0, 40))
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 9))
AMEND = st.tuples(st.just("amend"), st.integers(0, 9), st.integers(0, 60_000_000), PRICES)
MOVE = st.tuples(st.just("move"), st.sampled_from(["ZUSD", "XXBT", "XBT.F"]), st.integers(-(10**9), 10**9))
THIN = st.tuples(st.just("thin"), st.integers(1, 400))
STEPS = st.lists(st.one_of(ADD, ADD, TRADE, TRADE, CANCEL, AMEND, MOVE, THIN), max_size=40)


def at(desk: Desk, index: int):
    live = list(desk.account.open.values())
    return live[index % len(live)] if live else None


def do(desk: Desk, step: tuple) -> None:
    kind, *what = step
    if kind == "add":
        text, buys, lots, price, price2, in_base = what
        ordertype, _, more = text.partition(" ")
        prices = {
            "market": [],
            "limit": [price],
            "stop-loss": [price],
            "take-profit": [price],
        }.get(ordertype, [price, price2])
        fields = {"oflags": "fcib" if in_base else "fciq"}
        if more == "post":
            fields["oflags"] += ",post"
        if more == "ioc":
            fields["timeinforce"] = "IOC"
        words = [("buy" if buys else "sell"), ordertype, f"{lots / 10**8:.8f}", *(f"{p / 10:.1f}" for p in prices)]
        desk.add(" ".join(words), **fields)
    elif kind == "trade":
        ticks, lots, seconds = what
        desk.trade(ticks, lots, seconds=seconds)
    elif kind == "move":
        asset, units = what
        desk.exchange.move(desk.account, asset, units, "deposit" if units > 0 else "withdrawal", "", desk.now)
    elif kind == "thin":
        desk.book.around(desk.book.price, what[0])
    elif (order := at(desk, what[0])) is not None and kind == "cancel":
        desk.exchange.cancel(desk.account, order.id, desk.now)
    elif order is not None:
        _, lots, price = what
        fields = {"order_qty": f"{lots / 10**8:.8f}"} | (
            {"limit_price": f"{price / 10:.1f}"} if order.ticket.limit else {}
        )
        desk.exchange.amend(desk.account, order, fields, desk.now)


def play(steps: list[tuple], *, check: bool) -> Desk:
    desk = Desk()
    for step in steps:
        with suppress(Refusal):
            do(desk, step)
        if check:
            assert_books(desk.account)
    return desk


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_balances_are_never_negative_and_follow_from_the_ledger_whatever_is_done(steps: list[tuple]) -> None:
    play(steps, check=True)


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_every_order_goes_only_from_state_to_legal_state(steps: list[tuple]) -> None:
    desk = play(steps, check=False)
    seen: dict[str, Status] = {}
    filled: dict[str, int] = {}
    for event in desk.exchange.events:
        if event.order is None:
            continue
        before = seen.get(event.order.id)
        assert before is None or before is event.order.status or event.order.status in LEGAL[before]
        assert filled.get(event.order.id, 0) <= event.order.filled
        seen[event.order.id], filled[event.order.id] = event.order.status, event.order.filled


@given(STEPS)
@settings(max_examples=50, deadline=None)
def test_the_same_calls_give_the_same_books_and_events(steps: list[tuple]) -> None:
    first, second = play(steps, check=False), play(steps, check=False)
    assert first.exchange.events == second.exchange.events
    assert first.account.ledger == second.account.ledger
