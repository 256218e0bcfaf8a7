"""`replay verify --models`: the bundles that lie in a home asked again what they once said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mooring.bundles.store.ports import Loaded
from mooring.bundles.store.proof import Prover
from mooring.bundles.store.slots import Slots
from mooring.daemon.bundle_backtest import format_reader, recorded
from mooring.daemon.bundle_models import predictor_of
from mooring.daemon.bundle_repositories import Repositories, bundles_dir
from mooring.daemon.present import time_text
from mooring.errors import MooringError
from mooring.home import Home
from mooring.runtime.market.clock import Clock
from mooring.runtime.models.predicted import Models
from mooring.runtime.replay.models_said import ask_again
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader

FOR_EVER = 2**62


@dataclass(frozen=True, kw_only=True)
class _Again:
    models: Models
    symbols: Sequence[str]
    tolerance: int


class Bundles:
    """What lies in a home, by reference; each proved and loaded once, when it is first asked for."""

    def __init__(self, home: Home, clock: Clock) -> None:
        slots = Slots(bundles_dir(home))
        state = recorded(slots)
        installed = (state.active, state.last_good, state.candidate)
        self._slots = {slot.reference: slot for slot in installed if slot is not None}
        repositories = Repositories(home, lambda: datetime.fromtimestamp(clock.now(), UTC))
        self._prover = Prover(slots, repositories, format_reader())
        self._clock = clock
        self._made: dict[str, _Again | None] = {}

    def __call__(self, reference: str) -> _Again | None:
        """What to ask; None where it is not here, or cannot be proved any more."""
        if reference not in self._made:
            self._made[reference] = self._load(reference)
        return self._made[reference]

    def _load(self, reference: str) -> _Again | None:
        slot = self._slots.get(reference)
        if slot is None:
            return None
        try:
            loaded: Loaded = self._prover.proved(slot)
        except (MooringError, OSError):
            return None
        symbols = loaded.manifest.universe.symbols
        models = predictor_of(loaded, symbols, self._clock.monotonic)
        return _Again(models=models, symbols=symbols, tolerance=loaded.manifest.golden.tolerance)


def asked_again(
    home: Home, database: Path | Place, clock: Clock, *, first: int | None, last: int | None
) -> dict[str, Any]:
    """What the models of this home say now of what they were shown then, as plain data.

    Raises:
        NotFound: there is no database. Halt: the record of installed bundles cannot be read.
        Invalid, Unverified: a bundle's models cannot be asked by this version.
    """
    reader = Reader.open(database)
    try:
        done = ask_again(reader, Bundles(home, clock), first=first or 0, last=FOR_EVER if last is None else last)
    finally:
        reader.close()
    return {
        "asked": done.rows,
        "not_here": done.absent,
        "differing": done.differing,
        "differences": [one | {"hour_ts_utc": time_text(one["hour_ts_utc"])} for one in done.differences],
    }
