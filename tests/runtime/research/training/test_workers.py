"""Who does the work changes nothing of it: this process, or workers of a cluster that see the same folder."""

from __future__ import annotations

import pytest

from mooring.errors import Retry
from mooring.runtime.research.training.dataset import digest, keep, make_dataset
from mooring.runtime.research.training.folds import Span
from mooring.runtime.research.training.learn import GENERAL, Task
from mooring.runtime.research.training.pieces import path_of
from mooring.runtime.research.training.workers import Bench, Workers, do_all, do_task
from tests.support.training import plan_of, random_bars

pytestmark = pytest.mark.xdist_group("training")

PLAN = plan_of(horizon=6)
TASKS = [Task(GENERAL, Span(0, 800), Span(800, 900)), Task(0, Span(0, 800), Span(800, 900))]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench")
    data = make_dataset(random_bars(1000, 2), PLAN.labels)
    sha256 = digest(data, ("A-USD", "B-USD"), PLAN.labels)
    return lambda name: _bench(root, keep(data, sha256, root), sha256, name)


def _bench(root, place, sha256, name):
    pieces = root / name
    pieces.mkdir()
    return Bench(dataset=place, digest=sha256, pieces=pieces, plan=PLAN)


def test_a_dask_cluster_makes_the_same_bytes_and_only_what_is_missing(bench):
    here, there = bench("here"), bench("there")
    told = []
    do_all(here, TASKS, Workers(jobs=1), lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (1, 2), (2, 2)]
    kept = path_of(there.pieces, do_task(there, TASKS[1]))
    before = kept.stat().st_mtime_ns
    do_all(there, TASKS, Workers(jobs=1, backend="dask"), lambda *_: None)
    assert {p.name: p.read_bytes() for p in here.pieces.iterdir()} == {
        p.name: p.read_bytes() for p in there.pieces.iterdir()
    }
    assert kept.stat().st_mtime_ns == before


def test_a_scheduler_that_does_not_answer_is_told_and_nothing_is_lost(bench):
    nobody = Workers(jobs=1, backend="dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(Retry) as caught:
        do_all(bench("nobody"), TASKS, nobody, lambda *_: None)
    assert caught.value.code == "no_dask_scheduler"
    assert "kept" in caught.value.money
