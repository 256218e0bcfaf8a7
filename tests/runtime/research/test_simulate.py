from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.decision.compose import is_compilable
from mooring.runtime.decision.producers import rsi
from mooring.runtime.decision.step import decision_hash
from mooring.runtime.decision.strategies import conviction
from mooring.runtime.decision.types import B_EQUITY, F_RSI, S_DIRECTION, S_REASON
from mooring.runtime.domain.codes import Outcome, Reason
from mooring.runtime.domain.compiled import MARK, compiled
from mooring.runtime.domain.state_codec import digest, dump, load
from mooring.runtime.research.jit import Jit
from mooring.runtime.research.simulate import (
    N_FEES,
    N_FILLS,
    N_ORDERS,
    N_TRADES,
    NO_HASH,
    Progress,
    chain_hashes,
    make_chunk,
    make_loop,
    simulate,
)
from mooring.runtime.venues.paper.matching import E_FEE, E_OUTCOME
from mooring.runtime.venues.paper.orders import NO_ORDER, O_ROLE
from tests.support.core import BUSY, PRODUCERS, decider, live, machine, part_of, random_bars

SYMBOLS, HOURS = 3, 240
MACHINE = machine(SYMBOLS, **BUSY)
LOOP = make_loop(MACHINE.hour)
BARS = random_bars(11, HOURS, SYMBOLS)


def whole():
    world, progress = simulate(MACHINE, LOOP, BARS)
    return digest(world), progress


def test_the_loop_is_the_daemons_hour_over_and_over():
    chained, counts = NO_HASH, []
    world = MACHINE.init()
    for hour in live(MACHINE, BARS, None, world):
        chained = decision_hash(chained, hour.said.rows, hour.said.book)
        events = hour.room.events[: hour.room.counts[0]]
        filled = events[events[:, E_OUTCOME] == Outcome.FILLED]
        # A stop that opens with its entry is an order too.
        orders = (hour.world.wanted[:, O_ROLE] != NO_ORDER).sum() + (events[:, E_OUTCOME] == Outcome.OPEN).sum()
        counts.append([len(filled), int(hour.room.counts[1]), int(orders), int(filled[:, E_FEE].sum())])
    seen = []
    ended, progress = simulate(
        MACHINE, LOOP, BARS, chunk_hours=100, watch=lambda chunk, _, hours: seen.append(chunk.counts[:hours].copy())
    )
    assert progress == Progress(hours=HOURS, decision_hash=chained)
    assert dump(ended) == dump(world)
    np.testing.assert_array_equal(np.concatenate(seen)[:, [N_FILLS, N_TRADES, N_ORDERS, N_FEES]], counts)
    assert np.concatenate(seen)[:, N_FEES].sum() == world.account.fees[0] > 0


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, HOURS), max_size=5))
def test_a_run_cut_stored_reloaded_and_continued_is_the_run_in_one_go(cuts):
    world, progress = MACHINE.init(), Progress(hours=0, decision_hash=NO_HASH)
    places = [0, *sorted(cuts), HOURS]
    for first, last in itertools.pairwise(places):
        world = load(machine(SYMBOLS, **BUSY).init(), dump(world))
        world, progress = simulate(MACHINE, LOOP, part_of(BARS, first, last), world=world, start=progress)
    assert (digest(world), progress) == whole()


@settings(max_examples=20, deadline=None)
@given(hours=st.integers(1, HOURS + 5))
def test_the_size_of_a_chunk_changes_nothing(hours):
    world, progress = simulate(MACHINE, LOOP, BARS, chunk_hours=hours)
    assert (digest(world), progress) == whole()


def test_chained_hashes_are_the_decision_hash_of_each_hour_in_turn():
    rng = np.random.default_rng(4)
    chunk = make_chunk(50, 4, 2)
    for part in chunk:
        part[...] = rng.integers(-(2**63), 2**63 - 1, part.shape)
    chained = NO_HASH
    for hours in range(51):
        assert chain_hashes(NO_HASH, chunk, hours) == chained
        if hours < 50:
            chained = decision_hash(chained, chunk.rows[hours], chunk.book[hours])


def test_one_changed_number_changes_the_hash():
    chunk = make_chunk(3, 2, 1)
    before = chain_hashes(NO_HASH, chunk, 3)
    chunk.rows[1, 1, 8] = 1
    assert chain_hashes(NO_HASH, chunk, 3) != before
    chunk.rows[1, 1, 8] = 0
    chunk.book[0, B_EQUITY] = 1
    assert chain_hashes(NO_HASH, chunk, 3) != before


def test_watching_sees_every_hour_once_and_in_order():
    seen = []
    simulate(MACHINE, LOOP, BARS, chunk_hours=64, watch=lambda _, first, hours: seen.append((first, hours)))
    assert seen == [(0, 64), (64, 64), (128, 64), (192, 48)]


def test_no_hours_are_a_run_too():
    world, progress = simulate(MACHINE, LOOP, part_of(BARS, 0, 0))
    assert progress == Progress(hours=0, decision_hash=NO_HASH)
    assert dump(world) == dump(MACHINE.init())


# Producers from elsewhere.


def _contrary_step(state, params, inputs, features, symbol, signal):
    """Buys whatever fell over two bars: plain Python, with a memory of its own."""
    fell = state.closes[symbol, 0] > state.closes[symbol, 1] > inputs.bar.close[symbol] > 0
    state.closes[symbol, 0] = state.closes[symbol, 1]
    state.closes[symbol, 1] = inputs.bar.close[symbol]
    signal[:] = (1, 9, 0, Reason.FALLING) if fell else (0, 0, 0, Reason.NEUTRAL)


class Memory(NamedTuple):
    closes: np.ndarray


def contrary(step):
    return SimpleNamespace(
        NAME="contrary",
        params=lambda options: (),
        warmup_bars=lambda params: 2,
        init_state=lambda symbols, params: Memory(np.zeros((symbols, 2), np.int64)),
        step=step,
    )


def test_a_producer_from_elsewhere_works_in_the_chain_and_moves_decisions():
    made = machine(SYMBOLS, producers=[*PRODUCERS, contrary(_contrary_step)], **BUSY)
    assert made.decider.producers == ("rsi", "momentum", "ma_cross", "contrary")
    chunks = []
    world, progress = simulate(made, make_loop(made.hour), BARS, watch=lambda chunk, *_: chunks.append(chunk.signals))
    said = chunks[0][:HOURS, :, 3]
    assert {*np.unique(said[..., S_REASON]).tolist()} == {Reason.NO_BAR, Reason.NEUTRAL, Reason.FALLING}
    assert (said[..., S_DIRECTION] == 1).sum() > 20
    assert progress.decision_hash != whole()[1].decision_hash
    assert dump(load(made.init(), dump(world))) == dump(world)


def test_an_unmarked_producer_makes_the_step_plain_only_and_jit_says_why():
    made = machine(SYMBOLS, producers=[rsi, contrary(_contrary_step)], **BUSY)
    assert not is_compilable(made.decider)
    loop = make_loop(made.hour)
    assert not hasattr(loop, MARK)
    with pytest.raises(Invalid) as refused:
        Jit().compile(loop)
    assert refused.value.code == "not_compilable"
    assert "make_loop" in refused.value.what
    assert "@compiled" in refused.value.todo


def test_an_unmarked_strategy_makes_the_step_plain_only_too():
    def plain(*arguments):
        conviction.step(*arguments)

    parts = {name: getattr(conviction, name) for name in ("NAME", "params", "init_state")}
    other = decider(SYMBOLS, strategy=SimpleNamespace(**parts, step=plain), **BUSY)
    assert not is_compilable(other)
    assert is_compilable(decider(SYMBOLS, **BUSY))


def test_a_marked_producer_keeps_the_step_compilable():
    @compiled
    def step(state, params, inputs, features, symbol, signal):
        signal[0] = 1 if features[symbol, F_RSI] < params else 0

    made = decider(SYMBOLS, producers=[rsi, contrary(step)], **BUSY)
    assert is_compilable(made)


@pytest.mark.parametrize("producers", [[], [rsi, rsi]], ids=["none", "twice"])
def test_no_producers_or_one_twice_is_refused(producers):
    with pytest.raises(Invalid) as refused:
        decider(1, producers=producers)
    assert refused.value.code == "bad_producers"
