"""What a daemon says before its own log begins: launchd adds to that file for ever, every ten seconds at worst."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

MOST: Final = 1_048_576


def bound(stream: TextIO, file: Path) -> None:
    """Begin the file anew where it has grown beyond MOST bytes.

    Args:
        file: what is to be bounded; a stream that goes anywhere else, as to a file of the person's own, is left.
    """
    with suppress(OSError):  # that it has no descriptor is one too
        descriptor = stream.fileno()
        facts = os.fstat(descriptor)
        ours = stat.S_ISREG(facts.st_mode) and os.path.samestat(facts, file.lstat())
        if ours and facts.st_size > MOST:
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
