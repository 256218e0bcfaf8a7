from __future__ import annotations

import numpy as np
import pytest

from mooring.errors import Invalid
from mooring.runtime.decision.strategies import conviction
from mooring.runtime.decision.types import (
    F_ATR,
    FEATURES,
    S_CONVICTION,
    S_DIRECTION,
    S_REASON,
    SIGNAL_COLUMNS,
    W_CONVICTION,
    W_LIMIT,
    W_OBSERVED,
    W_REASON,
    W_SCORE,
    W_STOP,
    W_TARGET,
    W_WANT,
    WANT_ENTRY,
    WANT_EXIT,
    WANT_NOTHING,
    WISH_COLUMNS,
)
from mooring.runtime.domain.codes import Reason
from tests.support.core import OPTIONS, book, flat_bar, inputs

WARMING = (0, 0, Reason.WARMING_UP)


class Rig:
    """The strategy with one symbol and two producers."""

    def __init__(self, **options):
        self.params = conviction.params({**OPTIONS, "weights": (1, 1), **options}, ["a", "b"])
        self.state = conviction.init_state(1, self.params)

    def wish(self, *signals, close=10_000, atr=100.0, held=False, sold=0):
        rows = np.zeros((1, 2, SIGNAL_COLUMNS), np.int64)
        for index, said in enumerate(signals):
            if not isinstance(said, tuple):
                said = ((said > 0) - (said < 0), abs(said), Reason.NEUTRAL)  # noqa: PLW2901
            rows[0, index, [S_DIRECTION, S_CONVICTION, S_REASON]] = said
        features = np.full((1, FEATURES), np.nan)
        features[0, F_ATR] = atr
        wish = np.zeros(WISH_COLUMNS, np.int64)
        conviction.step(
            self.state, self.params, inputs(flat_bar(close), book(sold=[sold])), features, rows, 0, held, wish
        )
        return wish


def says(wish):
    return int(wish[W_WANT]), Reason(int(wish[W_REASON])), int(wish[W_LIMIT]), int(wish[W_OBSERVED])


def test_the_entry_score_and_above_wants_an_entry_below_it_nothing():
    rig = Rig(entry_score=6)
    assert says(rig.wish(3, 2)) == (WANT_NOTHING, Reason.SCORE_LOW, 6, 5)
    assert says(rig.wish(3, 3)) == (WANT_ENTRY, Reason.SCORE_HIGH, 6, 6)


def test_an_entry_has_its_stop_and_target_in_true_ranges():
    wish = Rig(stop_atr_percent=300, target_atr_percent=650).wish(10, 10, close=10_000, atr=33.37)
    assert (wish[W_STOP], wish[W_TARGET]) == (10_000 - 100, 10_000 + 216)


@pytest.mark.parametrize(
    ("close", "atr", "stop", "target"), [(10_000, 0.0, 9_999, 10_001), (1, 0.0, 1, 2), (5, 100.0, 1, 605)]
)
def test_stop_and_target_are_a_tick_away_at_least_and_the_stop_is_never_below_one_tick(close, atr, stop, target):
    wish = Rig().wish(10, 10, close=close, atr=atr)
    assert (wish[W_STOP], wish[W_TARGET]) == (stop, target)


def test_weights_multiply_and_directions_subtract():
    rig = Rig(weights=(3, 2), entry_score=30)
    assert rig.wish(5, -4)[W_SCORE] == 7
    assert rig.wish(-5, -4)[W_SCORE] == -23


def test_the_conviction_of_an_entry_is_the_score_for_each_producer_held_within_1_to_10():
    assert Rig(entry_score=1).wish(1, 0)[W_CONVICTION] == 1
    assert Rig(entry_score=1).wish(8, 5)[W_CONVICTION] == 6
    assert Rig(entry_score=1, weights=(9, 9)).wish(10, 10)[W_CONVICTION] == 10


def test_nothing_is_wanted_while_a_producer_or_the_range_warms_up():
    rig = Rig()
    assert says(rig.wish(10, WARMING))[:2] == (WANT_NOTHING, Reason.WARMING_UP)
    assert says(rig.wish(10, 10, atr=np.nan))[:2] == (WANT_NOTHING, Reason.WARMING_UP)


def test_nothing_is_wanted_without_a_bar_held_or_not():
    rig = Rig()
    assert says(rig.wish(10, 10, close=None))[:2] == (WANT_NOTHING, Reason.NO_BAR)
    assert says(rig.wish(-10, -10, close=None, held=True))[:2] == (WANT_NOTHING, Reason.NO_BAR)


def entered(**options):
    """A rig that wanted an entry at 10000 with stop 9700 and target 10600, and got it."""
    rig = Rig(**options)
    wish = rig.wish(10, 10, close=10_000, atr=100.0)
    assert (wish[W_WANT], wish[W_STOP], wish[W_TARGET]) == (WANT_ENTRY, 9_700, 10_600)
    return rig


def test_a_position_is_held_between_its_stop_and_its_target_with_both_stated():
    wish = entered().wish(1, 1, close=9_701, held=True)
    assert says(wish)[:2] == (WANT_NOTHING, Reason.HOLDING)
    assert (wish[W_STOP], wish[W_TARGET]) == (9_700, 10_600)


def test_a_close_at_or_below_the_stop_wants_out():
    assert says(entered().wish(10, 10, close=9_700, held=True)) == (WANT_EXIT, Reason.STOP_REACHED, 9_700, 9_700)
    assert says(entered().wish(10, 10, close=9_000, held=True)) == (WANT_EXIT, Reason.STOP_REACHED, 9_700, 9_000)


def test_a_close_at_or_above_the_target_wants_out():
    assert says(entered().wish(10, 10, close=10_600, held=True)) == (WANT_EXIT, Reason.TARGET_REACHED, 10_600, 10_600)
    assert says(entered().wish(10, 10, close=10_599, held=True))[1] == Reason.HOLDING


def test_the_exit_score_and_below_wants_out():
    assert says(entered(exit_score=-6).wish(-3, -2, held=True))[:2] == (WANT_NOTHING, Reason.HOLDING)
    assert says(entered(exit_score=-6).wish(-3, -3, held=True)) == (WANT_EXIT, Reason.EXIT_SCORE, -6, -6)


def test_the_stop_is_judged_before_the_score():
    assert says(entered().wish(-10, -10, close=9_700, held=True))[1] == Reason.STOP_REACHED


def test_an_exit_is_wanted_even_while_a_producer_warms_up():
    assert says(entered().wish(WARMING, WARMING, close=9_600, held=True))[1] == Reason.STOP_REACHED


def test_after_a_position_closed_entries_wait_for_the_cooldown_and_no_longer():
    rig = entered(cooldown_bars=3)
    rig.wish(1, 1, held=True)
    said = [says(rig.wish(10, 10)) for _ in range(4)]
    assert [(s[1], s[3]) for s in said[:3]] == [(Reason.COOLDOWN, 3), (Reason.COOLDOWN, 2), (Reason.COOLDOWN, 1)]
    assert said[3][0] == WANT_ENTRY


def test_a_position_that_came_and_went_between_two_closes_arms_the_cooldown_too():
    rig = entered(cooldown_bars=2)
    assert says(rig.wish(10, 10, sold=500)) == (WANT_NOTHING, Reason.COOLDOWN, 0, 2)
    assert says(rig.wish(10, 10))[3] == 1
    assert says(rig.wish(10, 10))[0] == WANT_ENTRY


def test_a_position_carried_on_from_another_run_gets_its_levels_at_the_next_close():
    rig = Rig(stop_atr_percent=300, target_atr_percent=600)
    wish = rig.wish(1, 1, close=10_000, atr=100.0, held=True)
    assert says(wish)[:2] == (WANT_NOTHING, Reason.HOLDING)
    assert (wish[W_STOP], wish[W_TARGET]) == (9_700, 10_600)
    assert says(rig.wish(1, 1, close=9_700, held=True))[1] == Reason.STOP_REACHED


def test_a_carried_position_waits_for_its_levels_until_the_true_range_is_known():
    rig = Rig()
    wish = rig.wish(WARMING, WARMING, atr=float("nan"), held=True)
    assert (says(wish)[1], wish[W_STOP], wish[W_TARGET]) == (Reason.HOLDING, 0, 0)


def test_without_a_cooldown_the_next_entry_may_come_at_once():
    rig = entered(cooldown_bars=0)
    rig.wish(1, 1, held=True)
    assert says(rig.wish(10, 10))[0] == WANT_ENTRY


def test_hours_without_a_bar_count_into_the_cooldown():
    rig = entered(cooldown_bars=3)
    rig.wish(1, 1, held=True)
    rig.wish(10, 10)
    rig.wish(10, 10, close=None)
    assert says(rig.wish(10, 10))[3] == 1
    assert says(rig.wish(10, 10))[0] == WANT_ENTRY


def test_weights_that_do_not_match_the_producers_are_refused():
    with pytest.raises(Invalid) as refused:
        conviction.params({**OPTIONS, "weights": (1,)}, ["a", "b"])
    assert refused.value.code == "weights_mismatch"
