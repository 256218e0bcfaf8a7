"""Runs in an interpreter of its own: victims that kill themselves at the nth change of a file.

    LD_PRELOAD=dying.so python -m tests.faults.writes WHAT STEP TORN BACKUP PLACE...

The nth place is for a victim that dies at change 1 + (n - 1) * STEP. It prints how each ended, and ends with the first that
came through to its end.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

from mooring.runtime.store.restore import Wish, restore
from mooring.runtime.store.store import Store
from tests.support import history, runs

HOURS = 3
LOG_PAGES = 20  # so small that every hour's commit moves the log into the file


def do_hours(place: Path, _backup: Path, arm: Any) -> None:
    """Some hours, each with a checkpoint, and an orderly end."""
    with Store.open(place) as store:
        with store._writer._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        made = history.engine(store)
        arm()
        runs.ahead(made, HOURS)


def do_restore(place: Path, backup: Path, arm: Any) -> None:
    """Go back to a backup; what is copied before anything is decided is not counted."""
    restore(
        backup,
        place,
        Wish(now=5, actor="test", older=True),
        fault=lambda point: arm() if point == "proved" else None,
    )


def main(what: str, step: int, torn: int, backup: Path, places: list[Path]) -> None:
    act = {"hours": do_hours, "restore": do_restore}[what]
    library = ctypes.CDLL(None)
    for number, place in enumerate(places):
        if (victim := os.fork()) == 0:
            nth = 1 + number * step
            act(place, backup, lambda nth=nth: library.dying_at(ctypes.c_long(nth), torn))
            os._exit(0)
        end = os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1])
        sys.stdout.write(f"end {end}\n")
        sys.stdout.flush()
        if end == 0:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), [Path(one) for one in sys.argv[5:]])
