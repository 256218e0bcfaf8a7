"""A run's record names the locked requirements that are really there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mooring.locked import LOCK_SHA256
from tests.daemon.daemons import running, short_home

BASE = Path(__file__).parents[1] / "requirements/base.txt"


def test_lock_hash_is_that_of_the_locked_requirements() -> None:
    assert hashlib.sha256(BASE.read_bytes()).hexdigest() == LOCK_SHA256, "write it anew: make lock"


def test_each_run_records_it() -> None:
    with short_home() as home, running(home) as it:
        assert it.daemon.trader.run.manifest["lock_hash"] == LOCK_SHA256
        assert it.daemon.trader.run.manifest["bundle"] is None
