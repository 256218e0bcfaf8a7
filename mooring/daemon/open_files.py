"""How many files and connections this process may have open.

A Mac allows 256 unless asked, and the doors of the control API alone may hold more connections: whoever fills them must
not keep the database or the venue from being reached.
"""

from __future__ import annotations

import resource
from typing import Final

WANTED: Final = 4096


def allow_open_files(wanted: int = WANTED) -> int:
    """Raise the process's own limit as far as the system lets it, up to `wanted`; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # a system may allow less than it says: then it stays as it was
        return soft
    return allowed
