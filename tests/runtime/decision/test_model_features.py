"""The pipeline of model features against definitions written here on whole arrays, and the promises it makes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.decision.model_features import (
    MODEL_FEATURE_NAMES,
    MODEL_FEATURES,
    MODEL_SETTLED_BARS,
    MODEL_WARMUP_BARS,
    PIPELINE,
    fill_matrix,
    init_model_features,
    update_model_features,
)
from mooring.runtime.domain.bars import Bars, bar_at
from mooring.runtime.domain.ids import content_hash
from mooring.runtime.domain.state_codec import dump, load
from tests.support.core import part_of, random_bars

HOURS, SYMBOLS = 420, 3
BARS = random_bars(5, HOURS, SYMBOLS)
AT = {name: column for column, name in enumerate(MODEL_FEATURE_NAMES)}


def matrix_of(bars):
    hours, symbols = bars.present.shape
    matrix = np.empty((hours, symbols, MODEL_FEATURES))
    fill_matrix(init_model_features(symbols), bars, 0, hours, matrix)
    return matrix


def ema(values, period):
    if len(values) < period:
        return math.nan
    k = 2 / (period + 1)
    average = math.fsum(values[:period]) / period
    for value in values[period:]:
        average = (1 - k) * average + k * value
    return average


def wilder(values, period):
    if len(values) < period:
        return math.nan
    average = math.fsum(values[:period]) / period
    for value in values[period:]:
        average = (average * (period - 1) + value) / period
    return average


def rsi(closes, period):
    moves = np.diff(closes)
    up, down = wilder(np.maximum(moves, 0), period), wilder(np.maximum(-moves, 0), period)
    return 2 * up / (up + down) - 1


def place(value, low, high):
    return 0.0 if high == low else 2 * (value - low) / (high - low) - 1


def volume_z(volumes):
    away = [volumes[at] - ema(volumes[:at], 72) for at in range(72, len(volumes))]
    return float(np.clip(away[-1] / math.sqrt(ema([one * one for one in away], 24)), -10, 10))


def defined(opens, highs, lows, closes, volumes):
    """Every feature after the last of these bars, by its definition."""
    close = closes[-1]
    returns = np.diff(closes) / closes[:-1]
    squares = returns**2
    befores = closes[:-1]
    ranges = np.maximum.reduce([(highs - lows)[1:], np.abs(highs[1:] - befores), np.abs(lows[1:] - befores)])
    atr = wilder(ranges, 14)
    found = {f"return_{n}": close / closes[-1 - n] - 1 for n in (1, 2, 4, 8, 24, 72)}
    found |= {f"ema_gap_{n}": close / ema(closes, n) - 1 for n in (12, 24, 72, 168)}
    found |= {
        "ema_cross_12_72": ema(closes, 12) / ema(closes, 72) - 1,
        "atr_14": atr / close,
        "rsi_14": rsi(closes, 14),
        "rsi_48": rsi(closes, 48),
        "range_24": place(close, closes[-24:].min(), closes[-24:].max()),
        "range_72": place(close, closes[-72:].min(), closes[-72:].max()),
        "volatility_24": math.sqrt(ema(squares, 24)),
        "volatility_ratio_12_72": math.sqrt(ema(squares, 12) / ema(squares, 72)),
        "volatility_ratio_24_168": math.sqrt(ema(squares, 24) / ema(squares, 168)),
        "efficiency_24": (close / closes[-25] - 1) / (24 * ema(np.abs(returns), 24)),
        "reversal_24": ema(returns[1:] * returns[:-1], 24) / ema(squares, 24),
        "bar_close": place(close, lows[-1], highs[-1]),
        "bar_body": (close - opens[-1]) / atr,
        "volume_z_72": volume_z(volumes),
        "volume_ratio_12_72": ema(volumes, 12) / ema(volumes, 72),
    }
    return found


@pytest.mark.parametrize("symbol", range(SYMBOLS))
def test_every_feature_is_what_its_definition_says(symbol):
    matrix = matrix_of(BARS)[:, symbol]
    there = BARS.present[:, symbol]
    columns = [getattr(BARS, name)[there, symbol].astype(float) for name in ("open", "high", "low", "close", "volume")]
    rows = matrix[there]
    for bars in (MODEL_WARMUP_BARS, MODEL_WARMUP_BARS + 1, 250, len(rows)):
        expected = defined(*(column[:bars] for column in columns))
        assert list(expected) == list(MODEL_FEATURE_NAMES)
        np.testing.assert_allclose(rows[bars - 1], list(expected.values()), rtol=1e-9, atol=1e-12)


def test_the_pipeline_of_this_name_never_changes():
    """Models were trained on these numbers in this order: what computes others needs another name."""
    assert PIPELINE == "core-1"
    assert len(MODEL_FEATURE_NAMES) == MODEL_FEATURES == len(set(MODEL_FEATURE_NAMES))
    assert content_hash({"names": list(MODEL_FEATURE_NAMES)}) == (
        "4b73167396167586a92e0bd09795a38d53c67898d07fea36b5e382ffe88a89b0"
    )
    assert content_hash({"values": np.nan_to_num(matrix_of(BARS)[MODEL_WARMUP_BARS:]).tobytes().hex()}) == (
        "9db3ae33352a764559ea94f318d4cbae73ae51fce0704d9609497d770f16144b"
    )


def test_nothing_is_said_before_the_warm_up_and_everything_after_it():
    bars = random_bars(8, MODEL_WARMUP_BARS + 20, 2, missing=0.0, silent=0.0)
    matrix = matrix_of(bars)
    assert not np.isnan(matrix[MODEL_WARMUP_BARS - 1 :]).any()
    assert np.isnan(matrix[: MODEL_WARMUP_BARS - 1]).any(axis=2).all()
    assert np.isnan(matrix[0, :, [AT["return_1"], AT["atr_14"], AT["volume_z_72"]]]).all()


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, HOURS), max_size=4))
def test_bar_by_bar_stored_and_taken_up_again_gives_the_bytes_of_one_go(cuts):
    state = init_model_features(SYMBOLS)
    rows = []
    for row in range(HOURS):
        if row in cuts:
            state = load(init_model_features(SYMBOLS), dump(state))
        bar = bar_at(BARS, row)
        update_model_features(state, bar)
        rows.append(np.where(bar.present[:, None], state.values, np.nan))
    assert np.stack(rows).tobytes() == matrix_of(BARS).tobytes()


def test_symbols_know_nothing_of_one_another():
    alone = matrix_of(Bars(BARS.ts, *(column[:, 1:2].copy() for column in BARS[1:])))
    assert alone.tobytes() == matrix_of(BARS)[:, 1:2].copy().tobytes()


@settings(max_examples=10, deadline=None)
@given(price=st.integers(2, 10**6), volume=st.integers(1, 10**6))
def test_price_and_volume_may_be_counted_in_any_unit(price, volume):
    bars = part_of(BARS, 0, 260)
    other = Bars(bars.ts, bars.present, *(column * price for column in bars[2:6]), bars.volume * volume)
    np.testing.assert_allclose(matrix_of(other), matrix_of(bars), rtol=1e-6, atol=1e-9)


def test_a_missing_bar_changes_nothing_and_has_no_values():
    there = BARS.present[:, 0]
    assert not there.all()
    matrix = matrix_of(BARS)[:, :1]
    assert np.isnan(matrix[~there]).all()
    dense = Bars(BARS.ts[there], *(column[there][:, :1].copy() for column in BARS[1:]))
    assert matrix[there].tobytes() == matrix_of(dense).tobytes()


def test_markets_that_stand_still_fall_silent_or_collapse_still_give_numbers():
    bars = random_bars(3, 700, 1, missing=0.0)
    prices = [np.full_like(bars.close, 10**6) for _ in range(4)]
    for column in prices:
        column[400:500] = 1
        column[500:] = 10**9
    volume = bars.volume.copy()
    volume[:420] = 0
    volume[600:] = 9 * 10**18
    matrix = matrix_of(Bars(bars.ts, bars.present, *prices, volume))
    assert np.isfinite(matrix[MODEL_WARMUP_BARS - 1 :].astype(np.float32)).all()
    still = matrix[300, 0]
    assert (
        still[[AT["return_24"], AT["range_72"], AT["efficiency_24"], AT["volume_z_72"], AT["rsi_14"]]].tolist()
        == [0.0] * 5
    )


def test_once_settled_nothing_hangs_on_which_bar_was_the_first():
    bars = random_bars(8, 2400, 2)
    whole = matrix_of(bars)
    usual = np.nanstd(whole, axis=(0, 1))
    for last in range(1500, 2401, 150):
        late = matrix_of(part_of(bars, last - MODEL_SETTLED_BARS, last))[-1]
        away = np.abs(late - whole[last - 1]) / usual
        assert (away[bars.present[last - 1]] <= 0.01).all()
