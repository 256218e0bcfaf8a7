"""What this process may do, as its own system limits say it."""

from __future__ import annotations

import resource
from contextlib import suppress

from mooring.daemon.open_files import allow_open_files


def limit_process() -> None:
    """The limits of a daemon."""
    no_core_dumps()
    allow_open_files()


def no_core_dumps() -> None:
    """Have no crash write the memory down, which holds keys and tokens; for this process and those that it starts."""
    with suppress(OSError, ValueError):  # less than that no system refuses, and a daemon must not fail by it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
