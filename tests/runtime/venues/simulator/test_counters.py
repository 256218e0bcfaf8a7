"""The venue's rate counters, against the examples of its documentation."""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given

from mooring.runtime.venues.simulator.counters import POINT, Counter, age_penalty, call_cost
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.records import Refusal
from tests.support.look_alike import Desk


@given(st.integers(1, 400), st.lists(st.tuples(st.integers(0, 60 * NANO), st.integers(0, 30)), max_size=20))
def test_a_counter_equals_exact_fractions(decay: int, steps: list[tuple[int, int]]) -> None:
    counter, exact, now = Counter(decay), Fraction(0), 0
    for wait, halves in steps:
        now += wait
        exact = max(Fraction(0), exact - Fraction(decay, 100) * Fraction(wait, NANO)) + Fraction(halves, 2)
        assert Fraction(counter.add(halves, now), POINT) == exact


def test_fifty_orders_and_ten_seconds_as_the_documentation_counts_them() -> None:
    counter = Counter(234)
    for _ in range(50):
        counter.add(2, 0)
    assert counter.value(10 * NANO) == 266 * POINT // 10


def test_an_add_an_amend_at_7_s_and_a_cancel_36_s_later_cost_8() -> None:
    assert 1 + (1 + age_penalty("amend", 7 * NANO)) + age_penalty("cancel", 36 * NANO) == 8


def test_calls_that_trade_are_free_and_history_is_dear() -> None:
    assert [call_cost(name) for name in ("AddOrder", "CancelAll", "Balance", "TradesHistory")] == [0, 0, 1, 4]


def test_the_trading_counter_refuses_past_its_threshold_and_lets_through_again_as_it_falls() -> None:
    desk = Desk(tier="starter")
    for _ in range(6):  # an add and its cancel at once are 9 points
        order = desk.add("buy limit 0.0001 20000.0")
        desk.exchange.cancel(desk.account, order.id, desk.now)
    order = desk.add("buy limit 0.0001 20000.0")
    with pytest.raises(Refusal, match="EOrder:Rate limit exceeded"):
        desk.exchange.cancel(desk.account, order.id, desk.now)
    for _ in range(4):
        desk.add("buy limit 0.0001 20000.0")
    with pytest.raises(Refusal, match="EOrder:Rate limit exceeded"):
        desk.add("buy limit 0.0001 20000.0")
    desk.pass_(20)
    desk.add("buy limit 0.0001 20000.0")


def test_a_refused_cancel_costs_nothing_and_cancel_all_is_never_refused() -> None:
    desk = Desk(tier="starter")
    for _ in range(59):
        desk.add("buy limit 0.0001 20000.0")
    order = next(iter(desk.account.open.values()))
    for _ in range(5):
        with pytest.raises(Refusal, match="Rate limit"):
            desk.exchange.cancel(desk.account, order.id, desk.now)
    desk.pass_(45)
    desk.exchange.cancel(desk.account, order.id, desk.now)
    assert desk.exchange.cancel_many(desk.account, list(desk.account.open.values()), desk.now) == 58


def test_open_orders_of_a_pair_have_a_limit() -> None:
    desk = Desk(tier="starter")
    for _ in range(60):
        desk.add("buy limit 0.0001 20000.0")
        desk.pass_(2)
    with pytest.raises(Refusal, match="EOrder:Orders limit exceeded"):
        desk.add("buy limit 0.0001 20000.0")


def test_a_batch_costs_half_a_point_for_each_order() -> None:
    desk = Desk()
    fields = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000.0", "volume": "0.0001"}
    desk.exchange.add_batch(desk.account, [fields] * 5, desk.now, deadline_least=0)
    assert desk.account.counter(desk.pair.id).value(desk.now) == 5 * POINT // 2
