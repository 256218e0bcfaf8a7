"""How fast recorded hours are done again and compared, row by row, from a database that the engine made.

`MOORING_BENCH_REPLAY_HOURS` says how many hours it holds: 1500 without it, 8760 for the whole year that the target
speaks of. With fewer, the figure is what a year would take at the same rate.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.common import Market, Result, big_market
from mooring.daemon.replays import compiler
from mooring.locked import LOCK_SHA256
from mooring.runtime.decision.types import CONTROLS
from mooring.runtime.domain.bars import bar_at
from mooring.runtime.engine.cycle import Cycle
from mooring.runtime.engine.run import Plan, open_run
from mooring.runtime.engine.world import Machine
from mooring.runtime.replay.past import Compile, Past
from mooring.runtime.replay.recompute import replay_all
from mooring.runtime.setup import machine_for, treasury_for
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.settings import Settings

NAME: Final = "replay"
YEAR: Final = 8760
HOURS: Final = 1500
YEAR_S_MAX: Final = 60.0


def run() -> Iterator[Result]:
    """Make a database, then replay all of it, plain and compiled; compiling is told apart."""
    market = big_market()
    hours = int(os.environ.get("MOORING_BENCH_REPLAY_HOURS", HOURS))
    with tempfile.TemporaryDirectory(prefix="mooring-bench-") as folder:
        path = Path(folder) / "m.db"
        rows = record(path, market, hours)
        note = f"{len(market.instruments)} symbols, {hours} hours, {rows / hours:.0f} rows an hour, {market.note}"
        for name, compile_for in (("plain", compiler(wanted=False)), ("compiled", once(compiler(wanted=True)))):
            first, taken = replay(path, compile_for), replay(path, compile_for)
            if name == "compiled":
                yield Result(name="compiling, or loading", value=first - taken, unit="s", note="once for each command")
            yield Result(
                name=f"a year, {name}",
                value=taken * YEAR / hours,
                unit="s",
                target=YEAR_S_MAX,
                higher_is_better=False,
                note=note,
            )


def once(compile_for: Compile) -> Compile:
    """The same, keeping what it made."""
    made: list[Machine] = []

    def kept(machine: Machine, hours: int) -> Machine:
        if not made:
            made.append(compile_for(machine, hours))
        return made[0]

    return kept


def record(path: Path, market: Market, hours: int) -> int:
    """Trade so many hours into a new database; how many rows they have."""
    controls = np.zeros(CONTROLS, np.int64)
    settings = Settings()
    with Store.open(path) as store:
        plan = Plan(
            mode="paper",
            code_version="bench",
            settings_hash=settings.fingerprint(),
            settings_text=settings.kept_text(),
            bounds="{}",
            treasury=treasury_for(settings),
            lock_hash=LOCK_SHA256,
            market="bench",
            market_hash="bench",
            seed=0,
            instruments=market.instruments,
            machine=machine_for(settings, market.instruments),
        )
        cycle = Cycle(open_run(plan, store, now=0), store)
        return sum(len(cycle.advance(bar_at(market.bars, hour), controls).rows) for hour in range(hours))


def replay(path: Path, compile_for: Compile) -> float:
    """Seconds that it takes to do every hour again and compare it.

    Raises:
        RuntimeError: something differs.
    """
    reader = Reader.open(path)
    try:
        begun = time.perf_counter()
        for found in replay_all(Past(reader, compile=compile_for)):
            if not found.agrees:
                raise RuntimeError(f"the replay differs: {found.differences[0]}")
        return time.perf_counter() - begun
    finally:
        reader.close()
