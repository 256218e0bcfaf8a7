"""Each limit refuses an entry and says its reason, the limit and what it saw; none of them ever stops an exit."""

from __future__ import annotations

import numpy as np
import pytest

from mooring.runtime.decision.risk import total_cap_bps
from mooring.runtime.decision.types import (
    B_DAY_LOSS,
    B_DRAWDOWN,
    B_ENTRIES,
    B_EQUITY,
    B_PEAK,
    B_TIER,
    B_VALUE,
    D_ACTION,
    D_LIMIT,
    D_OBSERVED,
    D_PRICE,
    D_QUANTITY,
    D_REASON,
    D_STOP,
    D_TARGET,
    WANT_ENTRY,
    WANT_EXIT,
    WANT_NOTHING,
)
from mooring.runtime.domain.codes import Action, Reason, Tier
from tests.support.core import (
    DAY,
    MONEY,
    RISK,
    START,
    book,
    controls,
    decider,
    flat_bar,
    inputs,
    silent_producer,
    told_strategy,
    universe,
    wish_row,
)

CASH = 10_000 * MONEY
HOUR = 3600
CLOSE = 10_000  # 100.00
LIMIT = 10_050  # with a collar of 50 bp
LOT = CLOSE * 100  # money of one lot at the close
RISKED = 166_666  # lots: 50 of 10,000 at risk over 3.00 a unit


class Rig:
    """A step with wishes of our own, kept from one close to the next."""

    def __init__(self, *wishes, figures=None, **risk):
        rows = wishes or (wish_row(WANT_ENTRY),)
        self.symbols = len(rows)
        self.decider = decider(
            universe(self.symbols, **(figures or {})),
            producers=[silent_producer(self.symbols)],
            strategy=told_strategy(rows),
            risk=risk,
        )
        self.state = self.decider.init()

    def close(self, shown=None, *, at=START + HOUR, **switches):
        shown = book(CASH, [0] * self.symbols) if shown is None else shown
        bar = flat_bar(*[CLOSE] * self.symbols, close_ts=at)
        return self.decider.step(self.state, self.decider.params, inputs(bar, shown, controls(**switches)))


def row(said, symbol=0):
    return said.rows[symbol]


def refusal(said, symbol=0):
    values = row(said, symbol)
    assert values[D_ACTION] == Action.REFUSED
    assert values[D_QUANTITY] == 0
    return Reason(int(values[D_REASON])), int(values[D_LIMIT]), int(values[D_OBSERVED])


def entered(said, symbol=0):
    assert Reason(int(row(said, symbol)[D_REASON])) == Reason.SCORE_HIGH
    assert row(said, symbol)[D_ACTION] == Action.ENTER
    return int(row(said, symbol)[D_QUANTITY])


def test_an_entry_is_sized_so_that_its_stop_costs_the_risked_share_of_equity():
    said = Rig().close()
    assert entered(said) == RISKED
    values = row(said)
    assert (values[D_PRICE], values[D_STOP], values[D_TARGET]) == (LIMIT, 9_750, 11_000)
    assert values[D_OBSERVED] == RISKED * LIMIT * 100
    loss_at_stop = RISKED * (LIMIT - 9_750) * 100
    assert CASH * 50 // 10_000 - 300 * 100 < loss_at_stop <= CASH * 50 // 10_000
    assert said.book[B_ENTRIES] == 1


def test_conviction_scales_the_risk():
    assert entered(Rig(wish_row(WANT_ENTRY, strength=3)).close()) == 50_000


def test_the_kill_switch_refuses():
    assert refusal(Rig().close(kill=1)) == (Reason.KILL_SWITCH, 0, 1)


def test_a_pause_refuses():
    assert refusal(Rig().close(paused=1)) == (Reason.PAUSED, 0, 1)


def test_a_drawdown_at_the_limit_halts_until_it_is_rebased():
    rig = Rig(daily_loss_bps=9_999)
    entered(rig.close())
    said = rig.close(book(CASH * 85 // 100))
    assert refusal(said) == (Reason.DRAWDOWN_HALT, 1500, 1500)
    assert said.book[B_TIER] == Tier.HALT
    recovered = rig.close(book(CASH))
    assert refusal(recovered) == (Reason.DRAWDOWN_HALT, 1500, 0)
    assert recovered.book[B_TIER] == Tier.HALT
    later = rig.close(book(CASH), at=START + 40 * DAY)
    assert refusal(later)[0] == Reason.DRAWDOWN_HALT
    entered(rig.close(book(CASH), rebase=1, at=START + 40 * DAY))
    entered(rig.close(book(CASH), at=START + 40 * DAY))


def test_a_rebase_takes_todays_equity_as_the_new_peak_and_start_of_day():
    rig = Rig()
    rig.close()
    said = rig.close(book(CASH // 2), rebase=1)
    assert (said.book[B_PEAK], said.book[B_DRAWDOWN], said.book[B_DAY_LOSS]) == (CASH // 2, 0, 0)
    assert said.book[B_TIER] == Tier.NORMAL


def test_a_drawdown_a_hair_below_the_limit_does_not_halt():
    rig = Rig(daily_loss_bps=9_999)
    rig.close()
    assert entered(rig.close(book(CASH * 85 // 100 + 1))) > 0


def test_a_daily_loss_refuses_until_the_next_day_utc():
    rig = Rig()
    rig.close(at=START + HOUR)
    lost = book(CASH * 97 // 100)
    assert refusal(rig.close(lost, at=START + 2 * HOUR)) == (Reason.DAILY_LOSS, 300, 300)
    assert refusal(rig.close(lost, at=START + DAY - HOUR))[0] == Reason.DAILY_LOSS
    midnight = rig.close(lost, at=START + DAY)
    assert midnight.book[B_DAY_LOSS] == 0
    entered(midnight)


def test_a_loss_a_hair_below_the_daily_limit_does_not_refuse():
    rig = Rig()
    rig.close()
    assert entered(rig.close(book(CASH * 97 // 100 + 1))) > 0


def test_a_gain_is_no_daily_loss_and_moves_the_peak():
    rig = Rig()
    rig.close()
    for equity in (CASH + 1, CASH * 2):
        said = rig.close(book(equity))
        assert (said.book[B_DAY_LOSS], said.book[B_DRAWDOWN], said.book[B_PEAK]) == (0, 0, equity)


def test_open_positions_and_working_entries_count_against_the_most_positions():
    wishes = (wish_row(WANT_ENTRY), wish_row(WANT_NOTHING), wish_row(WANT_NOTHING))
    shown = book(CASH, [0, 100, 0], entry=[0, 0, MONEY])
    assert refusal(Rig(*wishes, max_open_positions=2).close(shown)) == (Reason.MAX_POSITIONS, 2, 2)
    entered(Rig(*wishes, max_open_positions=3).close(shown))


def test_entries_of_one_close_count_against_the_most_positions():
    said = Rig(*[wish_row(WANT_ENTRY)] * 3, max_open_positions=2).close()
    entered(said, 0)
    entered(said, 1)
    assert refusal(said, 2) == (Reason.MAX_POSITIONS, 2, 2)


def test_entries_of_a_day_are_counted_and_begin_anew_at_midnight_utc():
    rig = Rig(max_entries_per_day=2)
    entered(rig.close(at=START + HOUR))
    entered(rig.close(at=START + 2 * HOUR))
    said = rig.close(at=START + 3 * HOUR)
    assert refusal(said) == (Reason.MAX_ENTRIES, 2, 2)
    assert said.book[B_ENTRIES] == 2
    entered(rig.close(at=START + DAY))


def test_the_symbol_cap_cuts_the_size_and_counts_what_is_held():
    rig = Rig(max_symbol_exposure_bps=1000)
    assert entered(rig.close()) == 1_000 * MONEY // (LIMIT * 100)
    held = book(CASH - 400 * MONEY, [400 * MONEY // LOT])
    assert entered(rig.close(held)) == 600 * MONEY // (LIMIT * 100)
    full = book(CASH - 1_000 * MONEY, [1_000 * MONEY // LOT])
    assert refusal(rig.close(full)) == (Reason.SYMBOL_EXPOSURE, 0, 10 * LIMIT * 100)


def test_the_total_cap_cuts_the_size_and_counts_everything_held_and_promised():
    wishes = (wish_row(WANT_ENTRY), wish_row(WANT_NOTHING), wish_row(WANT_NOTHING))
    rig = Rig(*wishes, max_total_exposure_bps=5000)
    shown = book(CASH - 4_000 * MONEY, [0, 4_000 * MONEY // LOT, 0])
    assert entered(rig.close(shown)) == 1_000 * MONEY // (LIMIT * 100)
    promised = book(CASH - 4_000 * MONEY, [0, 4_000 * MONEY // LOT, 0], entry=[0, 0, 700 * MONEY])
    assert entered(rig.close(promised)) == 300 * MONEY // (LIMIT * 100)
    full = book(CASH - 5_000 * MONEY, [0, 5_000 * MONEY // LOT, 0])
    assert refusal(rig.close(full)) == (Reason.TOTAL_EXPOSURE, 0, 10 * LIMIT * 100)


def test_cash_cuts_the_size_so_that_the_fee_still_fits():
    wishes = (wish_row(WANT_ENTRY), wish_row(WANT_NOTHING))
    shown = book(100 * MONEY, [0, 9_900 * MONEY // LOT])
    said = Rig(*wishes, max_total_exposure_bps=10_000).close(shown)
    quantity = entered(said)
    cost = quantity * LIMIT * 100
    assert cost + -(-cost * 4000 // 10**6) <= 100 * MONEY
    one_more = (quantity + 1) * LIMIT * 100
    assert one_more + -(-one_more * 4000 // 10**6) > 100 * MONEY - 2 * LOT


def test_cash_below_the_minimum_refuses_and_states_the_room():
    wishes = (wish_row(WANT_ENTRY), wish_row(WANT_NOTHING))
    rig = Rig(*wishes, max_total_exposure_bps=10_000, figures={"order_min": 1_000})
    reason, room, needed = refusal(rig.close(book(5 * MONEY, [0, 9_995 * MONEY // LOT])))
    assert reason == Reason.NO_CASH
    assert room == 5 * MONEY * 10**6 // 1_004_000 - 2
    assert needed == 1_000 * LIMIT * 100
    assert refusal(rig.close(book(0, [0, CASH // LOT]))) == (Reason.NO_CASH, 0, needed)


def test_cash_promised_to_working_entries_is_not_spent_twice():
    wishes = (wish_row(WANT_ENTRY), wish_row(WANT_NOTHING))
    rig = Rig(*wishes, max_total_exposure_bps=10_000, max_symbol_exposure_bps=10_000)
    shown = book(CASH, [0, 0], entry=[0, CASH - 50 * MONEY])
    assert 0 < entered(rig.close(shown)) * LIMIT * 100 <= 50 * MONEY


def test_a_risk_too_small_for_the_smallest_order_refuses():
    rig = Rig(figures={"order_min": RISKED + 1})
    assert refusal(rig.close()) == (Reason.BELOW_MINIMUM, RISKED + 1, RISKED)


def test_an_entry_of_exactly_the_smallest_order_is_taken():
    assert entered(Rig(figures={"order_min": RISKED}).close()) == RISKED


def test_a_risk_too_small_for_the_smallest_cost_refuses():
    cost = RISKED * LIMIT * 100
    assert refusal(Rig(figures={"cost_min": cost + 1}).close()) == (Reason.BELOW_COST_MINIMUM, cost + 1, cost)
    entered(Rig(figures={"cost_min": cost}).close())


def test_a_cap_that_leaves_less_than_the_smallest_cost_names_the_cap():
    rig = Rig(max_symbol_exposure_bps=1, figures={"cost_min": 2 * MONEY})
    assert refusal(rig.close()) == (Reason.SYMBOL_EXPOSURE, 1 * MONEY, 2 * MONEY)


def test_a_symbol_with_all_its_lots_taken_refuses():
    rig = Rig(lots_limit=8)
    assert refusal(rig.close(book(CASH, [100], lots=[8]))) == (Reason.LOTS_FULL, 8, 8)
    entered(rig.close(book(CASH, [100], lots=[7])))


def test_a_working_entry_refuses_a_second_one():
    assert refusal(Rig().close(book(CASH, [0], entry=[7 * MONEY]))) == (Reason.ENTRY_WORKING, 0, 7 * MONEY)


def test_a_stop_at_or_above_the_limit_is_never_sized():
    rig = Rig(wish_row(WANT_ENTRY, stop=LIMIT))
    assert refusal(rig.close()) == (Reason.BELOW_MINIMUM, 10, 0)


@pytest.mark.parametrize(
    ("lost_bps", "tier", "percent"),
    [(0, Tier.NORMAL, 100), (499, Tier.NORMAL, 100), (500, Tier.CAUTION, 50), (1000, Tier.DEFENSIVE, 25)],
)
def test_drawdown_tiers_scale_the_size(lost_bps, tier, percent):
    rig = Rig(daily_loss_bps=9_999)
    rig.close()
    equity = CASH * (10_000 - lost_bps) // 10_000
    said = rig.close(book(equity))
    assert said.book[B_TIER] == tier
    assert entered(said) == equity * 50 * percent // 10**6 // (300 * 100)


def fallen(lost_bps, **risk):
    """A rig whose account has fallen so far below its peak, and what it is worth now."""
    rig = Rig(wish_row(WANT_ENTRY), wish_row(WANT_NOTHING), daily_loss_bps=10_000, **risk)
    rig.close(book(CASH, [0, 0]))
    return rig, CASH * (10_000 - lost_bps) // 10_000


@pytest.mark.parametrize(("lost_bps", "percent"), [(499, 100), (500, 50), (999, 50), (1000, 25), (1499, 25)])
def test_drawdown_tiers_scale_the_cap_on_all_that_is_held(lost_bps, percent):
    rig, equity = fallen(lost_bps, risk_per_trade_bps=500, max_symbol_exposure_bps=8000)
    said = rig.close(book(equity, [0, 0]))
    cap = said.book[B_EQUITY] * (8000 * percent // 100) // 10_000
    assert (row(said)[D_ACTION], row(said)[D_LIMIT]) == (Action.ENTER, cap)
    assert cap - LIMIT * 100 < row(said)[D_OBSERVED] <= cap


@pytest.mark.parametrize(("lost_bps", "percent"), [(500, 50), (1000, 25)])
@pytest.mark.parametrize("promised", [False, True], ids=["held", "promised"])
def test_at_its_tiers_cap_an_account_buys_nothing_more_and_sells_nothing_for_it(lost_bps, percent, promised):
    rig, equity = fallen(lost_bps)
    bought = equity * (8000 * percent // 100) // 10_000 // LOT + 1
    entry = [0, bought * LOT] if promised else None
    shown = book(equity - (0 if promised else bought * LOT), [0, 0 if promised else bought], entry=entry)
    reason, limit, _ = refusal(said := rig.close(shown))
    assert (reason, limit) == (Reason.TOTAL_EXPOSURE, 0)
    assert row(said, 1)[D_ACTION] == (Action.FLAT if promised else Action.HOLD)


def test_the_tiers_cap_is_rounded_down():
    risk = RISK._replace(max_total_exposure_bps=7999, caution_percent=50, defensive_percent=25)
    assert [total_cap_bps(risk, tier) for tier in Tier] == [7999, 3999, 1999, 0]


def test_a_tier_below_the_halt_ends_with_the_drawdown():
    rig = Rig(daily_loss_bps=9_999)
    rig.close()
    assert rig.close(book(CASH * 9 // 10)).book[B_TIER] == Tier.DEFENSIVE
    assert rig.close(book(CASH)).book[B_TIER] == Tier.NORMAL


def test_the_highest_score_is_served_first_and_the_order_of_the_universe_breaks_ties():
    wishes = [wish_row(WANT_ENTRY, score=score) for score in (7, 9, 9, 8)]
    said = Rig(*wishes, max_open_positions=2).close()
    assert [int(a) for a in said.rows[:, D_ACTION]] == [Action.REFUSED, Action.ENTER, Action.ENTER, Action.REFUSED]
    one = Rig(*wishes, max_open_positions=1).close()
    assert entered(one, 1) == RISKED
    assert refusal(one, 2)[0] == Reason.MAX_POSITIONS


SWITCHES = [
    {"kill": 1},
    {"paused": 1},
    {"kill": 1, "paused": 1, "cancel_all": 1},
    {"flatten": 1, "kill": 1},
    {"blocked": 1},
    {"catch_up": 1},
]
TIGHT = {
    "max_open_positions": 1,
    "max_entries_per_day": 1,
    "max_symbol_exposure_bps": 1,
    "max_total_exposure_bps": 1,
    "lots_limit": 1,
    "daily_loss_bps": 1,
    "drawdown_caution_bps": 1,
    "drawdown_defensive_bps": 2,
    "drawdown_halt_bps": 3,
}


@pytest.mark.parametrize("switches", [{}, *SWITCHES], ids=str)
@pytest.mark.parametrize("lost", [False, True], ids=["even", "halted"])
def test_no_limit_and_no_switch_ever_stops_an_exit(switches, lost):
    rig = Rig(wish_row(WANT_EXIT), wish_row(WANT_EXIT), **TIGHT)
    rig.close(book(CASH, [5_000, 7_000], lots=[8, 8]))
    said = rig.close(book(0 if lost else CASH, [5_000, 7_000], lots=[8, 8]), **switches)
    assert said.rows[:, D_ACTION].tolist() == [Action.EXIT] * 2
    assert said.rows[:, D_QUANTITY].tolist() == [5_000, 7_000]
    assert bool(said.book[B_TIER] == Tier.HALT) == lost


def test_flatten_turns_a_held_position_into_an_exit_and_leaves_the_flat_alone():
    said = Rig(wish_row(WANT_NOTHING), wish_row(WANT_NOTHING)).close(book(CASH, [500, 0]), kill=1, flatten=1)
    assert said.rows[:, D_ACTION].tolist() == [Action.EXIT, Action.FLAT]
    assert said.rows[0, D_REASON] == Reason.KILL_FLATTEN


def test_a_second_exit_is_not_sent_while_one_is_working():
    said = Rig(wish_row(WANT_EXIT)).close(book(CASH, [500], leaving=[500]))
    assert row(said)[D_ACTION] == Action.HOLD
    assert (row(said)[D_REASON], row(said)[D_OBSERVED], row(said)[D_QUANTITY]) == (Reason.EXIT_WORKING, 500, 0)


def test_less_than_the_smallest_order_is_dust_and_is_never_sold():
    said = Rig(wish_row(WANT_NOTHING), figures={"order_min": 10}).close(book(CASH, [9]), flatten=1)
    assert row(said)[D_ACTION] == Action.FLAT
    assert (row(said)[D_REASON], row(said)[D_LIMIT], row(said)[D_OBSERVED]) == (Reason.DUST, 10, 9)


def test_equity_is_cash_and_every_position_at_its_last_known_close():
    rig = Rig(wish_row(WANT_NOTHING), wish_row(WANT_NOTHING))
    rig.close(book(CASH, [300, 500]))
    late = inputs(flat_bar(12_000, None, close_ts=START + 2 * HOUR), book(CASH, [300, 500]))
    said = rig.decider.step(rig.state, rig.decider.params, late)
    value = 300 * 12_000 * 100 + 500 * CLOSE * 100
    assert (said.book[B_VALUE], said.book[B_EQUITY]) == (value, CASH + value)


def test_a_product_of_money_past_int64_raises_instead_of_wrapping():
    rig = Rig(wish_row(WANT_NOTHING))
    with pytest.raises(OverflowError):
        rig.close(book(CASH, [np.int64(10**14)]))
