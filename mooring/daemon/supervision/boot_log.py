"""What a daemon says before its own log begins: launchd adds to that file for ever, every ten seconds at worst."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final, TextIO

MOST: Final = 1_048_576


def bound(stream: TextIO) -> None:
    """Begin the file anew where it has grown beyond MOST bytes; no effect on what is no file."""
    with suppress(OSError):  # that it has no descriptor is one too
        descriptor = stream.fileno()
        facts = os.fstat(descriptor)
        if stat.S_ISREG(facts.st_mode) and facts.st_size > MOST:
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
