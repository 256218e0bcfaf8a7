"""A whole training: a planted signal is found and kept, chance is not, and whatever ends it the result is the same."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mooring.bundles.format.build import build_bundle
from mooring.errors import Conflict, Denied, Invalid
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.market.universe import instruments
from mooring.runtime.research.training import learn as learn_module
from mooring.runtime.research.training import train as module
from mooring.runtime.research.training.train import Request, train
from mooring.runtime.research.training.workers import Workers
from mooring.settings import Settings
from tests.support.training import plan_of, trending_bars

pytestmark = pytest.mark.xdist_group("training")

LISTED = instruments(["BTC-USDT", "ETH-USDT", "SOL-USDT"])
COSTS = Settings.model_validate({"costs": {"taker_fee_ppm": 1000, "maker_fee_ppm": 500}})
HOURS = 2600
ROOT = Path(__file__).resolve().parents[4]


def request(root, **over):
    figures = {
        "bars": trending_bars(HOURS, 3, seed=4),
        "instruments": LISTED,
        "plan": plan_of(cost_ppm=1500),
        "settings": COSTS,
        "out": root / "run",
        "work": root / "work",
        "workers": Workers(jobs=1),
        "commit": "0" * 40,
    }
    return Request(**(figures | over))


def quiet(_phase, _done, _total):
    """Nobody listens."""


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def build(run, out):
    return build_bundle(
        run,
        channel="canary",
        seq=1,
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        valid_until=datetime(2027, 5, 1, tzinfo=UTC),
        out=out,
    )


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A training on a market with a signal in it; what progress said is on it."""
    root = tmp_path_factory.mktemp("planted")
    told = []
    done = train(request(root), ManualClock(0), lambda *said: told.append(said))
    return root, done, told


def test_a_signal_that_is_there_is_found_and_every_gate_kept(planted):
    _, done, told = planted
    assert done.passed, [verdict for verdict in done.verdicts if not verdict.kept]
    figures = done.report["figures"]
    assert float(figures["auc.mean"]) > 0.7
    assert float(figures["net_return.mean"]) > 0.01
    assert float(figures["trades.sum"]) >= 30
    assert [phase for phase, done, total in told if done == total] == ["data", "learn", "judge", "write"]


def test_a_bundle_is_built_of_the_run_and_offers_the_summary(planted, tmp_path):
    root, done, _ = planted
    built = build(root / "run", tmp_path / "b.zip")
    assert built.custom["evaluation"] == done.report["summary"]
    assert built.custom["notes"].startswith("Model 2021-0")
    assert set(done.report["summary"]) >= {"net_return", "uncertainty", "folds", "worst_drawdown", "baseline"}
    assert sorted(json.loads((root / "run/run.json").read_bytes())["strategy"]["parameters"]) == [
        "signals.model_down_score",
        "signals.model_full_score",
        "signals.model_up_score",
        "strategy.entry_score",
        "strategy.exit_score",
        "strategy.stop_atr_percent",
        "strategy.target_atr_percent",
    ]


@pytest.mark.parametrize("seed", [1])
def test_shuffled_labels_show_no_skill_and_no_bundle_is_built_of_them(tmp_path, monkeypatch, seed):
    """The same features and prices; which hour earned what is drawn by lot."""
    real = module.make_dataset

    def shuffled(bars, plan):
        data = real(bars, plan)
        order = np.arange(len(data.row))
        known = np.flatnonzero(data.known)
        order[known] = np.random.default_rng(seed).permutation(known)
        return data._replace(outcome=data.outcome[order], net=data.net[order], forward=data.forward[order])

    monkeypatch.setattr(module, "make_dataset", shuffled)
    done = train(request(tmp_path), ManualClock(0), quiet)
    missed = {verdict.gate.metric for verdict in done.verdicts if not verdict.kept}
    assert "sure_gain.mean" in missed
    assert abs(float(done.report["figures"]["auc.mean"]) - 0.5) < 0.05
    with pytest.raises(Denied) as caught:
        build(tmp_path / "run", tmp_path / "b.zip")
    assert caught.value.code == "bundle_gates_missed"


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.runtime.research.training import test_train as t
from mooring.runtime.market.clock import ManualClock
def told(phase, done, total):
    if phase == "learn" and done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
t.train(t.request(Path({place!r})), ManualClock(0), told)
"""


def test_killed_in_the_middle_it_goes_on_and_comes_to_the_same_bytes(planted, tmp_path, monkeypatch):
    text = KILLED.format(root=str(ROOT), place=str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=False, capture_output=True)
    assert ended.returncode == -9, ended.stderr[-500:]
    assert not (tmp_path / "run").exists()
    left = sorted(piece.name for piece in (tmp_path / "work/pieces").iterdir())
    assert len(left) == 5
    torn = tmp_path / "work/pieces" / left[0]
    torn.write_bytes(torn.read_bytes()[:-1])

    made = []
    real = learn_module.learn

    def counted(task, plan, data):
        made.append(task)
        return real(task, plan, data)

    monkeypatch.setattr("mooring.runtime.research.training.workers.learn", counted)
    train(request(tmp_path), ManualClock(0), quiet)
    assert len(made) == 16 - 4
    assert contents(tmp_path / "run") == contents(planted[0] / "run")


def test_processes_beside_this_one_come_to_the_same_bytes(planted, tmp_path):
    train(request(tmp_path, workers=Workers(jobs=2)), ManualClock(0), quiet)
    assert contents(tmp_path / "run") == contents(planted[0] / "run")


def test_the_same_again_does_nothing_twice_and_another_run_is_not_replaced(planted, tmp_path):
    root, _, _ = planted
    before = contents(root)
    train(request(root), ManualClock(0), quiet)
    assert contents(root) == before
    with pytest.raises(Conflict) as caught:
        train(request(root, version="other"), ManualClock(0), quiet)
    assert caught.value.code == "training_run_exists"
    assert contents(root) == before
    assert not (root / "run.part").exists()


def test_two_trainings_do_not_share_a_work_folder(tmp_path):
    with module._alone(tmp_path), pytest.raises(Conflict) as caught:
        train(request(tmp_path, work=tmp_path), ManualClock(0), quiet)
    assert caught.value.code == "training_busy"


def test_without_the_libraries_it_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(learn_module.importlib.util, "find_spec", lambda name: None if name == "lightgbm" else object())
    with pytest.raises(Invalid) as caught:
        train(request(tmp_path), ManualClock(0), quiet)
    assert caught.value.code == "research_missing"
    assert "`make setup`" in caught.value.todo
