"""Whatever the market did and people pressed, every run of the database comes out again from the database alone."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import core, pasts, runs

HOURS = 120
ACTIONS = st.sampled_from(
    [
        "hours",
        "hours",
        "hours",
        "kill",
        "release",
        "pause",
        "resume",
        "cancel",
        "restart",
        "mode",
        "settings",
        "treasury",
    ]
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database with its schema, to be copied: making one takes longer than a whole past."""
    path = tmp_path_factory.mktemp("empty") / "m.db"
    Store.open(path).close()
    return path


class Person:
    """Presses whatever there is, and restarts the daemon now and then."""

    def __init__(self, path: Any, bars: Any) -> None:
        self._path, self._bars = path, bars
        self._mode, self._over, self._treasury = "paper", 0, runs.TREASURY
        self._open()

    def _open(self) -> None:
        self.store = Store.open(self._path)
        over = pasts.OTHER_SETTINGS[self._over]
        self.made = pasts.engine(self.store, self._bars, mode=self._mode, treasury=self._treasury, **over)

    def _again(self) -> None:
        self.store.close()
        self._open()

    def do(self, action: str, number: int) -> None:
        if action == "hours":
            pasts.ahead(self.made, number)
        elif action == "kill":
            self.made.kill("test")
            pasts.kill_others(self.store, self._mode)
        elif action == "pause":
            self.made.pause("test")
        elif action in {"release", "resume"}:
            getattr(self.made, action)()
        elif action == "cancel":
            self.made.cancel_all()
        else:
            if action == "mode":
                self._mode = "shadow" if self._mode == "paper" else "paper"
            elif action == "settings":
                self._over = number % len(pasts.OTHER_SETTINGS)
            elif action == "treasury":
                costs, transfer = number * core.MONEY, (12 - number) * core.MONEY
                self._treasury = TreasuryParams(monthly_costs=costs, protect=number % 2, minimum_transfer=transfer)
            self._again()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    symbols=st.integers(1, 4),
    script=st.lists(st.tuples(ACTIONS, st.integers(1, 12)), min_size=4, max_size=24),
)
def test_every_run_comes_out_again_from_the_database_alone(empty, tmp_path_factory, seed, symbols, script):
    path = tmp_path_factory.mktemp("past") / "m.db"
    shutil.copy(empty, path)
    person = Person(path, core.random_bars(seed, HOURS, symbols))
    try:
        for action, number in [*script, ("hours", 5)]:
            person.do(action, number)
    finally:
        person.store.close()
    found = pasts.replayed(path)
    assert [str(one) for run in found for one in run.differences] == []
    report = verify(path)
    assert report.ok, report.breaks
    assert sum(run.hours for run in found) == report.heads["manifests"].count


def test_a_past_with_everything_in_it_comes_out_again(tmp_path):
    path = tmp_path / "m.db"
    pasts.eventful(path, core.random_bars(61, 400, 3))
    found = pasts.replayed(path)
    assert [str(one) for run in found for one in run.differences] == []
    with Store.open(path) as store:
        reader = store.reader()
        reasons = Counter(
            (row["status"], row["reason"])
            for run in found
            for row in reader.scan("order_events", run.run_id)
            if row["status"] == "CANCELLED"
        )
        accounts = {row["account_id"] for row in reader.page("runs", limit=500).items}
        flags = [row for run in found for row in reader.scan("cycles", run.run_id)]
    # Else this test would prove little.
    assert {("CANCELLED", ""), ("CANCELLED", "killed"), ("CANCELLED", "run_ended")} <= reasons.keys()
    assert len(accounts) >= 3
    assert {run.mode for run in found} == {"paper", "shadow"}
    for name in ("kill", "paused", "cancel_all", "rebase", "flatten"):
        assert any(row[name] for row in flags), name
