"""Who does the pieces: this process, processes beside it, or a Dask cluster; the result is the same.

Joblib hands each worker only names: a folder and a task. What a worker makes it writes itself, so nothing that a pickle
made is ever read from the disk. Workers of a cluster must see the same folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mooring import hosts
from mooring.errors import Retry
from mooring.runtime.research.training.dataset import open_kept
from mooring.runtime.research.training.learn import Task, learn, task_key
from mooring.runtime.research.training.pieces import read_piece, write_piece
from mooring.runtime.research.training.plan import TrainPlan

Backend = Literal["local", "dask"]
Told = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Workers:
    """How many at once, and where. scheduler: address of a Dask scheduler; empty for one of our own."""

    jobs: int = 1
    backend: Backend = "local"
    scheduler: str = ""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where the work is: the dataset's folder, its hash, and the folder of finished pieces."""

    dataset: Path
    digest: str
    pieces: Path
    plan: TrainPlan


def do_task(bench: Bench, task: Task) -> str:
    """Make one piece, unless it is there; its key. This is what runs in a worker."""
    key = task_key(task, bench.plan, bench.digest)
    if read_piece(bench.pieces, key) is None:
        write_piece(bench.pieces, key, learn(task, bench.plan, open_kept(bench.dataset)))
    return key


def do_all(bench: Bench, tasks: Sequence[Task], workers: Workers, told: Told) -> None:
    """Make every piece that is not there yet, the largest first.

    Raises:
        Invalid: a span is too short (see `learn`). Retry: the cluster cannot be reached. OSError: the disk refuses.
    """
    todo = [task for task in tasks if read_piece(bench.pieces, task_key(task, bench.plan, bench.digest)) is None]
    todo.sort(key=lambda task: (task.symbol >= 0, -len(task.train), task.symbol))
    done = len(tasks) - len(todo)
    told(done, len(tasks))
    for _ in _results(bench, todo, workers):
        done += 1
        told(done, len(tasks))


def _results(bench: Bench, todo: Sequence[Task], workers: Workers) -> Iterator[str]:
    if workers.backend == "local" and min(workers.jobs, len(todo)) <= 1:
        yield from (do_task(bench, task) for task in todo)
        return
    import joblib as untyped  # noqa: PLC0415  # pure-ok: only its processes; nothing is loaded from a file

    joblib: Any = untyped
    calls: Iterable[Any] = (joblib.delayed(do_task)(bench, task) for task in todo)
    if workers.backend == "local":
        work = joblib.Parallel(n_jobs=workers.jobs, return_as="generator_unordered", batch_size=1)
        yield from work(calls)
        return
    with _cluster(workers), joblib.parallel_config(backend="dask"):
        yield from joblib.Parallel(n_jobs=-1, batch_size=1)(calls)


@contextmanager
def _cluster(workers: Workers) -> Iterator[None]:
    """A Dask cluster to work on: the one named, or one of so many processes on this machine."""
    import distributed as untyped  # noqa: PLC0415 -- see `joblib`

    dask: Any = untyped
    if not workers.scheduler:
        own = dask.LocalCluster(
            n_workers=workers.jobs, threads_per_worker=1, dashboard_address=None, host=hosts.LOOPBACK, silence_logs=50
        )
        with own, dask.Client(own):
            yield
        return
    try:
        client = dask.Client(workers.scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise Retry(
            "no_dask_scheduler",
            f"The Dask scheduler at {workers.scheduler} does not answer: {type(error).__name__}.",
            money="Nothing was lost: finished pieces are kept.",
            todo="Start it, or train with --backend local.",
        ) from None
    with client:
        yield
