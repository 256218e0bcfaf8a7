from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from mooring.control_api.limits import Limits
from mooring.daemon.open_files import WANTED

CODE = """
import resource, sys
from mooring.daemon.open_files import allow_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
print(allow_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [(256, 100_000, WANTED), (256, 1024, 1024), (WANTED, WANTED, WANTED), (8192, 8192, 8192)],
)
def test_a_limit_too_low_is_raised_as_far_as_it_may_be_and_never_lowered(soft: int, hard: int, then: int) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip("this machine allows fewer")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(soft), str(hard)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [str(min(then, WANTED)), str(then), str(hard)]


def test_full_doors_leave_room_for_database_and_venue() -> None:
    assert 2 * Limits().connections + 256 < WANTED
