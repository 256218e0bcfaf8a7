"""Whether a database's files are still the ones that were opened.

A program that has a file open goes on writing to it after somebody deleted it or put another in its place. In its
write-ahead mode SQLite does not look: every commit would succeed, and be gone with the process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mooring.errors import Halt

PARTS: Final = ("", "-wal", "-shm")

Inode = tuple[int, int]


class OpenFiles:
    """The files of a database that a connection has open.

    Args:
        path: the database; its log lies beside it.
    """

    def __init__(self, path: Path) -> None:
        self._paths = [path.with_name(path.name + end) for end in PARTS]
        self._opened: list[Inode | None] | None = None

    def note(self) -> None:
        """Remember which files these are, once the connection has all of them open."""
        if self._opened is None:
            self._opened = [_inode(path) for path in self._paths]

    def check(self) -> None:
        """See that the names still lead to the files that were opened.

        Raises:
            Halt: one was deleted, replaced or renamed.
        """
        if self._opened is None:
            return
        for path, opened in zip(self._paths, self._opened, strict=True):
            if _inode(path) != opened:
                raise Halt(
                    "database_moved",
                    f"{path} was deleted or replaced while Mooring had it open.",
                    money="What is written now would be lost. Nothing of this step was stored, and nothing was sent.",
                    todo="End Mooring; if the file is gone, restore a backup with `mooring db restore`; start again.",
                )


def _inode(path: Path) -> Inode | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
