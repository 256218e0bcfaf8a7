"""Files that must outlive a power cut: their bytes and their names on the disk before anybody counts on them."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def sync(descriptor: int) -> None:
    """Have what was written through a descriptor on the disk.

    Raises:
        OSError: the disk refuses.
    """
    full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone may leave data in the drive's cache
    if full is not None:
        with suppress(OSError):  # not every file system can
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)


def sync_file(path: Path) -> None:
    """Have a file's bytes on the disk. Not for a database that this process has open: closing it drops its locks.

    Raises:
        OSError: it cannot be opened, or the disk refuses.
    """
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk; errors as `sync_file`."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Give a file these bytes, whole or not at all. One writer at a time: what it writes into has a fixed name.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
