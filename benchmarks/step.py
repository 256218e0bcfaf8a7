"""How fast the step is: compiled over years of a whole universe, and plain for one hour as the daemon runs it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np

from benchmarks.common import Market, Result, big_market, made_up_market, part_of, percentile, seconds
from mooring.runtime.decision.types import CONTROLS, Inputs, empty_book
from mooring.runtime.domain.bars import Bars, bar_at
from mooring.runtime.domain.scores import no_models
from mooring.runtime.engine.world import Machine, make_room
from mooring.runtime.market.universe import KNOWN_BASES, instruments
from mooring.runtime.research.jit import Jit
from mooring.runtime.research.simulate import CHUNK_HOURS, Loop, make_chunk, make_loop, no_hours_of_models, simulate
from mooring.runtime.setup import machine_for
from mooring.runtime.venues.paper.matching import event_buffers
from mooring.runtime.venues.paper.orders import show_book
from mooring.settings import Settings

NAME: Final = "step"

COMPILED_TARGET: Final = 4_000_000.0  # symbol-bars a second
PLAIN_TARGET_MS: Final = 20.0
PLAIN_SYMBOLS: Final = 30
PLAIN_HOURS: Final = 400
COMPARED_HOURS: Final = 1_000
RUNS: Final = 5


def run() -> Iterator[Result]:
    """Compiled throughput with and without hashing, plain throughput and their ratio, and one plain step."""
    market = big_market()
    machine = machine_for(Settings(), market.instruments)
    plain = make_loop(machine.hour)
    begun = time.perf_counter()
    compiled = Jit().compile(plain)
    simulate(machine, compiled, part_of(market.bars, 0, 2))
    compile_seconds = time.perf_counter() - begun

    count = int(market.bars.present.sum())
    note = f"{count:,} symbol-bars of {len(market.instruments)} symbols, {market.note}"
    hashed = count / seconds(lambda: simulate(machine, compiled, market.bars), runs=RUNS)
    yield Result(
        name="compiled, decisions hashed", value=hashed, unit="symbol-bars/s", target=COMPILED_TARGET, note=note
    )
    bare = count / seconds(lambda: run_unhashed(machine, compiled, market.bars), runs=RUNS)
    yield Result(name="compiled, without hashing", value=bare, unit="symbol-bars/s", target=COMPILED_TARGET, note=note)
    yield Result(name="compiling", value=compile_seconds, unit="s", note="once for each run")

    few = part_of(market.bars, 0, COMPARED_HOURS)
    slow = int(few.present.sum()) / seconds(lambda: run_unhashed(machine, plain, few), runs=1)
    yield Result(name="plain, without hashing", value=slow, unit="symbol-bars/s", note=f"{COMPARED_HOURS:,} hours")
    yield Result(name="compiled over plain", value=bare / slow, unit="times", note="both without hashing")
    yield from one_plain_step(
        made_up_market(instruments(f"{base}-USD" for base in KNOWN_BASES[:PLAIN_SYMBOLS]), PLAIN_HOURS)
    )


def run_unhashed(machine: Machine, loop: Loop, bars: Bars) -> None:
    """The loop over all hours and nothing else, from the first."""
    symbols = bars.present.shape[1]
    params = machine.decider.params
    world, room = machine.init(), make_room(symbols)
    chunk = make_chunk(CHUNK_HOURS, symbols, params.producer_count)
    controls = np.zeros(CONTROLS, np.int64)
    for first in range(0, len(bars.ts), CHUNK_HOURS):
        last = min(first + CHUNK_HOURS, len(bars.ts))
        loop(world, params, machine.paper_params, bars, first, last, controls, room, chunk, no_hours_of_models(symbols))


def one_plain_step(market: Market) -> Iterator[Result]:
    """The pure step alone, hour by hour over a warmed-up state, as the daemon calls it."""
    machine = machine_for(Settings(), market.instruments)
    decider, bars = machine.decider, market.bars
    symbols = len(market.instruments)
    world, _ = simulate(machine, make_loop(machine.hour), part_of(bars, 0, PLAIN_HOURS // 2))
    controls = np.zeros(CONTROLS, np.int64)
    book = empty_book(symbols)
    _, nothing_sold = event_buffers(symbols)
    show_book(world.paper, machine.paper_params, decider.params.scales, world.account, nothing_sold, 0, book)
    taken = []
    for row in range(PLAIN_HOURS // 2, PLAIN_HOURS):
        inputs = Inputs(bar_at(bars, row), book, controls, no_models(symbols))
        begun = time.perf_counter()
        decider.step(world.decision, decider.params, inputs)
        taken.append(1000.0 * (time.perf_counter() - begun))
    note = f"{symbols} symbols, {len(taken)} hours, {market.note}"
    yield Result(name="plain step, median", value=percentile(taken, 50), unit="ms", note=note)
    yield Result(
        name="plain step, p95",
        value=percentile(taken, 95),
        unit="ms",
        target=PLAIN_TARGET_MS,
        higher_is_better=False,
        note=note,
    )
