"""Die by SIGKILL at any point of any write, start again: the run is the one that nothing ever interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mooring.runtime.replay.recompute import recompute
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.store import Store
from tests.support import core, runs

pytestmark = pytest.mark.sampled

ROOT = Path(__file__).parents[3]
HOURS = 36
BARS = core.random_bars(10, HOURS, 3, missing=0.1, silent=0.1)
WANTED = {"risk": {"drawdown_caution_bps": 1, "drawdown_defensive_bps": 2, "drawdown_halt_bps": 8}}
# What a person does, by hour; doing it again after a restart must change nothing.
SCRIPT = {10: "kill", 13: "release", 18: "cancel_all", 22: "pause", 25: "resume"}
BETWEEN = ("hour_done", "status_changed")
# No run on paper writes these: what people do, what only a venue tells, and what there are no models and bundles for yet.
NEVER = {"control_actions", "alert_acks", "model_outputs", "bundle_events", "venue_fills", "movements", "reconciles"}
# Tables that every hour writes die in their nth write; the others whenever there is one.
POINTS = [
    *((point, n) for point in ("before-begin", "before-commit", "after-commit") for n in (1, 2, 8, 13, 16, 21, 27)),
    *((f"after-table:{table.name}", 1) for table in EVIDENCE if table.name not in NEVER),
    *((f"after-table:{name}", 12) for name in ("bars", "order_events", "manifests")),
    *((point, n) for point in BETWEEN for n in (1, 11, 25)),
]
# One interpreter forks a victim for each point: starting Python anew each time would take most of the test.
CHILD = """
import os, pathlib, sys
from tests.runtime.engine import test_crash
root = pathlib.Path(sys.argv[1])
for number, (point, nth) in enumerate(test_crash.POINTS):
    if (victim := os.fork()) == 0:
        test_crash.die_at(root / f"{number}.db", point, nth)
        os._exit(0)
    print(number, os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1]), flush=True)
"""


class Killer:
    """Kills this very process at the nth time that a point is passed."""

    def __init__(self, point, nth):
        self.point, self.left = point, nth

    def __call__(self, at):
        self.left -= at == self.point
        if self.left == 0:
            import os  # noqa: PLC0415 -- in the victim only

            os.kill(os.getpid(), 9)


class KilledListener(runs.Told):
    """Dies after an hour is durable and before or while anybody hears of it."""

    def __init__(self, killer):
        super().__init__()
        self.killer = killer

    def hour_done(self, done):
        self.killer("hour_done")

    def status_changed(self, status):
        self.killer("status_changed")


def drive(store, told=None):
    """The whole run with all that people do in it, from wherever it stands."""
    made = runs.make_engine(store, BARS, runs.plan(3, **WANTED), told=told)
    while not made.status.ended:
        action = SCRIPT.get(made.status.hours)
        if action == "cancel_all" and made._cycle.cancelled_since_close:
            action = None  # done before the crash
        if action in {"kill", "pause"}:
            getattr(made, action)("test")
        elif action:
            getattr(made, action)()
        runs.ahead(made, 1)
    return made


def die_at(path, point, nth):
    """Run until the killer strikes."""
    killer = Killer(point, nth)
    with Store.open(path, fault=killer) as store:
        drive(store, KilledListener(killer))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed") / "m.db"
    with Store.open(path) as store:
        made = drive(store)
        found = runs.outcome(store, made)
        states = {row["status"] for row in runs.rows(store, "order_events", made)}
    assert found["hours"] == HOURS
    assert {"FILLED", "CANCELLED", "EXPIRED", "OPEN"} <= states
    assert found["counts"]["alerts"] >= 1
    assert found["counts"]["trades"] >= 4
    return found


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """(folder, how each victim ended)"""
    root = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(root)], cwd=ROOT, timeout=240, check=True, capture_output=True, text=True
    )
    return root, [line.split()[1] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("number", range(len(POINTS)), ids=[f"{point}-{nth}" for point, nth in POINTS])
def test_a_run_cut_by_kill_9_and_resumed_equals_the_undisturbed_run(killed, wanted, number):
    root, ends = killed
    assert ends[number] == "-9", "the point was never passed"
    path = root / f"{number}.db"
    with Store.open(path) as store:
        before = store.reader().heads()["manifests"].count
        made = drive(store)
        assert before < made.status.hours
        assert runs.outcome(store, made) == wanted
        assert recompute(made._run, store.reader()).agrees
        runs.assert_sound(path, store)


def test_a_run_killed_again_and_again_equals_the_undisturbed_run(tmp_path, wanted):
    path = tmp_path / "m.db"
    child = (
        "import os, pathlib, sys\n"
        "from tests.runtime.engine import test_crash\n"
        "for nth in range(2, 14):\n"
        "    point = ('before-commit', 'after-commit', 'after-table:bars')[nth % 3]\n"
        "    if os.fork() == 0:\n"
        "        test_crash.die_at(pathlib.Path(sys.argv[1]), point, nth // 3 + 2)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
    )
    subprocess.run([sys.executable, "-c", child, str(path)], cwd=ROOT, timeout=240, check=True)
    with Store.open(path) as store:
        begun = store.reader().heads()["manifests"].count
        assert 0 < begun < HOURS
        made = drive(store)
        assert runs.outcome(store, made) == wanted
        runs.assert_sound(path, store)
