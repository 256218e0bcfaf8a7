"""The folders of the bundles that are installed: written elsewhere, moved in whole, never changed afterwards.

slots/<seq>-<hash>/       the files of a bundle, read-only
slots/<seq>-<hash>.json   how to prove it again
slots/<seq>-<hash>.good   it was accepted once
staging/                  what is being brought in
rejected/                 what was refused: `mooring.bundles.store.refused`
lock                      one at a time
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from mooring.bundles.store.coding import slot_bytes, slot_from
from mooring.bundles.store.refused import Refusals
from mooring.bundles.store.state import UNTOUCHED, Slot
from mooring.durable import read_private, replace_file, sync_folder
from mooring.errors import Conflict, Denied

PRIVATE: Final = 0o700
READ_ONLY: Final = 0o500
RECORD_BYTES_MAX: Final = 16_384
SLOTS_MAX: Final = 64
FREE_BYTES_MIN: Final = 64 * 1024 * 1024
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Slots:
    """The folders under one root. Whoever changes something holds the lock."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._slots = root / "slots"
        self._staging = root / "staging"
        self._rejected = root / "rejected"
        self._refusals = Refusals(self._rejected)
        self._promised: dict[int, int] = {}  # bytes of what is being received, by its file
        self._promises = threading.Lock()
        self.state = root / "state"

    def prepare(self) -> None:
        """Make the folders that are missing.

        Raises:
            OSError: they cannot be made.
        """
        for folder in (self._root, self._slots, self._staging, self._rejected, self.state):
            folder.mkdir(mode=PRIVATE, exist_ok=True)
            if stat.S_IMODE(folder.lstat().st_mode) != PRIVATE:
                folder.chmod(PRIVATE)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Nobody else, of this process or another, changes anything here meanwhile.

        Raises:
            Conflict: somebody does.
        """
        descriptor = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    "bundles_busy",
                    "Something else is being done with the bundles.",
                    money=UNTOUCHED,
                    todo="Ask again once it has ended.",
                ) from None
            yield
        finally:
            os.close(descriptor)

    def folder(self, slot: Slot) -> Path:
        """Where its files are."""
        return self._slots / slot.name

    @contextmanager
    def part(self, name: str, most: int) -> Iterator[BinaryIO]:
        """A file to download into; it has no name any more when this ends. What is read is what was written.

        Args:
            most: bytes that will be needed for it and what comes of it.

        Raises:
            Denied: the disk has too little room.
        """
        self.require_room(most)
        path = self._staging / f"{name}.part"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, _NEW, 0o600), "w+b") as file:
            try:
                yield file
            finally:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def unnamed(self, most: int) -> BinaryIO:
        """A private file that has no name, for so many bytes; gone when it is closed.

        The room counts as taken until all is `written` or the file is closed: of several at once none fails half-way.

        Raises:
            Denied: the disk has too little room.
        """
        with self._promises:
            self.require_room(most)
            descriptor, name = tempfile.mkstemp(dir=self._staging)
            self._promised[descriptor] = most
        try:
            Path(name).unlink(missing_ok=True)  # whoever tidies up meanwhile may have been quicker
            return _Received(descriptor, self._written)
        except BaseException:
            self._written(descriptor)
            os.close(descriptor)
            raise

    def written(self, file: BinaryIO) -> None:
        """All of an unnamed file is on the disk, and counts there from now on."""
        file.flush()
        self._written(file.fileno())

    def _written(self, descriptor: int) -> None:
        self._promised.pop(descriptor, None)

    def require_room(self, wanted: int) -> None:
        """Refuse to begin what the disk could not hold.

        Raises:
            Denied: so it is.
        """
        facts = os.statvfs(self._staging)
        free = facts.f_bavail * facts.f_frsize
        free -= sum(tuple(self._promised.values()))
        if free < wanted + FREE_BYTES_MIN:
            raise Denied(
                "bundle_no_space",
                f"The bundle needs {wanted // 2**20 + 1} MB on the disk, and {max(0, free) // 2**20} MB are free.",
                money=UNTOUCHED,
                todo="Make room on the disk, then update again.",
            )

    def fresh(self, name: str) -> Path:
        """An empty private folder to unpack into."""
        folder = self._staging / name
        _remove(folder)
        folder.mkdir(mode=PRIVATE)
        return folder

    def keep(self, staged: Path, slot: Slot) -> None:
        """Move what was unpacked to its slot, where nothing that is in use may be; durable when this returns.

        Args:
            staged: its files and folders are on the disk already.

        Raises:
            OSError: it did not get there; whatever is there now names no slot that counts.
        """
        target = self.folder(slot)
        self.remove(slot.name)
        replace_file(self._record(slot.name), slot_bytes(slot))
        staged.rename(target)
        for path, _, _ in os.walk(target, topdown=False):
            Path(path).chmod(READ_ONLY)
        sync_folder(self._slots)

    def accept(self, slot: Slot) -> None:
        """Write down that it was accepted, for a day on which no journal can be read."""
        replace_file(self._slots / f"{slot.name}.good", b"")

    def installed(self) -> list[tuple[Slot, bool]]:
        """What lies in the slots by its own account, newest first, and whether it was once accepted. None is proved.

        Raises:
            OSError: what lies there cannot be told now.
        """
        found: list[tuple[Slot, bool]] = []
        for path in sorted(self._records(), key=_changed_at, reverse=True)[:SLOTS_MAX]:
            try:
                data = read_private(path, RECORD_BYTES_MAX)
                slot = None if data is None else slot_from(data)
            except (OSError, ValueError):
                continue
            if slot is not None and slot.name == path.stem and self.folder(slot).is_dir():
                found.append((slot, (self._slots / f"{slot.name}.good").exists()))
        return sorted(found, key=lambda one: (one[0].seq, one[0].as_of, one[0].name), reverse=True)

    def reject(self, slot: Slot, reason: str, at: int) -> None:
        """Write down that it was refused, durable when this returns."""
        self._refusals.add(slot, reason, at)

    def forgive(self, manifest_sha256: str) -> None:
        """A person wants it tried again."""
        self._refusals.forgive(manifest_sha256)

    def is_rejected(self, manifest_sha256: str) -> bool:
        """Whether it was refused. A record that cannot be read refuses all the same."""
        return manifest_sha256 in self._refusals

    def is_surely_rejected(self, manifest_sha256: str) -> bool:
        """The same of what the record names: that goes on where only refusals of long ago cannot be told."""
        return self._refusals.known(manifest_sha256) is True

    def require_refusable(self) -> None:
        """Refuse to bring in what might have to be refused, where no refusal could be kept any more.

        Raises:
            Denied: so it is.
        """
        if self._refusals.full:
            raise Denied(
                "too_many_refused",
                "So many bundles were refused in this home that no more refusals can be kept, or they cannot be read.",
                money=UNTOUCHED,
                todo="Look at who publishes so many bad ones, and at bundles/rejected; else use another home.",
            )

    def rejections(self) -> list[Mapping[str, Any]]:
        """What was refused last, newest first."""
        return self._refusals.newest()

    def collect(self, named: frozenset[str]) -> list[str]:
        """Remove every slot that is not named, and all that lies in staging; the names of the slots that went."""
        gone: list[str] = []
        for path in sorted(self._slots.iterdir()):
            name = path.name.removesuffix(".json").removesuffix(".good")
            if name not in named and name not in gone:
                self.remove(name)
                gone.append(name)
        for path in sorted(self._staging.iterdir()):
            _remove(path)
        return gone

    def remove(self, name: str) -> None:
        """Remove one slot: out of sight first, so that half of it never looks like one."""
        folder = self._slots / name
        if folder.exists():
            trash = self._staging / f"trash-{name}"
            _remove(trash)
            folder.chmod(PRIVATE)
            folder.rename(trash)
            sync_folder(self._slots)
            _remove(trash)
        for path in (self._record(name), self._slots / f"{name}.good"):
            path.unlink(missing_ok=True)

    def _records(self) -> list[Path]:
        try:
            with os.scandir(self._slots) as entries:  # a glob would take a folder that may not be read for an empty one
                return [Path(entry.path) for entry in entries if entry.name.endswith(".json")]
        except FileNotFoundError:
            return []

    def _record(self, name: str) -> Path:
        return self._slots / f"{name}.json"


class _Received(io.BufferedRandom):
    """A file whose room was promised until it is closed."""

    def __init__(self, descriptor: int, closed: Callable[[int], None]) -> None:
        self._number = descriptor
        self._told = closed
        super().__init__(io.FileIO(descriptor, "r+"))

    def close(self) -> None:
        """Also where it was not all received."""
        if not self.closed:
            self._told(self._number)  # before the number is another file's
        super().close()


def _changed_at(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


def _remove(path: Path) -> None:
    """A file or a folder with all that is in it, also where it is read-only; links are removed, not followed."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(PRIVATE)
    for folder, names, _ in os.walk(path):
        for name in names:
            if not Path(folder, name).is_symlink():
                Path(folder, name).chmod(PRIVATE)
    shutil.rmtree(path)
