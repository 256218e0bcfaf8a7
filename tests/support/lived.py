"""A small database in which every table has rows: real engine, trades, two runs of one account, people's doings.

Before it stands a made-up account that traded live, whose fourth hour is open.
"""

from __future__ import annotations

from pathlib import Path

from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from tests.runtime.store import book
from tests.support import core, runs

FIRST_HOURS, MORE_HOURS = 14, 3
BARS = core.random_bars(67, FIRST_HOURS + MORE_HOURS, 3, missing=0.05, silent=0.05)


def make(path: Path) -> Path:
    """Live through it in a new file."""
    with Store.open(path) as store:
        for batch in (book.begin(), book.hour(0), book.hour(1), book.hour(2), book.between(3)):
            store.commit(batch)
        made = runs.make_engine(store, BARS)
        with runs.stopping(made):
            runs.ahead(made, FIRST_HOURS - 4)
            made.pause("test of the pause")
            runs.ahead(made, 1)
            made.resume()
            made.audit("cli", "pause", "test of the pause", "ok")
            runs.ahead(made, 1)
            made.kill("test of the kill switch")
            runs.ahead(made, 1)
            made.release()
            made.audit("cli", "kill", "test of the kill switch", "ok")
            _said_by_others(store, made.status.run_id)
            runs.ahead(made, 1)
        rest = runs.make_engine(store, BARS, runs.plan(3, risk={"max_open_positions": 9}))
        assert rest.status.run_id != made.status.run_id
        with runs.stopping(rest):
            runs.ahead(rest, MORE_HOURS)
        few = {name: head.count for name, head in store.reader().heads().items() if head.count < 2}
    assert not few, few
    return path


def _said_by_others(store: Store, run_id: str) -> None:
    """Rows of tables that the engine writes to rarely, or that other organs write."""
    hour = store.reader().latest_state(run_id)
    assert hour is not None
    of_hour = {"run_id": run_id, "hour_ts_utc": hour.hour_ts_utc}
    rows = [("bundle_events", {"at": runs.NOW + n, "kind": "checked", "bundle_id": "b", "detail": "é"}) for n in (1, 2)]
    for n in range(3):
        alert = {"alert_id": f"said-{n}", "severity": "warning", "code": "test", "text": f"hour {n}, ok é"}
        rows.append(("alerts", of_hour | alert))
    rows += [("alert_acks", {"alert_id": f"said-{n}", "at": runs.NOW + n, "actor": "cli"}) for n in (0, 2)]
    store.commit(Batch(rows=rows))
