"""The end of a process whose threads wait for others: who ends a daemon does not wait for these."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mooring.cli import leaving
from mooring.cli.leaving import leave

ROOT = Path(__file__).parents[2]
# A pool's threads are joined by Python also where they are daemon threads, as those are that a daemon thread makes.
STUCK = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from mooring.cli.leaving import leave
begun = threading.Event()
def wait():
    begun.set()
    threading.Event().wait()
def work():
    ThreadPoolExecutor().submit(wait)
    threading.Event().wait()
threading.Thread(target=work, daemon=True).start()
begun.wait()
sys.stdout.write("said")
leave(7)
sys.exit(7)
"""


def test_a_process_whose_pool_waits_for_others_ends_with_its_very_status_and_loses_no_word() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "said", "")


def test_a_process_that_waits_for_nobody_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "GRACE_SECONDS", 60.0)
    kept: list[Callable[[], object]] = []
    leave(0, ends=lambda _: pytest.fail("it was not waited for"), at_exit=kept.append)
    (leaver,) = (one for one in threading.enumerate() if one.name == "leaving")
    kept[0]()
    leaver.join(30)
    assert not leaver.is_alive()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
def test_words_that_nobody_takes_change_no_status() -> None:
    code = "import sys; from mooring.cli.leaving import leave; sys.stdout.write('said'); leave(0)"
    environ = {**os.environ, "PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environ, stdout=full, stderr=full, timeout=60, check=False
        )
    assert done.returncode == 0
