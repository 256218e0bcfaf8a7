"""Files that must be there whole after a power cut: written beside their place, synced, then moved into it."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mooring.durable import sync_file, sync_folder
from mooring.errors import Conflict, Invalid

# What a file system answers that knows no second name for a file: exFAT and some network disks. ENOTSUP is what link(2)
# of macOS says, where it is another number than EOPNOTSUPP.
NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES})
SIDE_FILES: Final = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database
PART: Final = ".mooring-part-"  # begins the names of files that are not whole yet


@contextmanager
def file_beside(folder: Path) -> Iterator[Path]:
    """An empty private file in a folder, to be filled and moved away; removed at the end where it is still there.

    Raises:
        Conflict: another process fills one there.
        OSError: it cannot be made.
    """
    with _alone_in(folder) as alone:
        if alone:  # so that those who were killed leave nothing that grows
            _remove(*folder.glob(f"{PART}*"))
        descriptor, name = tempfile.mkstemp(prefix=PART, dir=folder)
        os.close(descriptor)
        path = Path(name)
        try:
            yield path
        finally:
            _remove(path, *(path.with_name(path.name + end) for end in SIDE_FILES))


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Keep other processes from doing the same in a folder; False where the file system cannot."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _locked(descriptor, folder)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, folder: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(
            "backup_running",
            f"Another backup is being made in {folder}.",
            money="Nothing was written.",
            todo="Wait until it is done.",
        ) from None
    except OSError:
        return False
    return True


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def write_into_place(place: Path, data: bytes, *, force: bool = False) -> None:
    """Write a small private file whole, or not at all; errors as `file_beside` and `move_into_place`."""
    with file_beside(place.parent) as part:
        part.write_bytes(data)
        sync_file(part)
        move_into_place(part, place, force=force)


def move_into_place(made: Path, place: Path, *, force: bool = False) -> None:
    """Give a synced file its name, durably; without `force` never over another.

    Raises:
        Conflict: there is such a file.
        OSError: the file system refuses.
    """
    if force:
        made.replace(place)
    else:
        try:
            os.link(made, place)  # unlike a rename it never replaces
        except FileExistsError:
            raise file_exists(place) from None
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            if os.path.lexists(place):
                raise file_exists(place) from None
            made.rename(place)
        else:
            made.unlink()
    sync_folder(place.parent)


def file_exists(place: Path) -> Conflict:
    """There is a file in that place already."""
    return Conflict(
        "file_exists",
        f"There is a file {place} already.",
        money="Nothing was written.",
        todo="Choose another name, or give --force to replace it.",
    )


def unwritable(place: Path, why: str) -> Invalid:
    """What somebody asked for cannot be written there."""
    return Invalid(
        "file_unwritable",
        f"{place} cannot be written: {why}.",
        money="The database was not touched.",
        todo="Make room there or get the right to write, or choose another place.",
    )
