"""A repository in one file, `.mbundle`: its `metadata/` and `targets/` as they would be served, stored in a ZIP.

There is one such file for given contents: entries in the order of their names, headers as `format.archive` writes them,
nothing before, between or after. So it is read by building what has to be there and comparing.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from tuf.api.exceptions import DownloadHTTPError, DownloadLengthMismatchError

from mooring.bundles.format.archive import Place as Entry
from mooring.bundles.format.archive import directory, local_header
from mooring.bundles.trust.shapes import Place
from mooring.bundles.trust.wire import NOT_FOUND
from mooring.errors import Invalid

BYTES_MAX: Final = 400_000_000
ENTRIES_MAX: Final = 1024
NAME_MAX: Final = 256
CHUNK: Final = 1 << 20
_END: Final = struct.Struct("<4sHHHHIIH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_LOCAL_BYTES: Final = 30
_SEGMENT: Final = r"/[A-Za-z0-9%_][A-Za-z0-9%._-]*"
_NAME: Final = re.compile(rf"(?:metadata{_SEGMENT}|targets(?:{_SEGMENT}){{1,5}})")


@dataclass(frozen=True, kw_only=True)
class _Stored:
    entry: Entry
    crc: int


class ZipFetcher:
    """Fetches from an `.mbundle`; a `Fetcher` whose files a person brought.

    Args:
        descriptor: of the open file; it stays the caller's, and its position is not used.

    Raises:
        Invalid: `bundle_sideload_unusable`, it is no such file. OSError: it cannot be read.
    """

    sideloaded: Final = True

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._entries = _read_entries(descriptor)

    def holds(self, target: str, sha256: str) -> bool:
        """Whether a target's bytes are in it: its metadata may name others, too."""
        folder, slash, base = target.rpartition("/")
        return not self._entries.keys().isdisjoint({f"targets/{target}", f"targets/{folder}{slash}{sha256}.{base}"})

    def fetch(self, place: Place, name: str, *, most: int, seconds: float) -> Iterator[bytes]:  # noqa: ARG002 -- a file has no deadline
        """As `Fetcher.fetch`.

        Raises:
            Invalid: `bundle_sideload_unusable`, the entry is damaged.
        """
        stored = self._entries.get(f"{place}/{name}")
        if stored is None:
            raise DownloadHTTPError(f"{name} is not in the file", NOT_FOUND)
        entry = stored.entry
        if entry.size > most:
            raise DownloadLengthMismatchError(f"{name} is longer than {most} bytes")
        crc = 0
        for start in range(entry.data, entry.data + entry.size, CHUNK):
            part = _read(self._descriptor, start, min(CHUNK, entry.data + entry.size - start))
            crc = zlib.crc32(part, crc)
            yield part
        if crc != stored.crc:
            raise _unusable("an entry's checksum is wrong")


def pack(files: Mapping[str, bytes], into: BinaryIO) -> int:
    """Write an `.mbundle` of these files, by `metadata/...` and `targets/...`; gives its bytes.

    Raises:
        Invalid: `bundle_sideload_unusable`, a name or the size is none that could be read again. OSError: as `into`.
    """
    entries, crcs, offset = [], [], 0
    for name in sorted(files):
        _check_name(name)
        data, crc = files[name], zlib.crc32(files[name])
        header = local_header(name, crc=crc, size=len(data))
        into.write(header)
        into.write(data)
        entries.append(Entry(path=name, header=offset, data=offset + len(header), size=len(data)))
        crcs.append(crc)
        offset += len(header) + len(data)
    if not entries or len(entries) > ENTRIES_MAX or offset > BYTES_MAX:
        raise _unusable("there is nothing in it, or too much")
    end = directory(entries, crcs)
    into.write(end)
    return offset + len(end)


def _read_entries(descriptor: int) -> dict[str, _Stored]:
    facts = os.fstat(descriptor)
    size = facts.st_size
    if not stat.S_ISREG(facts.st_mode) or not _END.size < size <= BYTES_MAX:
        raise _unusable("it is no file, or its size is none that it can have")
    *_, count, length, begins, _ = _END.unpack(_read(descriptor, size - _END.size, _END.size))
    if not 0 < count <= ENTRIES_MAX or begins + length + _END.size != size:
        raise _unusable("its directory is not where it has to be")
    if length > ENTRIES_MAX * (_CENTRAL.size + NAME_MAX):
        raise _unusable("its directory is too long")
    data = _read(descriptor, begins, size - begins)
    stored = _entries(data[:length], count)
    entries = [one.entry for one in stored]
    if entries[-1].data + entries[-1].size != begins or directory(entries, [one.crc for one in stored]) != data:
        raise _unusable("its directory is not the one that belongs there")
    for one in stored:
        header = local_header(one.entry.path, crc=one.crc, size=one.entry.size)
        if _read(descriptor, one.entry.header, len(header)) != header:
            raise _unusable("an entry's header is not the one that belongs there")
    names = [entry.path for entry in entries]
    if names != sorted(set(names)) or len({name.casefold() for name in names}) != len(names):
        raise _unusable("its names are not in order, or come twice")
    return {one.entry.path: one for one in stored}


def _entries(data: bytes, count: int) -> list[_Stored]:
    """Sizes, checksums and names alone; everything else is compared with what has to be there."""
    found, at, offset = [], 0, 0
    for _ in range(count):
        if at + _CENTRAL.size > len(data):
            raise _unusable("its directory ends too early")
        fields = _CENTRAL.unpack_from(data, at)
        crc, size, length = fields[7], fields[9], fields[10]
        at += _CENTRAL.size
        name = data[at : at + length].decode("ascii", "replace")
        _check_name(name)
        at += length
        entry = Entry(path=name, header=offset, data=offset + _LOCAL_BYTES + length, size=size)
        found.append(_Stored(entry=entry, crc=crc))
        offset = entry.data + entry.size
    return found


def _check_name(name: str) -> None:
    if len(name) > NAME_MAX or _NAME.fullmatch(name) is None:
        raise _unusable("the name of an entry is none of a repository")


def _read(descriptor: int, offset: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = os.pread(descriptor, size - len(data), offset + len(data))
        if not part:
            raise _unusable("it ends too early")
        data += part
    return bytes(data)


def _unusable(why: str) -> Invalid:
    return Invalid(
        "bundle_sideload_unusable",
        f"The file is no repository in one file: {why}.",
        money="Nothing of it was used; the models in use stay as they are.",
        todo="Bring the file again as `mooring bundle pack-sideload` wrote it, unchanged.",
    )
