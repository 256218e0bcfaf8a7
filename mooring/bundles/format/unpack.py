"""From an archive to files: into a fresh folder, member by member, each hashed while it is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from mooring.bundles.format.agree import check_custom
from mooring.bundles.format.archive import Place, Sink, open_archive
from mooring.bundles.format.fields import FILES_MAX, MANIFEST_NAME, UNPACKED_BYTES_MAX
from mooring.bundles.format.manifest import Manifest
from mooring.durable import sync
from mooring.errors import Denied, Invalid

FILE_MODE: Final = 0o400
FOLDER_MODE: Final = 0o700
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAKE_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What a bundle may take here.

    Attributes:
        files: how many, the manifest among them.
        unpacked_bytes: all of them together.
        free_bytes: what has to stay free on the disk.
    """

    files: int = FILES_MAX + 1
    unpacked_bytes: int = UNPACKED_BYTES_MAX
    free_bytes: int = 256 * 1024 * 1024


def unpack(bundle: int, *, offer_custom: Mapping[str, Any], into: Path, caps: Caps | None = None) -> Manifest:
    """Check all of a bundle and write its files into a folder. When it returns, files and names are on the disk.

    Args:
        bundle: descriptor of the archive, whose hash and length were checked; it stays open and is the caller's.
        offer_custom: the offer's custom fields, which were signed.
        into: an empty folder of ours, 0700. Files are made 0400, folders 0700.
        caps: what it may take.

    Raises:
        Unverified: as `Archive.read`, `open_archive` and `check_custom`.
        Denied: `bundle_too_large`, more than the caps; `bundle_no_space`, the disk is too full.
        Invalid: `bundle_folder_unfit`, `into` is not as above.
        OSError: reading or writing failed. On every error the folder may hold leftovers, which the caller removes.
    """
    caps = caps or Caps()
    claimed = offer_custom.get("manifest_sha256")
    archive = open_archive(bundle, manifest_sha256=claimed if isinstance(claimed, str) else "")
    manifest = archive.manifest
    size = len(archive.manifest_bytes) + sum(entry.size for entry in manifest.files.values())
    check_custom(
        manifest, offer_custom, manifest_sha256=archive.manifest_sha256, manifest_size=len(archive.manifest_bytes)
    )
    if len(manifest.files) + 1 > caps.files or size > caps.unpacked_bytes:
        raise Denied(
            "bundle_too_large",
            f"The model bundle has {len(manifest.files) + 1} files of {size} bytes, more than may be unpacked here.",
            money="Nothing was changed; trading goes on as it was.",
            todo="Use a smaller bundle.",
        )
    with _folder(into) as top:
        disk = os.fstatvfs(top)
        if disk.f_bavail * disk.f_frsize < size + caps.free_bytes:
            raise Denied(
                "bundle_no_space",
                f"Unpacking the model bundle takes {size} bytes, and {caps.free_bytes} have to stay free on the disk.",
                money="Nothing was changed; trading goes on as it was.",
                todo="Free space on the disk of the home, then try again.",
            )
        with _Writer(top) as writer:
            writer.write(MANIFEST_NAME)(memoryview(archive.manifest_bytes))
            archive.read(writer.sink)
    return manifest


class _Writer:
    """Makes files below a folder, one at a time; each is on the disk before the next begins."""

    def __init__(self, top: int) -> None:
        self._folders: dict[str, int] = {"": top}
        self._open: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        try:
            self._settle(durable=kind is None)
            if kind is None:
                for name in sorted(self._folders, reverse=True):  # inner ones first
                    sync(self._folders[name])
        finally:
            for name, folder in self._folders.items():
                if name:
                    os.close(folder)

    def sink(self, place: Place) -> Sink:
        return self.write(place.path)

    def write(self, path: str) -> Callable[[memoryview], None]:
        """Begin a file; the one before is finished."""
        self._settle(durable=True)
        above, _slash, name = path.rpartition("/")
        descriptor = os.open(name, _MAKE_FILE, FILE_MODE, dir_fd=self._folder(above))
        self._open = descriptor

        def add(chunk: memoryview) -> None:
            while chunk:
                chunk = chunk[os.write(descriptor, chunk) :]

        return add

    def _folder(self, path: str) -> int:
        if path not in self._folders:
            above, _slash, name = path.rpartition("/")
            parent = self._folder(above)
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
            self._folders[path] = os.open(name, _OPEN_FOLDER, dir_fd=parent)
            os.fchmod(self._folders[path], FOLDER_MODE)  # whatever the umask took away
        return self._folders[path]

    def _settle(self, *, durable: bool) -> None:
        descriptor, self._open = self._open, None
        if descriptor is None:
            return
        try:
            if durable:
                os.fchmod(descriptor, FILE_MODE)
                sync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    descriptor = os.open(path, _OPEN_FOLDER)
    try:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) != FOLDER_MODE or _anything_in(descriptor):
            raise Invalid(
                "bundle_folder_unfit",
                "The folder to unpack a model bundle into is not empty, or not this user's alone.",
                money="Nothing was changed; trading goes on as it was.",
                todo="Report this with the log, it should not happen.",
            )
        yield descriptor
    finally:
        os.close(descriptor)


def _anything_in(folder: int) -> bool:
    with os.scandir(folder) as entries:
        return any(entries)
