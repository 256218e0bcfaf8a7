"""Rate limits: never over the venue's counter, whatever the delays; exits get through when all else is full."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.venues.kraken import limits
from mooring.runtime.venues.kraken.limits import Action, Counter, Lane, Limits, Tier, engine_cost, public_counter

SECOND = 10**6
TIERS = st.sampled_from(list(Tier))


class Venue:
    """The counter as the venue's documentation describes it, in exact fractions."""

    def __init__(self, rates: limits.Rates) -> None:
        self.decay = Fraction(rates.decay_micro, 10**12)  # counts a microsecond
        self.level = Fraction(0)
        self.at = 0

    def charge(self, cost: int, at: int) -> Fraction:
        assert at >= self.at
        self.level = max(Fraction(0), self.level - (at - self.at) * self.decay) + cost
        self.at = at
        return self.level


CALLS = st.lists(
    st.tuples(
        st.integers(0, 3 * SECOND),  # pause before it is asked for
        st.sampled_from(list(Lane)),
        st.sampled_from([1, 1, 1, 4, 6]),
        st.integers(0, 5 * SECOND),  # to the venue
        st.integers(0, 5 * SECOND),  # and back
    ),
    max_size=60,
)


@settings(deadline=None)
@given(TIERS, CALLS, st.booleans())
def test_the_venue_never_counts_more_than_its_limit_whatever_the_delays(tier, calls, engine) -> None:
    rates = (limits.ENGINE if engine else limits.REST)[tier]
    counter = Counter(rates, reaching_is_too_much=engine)
    now, arrivals, answers = 0, [], []
    for pause, lane, cost, there, back in calls:
        now += pause
        for answer in sorted(a for a in answers if a[0] <= now):
            answers.remove(answer)
            counter.settle(answer[1], answer[0])
        if counter.take(cost, lane, now):
            arrivals.append((now + there, cost))
            answers.append((now + there + back, cost))
    venue = Venue(rates)
    for at, cost in sorted(arrivals):
        level = venue.charge(cost, at)
        assert level < rates.limit if engine else level <= rates.limit


@settings(deadline=None)
@given(TIERS, CALLS)
def test_exits_get_through_at_once_when_all_lower_lanes_are_full(tier, calls) -> None:
    """A REST call of cost 1 and the dearest cancel: the share that only exits may use covers them."""
    for rates, cost, strict in ((limits.REST[tier], 1, False), (limits.ENGINE[tier], 8, True)):
        counter, now = Counter(rates, reaching_is_too_much=strict), 0
        for pause, lane, asked, _there, _back in calls:
            now += pause
            if lane is not Lane.EXIT:
                counter.take(asked, lane, now)
        assert counter.take(cost, Lane.EXIT, now)


@settings(deadline=None)
@given(TIERS, st.sampled_from(list(Lane)), st.integers(1, 6), st.integers(0, 20))
def test_after_the_stated_wait_the_call_may_be_sent_and_not_a_moment_before(tier, lane, cost, used) -> None:
    counter = Counter(limits.REST[tier], used=used)
    wait = counter.wait_us(cost, lane, 0)
    if wait > 0:
        assert not counter.take(cost, lane, wait - 1)
    assert counter.take(cost, lane, wait)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, SECOND), st.integers(1, 4)), max_size=40))
def test_a_higher_lane_never_waits_longer_than_a_lower_one(calls) -> None:
    counter, now = Counter(limits.REST[Tier.STARTER]), 0
    for pause, cost in calls:
        now += pause
        waits = [counter.wait_us(cost, lane, now) for lane in Lane]
        assert waits == sorted(waits)
        counter.take(cost, Lane.EXIT, now)


def test_pending_calls_do_not_leak_until_their_answer_is_here() -> None:
    counter = Counter(limits.REST[Tier.PRO])
    assert counter.take(4, Lane.HISTORY, 0)
    assert counter.level(10 * SECOND) == 4 * limits.UNIT
    counter.settle(4, 10 * SECOND)
    assert counter.level(12 * SECOND) == 2 * limits.UNIT
    assert counter.level(60 * SECOND) == 0


def test_a_clock_that_stands_still_or_goes_back_does_not_leak() -> None:
    counter = Counter(limits.REST[Tier.PRO], used=10)
    counter.level(5 * SECOND)
    assert counter.level(2 * SECOND) == 10 * limits.UNIT
    assert counter.level(5 * SECOND) == 10 * limits.UNIT


def test_the_venue_is_believed_when_it_says_that_the_limit_is_met() -> None:
    counter = Counter(limits.REST[Tier.STARTER])
    counter.exceeded(0)
    assert not counter.take(1, Lane.EXIT, 0)
    assert counter.wait_us(1, Lane.EXIT, 0) == 3_030_304  # 1 / 0.33 s, up


def test_a_lock_out_is_over_when_it_is_over() -> None:
    account = Limits(Tier.PRO)
    assert account.locked_us(0) == 0
    account.lock_out(0, 900 * SECOND)
    account.lock_out(SECOND, SECOND)
    assert account.locked_us(899 * SECOND) == SECOND
    assert account.locked_us(900 * SECOND) == 0


# The table of the documentation: seconds of age, amend, cancel.
@pytest.mark.parametrize(
    ("age", "amend", "cancel"),
    [
        (0, 4, 8), (4.999999, 4, 8), (5, 3, 6), (9.999999, 3, 6), (10, 2, 5), (14.9, 2, 5), (15, 1, 4), (44.9, 1, 4),
        (45, 1, 2), (89.9, 1, 2), (90, 1, 1), (299.9, 1, 1), (300, 1, 0), (10**6, 1, 0),
    ],
)  # fmt: skip
def test_what_touching_an_order_costs_by_its_age(age, amend, cancel) -> None:
    age_us = round(age * SECOND)
    assert engine_cost(Action.AMEND, age_us=age_us) == amend
    assert engine_cost(Action.CANCEL, age_us=age_us) == cancel
    assert engine_cost(Action.ADD) == 1


def test_the_examples_of_the_documentation() -> None:
    # Add, amend at 7 s, cancel 36 s later: 1 + (1 + 2) + 4 before decay.
    costs = [
        engine_cost(Action.ADD),
        engine_cost(Action.AMEND, age_us=7 * SECOND),
        engine_cost(Action.CANCEL, age_us=36 * SECOND),
    ]
    assert sum(costs) == 8
    # Intermediate, 50 orders, then 10 s: 50 - 23.4.
    counter = Counter(limits.ENGINE[Tier.INTERMEDIATE])
    for _ in range(50):
        assert counter.take(1, Lane.ENTRY, 0)
        counter.settle(1, 0)
    assert Fraction(counter.level(10 * SECOND), limits.UNIT) == Fraction(266, 10)


@pytest.mark.parametrize(("count", "cost"), [(2, 1), (3, 2), (15, 8)])
def test_a_batch_costs_half_of_its_orders(count, cost) -> None:
    assert limits.batch_add_cost(count) == cost


def test_each_pair_has_its_own_counter() -> None:
    account = Limits(Tier.STARTER)
    account.engine("A").exceeded(0)
    assert not account.engine("A").take(1, Lane.EXIT, 0)
    assert account.engine("B").take(1, Lane.EXIT, 0)


def test_a_history_call_fits_into_its_lane_in_every_tier() -> None:
    for tier in Tier:
        assert Counter(limits.REST[tier]).take(limits.HISTORY_COST, Lane.HISTORY, 0)


def test_a_call_that_can_never_fit_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="ever has"):
        Counter(limits.REST[Tier.STARTER]).take(16, Lane.EXIT, 0)


def test_public_calls_go_out_once_a_second() -> None:
    public = Limits(Tier.PRO).public
    assert public.take(1, Lane.EXIT, 0)
    public.settle(1, 0)
    assert public.wait_us(1, Lane.EXIT, 0) == SECOND


@pytest.mark.parametrize("tier", Tier)
def test_counters_of_a_look_alike_leak_in_its_time(tier: Tier) -> None:
    limits, fast = Limits(tier), Limits(tier, speed=60)
    for counter, sixty in ((limits.rest, fast.rest), (limits.engine("x"), fast.engine("x"))):
        for each in (counter, sixty):
            assert each.take(5, Lane.EXIT, 0)
            each.settle(5, 0)
        assert counter.level(60 * 100_000) == sixty.level(100_000)


def test_accounts_of_one_address_share_what_is_public_and_nothing_else() -> None:
    public = public_counter()
    prices, account = Limits(Tier.PRO, public=public), Limits(Tier.PRO, public=public)
    assert prices.public.take(1, Lane.EXIT, 0)
    assert not account.public.take(1, Lane.EXIT, 0)
    prices.public.settle(1, 0)
    assert account.public.wait_us(1, Lane.EXIT, 0) == 1_000_000
    assert account.public.take(1, Lane.EXIT, 1_000_000)
    assert Limits(Tier.PRO).public.take(1, Lane.EXIT, 1_000_000), "who shares with nobody counts alone"
    assert prices.rest.take(1, Lane.EXIT, 0)
    assert account.rest.level(0) == 0
