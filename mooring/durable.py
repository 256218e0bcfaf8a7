"""Files that must outlive a power cut: their bytes and their names on the disk before anybody counts on them."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

# A link that is not followed; a socket, on Linux and on macOS (open(2)).
_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENXIO, errno.EOPNOTSUPP})


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
    try:
        write_new(fresh, data, mode=mode)
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Make a file that was not there, its bytes on the disk; its name is there once its folder is synced.

    Raises:
        OSError: it is there already, or cannot be written whole; what is left of it has to be removed.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        sync(file.fileno())


def read_private(path: Path, most: int) -> bytes | None:
    """The bytes of a file of ours; None where there is none.

    Raises:
        OSError: it cannot be read now; what is in it is unknown.
        ValueError: it is a link, no file, somebody else's, or longer than `most`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _NO_FILE:
            raise ValueError("it is no file of yours") from None
        raise
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            raise ValueError("it is no file of yours")
        data = os.read(descriptor, most + 1)
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise ValueError(f"it is longer than {most} bytes")
    return data


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
