"""Files that people take away: there whole or not at all, theirs alone, never in place of another unasked."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mooring.durable import sync_file, sync_folder
from mooring.errors import Conflict, Invalid

NOT_WRITTEN: Final = "No file was written; nothing else was changed."


def check_free(path: Path, *, force: bool) -> None:
    """Refuse early what `whole_file` would refuse at the end.

    Raises:
        Conflict: there is a file of that name, and `force` is not given.
        Invalid: the name is a directory's, or none that a file can have.
    """
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, error) from None
    if stat.S_ISDIR(facts.st_mode):
        raise Invalid("cannot_write_file", f"{path} is a directory.", money=NOT_WRITTEN, todo="Name a file.")
    if not force:
        raise _taken(path)


@contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[Path]:
    """A new, empty file beside `path` to write to, mode 0600; at the end it is made durable and takes the name.

    An error within, or before the name is taken, leaves nothing behind.

    Raises:
        Conflict: there is a file of that name, and `force` is not given.
        Invalid: the directory is not there or cannot be written, or the disk is full.
    """
    check_free(path, force=force)
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".part", dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        sync_file(temporary)
        _take_name(temporary, path, force=force)
        sync_folder(path.parent)
    except OSError as error:
        raise _unusable(path, error) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _take_name(temporary: Path, path: Path, *, force: bool) -> None:
    if force:
        temporary.replace(path)
        return
    try:
        # A link, unlike a rename, never takes the place of another file.
        os.link(temporary, path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError:
        # A file system without links: the name is claimed first, and then taken.
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            raise _taken(path) from None
        temporary.replace(path)


def _unusable(path: Path, error: OSError) -> Invalid:
    return Invalid(
        "cannot_write_file",
        f"{path} cannot be written: {error.strerror or 'unknown reason'}.",
        money=NOT_WRITTEN,
        todo="Name a file in a directory of yours, on a disk with room.",
    )


def _taken(path: Path) -> Conflict:
    return Conflict(
        "file_exists",
        f"{path} exists already.",
        money=NOT_WRITTEN,
        todo="Name another file, or replace it with --force.",
    )
