from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.market import synthetic
from mooring.runtime.market.archive import digest
from mooring.runtime.market.synthetic import HOURS_MAX, SyntheticMarket
from mooring.runtime.market.universe import instruments

HOUR = 3600
START = 1_620_777_600
THREE = instruments(["BTC-USDT", "SHIB-USDT", "NEW-USDT"])
BLOCK = 512


def market(listed=THREE, seed=7):
    return SyntheticMarket(listed, seed=seed, start_ts=START)


def same(left, right):
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(left, right, strict=True))


def part(bars, low, high):
    return type(bars)(*(array[low:high] for array in bars))


WHOLE = market().bars(0, 3000)
places = st.one_of(
    st.integers(0, 3000), st.sampled_from([0, 1, 63, 64, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2999, 3000])
)


@settings(max_examples=60, deadline=None)
@given(a=places, b=places)
def test_an_hour_does_not_depend_on_how_many_are_asked_for(a, b):
    low, high = min(a, b), max(a, b)
    assert same(market().bars(low, high - low), part(WHOLE, low, high))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), first=st.integers(0, HOURS_MAX - 700), count=st.integers(1, 700))
def test_bars_are_bars(seed, first, count):
    bars = market(seed=seed).bars(first, count)
    assert bars.ts.tolist() == [START + HOUR * (first + i) for i in range(count)]
    there = bars.present
    for array in bars[2:]:
        assert array.shape == (count, 3)
        assert array.dtype == np.int64
        assert not array[~there].any()
    assert (bars.low[there] >= 1).all()
    assert (bars.volume[there] >= 1).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    both = there[1:] & there[:-1]
    assert np.array_equal(bars.open[1:][both], bars.close[:-1][both])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_prices_move_as_a_market_does(seed):
    listed = instruments(f"{base}-USDT" for base in ("BTC", "ETH", "SOL", "XRP", "ADA"))
    bars = market(listed, seed).bars(0, 20_000)
    assert 0 < (~bars.present).sum() < 100
    rows = bars.present.all(axis=1)
    prices = bars.close[rows].astype(np.float64)
    moves = np.diff(np.log(prices), axis=0)
    assert ((moves.std(axis=0) > 0.005) & (moves.std(axis=0) < 0.015)).all()
    assert ((np.abs(moves).max(axis=0) > 0.03) & (np.abs(moves).max(axis=0) < 0.25)).all()
    assert ((prices.max(axis=0) / prices[0] < 20) & (prices[0] / prices.min(axis=0) < 20)).all()
    together = np.corrcoef(moves.T)[np.triu_indices(5, 1)]
    assert ((together > 0.3) & (together < 0.9)).all()
    day = np.diff(np.log(prices[::24]), axis=0)
    assert (np.abs(day) > 0.05).any(axis=0).all(), "some days must be worth a trade"


def test_prices_start_at_plausible_ones():
    assert market().bars(0, 1).open.tolist() == [[600_000, 1_000, 100_000_000]]


def test_it_is_the_same_market_everywhere():
    # Golden: these may change only together with the name in the keys, which tells everybody that it did.
    assert digest(WHOLE, THREE) == "80c7c85f25868683dbbc3b60e59968a384289cf97818a43f9aae936b3082054b"
    far = market(instruments(["ETH-USD"]), seed=2**31 - 1).bars(HOURS_MAX - 100, 100)
    assert digest(far, instruments(["ETH-USD"])) == "f4aa23ce4731b3a06668bcc2929a55ab09fe07c4ce5287ad6ad4c778571e17c6"


def test_seeds_and_symbols_differ_and_neighbours_do_not_matter():
    assert not np.array_equal(market(seed=8).bars(0, 50).close, part(WHOLE, 0, 50).close)
    alone = market(THREE[1:2]).bars(0, 500)
    assert np.array_equal(alone.close[:, 0], WHOLE.close[:500, 1])
    relative = WHOLE.close[:500] / WHOLE.open[0]
    assert abs(relative[400, 0] - relative[400, 2]) > 1e-4


def test_the_power_of_two_is_right_to_a_few_millionths():
    logs = np.arange(-5 * 2**32, 5 * 2**32, 2**32 // 97, dtype=np.int64)
    found = synthetic._ticks(2**30, logs)
    wanted = np.array([2**30 * 2.0 ** (int(log) / 2**32) for log in logs])
    assert np.abs(found / wanted - 1).max() < 4e-6
    assert synthetic._ticks(5, np.array([-60 * 2**32], dtype=np.int64)).tolist() == [1]


def test_words_are_those_of_splitmix64():
    # First outputs for seed 1234567, as published with the reference implementation.
    words = synthetic._words(np.uint64(1234567), np.arange(3, dtype=np.int64))
    assert words.tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_the_constants_are_those_they_say():
    assert round(2**32 * math.log2(math.e) / 1e6) == synthetic._PER_PPM
    assert [round(math.log(2) ** k / math.factorial(k) * 2**30) for k in range(8)] == list(synthetic._EXP2)
    assert round(math.sqrt(4 * (2**32 - 1) / 12)) == synthetic._SUM_DEVIATION


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"seed": -1}, "bad_seed"),
        ({"seed": 2**63}, "bad_seed"),
        ({"start_ts": START + 1}, "bad_start"),
        ({"start_ts": -HOUR}, "bad_start"),
        ({"instruments": ()}, "bad_universe"),
    ],
)
def test_what_is_no_market_is_refused(change, code):
    with pytest.raises(Invalid) as caught:
        SyntheticMarket(**({"instruments": THREE, "seed": 1, "start_ts": START} | change))
    assert caught.value.code == code


@pytest.mark.parametrize("wanted", [(-1, 5), (0, -1), (HOURS_MAX, 1), (0, 7_000_000)])
def test_a_range_outside_the_market_is_refused(wanted):
    with pytest.raises(Invalid):
        market().bars(*wanted)


def test_bars_come_faster_than_they_are_needed():
    listed = instruments(f"S{n}-USDT" for n in range(30))
    begun = time.process_time()
    market(listed).bars(0, 5_000)
    assert 150_000 / (time.process_time() - begun) > 20_000  # symbol-bars a second; measured in millions
