"""What tests of compiled runs share."""

from __future__ import annotations

import fcntl
from typing import Any

import pytest

from mooring.runtime.market.clock import ManualClock
from mooring.runtime.research.backtest import prepare_loop
from tests.support.core import machine, random_bars


@pytest.fixture(scope="session")
def compiled_loop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The compiled loop of the usual producers; its types are the same for every universe and all parameters.

    Compiling takes a quarter of a minute of one processor: the first process that asks does it, and the others read
    what it kept, as backtests do.
    """
    with (tmp_path_factory.getbasetemp().parent / "compiled.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        loop, _ = prepare_loop(machine(2), random_bars(1, 1, 2), ManualClock(0), compiled=True)
    return loop
