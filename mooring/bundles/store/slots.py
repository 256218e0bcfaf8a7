"""The folders of the bundles that are installed: written elsewhere, moved in whole, never changed afterwards.

slots/<seq>-<hash>/       the files of a bundle, read-only
slots/<seq>-<hash>.json   how to prove it again
slots/<seq>-<hash>.good   it was accepted once
staging/                  what is being brought in
rejected/<manifest>.json  it was refused: never taken by itself again
lock                      one at a time
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from mooring.bundles.store.coding import slot_bytes, slot_from
from mooring.bundles.store.state import UNTOUCHED, Slot
from mooring.durable import read_private, replace_file, sync_folder
from mooring.errors import Conflict, Denied

PRIVATE: Final = 0o700
READ_ONLY: Final = 0o500
RECORD_BYTES_MAX: Final = 16_384
REJECTED_MAX: Final = 1000
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

        Raises:
            Denied: the disk has too little room.
        """
        self.require_room(most)
        descriptor, name = tempfile.mkstemp(dir=self._staging)
        try:
            Path(name).unlink()
            return os.fdopen(descriptor, "w+b")
        except BaseException:
            os.close(descriptor)
            raise

    def require_room(self, wanted: int) -> None:
        """Refuse to begin what the disk could not hold.

        Raises:
            Denied: so it is.
        """
        facts = os.statvfs(self._staging)
        free = facts.f_bavail * facts.f_frsize
        if free < wanted + FREE_BYTES_MIN:
            raise Denied(
                "bundle_no_space",
                f"The bundle needs {wanted // 2**20 + 1} MB on the disk, and {free // 2**20} MB are free.",
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
        """What lies in the slots by its own account, newest first, and whether it was once accepted. None is proved."""
        found: list[tuple[Slot, bool]] = []
        for path in sorted(self._slots.glob("*.json"))[:SLOTS_MAX]:
            try:
                data = read_private(path, RECORD_BYTES_MAX)
                slot = None if data is None else slot_from(data)
            except (OSError, ValueError):
                continue
            if slot is not None and slot.name == path.stem and self.folder(slot).is_dir():
                found.append((slot, (self._slots / f"{slot.name}.good").exists()))
        return sorted(found, key=lambda one: (one[0].seq, one[0].as_of, one[0].name), reverse=True)

    def reject(self, slot: Slot, reason: str, at: int) -> None:
        """Write down that it was refused, durable when this returns; the first reason stays."""
        path = self._rejected / f"{slot.manifest_sha256}.json"
        if path.exists():
            return
        said = {"bundle_id": slot.bundle_id, "seq": slot.seq, "version": slot.version, "reference": slot.reference}
        replace_file(path, orjson.dumps({**said, "reason": reason, "at": at, "manifest_sha256": slot.manifest_sha256}))

    def forgive(self, manifest_sha256: str) -> None:
        """A person wants it tried again."""
        (self._rejected / f"{manifest_sha256}.json").unlink(missing_ok=True)
        sync_folder(self._rejected)

    def is_rejected(self, manifest_sha256: str) -> bool:
        """Whether it was refused. A record that cannot be read refuses all the same."""
        return (self._rejected / f"{manifest_sha256}.json").exists()

    def rejections(self) -> list[Mapping[str, Any]]:
        """What was refused, newest first."""
        found: list[Mapping[str, Any]] = []
        for path in sorted(self._rejected.glob("*.json"))[:REJECTED_MAX]:
            try:
                found.append(orjson.loads(read_private(path, RECORD_BYTES_MAX) or b""))
            except (OSError, ValueError):
                found.append({"manifest_sha256": path.stem, "reason": "its record cannot be read", "at": 0})
        return sorted(found, key=lambda one: int(one.get("at", 0)), reverse=True)

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

    def _record(self, name: str) -> Path:
        return self._slots / f"{name}.json"


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
