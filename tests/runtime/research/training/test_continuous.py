"""Training again and again: what keeps every gate is published once, what does not is told, and a failure is no end."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from mooring.errors import Conflict
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.market.times import utc_text
from mooring.runtime.market.universe import instruments
from mooring.runtime.research.training import continuous as module
from mooring.runtime.research.training.continuous import RUNS_KEPT, Routine, go_round, keep_on
from mooring.runtime.research.training.gates import Gate, Verdict
from mooring.runtime.research.training.train import Request, Trained
from mooring.runtime.research.training.workers import Workers
from mooring.settings import Settings
from tests.support.training import plan_of, random_bars

SAID = Verdict(Gate("sure_gain.mean", ">", "0"), Decimal("0.01"), kept=True)
MISSED = Verdict(Gate("sure_gain.mean", ">", "0"), Decimal("-0.002"), kept=False)


@dataclass
class Stage:
    """A routine whose bars, trainings and publications are told what to do."""

    root: object
    hours: int = 300
    verdicts: tuple[Verdict, ...] = (SAID,)
    baselines: tuple[Verdict, ...] = (SAID,)
    published: list[str] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)
    refuse: bool = False

    def load(self):
        return random_bars(self.hours, 1)

    def train(self, request, _clock, _told):
        self.trained.append(request.version)
        request.out.mkdir(parents=True)
        return Trained(
            out=request.out, version=request.version, verdicts=self.verdicts, baselines=self.baselines, report={}
        )

    def publish(self, run):
        if self.refuse:
            raise Conflict("publisher_busy", "Another command works there.", todo="Wait.")
        self.published.append(run.name)
        return f"mooring-core@{len(self.published)}"

    def routine(self):
        request = Request(
            bars=self.load(),
            instruments=instruments(["BTC-USDT"]),
            plan=plan_of(),
            settings=Settings(),
            out=self.root,
            work=self.root / "work",
            workers=Workers(),
        )
        return Routine(request=request, load=self.load, publisher=self, every_hours=24)

    def round(self):
        return go_round(self.routine(), ManualClock(0), lambda *_: None)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    made = Stage(tmp_path)
    monkeypatch.setattr(module, "train", made.train)
    return made


def test_what_keeps_every_gate_is_published_once_for_the_same_hours(stage):
    done = stage.round()
    assert (done.outcome, done.said) == ("published", "mooring-core@1")
    assert stage.published == stage.trained == [done.version] == ["2021-05-24-12"]
    assert stage.round().outcome == "nothing new"
    assert len(stage.published) == len(stage.trained) == 1
    stage.hours += 1
    assert stage.round().said == "mooring-core@2"


def test_a_missed_gate_is_told_with_its_figure_and_publishes_nothing(stage):
    stage.verdicts = (SAID, MISSED)
    done = stage.round()
    assert done.outcome == "gates missed"
    assert done.missed == ("sure_gain.mean -0.002, wanted > 0",)
    assert stage.published == []
    assert stage.round().outcome == "nothing new"


def test_what_keeps_every_gate_and_does_not_beat_the_baselines_is_not_published_by_itself(stage):
    stage.baselines = (Verdict(Gate("excess_return.sure", ">", "0"), Decimal("-0.01"), kept=False),)
    done = stage.round()
    assert (done.outcome, done.missed) == ("baselines missed", ("excess_return.sure -0.01, wanted > 0",))
    assert stage.published == []


def test_a_publication_that_failed_is_tried_again_and_ends_nothing(stage, tmp_path):
    stage.refuse = True
    failed = stage.round()
    assert failed.outcome == "failed"
    assert "publisher_busy" in failed.said
    stage.refuse = False
    (tmp_path / "runs" / failed.version).rmdir()
    assert stage.round().outcome == "published"


def test_bars_that_cannot_be_read_end_the_round_and_not_the_routine(stage, monkeypatch):
    def broken():
        raise OSError(5, "Input/output error")

    routine = stage.routine()
    monkeypatch.setattr(stage, "load", broken)
    routine = Routine(request=routine.request, load=broken, publisher=stage, every_hours=24)
    done = go_round(routine, ManualClock(0), lambda *_: None)
    assert (done.outcome, done.said, done.version) == ("failed", "Input/output error", "")


def test_rounds_begin_so_many_hours_apart_are_noted_and_only_the_newest_runs_are_kept(stage, tmp_path):
    clock, stop, said = ManualClock(0), threading.Event(), []

    def heard(done):
        said.append(done)
        stage.hours += 24
        if len(said) == RUNS_KEPT + 3:
            stop.set()

    keep_on(stage.routine(), clock, lambda *_: None, heard, stop)
    assert [done.at for done in said] == [utc_text(24 * 3600 * day) for day in range(RUNS_KEPT + 3)]
    noted = [json.loads(line) for line in (tmp_path / "rounds.jsonl").read_text().splitlines()]
    assert [row["version"] for row in noted] == stage.trained
    assert sorted(run.name for run in (tmp_path / "runs").iterdir()) == stage.trained[-RUNS_KEPT:]


def test_without_a_publisher_what_passes_is_kept(stage):
    routine = stage.routine()
    alone = Routine(request=routine.request, load=stage.load, publisher=None, every_hours=24)
    assert go_round(alone, ManualClock(0), lambda *_: None).outcome == "kept"


def test_who_wants_it_to_end_waits_for_no_round_and_nothing_of_it_is_published(stage, tmp_path, monkeypatch):
    stop, said = threading.Event(), []

    def train(request, clock, told):
        done = stage.train(request, clock, told)
        told("learn", 1, 9)
        stop.set()  # in the middle of a round
        told("learn", 2, 9)
        return done

    monkeypatch.setattr(module, "train", train)
    keep_on(stage.routine(), ManualClock(0), lambda *_: None, said.append, stop)
    assert len(stage.trained) == 1
    assert (stage.published, said) == ([], [])
    assert not (tmp_path / "finished.json").exists()  # another call goes on with it
