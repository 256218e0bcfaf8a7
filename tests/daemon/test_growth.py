"""A daemon that does hour after hour holds no more than before: everything it keeps in memory has a limit."""

from __future__ import annotations

import gc
import sys

from tests.daemon.daemons import running, short_home

FEW, MANY = 200, 600  # what keeps a bounded number of things is full by the first
MOST = 1000  # blocks; two daemons of as many hours differ by some 300, and a row of each hour would be thousands


def held_after(hours: int) -> int:
    """Blocks of memory in use while a daemon is there that did so many hours, and was asked about them."""
    with short_home() as home, running(home, hours=hours) as it:
        it.finish()
        assert it.client.status().cycles == hours
        it.client.health()
        gc.collect()
        return sys.getallocatedblocks()


def test_four_hundred_hours_more_leave_nothing_more_behind() -> None:
    # What a process keeps of each daemon that it made, of which there is one outside of tests, is taken off.
    first, second, long = held_after(FEW), held_after(FEW), held_after(MANY)
    assert abs((long - second) - (second - first)) < MOST
