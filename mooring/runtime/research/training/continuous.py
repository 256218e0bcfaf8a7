"""Training again and again: what keeps every gate goes to whoever publishes, and nothing else does.

What was trained is kept under `runs/`, the last few of it; what came of each round is told and kept in `rounds.jsonl`.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import orjson

from mooring import durable
from mooring.errors import MooringError
from mooring.runtime.domain.bars import HOUR_SECONDS, Bars
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.times import utc_text
from mooring.runtime.research.training.gates import rounded
from mooring.runtime.research.training.train import Request, Told, Trained, train

RUNS_KEPT: Final = 5
ROUNDS_KEPT: Final = 500
NOTE_BYTES: Final = 1000
Outcome = Literal["published", "kept", "gates missed", "baselines missed", "nothing new", "failed"]


class Publisher(Protocol):
    """Whoever makes a bundle of a run, signs it and publishes it to the canary channel."""

    def publish(self, run: Path) -> str:
        """Do all of it; what the bundle is called.

        Raises:
            MooringError: it was refused, or could not be done; nothing is public that is not whole.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of one round. missed: gates and baselines; said: the bundle's name, or what went wrong, or nothing."""

    at: str
    version: str
    outcome: Outcome
    missed: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Routine:
    """What is done in each round.

    request: with the folder of all runs as `out`; its bars are taken anew each time. load: the newest bars.
    publisher: None: what passes is kept and not published.
    """

    request: Request
    load: Callable[[], Bars]
    publisher: Publisher | None
    every_hours: int


class _Stopped(Exception):  # noqa: N818 -- nothing went wrong
    """Somebody wants the routine to end."""


def go_round(routine: Routine, clock: Clock, told: Told) -> Round:
    """One round; a failure that says what to do ends it and not the routine.

    A round whose gates or baselines are missed is not done again before there are newer hours; one that failed is.
    """
    now = utc_text(clock.now())
    root, version = routine.request.out, ""
    try:
        bars = routine.load()
        version = utc_text(int(bars.ts[-1]) + HOUR_SECONDS)[:13].replace("T", "-")
        finished = root / "finished.json"
        if durable.read_private(finished, NOTE_BYTES) == _named(version):
            return Round(at=now, version=version, outcome="nothing new")
        request = replace(routine.request, bars=bars, out=root / "runs" / version, version=version)
        trained = train(request, clock, told)
        if not (trained.passed and trained.beats_baselines):
            durable.replace_file(finished, _named(version))
            outcome: Outcome = "baselines missed" if trained.passed else "gates missed"
            return Round(at=now, version=version, outcome=outcome, missed=_missed(trained))
        name = "" if routine.publisher is None else routine.publisher.publish(trained.out)
        durable.replace_file(finished, _named(version))
        return Round(at=now, version=version, outcome="published" if name else "kept", said=name)
    except MooringError as error:
        return Round(at=now, version=version, outcome="failed", said=f"{error} ({error.code})")
    except OSError as error:
        return Round(at=now, version=version, outcome="failed", said=error.strerror or type(error).__name__)


def keep_on(routine: Routine, clock: Clock, told: Told, said: Callable[[Round], None], stop: threading.Event) -> None:
    """Round after round, `every_hours` apart from beginning to beginning, until `stop` is set.

    The round at hand ends where it next tells how far it is, and publishes nothing; another call goes on with it.

    Raises:
        OSError: what came of a round cannot be written down.
    """

    def heard(phase: str, done: int, total: int) -> None:
        if stop.is_set():
            raise _Stopped
        told(phase, done, total)

    while not stop.is_set():
        begun = clock.monotonic()
        try:
            done = go_round(routine, clock, heard)
        except _Stopped:
            return
        note(routine.request.out, done)
        forget_old(routine.request.out)
        said(done)
        left = routine.every_hours * HOUR_SECONDS - (clock.monotonic() - begun)
        if not clock.sleep(max(1.0, left), stop):
            return


def note(root: Path, done: Round) -> None:
    """Add a round to `rounds.jsonl`, which keeps the last of them.

    Raises:
        OSError: the disk refuses.
    """
    file = root / "rounds.jsonl"
    lines = file.read_bytes().splitlines()[-ROUNDS_KEPT + 1 :] if file.is_file() else []
    root.mkdir(parents=True, mode=0o700, exist_ok=True)
    durable.replace_file(file, b"\n".join([*lines, orjson.dumps(as_data(done)), b""]))


def as_data(done: Round) -> dict[str, Any]:
    """A round as plain data."""
    return {
        "at": done.at,
        "version": done.version,
        "outcome": done.outcome,
        "missed": list(done.missed),
        "said": done.said,
    }


def forget_old(root: Path) -> None:
    """Remove all runs but the newest few.

    Raises:
        OSError: the disk refuses.
    """
    runs = sorted(entry for entry in (root / "runs").glob("*") if entry.is_dir())
    for run in runs[:-RUNS_KEPT]:
        shutil.rmtree(run)


def _missed(trained: Trained) -> tuple[str, ...]:
    return tuple(
        f"{verdict.gate.metric} {'not known' if verdict.value is None else rounded(verdict.value)}, "
        f"wanted {verdict.gate.op} {verdict.gate.limit}"
        for verdict in (*trained.verdicts, *trained.baselines)
        if not verdict.kept
    )


def _named(version: str) -> bytes:
    return orjson.dumps({"version": version})
