"""Runs in an interpreter of its own: an engine whose disk fails after n more changes.

    LD_PRELOAD=dying.so python -m tests.faults.failing THEN SYNCS PLACE ERRNO N [PLACE ERRNO N]...

THEN it works again, and the process `goes-on`; or the process `dies` as it is. Where SYNCS is 1, only syncs count.
It prints a line of JSON for each: what the engine said, and how many hours there were in the end.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

import structlog

from mooring.runtime.store.store import Store
from tests.support import history, runs

HOURS = 14


def fail(then: str, syncs: int, place: Path, error: int, changes: int) -> None:
    library = ctypes.CDLL(None)
    told = runs.Told()
    with Store.open(place) as store:
        made = history.engine(store, told=told)
        runs.ahead(made, HOURS - made.status.hours)
        library.failing_after(ctypes.c_long(changes), error, syncs)
        made.start()
        assert made.wait_finished(runs.WAIT_S)
        library.failing_after(ctypes.c_long(0), 0, 0)
        said = {"state": made.status.state, "hours": made.status.hours, "alerts": told.alerts}
        said["stored"] = store.reader().count("manifests")
        if then == "goes-on":
            runs.run_out(made)
        sys.stdout.write(json.dumps(said | {"ended": made.status.hours}) + "\n")
        sys.stdout.flush()
        if then == "dies":
            os.kill(os.getpid(), 9)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    then, syncs, *given = sys.argv[1:]
    for path, error, changes in zip(given[::3], given[1::3], given[2::3], strict=True):
        if (child := os.fork()) == 0:
            fail(then, int(syncs), Path(path), int(error), int(changes))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == {"goes-on": 0, "dies": -9}[then]
