"""What every fault must come to: a halt with an alert that says what to do, and no hour that is there by half."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mooring.runtime.engine.engine import Engine
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import history, runs


def run_into_a_halt(made: Engine, told: runs.Told, *codes: str) -> str:
    """Do hours until the engine halts itself; the code of the alert it gave."""
    made.start()
    assert made.wait_finished(runs.WAIT_S)
    assert made.status.state == "halted"
    severity, code = told.alerts[-1]
    assert severity == "critical"
    assert code in codes
    assert len(made.status.state_reason) > 40, "it must say what happened, what it means and what to do"
    return code


def end_of(place: Path | Place) -> dict[str, Any]:
    """Take the run up as a new process does, do every hour there is; where it comes to, alerts left out."""
    with Store.open(place) as store:
        found = runs.outcome(store, runs.run_out(history.engine(store)))
        if isinstance(place, Path):
            runs.assert_sound(place, store)
        else:
            assert verify(place).ok
    del found["heads"], found["counts"]["alerts"]
    return found


def hours_of(path: Path) -> int:
    """Hours in a database that holds."""
    report = verify(path)
    assert report.ok, [str(one) for one in report.breaks]
    return report.heads["manifests"].count


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """A file system of so many KiB, mounted on a folder."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
