from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.decision.producers import common, ma_cross, momentum, rsi
from mooring.runtime.decision.types import (
    F_ATR,
    F_EMA_FAST,
    F_EMA_SLOW,
    F_MOMENTUM,
    F_RSI,
    FEATURES,
    S_CONVICTION,
    S_DIRECTION,
    S_REASON,
    S_VALUE,
    SIGNAL_COLUMNS,
)
from mooring.runtime.domain.bars import Bar
from mooring.runtime.domain.codes import Reason
from tests.support.core import OPTIONS, flat_bar, inputs, machine, part_of, random_bars

price = st.floats(1.0, 1e18)
range_ = st.one_of(st.just(0.0), st.floats(5e-324, 1e18))


class Rig:
    """One producer with one symbol."""

    def __init__(self, module, **options):
        self.module = module
        self.params = module.params({**OPTIONS, **options})
        self.state = module.init_state(1, self.params)

    def say(self, close=10_000, **features):
        row = np.full((1, FEATURES), np.nan)
        for name, value in features.items():
            row[0, {"rsi": F_RSI, "fast": F_EMA_FAST, "slow": F_EMA_SLOW, "atr": F_ATR, "change": F_MOMENTUM}[name]] = (
                value
            )
        signal = np.full(SIGNAL_COLUMNS, -99, np.int64)
        self.module.step(self.state, self.params, inputs(flat_bar(close)), row, 0, signal)
        return Said(signal)


class Said:
    def __init__(self, row):
        self.direction, self.conviction = int(row[S_DIRECTION]), int(row[S_CONVICTION])
        self.value, self.reason = int(row[S_VALUE]), Reason(int(row[S_REASON]))

    def check(self):
        assert self.direction in {-1, 0, 1}
        assert (self.conviction == 0) == (self.direction == 0)
        assert 0 <= self.conviction <= 10
        assert abs(self.value) <= 9 * 10**18
        return self

    @property
    def says(self):
        return self.direction, self.conviction, self.reason


@settings(max_examples=200, deadline=None)
@given(value=st.floats(0.0, 100.0), low=st.integers(1, 98), data=st.data())
def test_rsi_says_a_direction_with_conviction_1_to_10_or_nothing(value, low, data):
    high = data.draw(st.integers(low + 1, 99))
    said = Rig(rsi, rsi_oversold=low, rsi_overbought=high).say(rsi=value).check()
    assert said.direction == (1 if value <= low else -1 if value >= high else 0)


@settings(max_examples=200, deadline=None)
@given(close=st.integers(1, 10**18), change=st.floats(-1.0, 1e18), atr=range_)
def test_momentum_says_a_direction_with_conviction_1_to_10_or_nothing(close, change, atr):
    said = Rig(momentum).say(close, change=change, atr=atr).check()
    assert said.direction * change >= 0


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.tuples(price, price, range_), min_size=1, max_size=5))
def test_ma_cross_says_the_side_that_is_above_with_conviction_1_to_10_or_nothing(rows):
    rig = Rig(ma_cross)
    for fast, slow, atr in rows:
        said = rig.say(fast=fast, slow=slow, atr=atr).check()
        assert said.direction == (fast > slow) - (fast < slow)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, (1, 10, Reason.OVERSOLD)),
        (15.0, (1, 5, Reason.OVERSOLD)),
        (30.0, (1, 1, Reason.OVERSOLD)),
        (30.001, (0, 0, Reason.NEUTRAL)),
        (50.0, (0, 0, Reason.NEUTRAL)),
        (69.999, (0, 0, Reason.NEUTRAL)),
        (70.0, (-1, 1, Reason.OVERBOUGHT)),
        (85.0, (-1, 5, Reason.OVERBOUGHT)),
        (100.0, (-1, 10, Reason.OVERBOUGHT)),
        (math.nan, (0, 0, Reason.WARMING_UP)),
    ],
)
def test_rsi_rises_from_1_at_its_level_to_10_at_the_end_of_the_scale(value, expected):
    assert Rig(rsi).say(rsi=value).says == expected


@pytest.mark.parametrize(
    ("change", "atr", "expected"),
    [
        (0.10, 1000.0, (0, 0, Reason.NEUTRAL)),  # under 2 ranges
        (0.25, 1000.0, (1, 1, Reason.RISING)),  # 2 ranges
        (0.25, 500.0, (1, 3, Reason.RISING)),
        (0.25, 1.0, (1, 10, Reason.RISING)),
        (-0.20, 1000.0, (-1, 1, Reason.FALLING)),  # 2.5 ranges
        (-0.20, 250.0, (-1, 9, Reason.FALLING)),
        (-1.0, 250.0, (-1, 10, Reason.FALLING)),  # so deep a fall that the fraction rounded to all of it
        (0.0, 0.0, (0, 0, Reason.NEUTRAL)),
        (0.25, 0.0, (0, 0, Reason.NEUTRAL)),  # no range to measure by
        (0.25, math.nan, (0, 0, Reason.WARMING_UP)),
        (math.nan, 1.0, (0, 0, Reason.WARMING_UP)),
    ],
)
def test_momentum_counts_the_move_in_average_true_ranges(change, atr, expected):
    assert Rig(momentum).say(10_000, change=change, atr=atr).says == expected


def test_momentum_states_the_move_in_millionths():
    assert Rig(momentum).say(change=0.25, atr=500.0).value == 250_000
    assert Rig(momentum).say(change=-0.0000005, atr=500.0).value == -1


def test_ma_cross_names_the_close_at_which_sides_changed_and_only_that():
    rig = Rig(ma_cross)
    said = [rig.say(fast=f, slow=100.0, atr=3.0).says for f in (101.0, 102.0, 99.0, 98.0, 100.0, 101.0, 101.0)]
    assert said == [
        (1, 1, Reason.FAST_ABOVE),
        (1, 2, Reason.FAST_ABOVE),
        (-1, 1, Reason.CROSS_DOWN),
        (-1, 2, Reason.FAST_BELOW),
        (0, 0, Reason.NEUTRAL),
        (1, 1, Reason.CROSS_UP),
        (1, 1, Reason.FAST_ABOVE),
    ]


def test_ma_cross_needs_both_averages_and_the_range():
    rig = Rig(ma_cross)
    for missing in ("fast", "slow", "atr"):
        features = {"fast": 101.0, "slow": 100.0, "atr": 1.0, missing: math.nan}
        assert rig.say(**features).says == (0, 0, Reason.WARMING_UP)


def test_values_too_large_for_the_fixed_point_are_held_at_its_end():
    assert common.micro(1e300) == 9 * 10**18
    assert common.micro(-1e300) == -9 * 10**18
    assert common.micro(1.9999999) == 1_999_999
    assert common.micro(-0.0000001) == -1


@settings(deadline=None)
@given(size=st.floats(0.0, 1e19), unit=st.floats(0.0, 1e19))
def test_ratios_never_overflow_and_are_division_within_their_limit(size, unit):
    ratio = common.in_units_of(size, unit)
    assert 0.0 <= ratio <= common.UNITS_LIMIT
    if unit > 0 and size < unit * common.UNITS_LIMIT:
        assert ratio == size / unit


@settings(deadline=None)
@given(strength=st.floats(-1e300, 1e300))
def test_conviction_is_always_1_to_10(strength):
    assert common.conviction(strength) == min(10, max(1, math.floor(strength)))


@pytest.mark.parametrize("module", [rsi, momentum, ma_cross], ids=lambda m: m.NAME)
def test_the_declared_warm_up_is_the_first_bar_with_a_signal(module):
    alone = machine(1, producers=[module]).decider
    bars = random_bars(3, alone.warmup_bars + 3, 1, missing=0.0)
    state = alone.init()
    reasons = []
    for row in range(len(bars.ts)):
        columns = part_of(bars, row, row + 1)
        hour = Bar(int(columns.ts[0]) + 3600, *(array[0] for array in columns[1:]))
        reasons.append(int(alone.step(state, alone.params, inputs(hour)).signals[0, 0, S_REASON]))
    first = next(i for i, reason in enumerate(reasons) if reason != Reason.WARMING_UP)
    assert first + 1 == alone.warmup_bars
    assert Reason.WARMING_UP not in reasons[first:]


def test_the_decider_warms_up_as_long_as_its_slowest_producer():
    assert machine(1).decider.warmup_bars == max(m.warmup_bars(m.params(OPTIONS)) for m in (rsi, momentum, ma_cross))
    assert machine(1).decider.warmup_bars == 48


def test_a_missing_bar_has_no_signal_and_moves_no_feature():
    one = machine(1).decider
    bars = random_bars(3, 60, 1, missing=0.0)
    state = one.init()
    for row in range(60):
        hour = Bar(int(bars.ts[row]) + 3600, *(array[row] for array in bars[1:]))
        one.step(state, one.params, inputs(hour))
    before = [state.features.values.tobytes(), state.features.bars.tobytes(), state.producers[1][1][0].side.tobytes()]
    said = one.step(state, one.params, inputs(flat_bar(None)))
    assert said.signals[0].tolist() == [[0, 0, 0, Reason.NO_BAR]] * 3
    after = [state.features.values.tobytes(), state.features.bars.tobytes(), state.producers[1][1][0].side.tobytes()]
    assert after == before
