"""Runs in an interpreter of its own: victims that kill themselves at the nth statement of the one who writes.

    python -m tests.faults.statements PART FIRST STEP CHECKED PLACE PLACE...

Each place holds the beginning of the part; the nth place is for a victim that dies at statement FIRST + (n - 1) * STEP. It
prints a line of JSON for each: how the victim ended, and where the run came to that was taken up after it, each CHECKEDth
time with what a check of the whole database found. It ends with the first victim that came through to its end.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from sqlalchemy import Engine, StaticPool, event

from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.runtime.store.verify import verify
from tests.support import history, runs

# Hours after which each part begins and ends, None for no database at all; orders are filled in the busy ones.
PARTS = {"a new database": (None, 1), "opening a run": (0, 1), "busy hours": (14, 17), "an hour or two": (15, 17)}
CANCEL_AFTER = 16


def begin(place: Place, part: str) -> None:
    """Write the beginning of a part, with an alert in it that nobody has seen."""
    hours, _ = PARTS[part]
    if hours is None:
        return
    with Store.open(place) as store:
        if hours == 0:
            return
        made = history.engine(store)
        runs.ahead(made, hours)
        store.commit(Batch(rows=[made._cycle.alert_row(made._next_hour(), "info", "test", "Look at this.")]))


def drive(place: Place, part: str) -> dict[str, Any]:
    """Do what is left of a part: hours, orders cancelled by hand, an alert acknowledged; where all chains stand."""
    _, hours = PARTS[part]
    with Store.open(place) as store:
        made = history.engine(store)
        while made.status.hours < hours:
            if made.status.hours == CANCEL_AFTER and not made._cycle.cancelled_since_close:
                assert made.cancel_all() > 0
            if made.status.hours == CANCEL_AFTER:
                _acknowledge(store)
            runs.ahead(made, 1)
        # How often a process was started is no part of the run.
        return {name: head for name, head in store.reader().heads().items() if name != "run_events"}


def _acknowledge(store: Store) -> None:
    alert = store.reader().find("alerts", code="test")
    assert alert is not None
    if alert["acknowledged_at"] is None:
        row = {"alert_id": alert["alert_id"], "at": runs.NOW, "actor": "test"}
        store.commit(Batch(rows=[("alert_acks", row)]))


def kill_at(statement: int) -> None:
    """Die before the nth statement of a writer's connection, its commits counted too."""
    seen = 0

    def count(connection: Any) -> None:
        nonlocal seen
        if isinstance(connection.engine.pool, StaticPool):
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), 9)

    event.listen(Engine, "before_cursor_execute", lambda connection, *_: count(connection))
    event.listen(Engine, "commit", count)


def main(part: str, first: int, step: int, checked: int, places: list[Place]) -> None:
    for number, place in enumerate(places):
        if (victim := os.fork()) == 0:
            kill_at(first + number * step)
            drive(place, part)
            os._exit(0)
        end = os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1])
        heads = {name: list(vars(head).values()) for name, head in drive(place, part).items()}
        breaks = [str(one) for one in verify(place).breaks] if number % checked == 0 else []
        said = {"end": end, "heads": heads, "breaks": breaks}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        if end == 0:
            return


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), places=[Place.of(stated) for stated in sys.argv[5:]])
