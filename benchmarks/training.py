"""How long a training takes: 25 symbols over two and a half years of hours, six folds, on the machine's processors."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.common import Result, big_market
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.research.training.folds import FoldPlan
from mooring.runtime.research.training.train import Request, plan_for, train
from mooring.runtime.research.training.workers import Workers
from mooring.settings import Settings

NAME: Final = "training"

TARGET_SECONDS: Final = 480.0
FOLDS: Final = FoldPlan(folds=6, first_percent=40, horizon_bars=72, embargo_bars=24, rolling_hours=0)


def run() -> Iterator[Result]:
    """The whole way from bars to a run, and its phases. It takes minutes."""
    market = big_market()
    settings = Settings()
    jobs = os.cpu_count() or 1
    ended: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="mooring-") as folder:
        request = Request(
            bars=market.bars,
            instruments=market.instruments,
            plan=plan_for(settings, horizon=72, target=600, stop=600, folds=FOLDS, seed=1),
            settings=settings,
            out=Path(folder) / "run",
            work=Path(folder) / "work",
            workers=Workers(jobs=jobs),
        )
        begun = time.perf_counter()

        def told(phase: str, done: int, total: int) -> None:
            if done == total:
                ended[phase] = time.perf_counter() - begun

        train(request, SystemClock(), told)
        taken = time.perf_counter() - begun
    note = f"{len(market.instruments)} symbols, {len(market.bars.ts):,} hours, {FOLDS.folds} folds, {jobs} processes"
    load = f"load {os.getloadavg()[0]:.1f}"
    yield Result(
        name="walk-forward and models",
        value=taken,
        unit="s",
        target=TARGET_SECONDS,
        higher_is_better=False,
        note=f"{note}, {market.note}, {load}",
    )
    before = 0.0
    for phase, until in ended.items():
        yield Result(name=f"of that: {phase}", value=until - before, unit="s", note="one phase after the other")
        before = until
