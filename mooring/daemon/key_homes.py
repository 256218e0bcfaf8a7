"""Which home of this user has which key: for a warning, as two homes with one key refuse each other's orders.

A note beside the locks of keys, named by the key's fingerprint; it holds a path and nothing of the key.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from mooring.durable import read_private, replace_file

_PATH_MOST: Final = 4096


def claim(directory: Path, fingerprint: str, home: Path) -> None:
    """Write down which home a key was connected for; best effort, as it is for a warning only."""
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(directory / f"kraken-{fingerprint}.home", os.fsencode(home))


def unclaim(directory: Path, fingerprint: str, home: Path) -> None:
    """Forget that a key was connected for a home; a note that another home has made since stays."""
    file = directory / f"kraken-{fingerprint}.home"
    with suppress(OSError, ValueError):
        if read_private(file, _PATH_MOST) == os.fsencode(home):
            file.unlink(missing_ok=True)


def other_home(directory: Path, fingerprint: str, home: Path) -> str:
    """Another home that a key was connected for and that is still there; empty where there is none."""
    with suppress(OSError, ValueError):
        noted = read_private(directory / f"kraken-{fingerprint}.home", _PATH_MOST)
        if noted is not None and noted != os.fsencode(home) and os.path.isdir(noted):  # noqa: PTH112 -- bytes
            return os.fsdecode(noted)
    return ""
