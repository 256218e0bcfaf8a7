"""Treasury: what of the gains could be taken out, said and never done. Nothing here moves money.

All amounts are whole numbers of 10^-8 of the quote asset. A day is a UTC day; the hour that closes at 00:00 is the last
of the day before.

The rules, in the order in which they are applied:

1. Costs first. `monthly_costs` accrue by the second, a month having 30 days, also over hours without a bar. What is
   earned pays them: `net = realised P&L since the start - costs accrued`. Trading fees are in the realised P&L already
   (a lot's cost holds the fee of buying, proceeds are net of the fee of selling), so they are not taken off again.
2. Only what is new counts. `high_water` is the highest `net` at the end of any day before, never below 0. What was lost
   and earned again is no surplus, nor is what merely pays for costs.
3. Only above the principal. `protected` is what the person put in, 0 where the protection is switched off.
   surplus_day  = max(0, min(net - high_water, equity - protected))
4. Thirty days. `shortfall = max(0, high_water - net)`.
   surplus_30d  = max(0, sum of surplus_day of today and the 29 days before - shortfall)
   What nobody took out for thirty days counts as put to work, and is not offered again.
5. The recommendation is what all of these leave, and the free cash can pay:
   recommended  = min(surplus_30d, equity - protected, cash), 0 where that is below `minimum_transfer`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from mooring.runtime.domain.bars import HOUR_SECONDS, Int64s

DAY_SECONDS: Final = 86_400
WINDOW_DAYS: Final = 30
MONTH_SECONDS: Final = WINDOW_DAYS * DAY_SECONDS

# Why the recommendation is what it is: the values of `TreasuryRow.reason`.
SURPLUS: Final = "surplus"
LIMITED_BY_PRINCIPAL: Final = "limited_by_principal"
LIMITED_BY_CASH: Final = "limited_by_cash"
BELOW_PRINCIPAL: Final = "below_principal"
COSTS_NOT_COVERED: Final = "costs_not_covered"
BELOW_HIGH_WATER: Final = "below_high_water"
NO_SURPLUS: Final = "no_surplus"
NO_FREE_CASH: Final = "no_free_cash"
BELOW_MINIMUM: Final = "below_minimum"

# In words, for people; each fits after "recommended: <amount>".
REASON_TEXTS: Final = {
    SURPLUS: "all of the surplus of the last 30 days",
    LIMITED_BY_PRINCIPAL: "the surplus as far as the equity stands above the principal",
    LIMITED_BY_CASH: "the surplus as far as free cash can pay it",
    BELOW_PRINCIPAL: "the equity is not above the principal, which is protected",
    COSTS_NOT_COVERED: "what was realised does not yet pay the costs",
    BELOW_HIGH_WATER: "what was lost or paid since the best day is not yet earned again",
    NO_SURPLUS: "the last 30 days left no surplus",
    NO_FREE_CASH: "no cash is free",
    BELOW_MINIMUM: "what could be taken out is below the smallest transfer worth making",
}


class TreasuryParams(NamedTuple):
    """What a person sets; money in 10^-8 quote.

    monthly_costs: what running it costs in 30 days, beside trading fees.
    protect: 1 where surplus counts only above the principal, else 0.
    minimum_transfer: smallest amount that is recommended.
    """

    monthly_costs: int
    protect: int
    minimum_transfer: int


class TreasuryState(NamedTuple):
    """What one hour hands to the next; int64 (1,) each but `days`.

    principal: what the person put in. last_ts: close of the last hour, -1 before the first.
    day: number of the UTC day at hand. realised, fees: totals at the last hour.
    realised_before, fees_before: totals when the day began. high_water: highest net at the end of a day before this.
    costs: accrued so far. costs_rest: what was left over by accruing whole units, in units times seconds.
    days: (30,), surplus of the last 30 days, that of day d at d % 30.
    """

    principal: Int64s
    last_ts: Int64s
    day: Int64s
    realised: Int64s
    fees: Int64s
    realised_before: Int64s
    fees_before: Int64s
    high_water: Int64s
    costs: Int64s
    costs_rest: Int64s
    days: Int64s


class TreasuryRow(NamedTuple):
    """One row of the table `treasury`; money in 10^-8 quote.

    principal: what the person put in. fees_day, realised_day: of the UTC day so far, realised after fees.
    surplus_day, surplus_30d, protected, recommended: as the module says. reason: a key of `REASON_TEXTS`.
    """

    principal: int
    fees_day: int
    realised_day: int
    surplus_day: int
    surplus_30d: int
    protected: int
    recommended: int
    reason: str


def init_treasury(principal: int) -> TreasuryState:
    """Before the first hour of an account into which `principal` (10^-8 quote) was put.

    Raises:
        ValueError: principal is negative.
    """
    if principal < 0:
        raise ValueError("init_treasury: the principal must not be negative")
    return TreasuryState(
        principal=np.full(1, principal, np.int64),
        last_ts=np.full(1, -1, np.int64),
        day=np.zeros(1, np.int64),
        realised=np.zeros(1, np.int64),
        fees=np.zeros(1, np.int64),
        realised_before=np.zeros(1, np.int64),
        fees_before=np.zeros(1, np.int64),
        high_water=np.zeros(1, np.int64),
        costs=np.zeros(1, np.int64),
        costs_rest=np.zeros(1, np.int64),
        days=np.zeros(WINDOW_DAYS, np.int64),
    )


def utc_day(close_ts: int) -> int:
    """Number of the UTC day (since 1970) of the hour that closes then; 00:00 ends the day before."""
    return (close_ts - 1) // DAY_SECONDS


def update_treasury(
    state: TreasuryState,
    params: TreasuryParams,
    close_ts: int,
    equity: int,
    cash: int,
    realised_total: int,
    fees_total: int,
) -> TreasuryRow:
    """Move the state on by one closed hour, in place, and say what the hour's row is.

    Args:
        state: as after the hour before; changed.
        params: what a person set.
        close_ts: close of the hour, UTC unix seconds, later than the last.
        equity, cash: of the account at this close.
        realised_total, fees_total: realised P&L (after fees) and fees since the account was opened.

    Raises:
        ValueError: time goes back, fees shrink, or cash or a parameter is negative; nothing was changed.
        OverflowError: a number does not fit 64 bits; nothing was changed.
    """
    close_ts, equity, cash = int(close_ts), int(equity), int(cash)
    realised_total, fees_total = int(realised_total), int(fees_total)
    _check(state, params, close_ts, cash, fees_total)
    costs, rest = _accrued(state, params, close_ts)
    net = realised_total - costs
    for number in (net, costs, equity, cash, fees_total, realised_total):
        np.int64(number)  # OverflowError before anything changes
    day = utc_day(close_ts)
    if state.last_ts[0] < 0:
        state.day[0] = day
    elif day != state.day[0]:
        _turn_day(state, day)
    state.last_ts[0] = close_ts
    state.costs[0], state.costs_rest[0] = costs, rest
    state.realised[0], state.fees[0] = realised_total, fees_total

    protected = int(state.principal[0]) if params.protect else 0
    above = equity - protected
    high_water = int(state.high_water[0])
    surplus = max(0, min(net - high_water, above))
    state.days[day % WINDOW_DAYS] = surplus
    window = max(0, sum(state.days.tolist()) - max(0, high_water - net))
    recommended, reason = _recommend(params, window, above, cash)
    if reason == NO_SURPLUS:
        reason = _why_none(net, high_water, realised_total)
    return TreasuryRow(
        principal=int(state.principal[0]),
        fees_day=fees_total - int(state.fees_before[0]),
        realised_day=realised_total - int(state.realised_before[0]),
        surplus_day=surplus,
        surplus_30d=window,
        protected=protected,
        recommended=recommended,
        reason=reason,
    )


def _check(state: TreasuryState, params: TreasuryParams, close_ts: int, cash: int, fees_total: int) -> None:
    if close_ts <= max(0, int(state.last_ts[0])):
        raise ValueError("update_treasury: an hour must close later than the last")
    if cash < 0 or fees_total < int(state.fees[0]):
        raise ValueError("update_treasury: cash is negative or fees shrank")
    if params.monthly_costs < 0 or params.minimum_transfer < 0:
        raise ValueError("update_treasury: costs and minimum must not be negative")


def _accrued(state: TreasuryState, params: TreasuryParams, close_ts: int) -> tuple[int, int]:
    """(costs since the start, what is left over by counting whole units) at this close."""
    last = int(state.last_ts[0])
    # The first hour is an hour too: its costs accrue from its open on.
    seconds = HOUR_SECONDS if last < 0 else close_ts - last
    accrued, rest = divmod(int(state.costs_rest[0]) + params.monthly_costs * seconds, MONTH_SECONDS)
    return int(state.costs[0]) + accrued, rest


def _turn_day(state: TreasuryState, day: int) -> None:
    """The day before is over: its last figures become what the new day starts from."""
    net = int(state.realised[0]) - int(state.costs[0])
    state.high_water[0] = max(int(state.high_water[0]), net)
    state.realised_before[0] = state.realised[0]
    state.fees_before[0] = state.fees[0]
    passed = day - int(state.day[0])
    for back in range(min(passed, WINDOW_DAYS)):  # days without an hour leave the window empty behind them
        state.days[(day - back) % WINDOW_DAYS] = 0
    state.day[0] = day


def _recommend(params: TreasuryParams, window: int, above: int, cash: int) -> tuple[int, str]:
    """Amount and reason, the hardest limit named first."""
    if params.protect and above <= 0:
        return 0, BELOW_PRINCIPAL
    if window <= 0:
        return 0, NO_SURPLUS
    if cash <= 0:
        return 0, NO_FREE_CASH
    amount = min(window, max(0, above), cash)
    if amount <= 0 or amount < params.minimum_transfer:
        return 0, BELOW_MINIMUM
    if amount == window:
        return amount, SURPLUS
    return amount, LIMITED_BY_PRINCIPAL if amount == above else LIMITED_BY_CASH


def _why_none(net: int, high_water: int, realised_total: int) -> str:
    """Why the window holds nothing: costs eat it, losses are not made good, or nothing new was earned."""
    if net >= high_water:
        return NO_SURPLUS
    return COSTS_NOT_COVERED if net < 0 <= realised_total else BELOW_HIGH_WATER
