"""A training from bars to a run: each step is durable once it is done, so whatever ends it, the same call goes on."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mooring.errors import Conflict
from mooring.runtime.domain.bars import Bars
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.times import utc_text
from mooring.runtime.research.training import workers
from mooring.runtime.research.training.dataset import digest, keep, make_dataset, open_kept
from mooring.runtime.research.training.evaluate import Bench, Evidence, judge_folds
from mooring.runtime.research.training.folder import Identity, write_run
from mooring.runtime.research.training.folds import FoldPlan
from mooring.runtime.research.training.gates import BASELINES, Verdict, judge_gates
from mooring.runtime.research.training.labels import LabelPlan
from mooring.runtime.research.training.learn import require_libraries, task_key
from mooring.runtime.research.training.plan import TrainPlan
from mooring.runtime.research.training.report import as_data
from mooring.runtime.research.training.walk import Learned, laps, learned
from mooring.runtime.research.training.workers import Workers, do_all
from mooring.settings import Settings

# Phases, as progress tells them.
DATA, LEARN, JUDGE, WRITE = "data", "learn", "judge", "write"
Told = Callable[[str, int, int], None]  # phase, done, in all


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to train.

    bars: on the grid, all that there are. out: folder of the run. work: folder of what is finished on the way.
    version: empty: the month of the last hour. commit: empty: the hash of the code's own files.
    """

    bars: Bars
    instruments: tuple[Instrument, ...]
    plan: TrainPlan
    settings: Settings
    out: Path
    work: Path
    workers: Workers
    bundle_id: str = "mooring-core"
    version: str = ""
    commit: str = ""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished training.

    baselines: what everybody's channel asks besides the gates. report: what `report/evaluation.json` holds.
    """

    out: Path
    version: str
    verdicts: tuple[Verdict, ...]
    baselines: tuple[Verdict, ...]
    report: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every gate is kept."""
        return all(verdict.kept for verdict in self.verdicts)

    @property
    def beats_baselines(self) -> bool:
        """Whether it did surely better than holding and than the classical strategies."""
        return all(verdict.kept for verdict in self.baselines)


def plan_for(settings: Settings, *, horizon: int, target: int, stop: int, folds: FoldPlan, seed: int) -> TrainPlan:
    """A plan whose labels cost what these settings say trading costs. target, stop: percent of the ATR."""
    costs = settings.costs
    labels = LabelPlan(
        horizon_bars=horizon,
        target_atr_percent=target,
        stop_atr_percent=stop,
        atr_period=settings.signals.atr_period,
        cost_ppm=costs.taker_fee_ppm + costs.half_spread_ppm + costs.slippage_ppm,
    )
    labels.check()
    return TrainPlan(labels=labels, folds=folds, seed=seed)


def train(request: Request, clock: Clock, told: Told) -> Trained:
    """Train, judge, and write the run; what an earlier call finished in the same work folder is not done again.

    Where it succeeds, what the work folder holds of other trainings is removed: one of them is kept, not all.

    Raises:
        Invalid: the libraries are missing, the history is too short, or the plan is none.
        Conflict: another training works there, or another run is at `out`.
        Retry: the cluster does not answer. Unverified: a model did not survive its export. OSError: the disk refuses.
    """
    require_libraries()
    with _alone(request.work):
        symbols = tuple(listed.symbol for listed in request.instruments)
        told(DATA, 0, 1)
        data = make_dataset(request.bars, request.plan.labels)
        sha256 = digest(data, symbols, request.plan.labels)
        place = keep(data, sha256, request.work / "datasets")
        told(DATA, 1, 1)
        data = open_kept(place)
        pieces = request.work / "pieces"
        pieces.mkdir(mode=0o700, exist_ok=True)
        bench = workers.Bench(dataset=place, digest=sha256, pieces=pieces, plan=request.plan)
        every = laps(data, symbols, request.plan)
        tasks = [task for lap in every for task in lap.tasks()]
        do_all(bench, tasks, request.workers, lambda done, total: told(LEARN, done, total))
        made = [learned(lap, symbols, request.plan, data, bench) for lap in every]
        judging = Bench(
            bars=request.bars,
            data=data,
            instruments=request.instruments,
            plan=request.plan,
            settings=request.settings,
            clock=clock,
        )
        evidence = judge_folds(made[:-1], judging, lambda done, total: told(JUDGE, done, total))
        trained = _written(request, judging, made[-1], evidence, sha256, told)
        forget_others(request.work, sha256, {task_key(task, request.plan, sha256) for task in tasks})
        return trained


def _written(request: Request, judging: Bench, made: Learned, evidence: Evidence, sha256: str, told: Told) -> Trained:
    told(WRITE, 0, 1)
    folds = [fold.figures for fold in evidence.folds]
    verdicts = judge_gates(folds)
    version = request.version or utc_text(int(judging.data.ts[-1]))[:7]
    about = write_run(
        request.out,
        identity=Identity(bundle_id=request.bundle_id, version=version, commit=request.commit or code_sha256()),
        made=made,
        judging=judging,
        evidence=evidence,
        verdicts=verdicts,
        dataset_sha256=sha256,
    )
    told(WRITE, 1, 1)
    return Trained(
        out=request.out,
        version=version,
        verdicts=verdicts,
        baselines=judge_gates(folds, BASELINES),
        report=as_data(about, evidence, verdicts),
    )


def code_sha256() -> str:
    """sha256 (hex) of the sources that a training's result depends on, for where no commit is known."""
    runtime = Path(__file__).resolve().parents[2]
    running = hashlib.sha256()
    for file in sorted(runtime.rglob("*.py")):
        running.update(file.relative_to(runtime).as_posix().encode() + b"\n" + file.read_bytes())
    return running.hexdigest()


def forget(request: Request) -> None:
    """Remove what earlier calls finished in the request's work folder.

    Raises:
        Conflict: another training works there. OSError: the disk refuses.
    """
    with _alone(request.work):
        for name in ("datasets", "pieces"):
            shutil.rmtree(request.work / name, ignore_errors=True)


def forget_others(work: Path, dataset: str, keys: Collection[str]) -> None:
    """Remove from a work folder what does not belong to a training: other datasets, other pieces.

    Raises:
        OSError: the disk refuses.
    """
    for place in (work / "datasets").iterdir():
        if place.name != dataset:
            shutil.rmtree(place)
    for piece in (work / "pieces").iterdir():
        if piece.stem not in keys:
            piece.unlink()


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Work in a folder that no other training works in; the system lets go of it when the process ends."""
    work.mkdir(parents=True, mode=0o700, exist_ok=True)
    descriptor = os.open(work / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                "training_busy",
                f"Another training works in {work}.",
                money="Nothing was changed.",
                todo="Wait for it, or name another folder with --work.",
            ) from None
        yield
    finally:
        os.close(descriptor)
