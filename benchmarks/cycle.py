"""One whole hour of the live cycle, durable on the disk: bars, step, orders, fills, ledger, manifest."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.common import Result, big_market
from mooring.locked import LOCK_SHA256
from mooring.runtime.decision.types import CONTROLS
from mooring.runtime.domain.bars import bar_at
from mooring.runtime.engine.cycle import Cycle
from mooring.runtime.engine.run import Plan, open_run
from mooring.runtime.setup import machine_for, treasury_for
from mooring.runtime.store.store import Store
from mooring.settings import Settings

NAME: Final = "cycle"
WARM: Final = 60
MEASURED: Final = 500
P95_MS_MAX: Final = 20.0


def run() -> Iterator[Result]:
    """Time hours after warm-up, each until its commit has returned."""
    market = big_market()
    controls = np.zeros(CONTROLS, np.int64)
    settings = Settings()
    with tempfile.TemporaryDirectory(prefix="mooring-bench-") as folder, Store.open(Path(folder) / "m.db") as store:
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
        took = []
        rows = 0
        for hour in range(WARM + MEASURED):
            bar = bar_at(market.bars, hour)
            begun = time.perf_counter()
            done = cycle.advance(bar, controls)
            if hour >= WARM:
                took.append((time.perf_counter() - begun) * 1000)
                rows += len(done.rows)
    note = f"{len(market.instruments)} symbols, {MEASURED} hours, {rows / MEASURED:.0f} rows an hour, {market.note}"
    yield Result(name="durable cycle, median", value=float(np.percentile(took, 50)), unit="ms", note=note)
    yield Result(
        name="durable cycle, p95",
        value=float(np.percentile(took, 95)),
        unit="ms",
        target=P95_MS_MAX,
        higher_is_better=False,
        note=note,
    )
