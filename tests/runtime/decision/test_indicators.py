"""Each incremental indicator against its textbook definition, written here on whole arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.decision.indicators import (
    init_atr,
    init_ema,
    init_momentum,
    init_rsi,
    update_atr,
    update_ema,
    update_momentum,
    update_rsi,
)
from mooring.runtime.market.archive import load_bars
from mooring.runtime.market.universe import instruments

closes_lists = st.lists(st.integers(1, 10**9), min_size=1, max_size=80)
periods = st.integers(1, 20)


# The definitions. Averages of Wilder start with a plain mean of the first n; weights are written out term by term.


def ema_definition(values, period):
    """Seed: mean of the first n. Then the weighted sum of the seed and all later values, by powers of (1 - k)."""
    if len(values) < period:
        return math.nan
    k = 2 / (period + 1)
    seed, later = math.fsum(values[:period]) / period, values[period:]
    terms = [seed * (1 - k) ** len(later)]
    terms += [k * (1 - k) ** (len(later) - 1 - i) * value for i, value in enumerate(later)]
    return math.fsum(terms)


def wilder_average(values, period):
    seed, later = math.fsum(values[:period]) / period, values[period:]
    keep = (period - 1) / period
    terms = [seed * keep ** len(later)]
    terms += [keep ** (len(later) - 1 - i) * value / period for i, value in enumerate(later)]
    return math.fsum(terms)


def rsi_definition(closes, period):
    if len(closes) < period + 1:
        return math.nan
    moves = np.diff(np.array(closes, float))
    gain = wilder_average(np.where(moves > 0, moves, 0.0).tolist(), period)
    loss = wilder_average(np.where(moves < 0, -moves, 0.0).tolist(), period)
    if gain == 0 and loss == 0:
        return 50.0
    return 100.0 if loss == 0 else 100 - 100 / (1 + gain / loss)


def atr_definition(highs, lows, closes, period):
    if len(closes) < period + 1:
        return math.nan
    high, low, before = np.array(highs[1:], float), np.array(lows[1:], float), np.array(closes[:-1], float)
    ranges = np.maximum.reduce([high - low, np.abs(high - before), np.abs(low - before)])
    return wilder_average(ranges.tolist(), period)


def roc_definition(closes, bars):
    return math.nan if len(closes) <= bars else closes[-1] / closes[-1 - bars] - 1


# Running the incremental ones.


def run_ema(values, period):
    state = init_ema(1)
    return [update_ema(state, 0, float(v), period) for v in values]


def run_rsi(closes, period):
    state = init_rsi(1)
    return [update_rsi(state, 0, float(c), period) for c in closes]


def run_atr(highs, lows, closes, period):
    state = init_atr(1)
    return [update_atr(state, 0, *map(float, row), period) for row in zip(highs, lows, closes, strict=True)]


def run_momentum(closes, bars):
    state = init_momentum(1, bars)
    return [update_momentum(state, 0, float(c)) for c in closes]


def agree(got, expected, *, absolute=0.0):
    assert len(got) == len(expected)
    np.testing.assert_allclose(np.array(got), np.array(expected), rtol=1e-9, atol=absolute, equal_nan=True)


def bars_around(closes):
    highs = [c + c % 7 * c // 50 for c in closes]
    lows = [max(1, c - c % 5 * c // 50) for c in closes]
    return highs, lows


@settings(deadline=None)
@given(values=closes_lists, period=periods)
def test_ema_is_the_definition_at_every_bar(values, period):
    agree(run_ema(values, period), [ema_definition(values[: i + 1], period) for i in range(len(values))])


@settings(deadline=None)
@given(closes=closes_lists, period=periods)
def test_rsi_is_the_definition_at_every_bar(closes, period):
    # Near 0 the reference subtracts numbers near 100 from each other; 1e-9 of the scale is its own error.
    expected = [rsi_definition(closes[: i + 1], period) for i in range(len(closes))]
    agree(run_rsi(closes, period), expected, absolute=1e-7)


@settings(deadline=None)
@given(closes=closes_lists, period=periods)
def test_atr_is_the_definition_at_every_bar(closes, period):
    highs, lows = bars_around(closes)
    expected = [atr_definition(highs[: i + 1], lows[: i + 1], closes[: i + 1], period) for i in range(len(closes))]
    agree(run_atr(highs, lows, closes, period), expected)


@settings(deadline=None)
@given(closes=closes_lists, bars=periods)
def test_momentum_is_the_rate_of_change_at_every_bar(closes, bars):
    expected = [roc_definition(closes[: i + 1], bars) for i in range(len(closes))]
    agree(run_momentum(closes, bars), expected, absolute=1e-9)


def test_a_worked_example_by_hand():
    assert run_ema([1, 2, 3, 4], 3)[2:] == [2.0, 3.0]
    assert run_rsi([10, 12, 11, 13], 2)[2:] == [100 * 1.0 / 1.5, 100 * 1.5 / 1.75]
    assert run_atr([10, 12, 15], [8, 9, 11], [9, 11, 14], 2)[2] == 3.5
    assert run_momentum([100, 110, 121], 2)[2] == pytest.approx(0.21)


@pytest.mark.parametrize("period", [2, 5, 14])
def test_values_are_nan_before_warm_up_and_never_after(period):
    closes = [1000 + (i * 37) % 91 for i in range(60)]
    highs, lows = bars_around(closes)
    for values, warmup in (
        (run_ema(closes, period), period),
        (run_rsi(closes, period), period + 1),
        (run_atr(highs, lows, closes, period), period + 1),
        (run_momentum(closes, period), period + 1),
    ):
        assert all(math.isnan(v) for v in values[: warmup - 1])
        assert not any(math.isnan(v) for v in values[warmup - 1 :])


def test_markets_that_only_rise_only_fall_or_stand_still_are_at_the_ends_and_the_middle_of_the_scale():
    assert run_rsi(range(1, 40), 14)[-1] == 100.0
    assert run_rsi(range(40, 1, -1), 14)[-1] == 0.0
    assert run_rsi([7] * 40, 14)[-1] == 50.0
    assert run_atr([7] * 40, [7] * 40, [7] * 40, 14)[-1] == 0.0


def test_a_gap_counts_into_the_true_range():
    assert run_atr([10, 30], [10, 30], [10, 30], 1)[-1] == 20.0
    assert run_atr([30, 10], [30, 10], [30, 10], 1)[-1] == 20.0


@settings(deadline=None, max_examples=40)
@given(closes=st.lists(st.integers(1, 10**9), min_size=30, max_size=60), bars=st.integers(1, 29))
def test_momentum_does_not_depend_on_how_long_the_history_is(closes, bars):
    assert run_momentum(closes, bars)[-1] == run_momentum(closes[-bars - 1 :], bars)[-1]


# Recursive averages never quite forget. What is left of history older than m bars is (1 - k)^m of the largest
# difference that it can make; the tests hold them to that bound.


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), period=st.integers(2, 12), extra=st.integers(1, 300))
def test_recursive_indicators_forget_older_history_as_fast_as_their_weights_say(seed, period, extra):
    rng = np.random.default_rng(seed)
    kept = 40 * period
    closes = (10_000 + np.cumsum(rng.integers(-50, 51, kept + extra))).tolist()
    highs, lows = bars_around(closes)
    spread = float(max(highs) - min(lows))
    tail = slice(-kept, None)
    old_ema = (1 - 2 / (period + 1)) ** (kept - period)
    old_wilder = (1 - 1 / period) ** (kept - period - 1)
    rounding = 1e-9
    assert abs(run_ema(closes, period)[-1] - run_ema(closes[tail], period)[-1]) <= spread * old_ema + rounding
    difference = run_atr(highs, lows, closes, period)[-1] - run_atr(highs[tail], lows[tail], closes[tail], period)[-1]
    assert abs(difference) <= spread * old_wilder + rounding
    # 300 = 100 points times the two averages and their sum; an average gain plus loss of a busy market is over 1 tick
    difference = run_rsi(closes, period)[-1] - run_rsi(closes[tail], period)[-1]
    assert abs(difference) <= 300 * spread * old_wilder + rounding


@settings(deadline=None, max_examples=30)
@given(closes=st.lists(st.integers(1, 10**9), min_size=5, max_size=40), data=st.data())
def test_symbols_do_not_see_one_another(closes, data):
    other = data.draw(st.lists(st.integers(1, 10**9), min_size=len(closes), max_size=len(closes)))
    ema, rsi, atr, momentum = init_ema(2), init_rsi(2), init_atr(2), init_momentum(2, 4)
    together = []
    for mine, theirs in zip(closes, other, strict=True):
        values = [(update_ema(ema, s, float(c), 3), update_rsi(rsi, s, float(c), 3),
                   update_atr(atr, s, float(c), float(c), float(c), 3), update_momentum(momentum, s, float(c)))
                  for s, c in ((1, theirs), (0, mine))]  # fmt: skip
        together.append(values[1])
    alone = zip(
        run_ema(closes, 3), run_rsi(closes, 3), run_atr(closes, closes, closes, 3), run_momentum(closes, 4), strict=True
    )
    np.testing.assert_array_equal(np.array(together), np.array(list(alone)))


@pytest.mark.data
@pytest.mark.parametrize("symbol", ["BTC-USDT", "SHIB-USDT"])
def test_on_real_bars_every_indicator_is_its_definition(market_data, symbol):
    bars = load_bars(market_data / "binance", instruments([symbol]), hours=700)
    there = bars.present[:, 0]
    highs, lows, closes = (column[there, 0].tolist() for column in (bars.high, bars.low, bars.close))
    for period in (12, 14, 48):
        ema, rsi = run_ema(closes, period), run_rsi(closes, period)
        atr, change = run_atr(highs, lows, closes, period), run_momentum(closes, period)
        for end in (*range(1, 80), *range(80, len(closes) + 1, 47)):
            agree([ema[end - 1]], [ema_definition(closes[:end], period)])
            agree([rsi[end - 1]], [rsi_definition(closes[:end], period)], absolute=1e-7)
            agree([atr[end - 1]], [atr_definition(highs[:end], lows[:end], closes[:end], period)])
            agree([change[end - 1]], [roc_definition(closes[:end], period)], absolute=1e-9)
