"""What one hour hands to the next, and what a restart takes up: the world, and what is counted beside it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mooring.runtime.decision.model_features import ModelFeatureState, init_model_features
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.state_codec import dump, load
from mooring.runtime.engine.world import Machine, World
from mooring.runtime.portfolio.treasury import TreasuryState, init_treasury


class Kept(NamedTuple):
    """All that a run goes on from; `state_codec` makes the bytes of it that the store keeps.

    world: what decides and trades, in a backtest too. treasury: see `portfolio.treasury`.
    campaigns: number of the account's fill that opened the campaign of each symbol, 0 where nothing is held;
        int64 (symbols,).
    models: the features that models are shown; an empty tuple where no producer asks models, which adds nothing to the
        bytes. Beside the world, for nothing that trades changes them: a backtest is given what models said of them.
    """

    world: World
    treasury: TreasuryState
    campaigns: Int64s
    models: ModelFeatureState | tuple[()]


def opened(machine: Machine) -> Kept:
    """Before the first hour of an account of the machine's opening cash."""
    world = machine.init()
    return Kept(
        world=world,
        treasury=init_treasury(machine.starting_cash),
        campaigns=np.zeros(len(world.account.quantity), np.int64),
        models=init_model_features(len(world.account.quantity)) if machine.decider.reads_models else (),
    )


def restored(opening: Kept, state: bytes | None) -> Kept:
    """A new `Kept` from stored bytes, or a copy of the opening one where there are none.

    Raises:
        Unverified: the bytes are of another layout, or cut.
    """
    return load(opening, dump(opening) if state is None else state)
