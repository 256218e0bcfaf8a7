"""All state of a run in one tree, and the order of things in one hour.

The daemon and the backtest move the same tree by the same functions in the same order:
place what the last close wanted · cancel, if asked · fill against the bar · show the book · step · want orders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mooring.runtime.decision.compose import Decider
from mooring.runtime.decision.step import Decide
from mooring.runtime.decision.types import (
    C_CANCEL_ALL,
    Book,
    Decisions,
    Inputs,
    Params,
    Scratch,
    State,
    empty_book,
    empty_scratch,
)
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.compiled import MARK, compiled
from mooring.runtime.domain.scores import no_models
from mooring.runtime.portfolio.account import AccountState, init_account
from mooring.runtime.venues.paper.matching import PaperParams, PaperState, event_buffers, init_paper, match
from mooring.runtime.venues.paper.orders import (
    NO_ORDER,
    O_ROLE,
    WANTED_COLUMNS,
    cancel_everything,
    show_book,
    want_orders,
)


class World(NamedTuple):
    """decision: what the step remembers; wanted: orders of the last close, not placed yet (symbols, WANTED_COLUMNS)."""

    decision: State
    account: AccountState
    paper: PaperState
    wanted: Int64s


class Room(NamedTuple):
    """Buffers that one hour writes into and the next overwrites.

    models: `Inputs.models`, which the caller fills before each hour where a producer asks models.
    outcomes (symbols,): what placing each wanted order said; events, closures: `event_buffers`;
    counts (2,): how many rows of events and closures this hour wrote.
    """

    scratch: Scratch
    book: Book
    models: Int64s
    outcomes: Int64s
    events: Int64s
    closures: Int64s
    counts: Int64s


Hour = Callable[[World, Params, PaperParams, Bar, Int64s, Decisions, Room], None]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A decider with the paper venue around it: what moves a `World` by an hour."""

    decider: Decider
    paper_params: PaperParams
    starting_cash: int
    hour: Hour

    def init(self) -> World:
        """The world before the first hour."""
        symbols = len(self.decider.params.scales.notional_num)
        wanted = np.zeros((symbols, WANTED_COLUMNS), np.int64)
        wanted[:, O_ROLE] = NO_ORDER
        return World(
            decision=self.decider.init(),
            account=init_account(symbols, self.starting_cash),
            paper=init_paper(symbols),
            wanted=wanted,
        )


def make_machine(decider: Decider, paper_params: PaperParams, starting_cash: int) -> Machine:
    """The machine of a decider; starting_cash in 10^-8 quote."""
    return Machine(
        decider=decider, paper_params=paper_params, starting_cash=starting_cash, hour=make_hour(decider.decide)
    )


def make_room(symbols: int) -> Room:
    """Buffers for hours of this size."""
    events, closures = event_buffers(symbols)
    return Room(
        scratch=empty_scratch(symbols),
        book=empty_book(symbols),
        models=no_models(symbols),
        outcomes=np.full(symbols, NO_ORDER, np.int64),
        events=events,
        closures=closures,
        counts=np.zeros(2, np.int64),
    )


def make_hour(decide: Decide) -> Hour:
    """The order of things in one hour, around one step."""

    def hour(
        world: World, params: Params, paper_params: PaperParams, bar: Bar, controls: Int64s, said: Decisions, room: Room
    ) -> None:
        """Move `world` by one closed bar, whose wanted orders were placed before; overwrites `said` and `room`."""
        if controls[C_CANCEL_ALL] != 0:
            cancel_everything(world.paper)
        events, closures = match(
            world.paper, paper_params, params.scales, world.account, bar, room.events, room.closures
        )
        room.counts[0] = events
        room.counts[1] = closures
        show_book(world.paper, paper_params, params.scales, world.account, room.closures, closures, room.book)
        decide(world.decision, params, Inputs(bar, room.book, controls, room.models), said, room.scratch)
        want_orders(said.rows, world.paper, world.account, controls, world.wanted)

    return compiled(hour) if getattr(decide, MARK, False) else hour
