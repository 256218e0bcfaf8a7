"""A bundle that was unpacked, looked at again: every byte hashed anew, and nothing beside what its manifest names."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from mooring.bundles.format.fields import MANIFEST_BYTES_MAX, MANIFEST_NAME
from mooring.bundles.format.manifest import FileEntry, Manifest, parse_manifest
from mooring.errors import Unverified

THREADS: Final = 4
CHUNK: Final = 1 << 20
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def rehash(slot: Path, manifest_sha256: str) -> Manifest:
    """Check that a folder holds a bundle's files, byte for byte, and nothing else. Links are followed nowhere.

    Args:
        slot: the folder. manifest_sha256: in hex, as it was when the bundle was authorised.

    Raises:
        Unverified: `bundle_slot_changed`; `parse_manifest`'s cannot come where the hash is one that was checked before.
        OSError: the disk fails (not where something is missing or is of another kind).
    """
    with ExitStack() as stack:
        top = stack.enter_context(_folder(slot))
        manifest = _manifest(top, manifest_sha256)
        folders = {"": top}
        for path in _folders_of(manifest):
            above, _slash, name = path.rpartition("/")
            folders[path] = stack.enter_context(_folder(name, folders[above]))
        _nothing_else(folders, manifest)
        largest_first = sorted(manifest.files.items(), key=lambda item: -item[1].size)
        with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="rehash") as pool:
            for same in pool.map(lambda item: _is_same(folders, *item), largest_first):
                if not same:
                    raise _changed("a file in it is another one")
    return manifest


def read_manifest(slot: Path, manifest_sha256: str) -> Manifest:
    """What a folder's manifest says, which has this hash; none of the files that it names is looked at.

    Raises:
        Unverified, OSError: as `rehash`.
    """
    with _folder(slot) as top:
        return _manifest(top, manifest_sha256)


def read_verified(slot: Path, manifest: Manifest, path: str) -> bytes:
    """The bytes of one file of a slot, which have the hash of the manifest. Use these; the file may change afterwards.

    Args:
        manifest: verified. path: one of its files.

    Raises:
        Unverified: `bundle_slot_changed`. OSError: the disk fails.
    """
    entry = manifest.files[path]
    with ExitStack() as stack:
        folder = stack.enter_context(_folder(slot))
        *names, last = path.split("/")
        for name in names:
            folder = stack.enter_context(_folder(name, folder))
        data = _whole(folder, last, entry.size)
    if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
        raise _changed("a file in it is another one")
    return data


def _manifest(top: int, manifest_sha256: str) -> Manifest:
    data = _whole(top, MANIFEST_NAME, MANIFEST_BYTES_MAX)
    if hashlib.sha256(data).hexdigest() != manifest_sha256:
        raise _changed("its manifest is another one")
    return parse_manifest(data)


def _is_same(folders: dict[str, int], path: str, entry: FileEntry) -> bool:
    above, _slash, name = path.rpartition("/")
    digest, size = hashlib.sha256(), 0
    with _file(folders[above], name) as descriptor:
        buffer = bytearray(min(CHUNK, entry.size + 1))
        view = memoryview(buffer)
        while (got := os.readv(descriptor, [buffer])) and size <= entry.size:
            digest.update(view[:got])
            size += got
    return size == entry.size and digest.hexdigest() == entry.sha256


def _whole(folder: int, name: str, most: int) -> bytes:
    parts = bytearray()
    with _file(folder, name) as descriptor:
        while len(parts) <= most and (part := os.read(descriptor, min(CHUNK, most + 1 - len(parts)))):
            parts += part
    if len(parts) > most:
        raise _changed("a file in it is longer than it was")
    return bytes(parts)


def _folders_of(manifest: Manifest) -> list[str]:
    names = [path.split("/")[:-1] for path in manifest.files]
    return sorted({"/".join(parts[:depth]) for parts in names for depth in range(1, len(parts) + 1)})


def _nothing_else(folders: dict[str, int], manifest: Manifest) -> None:
    known = {MANIFEST_NAME, *manifest.files, *folders} - {""}
    for path, folder in folders.items():
        with os.scandir(folder) as entries:
            here = {f"{path}/{entry.name}" if path else entry.name for entry in entries}
        if not here <= known:
            raise _changed("there is something in it that does not belong to it")


@contextmanager
def _folder(path: Path | str, above: int | None = None) -> Iterator[int]:
    yield from _opened(path, os.O_DIRECTORY, above)


@contextmanager
def _file(folder: int, name: str) -> Iterator[int]:
    yield from _opened(name, 0, folder)


def _opened(path: Path | str, flags: int, above: int | None) -> Iterator[int]:
    try:
        descriptor = os.open(path, _FLAGS | flags, dir_fd=above)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise _changed("something in it is missing, or is no longer what it was") from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _changed("there is a link in it") from None
    try:
        facts = os.fstat(descriptor)
        kind = stat.S_ISDIR if flags else stat.S_ISREG
        if not kind(facts.st_mode) or facts.st_uid != os.geteuid():
            raise _changed("something in it is missing, or is no longer what it was")
        yield descriptor
    finally:
        os.close(descriptor)


def _changed(why: str) -> Unverified:
    return Unverified(
        "bundle_slot_changed",
        f"An installed model bundle is not as it was when it was checked: {why}.",
        money="It is not used; without another good one there are no entries, while exits and stops go on.",
        todo="Look at who can write in the home's folder of bundles; then mooring bundle update installs it anew.",
    )
