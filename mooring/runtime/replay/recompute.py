"""Recompute a run from its recorded bars and controls alone, and compare each hour with what is recorded of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mooring.runtime.decision.step import decision_hash
from mooring.runtime.decision.types import CONTROL_NAMES, Decisions, empty_decisions
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.state_codec import digest, dump, load
from mooring.runtime.engine import records
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.world import World, make_room
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Row
from mooring.runtime.venues.paper.orders import place_all

COLUMNS: Final = ("open", "high", "low", "close", "volume")
COMPARED: Final = ("signals", "decisions", "positions", "equity")


@dataclass(frozen=True, kw_only=True)
class Recomputed:
    """What came out.

    Attributes:
        hours: hours recomputed.
        differs_at: close of the first hour that came out otherwise (UTC unix seconds), None where all agree.
        what: which hash or table differs there; `manifests` where an hour and its manifest do not
            stand together, `error` where the recorded bars cannot be traded at all.
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


class Again:
    """A run done again, hour by hour, from the world it opened with."""

    def __init__(self, run: Run) -> None:
        self._run = run
        symbols = len(run.instruments)
        self._world = load(run.opening_world, dump(run.opening_world))
        self._room = make_room(symbols)
        self._said = empty_decisions(symbols, run.machine.decider.params.producer_count)
        self._chain = bytes(32)
        self.hours = 0
        self.state_hash = ""

    @property
    def decision_hash(self) -> str:
        """Of all hours so far, hex."""
        return self._chain.hex()

    def advance(self, bar: Bar, controls: Int64s) -> list[TableRow]:
        """Do one hour; the rows of the tables in COMPARED.

        Raises:
            ValueError, ArithmeticError: it cannot be done with these bars.
        """
        run, world = self._run, self._world
        machine, params = run.machine, run.machine.decider.params
        place_all(world.wanted, world.paper, machine.paper_params, params.scales, world.account, self._room.outcomes)
        machine.hour(world, params, machine.paper_params, bar, controls, self._said, self._room)
        self._chain = decision_hash(self._chain, self._said.rows, self._said.book)
        self.state_hash = digest(world)
        self.hours += 1
        return _rows(run, world, self._said)


def recompute(run: Run, reader: Reader) -> Recomputed:
    """Do every recorded hour of a run again, from the world it opened with.

    Stops at the first hour whose decision hash or state hash differs from its manifest, or whose recorded signals,
    decisions, positions or equity are not those that came out.
    """
    again = Again(run)
    manifests = reader.scan("manifests", run.run_id)
    recorded = {name: _Recorded(reader, name, run.run_id) for name in COMPARED}
    for bar, controls in recorded_hours(run, reader):
        manifest = next(manifests, None)
        try:
            rows = again.advance(bar, controls)
        except (ValueError, ArithmeticError):
            return _result(again, bar.close_ts, "error")
        what = _difference(manifest, bar, again) or _rows_differ(recorded, bar.close_ts, rows)
        if what:
            return _result(again, bar.close_ts, what)
    left = next(manifests, None)
    return _result(again, None, "") if left is None else _result(again, int(left["hour_ts_utc"]), "manifests")


def _result(again: Again, differs_at: int | None, what: str) -> Recomputed:
    return Recomputed(
        hours=again.hours,
        differs_at=differs_at,
        what=what,
        decision_hash=again.decision_hash,
        state_hash=again.state_hash,
    )


def _rows(run: Run, world: World, said: Decisions) -> list[TableRow]:
    decider = run.machine.decider
    return [
        *records.signal_rows(run.instruments, decider.producers, said),
        *records.decision_rows(run.instruments, said),
        *records.position_rows(run.instruments, decider.params.scales, world),
        records.equity_row(world, said),
    ]


class _Recorded:
    """The recorded rows of one table, hour after hour."""

    def __init__(self, reader: Reader, table: str, run_id: str) -> None:
        self._rows = reader.scan(table, run_id)
        self._ahead = next(self._rows, None)

    def of(self, hour_ts_utc: int) -> list[Row]:
        """Those of the next hour; of an hour passed over, too, which then are one too many."""
        found = []
        while self._ahead is not None and self._ahead["hour_ts_utc"] <= hour_ts_utc:
            found.append(self._ahead)
            self._ahead = next(self._rows, None)
        return found


def _rows_differ(recorded: dict[str, _Recorded], hour_ts_utc: int, rows: Sequence[TableRow]) -> str:
    """The first table whose recorded rows are not these; empty where all are."""
    for name, table in recorded.items():
        wanted = [row for given, row in rows if given == name]
        found = table.of(hour_ts_utc)
        if len(found) != len(wanted) or any(
            was["hour_ts_utc"] != hour_ts_utc or any(was[column] != value for column, value in row.items())
            for was, row in zip(found, wanted, strict=True)
        ):
            return name
    return ""


def recorded_hours(run: Run, reader: Reader) -> Iterator[tuple[Bar, Int64s]]:
    """(bar, controls) of each recorded hour, oldest first; bars of other symbols or hours are left out."""
    index = {instrument.symbol: i for i, instrument in enumerate(run.instruments)}
    bars = reader.scan("bars", run.run_id)
    ahead = next(bars, None)
    for cycle in reader.scan("cycles", run.run_id):
        hour_ts_utc = int(cycle["hour_ts_utc"])
        columns = np.zeros((len(COLUMNS), len(index)), np.int64)
        present = np.zeros(len(index), np.bool_)
        while ahead is not None and ahead["hour_ts_utc"] <= hour_ts_utc:
            at = index.get(ahead["symbol"])
            if at is not None and ahead["hour_ts_utc"] == hour_ts_utc:
                present[at] = True
                columns[:, at] = [ahead[name] for name in COLUMNS]
            ahead = next(bars, None)
        controls = np.array([cycle[name] for name in CONTROL_NAMES], dtype=np.int64)
        yield Bar(hour_ts_utc, present, *columns), controls


def _difference(manifest: Row | None, bar: Bar, again: Again) -> str:
    if manifest is None or manifest["hour_ts_utc"] != bar.close_ts:
        return "manifests"
    if manifest["decision_hash"] != again.decision_hash:
        return "decision_hash"
    return "state_hash" if manifest["state_hash"] != again.state_hash else ""
