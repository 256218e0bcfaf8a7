"""A halt by drawdown is ended once, by the person who asked for it, whatever happens in between."""

from __future__ import annotations

import threading

import pytest
from structlog.testing import capture_logs

from mooring.errors import Unknown
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.replay.recompute import recompute
from mooring.runtime.store.store import Store
from tests.support import core, runs

BARS = core.random_bars(31, 120, 3)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


TIGHT = {"risk": {"drawdown_caution_bps": 1, "drawdown_defensive_bps": 2, "drawdown_halt_bps": 5}}


def until_halted(made):
    for _ in range(110):
        runs.ahead(made, 1)
        if made.status.tier == "halt":
            return
    raise AssertionError("the bars never brought a halt")


def test_a_resume_after_a_drawdown_halt_survives_a_restart_and_is_used_once(tmp_path):
    path, wanted = tmp_path / "m.db", runs.plan(3, **TIGHT)
    with Store.open(path) as store:
        made = runs.make_engine(store, BARS, wanted)
        until_halted(made)
        made.resume()
        assert store.reader().control_state().rebase is True
    with Store.open(path) as store:
        made = runs.make_engine(store, BARS, wanted)
        assert made.status.tier == "halt"  # until the next close
        runs.ahead(made, 1)
        assert made.status.tier != "halt"
        assert made.status.peak == made.status.equity
        assert store.reader().control_state().rebase is False
    with Store.open(path) as store:
        made = runs.make_engine(store, BARS, wanted)
        runs.ahead(made, 1)
        assert [row["rebase"] for row in runs.rows(store, "cycles", made)[-3:]] == [0, 1, 0]
        assert recompute(made._run, store.reader()).agrees


@pytest.mark.parametrize("lost", [True, False], ids=["never written", "written without an answer"])
def test_a_resume_outlives_an_hour_that_was_lost_and_not_one_that_was_only_not_answered(tmp_path, lost):
    class Unanswered:
        """A store that once gives no answer to an hour."""

        def __init__(self, inner):
            self.inner, self.armed = inner, False

        def reader(self):
            return self.inner.reader()

        def commit(self, batch):
            if not (self.armed and batch.hour is not None):
                return self.inner.commit(batch)
            self.armed = False
            if not lost:
                self.inner.commit(batch)
            raise Unknown("commit_unanswered", "No answer.")

    path = tmp_path / "m.db"
    with Store.open(path) as inner:
        store = Unanswered(inner)
        made = runs.make_engine(store, BARS, runs.plan(3, **TIGHT))
        until_halted(made)
        made.resume()
        hours, store.armed = made.status.hours, True
        assert made._feed.wait_closed(threading.Event())
        with capture_logs(), pytest.raises(Unknown):
            made.scan()
        made._feed._clock = ManualClock(core.START, jumps=False)  # no further hour closes
        made.start()
        assert made.status.hours == hours + (0 if lost else 1)
        assert store.reader().control_state().rebase is lost
        made.stop()
        made._feed._clock = runs.market_clock(BARS)
        runs.ahead(made, 2)
        used = [row["rebase"] for row in runs.rows(inner, "cycles", made)]
        assert used.count(1) == 1
        assert used[hours] == 1
        assert recompute(made._run, inner.reader()).agrees
        runs.assert_sound(path, inner)


def test_a_resume_of_one_mode_does_not_end_a_later_halt_of_another(store):
    paper = runs.make_engine(store, BARS, runs.plan(3, **TIGHT))
    until_halted(paper)
    paper.resume()
    shadow = runs.make_engine(store, BARS, runs.plan(3, mode="shadow", **TIGHT))
    assert store.reader().control_state().rebase is False
    until_halted(shadow)
    runs.ahead(shadow, 1)
    assert shadow.status.tier == "halt"
