"""Compiled and plain runs give the same bits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mooring.errors import Invalid
from mooring.runtime.decision.producers import model, rsi
from mooring.runtime.decision.types import CONTROLS, S_CONVICTION, S_DIRECTION
from mooring.runtime.domain.bars import Bars
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.compiled import compiled
from mooring.runtime.domain.state_codec import digest, dump, load
from mooring.runtime.engine.world import make_room
from mooring.runtime.market.archive import load_bars
from mooring.runtime.market.universe import instruments
from mooring.runtime.research.jit import Jit
from mooring.runtime.research.model_matrix import said_by_models
from mooring.runtime.research.simulate import Progress, make_chunk, make_loop, no_hours_of_models, simulate
from tests.support.core import BUSY, MONEY, controls, machine, part_of, random_bars, universe
from tests.support.models import predictor

pytestmark = pytest.mark.xdist_group("compiled")

REAL = tuple(
    f"{base}-USDT"
    for base in "AAVE ADA ALGO AVAX BCH BNB BTC DOT ETC ETH FIL HBAR ICP LINK LTC MATIC NEAR SHIB SOL TRX UNI XLM XMR "
    "XRP ZEC".split()
)
REAL_START = 1_643_673_600  # 2022-02-01: a winter with falls of every kind
REAL_HOURS = 24 * 75


def both(made: Any, loop: Any, bars: Bars, **over: Any) -> list[tuple[str, Progress, bytes]]:
    ends = []
    for each in (make_loop(made.hour), loop):
        signals: list[bytes] = []
        world, progress = simulate(
            made,
            each,
            bars,
            watch=lambda chunk, _, n, to=signals: to.append(b"".join(p[:n].tobytes() for p in chunk)),
            **over,
        )
        ends.append((digest(world), progress, b"".join(signals)))
    return ends


@pytest.mark.parametrize("seed", range(6))
def test_on_random_bars_every_bit_is_the_same(compiled_loop, seed):
    plain, quick = both(machine(5, **(BUSY if seed % 2 else {})), compiled_loop, random_bars(seed, 500, 5))
    assert plain[0] == quick[0]
    assert plain[1] == quick[1]
    assert plain[2] == quick[2]


@pytest.mark.parametrize(("pair", "lot"), [(0, 8), (8, 0), (0, 0), (10, 10), (5, 5)])
def test_whatever_the_scales_of_money_every_bit_is_the_same(compiled_loop, pair, lot):
    made = machine(
        universe(2, pair_decimals=pair, lot_decimals=lot, order_min=1, cost_min=0), cash=10**7 * MONEY, **BUSY
    )
    plain, quick = both(made, compiled_loop, random_bars(77, 400, 2))
    assert plain == quick


def test_flat_silent_and_collapsing_markets_are_the_same_too(compiled_loop):
    bars = random_bars(3, 3000, 2, missing=0.0, silent=0.0)
    prices = [np.full_like(bars.close, 10**6) for _ in range(4)]
    for column in prices:
        column[2500:] = 1
        column[2600:] = 10**9
    made = machine(2, **BUSY)
    plain, quick = both(made, compiled_loop, Bars(bars.ts, bars.present, *prices, bars.volume))
    assert plain == quick


@pytest.mark.data
def test_on_the_real_universe_every_bit_is_the_same(compiled_loop, market_data):
    listed = instruments(REAL)
    bars = load_bars(market_data / "binance", listed, start=REAL_START, hours=REAL_HOURS)
    made = machine(listed)
    plain, quick = both(made, compiled_loop, bars)
    assert plain == quick
    world, _ = simulate(made, compiled_loop, bars)
    assert world.account.fills[0] > 200
    assert bars.present.sum() > 0.99 * REAL_HOURS * len(REAL)


def test_a_run_may_change_between_plain_and_compiled_at_any_hour(compiled_loop):
    made, bars = machine(3, **BUSY), random_bars(21, 300, 3)
    plain_loop = make_loop(made.hour)
    expected, progress = simulate(made, plain_loop, bars)
    world, done = simulate(made, plain_loop, part_of(bars, 0, 111))
    world = load(made.init(), dump(world))
    world, done = simulate(made, compiled_loop, part_of(bars, 111, 200), world=world, start=done)
    world, done = simulate(made, plain_loop, part_of(bars, 200, 300), world=world, start=done)
    assert (digest(world), done) == (digest(expected), progress)


@pytest.mark.parametrize(
    "switches", [{"kill": 1, "cancel_all": 1}, {"paused": 1}, {"kill": 1, "flatten": 1}, {"rebase": 1}]
)
def test_under_every_control_every_bit_is_the_same(compiled_loop, switches):
    made, bars = machine(3, **BUSY), random_bars(22, 240, 3)
    params, ends = made.decider.params, []
    for loop in (make_loop(made.hour), compiled_loop):
        world, room, chunk = made.init(), make_room(3), make_chunk(240, 3, 3)
        for first, last, now in (
            (0, 150, np.zeros(CONTROLS, np.int64)),
            (150, 170, controls(**switches)),
            (170, 240, controls()),
        ):
            loop(world, params, made.paper_params, bars, first, last, now, room, chunk, no_hours_of_models(3))
        ends.append((dump(world), chunk.rows.tobytes()))
    assert ends[0] == ends[1]


def test_what_leaves_int64_raises_compiled_as_it_does_plain(compiled_loop):
    made = machine(1, cash=10_000 * MONEY, **BUSY)
    bars = random_bars(5, 200, 1, missing=0.0, silent=0.0)
    for loop in (make_loop(made.hour), compiled_loop):
        world, progress = simulate(made, loop, part_of(bars, 0, 10))
        world.account.quantity[0] = 10**16
        with pytest.raises(OverflowError):
            simulate(made, loop, part_of(bars, 10, 20), world=world, start=progress)


@compiled
def _twice_rsi(state, params, inputs, features, symbol, signal):
    state[0][symbol] += 1
    signal[S_DIRECTION] = 1 if state[0][symbol] % params == 0 else -1
    signal[S_CONVICTION] = 3


def test_models_that_are_asked_and_a_marked_producer_from_elsewhere_give_the_same_bits():
    counting = SimpleNamespace(
        NAME="counting",
        params=lambda options: 7,
        warmup_bars=lambda params: 1,
        init_state=lambda symbols, params: (np.zeros(symbols, np.int64),),
        step=_twice_rsi,
    )
    made = machine(3, **BUSY, producers=(rsi, model, counting), model_up_score=50_000)
    bars = random_bars(6, 330, 3)
    said = said_by_models(predictor(), bars)
    said[200:210, :, 0] = int(ModelState.FAULT)
    plain, quick = both(made, Jit().compile(make_loop(made.hour)), bars, models=said)
    assert plain == quick
    with_models, _ = simulate(made, make_loop(made.hour), bars, models=said)
    without, _ = simulate(made, make_loop(made.hour), bars)
    assert with_models.account.fills[0] > without.account.fills[0] + 10


# The Jit itself.


def _unmarked(value):
    return value + 1


@compiled
def _calls_unmarked(value):
    return _unmarked(value)


LIMIT = 41


@compiled
def _adds_limit(value):
    return value + LIMIT


@compiled
def _allocates(count):
    return np.zeros(count)[0]


def test_an_unmarked_function_is_refused_with_its_name_and_what_to_do():
    with pytest.raises(Invalid) as refused:
        Jit().compile(_unmarked)
    assert refused.value.code == "not_compilable"
    assert "_unmarked" in refused.value.what
    assert "@compiled" in refused.value.todo


def test_a_marked_function_stays_plain_and_its_compiled_one_agrees():
    quick = Jit().compile(_adds_limit)
    assert quick(1) == _adds_limit(1) == 42
    assert quick is not _adds_limit
    assert type(_adds_limit).__name__ == "function"


def test_a_function_that_calls_an_unmarked_one_does_not_compile():
    from numba.core.errors import TypingError  # noqa: PLC0415

    with pytest.raises(TypingError, match="_unmarked"):
        Jit().compile(_calls_unmarked)(1)


def test_a_function_that_allocates_does_not_compile():
    from numba.core.errors import NumbaError  # noqa: PLC0415

    with pytest.raises(NumbaError, match=r"np\.zeros"):
        Jit().compile(_allocates)(3)
