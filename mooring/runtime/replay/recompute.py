"""Recompute a run from its recorded bars and controls alone, and compare each hour with its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from mooring.runtime.decision.step import decision_hash
from mooring.runtime.decision.types import CONTROL_NAMES, empty_decisions
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.state_codec import digest, dump, load
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.world import make_room
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Row
from mooring.runtime.venues.paper.orders import place_all

COLUMNS: Final = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, kw_only=True)
class Recomputed:
    """What came out.

    Attributes:
        hours: hours recomputed.
        differs_at: close of the first hour that came out otherwise (UTC unix seconds), None where all agree.
        what: which hash differs there.
        decision_hash, state_hash: as recomputed, hex.
    """

    hours: int
    differs_at: int | None
    what: str
    decision_hash: str
    state_hash: str

    @property
    def agrees(self) -> bool:
        """Every hour came out bit for bit."""
        return self.differs_at is None


def recompute(run: Run, reader: Reader) -> Recomputed:
    """Do every recorded hour of a run again, from the world it opened with.

    Stops at the first hour whose decision hash or state hash differs from its manifest.
    """
    machine, params = run.machine, run.machine.decider.params
    symbols = len(run.instruments)
    world = load(run.opening_world, dump(run.opening_world))
    room = make_room(symbols)
    said = empty_decisions(symbols, params.producer_count)
    chain = bytes(32)
    state_hash = ""
    hours = 0
    manifests = reader.scan("manifests", run.run_id)
    for bar, controls in recorded_hours(run, reader):
        place_all(world.wanted, world.paper, machine.paper_params, params.scales, world.account, room.outcomes)
        machine.hour(world, params, machine.paper_params, bar, controls, said, room)
        chain = decision_hash(chain, said.rows, said.book)
        state_hash = digest(world)
        hours += 1
        manifest = next(manifests, None)
        what = _difference(manifest, bar.close_ts, chain.hex(), state_hash)
        if what:
            return Recomputed(
                hours=hours, differs_at=bar.close_ts, what=what, decision_hash=chain.hex(), state_hash=state_hash
            )
    return Recomputed(hours=hours, differs_at=None, what="", decision_hash=chain.hex(), state_hash=state_hash)


def recorded_hours(run: Run, reader: Reader) -> Iterator[tuple[Bar, Int64s]]:
    """(bar, controls) of each recorded hour, oldest first."""
    index = {instrument.symbol: i for i, instrument in enumerate(run.instruments)}
    bars = reader.scan("bars", run.run_id)
    ahead = next(bars, None)
    for cycle in reader.scan("cycles", run.run_id):
        hour_ts = int(cycle["hour_ts"])
        columns = np.zeros((len(COLUMNS), len(index)), np.int64)
        present = np.zeros(len(index), np.bool_)
        while ahead is not None and ahead["hour_ts"] == hour_ts:
            at = index[ahead["symbol"]]
            present[at] = True
            columns[:, at] = [ahead[name] for name in COLUMNS]
            ahead = next(bars, None)
        controls = np.array([cycle[name] for name in CONTROL_NAMES], dtype=np.int64)
        yield Bar(hour_ts, present, *columns), controls


def _difference(manifest: Row | None, close_ts: int, decisions: str, state: str) -> str:
    if manifest is None or manifest["hour_ts"] != close_ts:
        return "manifest"
    if manifest["decision_hash"] != decisions:
        return "decision_hash"
    return "state_hash" if manifest["state_hash"] != state else ""
