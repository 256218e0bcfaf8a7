"""Many hours in one compiled (or plain) loop: the same hour that the daemon runs, over arrays of bars."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from mooring.runtime.decision.types import BOOK_COLUMNS, CONTROLS, DECISION_COLUMNS, SIGNAL_COLUMNS, Decisions, Params
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Bars, Int64s
from mooring.runtime.domain.compiled import MARK, compiled
from mooring.runtime.domain.scores import MODEL_COLUMNS
from mooring.runtime.engine.world import Hour, Machine, Room, World, make_room
from mooring.runtime.venues.paper.matching import E_FEE, E_OUTCOME, FILLED, OPEN, PaperParams
from mooring.runtime.venues.paper.orders import NO_ORDER, O_ROLE, place_all

CHUNK_HOURS: Final = 1024
NO_HASH: Final = bytes(32)

# Columns of the count of one hour, int64.
N_FILLS, N_TRADES, N_ORDERS, N_FEES = range(4)
COUNT_COLUMNS: Final = 4

Loop = Callable[..., None]
# Given the first hour and the one after the last, of hours in turn: what models say of them, as `Inputs.models` each.
Said = Callable[[int, int], Int64s]


class Chunk(NamedTuple):
    """What each hour of a chunk said; first axis hours."""

    signals: Int64s
    rows: Int64s
    book: Int64s
    counts: Int64s


@dataclass(kw_only=True)
class Progress:
    """Where a simulation stands. decision_hash: chain over the hours so far (32 bytes)."""

    hours: int
    decision_hash: bytes


def make_chunk(hours: int, symbols: int, producers: int) -> Chunk:
    """Room for `hours` hours."""
    return Chunk(
        np.zeros((hours, symbols, producers, SIGNAL_COLUMNS), np.int64),
        np.zeros((hours, symbols, DECISION_COLUMNS), np.int64),
        np.zeros((hours, BOOK_COLUMNS), np.int64),
        np.zeros((hours, COUNT_COLUMNS), np.int64),
    )


def no_hours_of_models(symbols: int) -> Int64s:
    """What a loop is given where no models are asked."""
    return np.zeros((0, symbols, MODEL_COLUMNS), np.int64)


def make_loop(hour: Hour) -> Loop:
    """The loop over hours of one machine."""

    def loop(
        world: World,
        params: Params,
        paper_params: PaperParams,
        bars: Bars,
        first: int,
        last: int,
        controls: Int64s,
        room: Room,
        chunk: Chunk,
        models: Int64s,
    ) -> None:
        """Run bars[first:last] and write what each hour said to chunk[0:last-first].

        models: what models said of each of these hours, int64 (hours, symbols, MODEL_COLUMNS); of no hours: nothing.
        """
        for row in range(first, last):
            at = row - first
            bar = Bar(
                bars.ts[row] + HOUR_SECONDS,
                bars.present[row],
                bars.open[row],
                bars.high[row],
                bars.low[row],
                bars.close[row],
                bars.volume[row],
            )
            place_all(world.wanted, world.paper, paper_params, params.scales, world.account, room.outcomes)
            if models.shape[0] > 0:
                for symbol in range(models.shape[1]):  # numba would make room for a copy of a slice
                    for column in range(MODEL_COLUMNS):
                        room.models[symbol, column] = models[at, symbol, column]
            said = Decisions(chunk.signals[at], chunk.rows[at], chunk.book[at])
            hour(world, params, paper_params, bar, controls, said, room)
            count_hour(world, room, chunk.counts[at])

    return compiled(loop) if getattr(hour, MARK, False) else loop


@compiled
def count_hour(world: World, room: Room, count: Int64s) -> None:
    """Count what one hour did; an order counts in the hour that wanted it."""
    count[:] = 0
    for index in range(room.counts[0]):
        outcome = room.events[index, E_OUTCOME]
        if outcome == FILLED:
            count[N_FILLS] += 1
            count[N_FEES] += room.events[index, E_FEE]
        elif outcome == OPEN:
            count[N_ORDERS] += 1
    count[N_TRADES] = room.counts[1]
    for symbol in range(world.wanted.shape[0]):
        if world.wanted[symbol, O_ROLE] != NO_ORDER:
            count[N_ORDERS] += 1


def chain_hashes(digest: bytes, chunk: Chunk, hours: int) -> bytes:
    """`decision_hash` over the first `hours` of a chunk, without its overhead for each hour."""
    rows = np.ascontiguousarray(chunk.rows, dtype="<i8").data.cast("B")
    book = np.ascontiguousarray(chunk.book, dtype="<i8").data.cast("B")
    row_bytes = rows.nbytes // len(chunk.rows)
    book_bytes = book.nbytes // len(chunk.book)
    sha256 = hashlib.sha256
    for at in range(hours):
        hashed = sha256(digest)
        hashed.update(book[at * book_bytes : (at + 1) * book_bytes])
        hashed.update(rows[at * row_bytes : (at + 1) * row_bytes])
        digest = hashed.digest()
    return digest


def simulate(
    machine: Machine,
    loop: Loop,
    bars: Bars,
    *,
    models: Int64s | Said | None = None,
    chunk_hours: int = CHUNK_HOURS,
    watch: Callable[[Chunk, int, int], Any] | None = None,
    world: World | None = None,
    start: Progress | None = None,
) -> tuple[World, Progress]:
    """Run all of `bars`, in chunks, and hash every decision.

    Args:
        loop: `make_loop(machine.hour)`, plain or compiled.
        models: what models said, as `Inputs.models` for each hour, in int64 (hours, symbols, MODEL_COLUMNS): recorded,
            or asked chunk by chunk, for nothing that trades changes what they look at. None: there are none.
        watch: called after each chunk with it, its first row and how many hours it holds.
        world, start: carry on from there (changed in place); from the beginning where not given.
    """
    world = machine.init() if world is None else world
    digest = NO_HASH if start is None else start.decision_hash
    done = 0 if start is None else start.hours
    params = machine.decider.params
    symbols = bars.present.shape[1]
    room = make_room(symbols)
    controls = np.zeros(CONTROLS, np.int64)
    chunk = make_chunk(min(chunk_hours, max(len(bars.ts), 1)), symbols, params.producer_count)
    said_of = _said_of(models, len(bars.ts), symbols)
    for first in range(0, len(bars.ts), chunk_hours):
        last = min(first + chunk_hours, len(bars.ts))
        loop(world, params, machine.paper_params, bars, first, last, controls, room, chunk, said_of(first, last))
        digest = chain_hashes(digest, chunk, last - first)
        done += last - first
        if watch is not None:
            watch(chunk, first, last - first)
    return world, Progress(hours=done, decision_hash=digest)


def _said_of(models: Int64s | Said | None, hours: int, symbols: int) -> Said:
    """What models said of a chunk, whichever way they are given."""
    if models is None:
        nothing = no_hours_of_models(symbols)
        return lambda _first, _last: nothing
    if not isinstance(models, np.ndarray):
        return models
    if models.shape != (hours, symbols, MODEL_COLUMNS):
        raise ValueError(f"models of shape {models.shape} for {hours} hours of {symbols} symbols")
    recorded = np.ascontiguousarray(models)
    return lambda first, last: recorded[first:last]
