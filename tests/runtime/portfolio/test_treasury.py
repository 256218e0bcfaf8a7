from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.domain.state_codec import dump, load
from mooring.runtime.portfolio import treasury as t

UNIT = 10**8
PRINCIPAL = 10_000 * UNIT
HOUR = 3600
DAY = 86_400
# 2024-01-01T00:00:00Z; the first hour of that day closes an hour later.
START = 1_704_067_200
FREE = t.TreasuryParams(monthly_costs=0, protect=1, minimum_transfer=0)


class Account:
    """An account told hour by hour, in whole quote units."""

    def __init__(self, params=FREE, principal=PRINCIPAL):
        self.params, self.state, self.ts = params, t.init_treasury(principal), START
        self.principal = principal

    def hour(self, realised=0, *, open_pnl=0, cash=None, fees=0, hours=1):
        self.ts += hours * HOUR
        equity = self.principal + (realised + open_pnl) * UNIT
        free = equity if cash is None else cash * UNIT
        return t.update_treasury(self.state, self.params, self.ts, equity, free, realised * UNIT, fees * UNIT)

    def to_midnight(self, realised=0, **more):
        """Hours up to and with the one that closes at 00:00."""
        row = self.hour(realised, **more)
        while self.ts % DAY:
            row = self.hour(realised, **more)
        return row


def test_a_realised_gain_is_the_surplus_of_its_day_and_may_be_taken_out():
    row = Account().hour(500, fees=7)
    assert row == t.TreasuryRow(
        principal=PRINCIPAL,
        fees_day=7 * UNIT,
        realised_day=500 * UNIT,
        surplus_day=500 * UNIT,
        surplus_30d=500 * UNIT,
        protected=PRINCIPAL,
        recommended=500 * UNIT,
        reason="surplus",
    )


def test_the_hour_that_closes_at_midnight_belongs_to_the_day_before():
    account = Account()
    assert account.to_midnight(100).realised_day == 100 * UNIT
    assert account.ts % DAY == 0
    row = account.hour(130)
    assert (row.realised_day, row.surplus_day, row.surplus_30d) == (30 * UNIT, 30 * UNIT, 130 * UNIT)


def test_an_open_gain_is_no_surplus():
    row = Account().hour(0, open_pnl=900)
    assert (row.surplus_day, row.recommended, row.reason) == (0, 0, "no_surplus")


def test_an_open_loss_holds_back_what_was_realised_until_equity_is_above_the_principal():
    account = Account()
    row = account.hour(500, open_pnl=-400)
    assert (row.surplus_day, row.recommended, row.reason) == (100 * UNIT, 100 * UNIT, "surplus")
    row = account.hour(500, open_pnl=-500)
    assert (row.surplus_day, row.recommended, row.reason) == (0, 0, "below_principal")


def test_a_surplus_of_yesterday_is_held_back_by_an_open_loss_of_today():
    account = Account()
    account.to_midnight(500)
    row = account.hour(500, open_pnl=-350)
    assert (row.surplus_30d, row.recommended, row.reason) == (500 * UNIT, 150 * UNIT, "limited_by_principal")


def test_without_protection_equity_below_the_principal_holds_nothing_back():
    account = Account(FREE._replace(protect=0))
    row = account.hour(500, open_pnl=-2000)
    assert (row.protected, row.recommended, row.reason) == (0, 500 * UNIT, "surplus")


def test_no_more_than_the_free_cash_is_recommended():
    row = Account().hour(500, cash=20)
    assert (row.surplus_30d, row.recommended, row.reason) == (500 * UNIT, 20 * UNIT, "limited_by_cash")
    row = Account().hour(500, cash=0)
    assert (row.recommended, row.reason) == (0, "no_free_cash")


def test_less_than_the_smallest_transfer_is_not_recommended():
    account = Account(FREE._replace(minimum_transfer=50 * UNIT))
    assert account.hour(49).reason == "below_minimum"
    assert account.hour(50).recommended == 50 * UNIT


def test_what_was_lost_and_earned_again_counts_once():
    account = Account()
    account.to_midnight(500)
    lost = account.to_midnight(100)
    assert (lost.realised_day, lost.surplus_day, lost.surplus_30d) == (-400 * UNIT, 0, 100 * UNIT)
    again = account.to_midnight(500)
    assert (again.realised_day, again.surplus_day, again.surplus_30d) == (400 * UNIT, 0, 500 * UNIT)
    beyond = account.hour(520)
    assert (beyond.surplus_day, beyond.surplus_30d) == (20 * UNIT, 520 * UNIT)


def test_losses_alone_leave_nothing_and_say_so():
    account = Account(FREE._replace(protect=0))
    row = account.hour(-100)
    assert (row.surplus_30d, row.recommended, row.reason) == (0, 0, "below_high_water")


def test_monthly_costs_are_paid_by_gains_before_anything_is_surplus():
    account = Account(t.TreasuryParams(monthly_costs=720 * UNIT, protect=1, minimum_transfer=0))  # 1 an hour
    row = account.hour(0, open_pnl=50)
    assert (row.surplus_day, row.recommended, row.reason) == (0, 0, "costs_not_covered")
    row = account.hour(10)
    assert row.surplus_day == 8 * UNIT
    assert row.realised_day == 10 * UNIT


def test_costs_accrue_over_hours_that_are_missing():
    account = Account(t.TreasuryParams(monthly_costs=720 * UNIT, protect=1, minimum_transfer=0))
    account.hour(100)
    assert account.hour(100, hours=48).surplus_30d == (99 - 48) * UNIT


def test_costs_that_do_not_divide_add_up_exactly_over_a_month():
    account = Account(t.TreasuryParams(monthly_costs=1_000_001, protect=1, minimum_transfer=0))
    for _ in range(30 * 24):
        account.hour()
    assert account.state.costs[0] == 1_000_001
    assert account.state.costs_rest[0] == 0


def test_after_thirty_days_a_surplus_is_no_longer_offered():
    account = Account()
    account.to_midnight(300)
    for _ in range(28):
        account.to_midnight(300)
    assert account.to_midnight(300).surplus_30d == 300 * UNIT
    row = account.hour(300)
    assert (row.surplus_30d, row.recommended, row.reason) == (0, 0, "no_surplus")


@pytest.mark.parametrize(("days", "left"), [(28, 300), (29, 300), (30, 0), (31, 0), (400, 0)])
def test_a_gap_of_days_empties_the_window_as_the_days_would_have(days, left):
    account = Account()
    account.to_midnight(300)
    # The next hour is the first of the day `days` after the one with the gain.
    account.ts += (days - 1) * DAY
    assert account.hour(300).surplus_30d == left * UNIT


def test_hours_before_the_last_shrinking_fees_and_negative_figures_are_refused_and_change_nothing():
    account = Account()
    account.hour(10, fees=3)
    before = dump(account.state)
    good = {"close_ts": account.ts + HOUR, "equity": 1, "cash": 1, "realised_total": 1, "fees_total": 3 * UNIT}
    for wrong in (
        {"close_ts": account.ts},
        {"fees_total": 3 * UNIT - 1},
        {"cash": -1},
        {"params": FREE._replace(monthly_costs=-1)},
        {"params": FREE._replace(minimum_transfer=-1)},
    ):
        with pytest.raises(ValueError, match="update_treasury"):
            t.update_treasury(account.state, **({"params": FREE} | good | wrong))
        assert dump(account.state) == before
    with pytest.raises(OverflowError):
        t.update_treasury(account.state, FREE, **(good | {"equity": 2**63}))
    assert dump(account.state) == before
    with pytest.raises(ValueError, match="init_treasury"):
        t.init_treasury(-1)


def test_every_reason_has_words():
    codes = {value for name, value in vars(t).items() if name.isupper() and isinstance(value, str)}
    assert codes == set(t.REASON_TEXTS)


STEP = st.tuples(
    st.integers(1, 200),  # hours until this one
    st.integers(-500, 500),  # change of the realised P&L
    st.integers(-2000, 2000),  # open P&L
    st.integers(0, 5),  # fees
    st.integers(0, 100),  # percent of equity in cash
)


@given(
    steps=st.lists(STEP, min_size=1, max_size=60),
    costs=st.integers(0, 2000),
    protect=st.integers(0, 1),
    minimum=st.integers(0, 50),
    cut=st.integers(0, 59),
)
@settings(max_examples=150, deadline=None)
def test_a_recommendation_never_touches_what_is_protected(steps, costs, protect, minimum, cut):
    params = t.TreasuryParams(monthly_costs=costs * UNIT, protect=protect, minimum_transfer=minimum * UNIT)
    state, ts, realised, fees, best = t.init_treasury(PRINCIPAL), START, 0, 0, 0
    counted: dict[int, int] = {}
    for number, (hours, change, open_pnl, fee, percent) in enumerate(steps):
        ts, realised, fees = ts + hours * HOUR, realised + change * UNIT, fees + fee * UNIT
        equity = max(0, PRINCIPAL + realised + open_pnl * UNIT)
        cash = equity * percent // 100
        if number == cut:
            state = load(t.init_treasury(0), dump(state))  # stored and loaded, it goes on the same
        row = t.update_treasury(state, params, ts, equity, cash, realised, fees)
        counted[t.utc_day(ts)] = row.surplus_day
        best = max(best, realised)
        window = sum(v for day, v in counted.items() if day > t.utc_day(ts) - 30)
        assert 0 <= row.recommended <= min(row.surplus_30d, cash, max(0, equity - row.protected))
        assert 0 <= row.surplus_30d <= window
        assert 0 <= row.surplus_day <= max(0, equity - row.protected)
        assert row.surplus_day == 0 or row.surplus_day <= row.realised_day
        # All that was ever counted is no more than the best that was ever realised.
        assert sum(counted.values()) <= best
        assert (row.recommended > 0) == (row.reason in {"surplus", "limited_by_principal", "limited_by_cash"})
        assert row.recommended == 0 or row.recommended >= params.minimum_transfer
        assert row.principal == PRINCIPAL
        assert row.protected == (PRINCIPAL if protect else 0)
    assert all(array.dtype == np.int64 for array in state)
