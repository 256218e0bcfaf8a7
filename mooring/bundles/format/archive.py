"""The archive of a bundle: a ZIP file of which there is exactly one for given contents.

Entries are stored, the manifest first, then the files in the order of their names; times, attributes and versions are
fixed, and there are no flags, extras, comments, data descriptors or gaps. So where each byte has to be follows from
the manifest, and a reader compares instead of trusting what a header says: a ZIP that is bent in any way is another
sequence of bytes.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mooring.bundles.format.fields import MANIFEST_BYTES_MAX, MANIFEST_NAME, UNPACKED_BYTES_MAX
from mooring.bundles.format.manifest import FileEntry, Manifest, parse_manifest
from mooring.errors import Unverified

CHUNK: Final = 1 << 20
_VERSION: Final = 20
_MADE_BY: Final = (3 << 8) | _VERSION  # Unix
_DATE: Final = (0 << 9) | (1 << 5) | 1  # 1980-01-01, the oldest a ZIP can say
_MODE: Final = 0o100400 << 16
_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<4sHHHHIIH")
_SIZE_AT: Final = slice(18, 22)
_CRC_AT: Final = slice(14, 18)
ARCHIVE_BYTES_MAX: Final = UNPACKED_BYTES_MAX + 1024 * 1024

Sink = Callable[[memoryview], object]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an entry is. header: of its local header; data: of its first byte; size: of its data, in bytes."""

    path: str
    header: int
    data: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything is. directory: where the central directory begins; total: bytes of the whole archive."""

    places: tuple[Place, ...]
    directory: int
    total: int


def layout(manifest_size: int, files: Mapping[str, FileEntry]) -> Layout:
    """Where everything is in the archive of a manifest of so many bytes, with these files."""
    offset, places = 0, []
    for path, size in [(MANIFEST_NAME, manifest_size), *((path, files[path].size) for path in sorted(files))]:
        data = offset + _LOCAL.size + len(path)
        places.append(Place(path=path, header=offset, data=data, size=size))
        offset = data + size
    directory = sum(_CENTRAL.size + len(place.path) for place in places)
    return Layout(places=tuple(places), directory=offset, total=offset + directory + _END.size)


def local_header(path: str, *, crc: int, size: int) -> bytes:
    """What stands before an entry's data."""
    return _LOCAL.pack(b"PK\x03\x04", _VERSION, 0, 0, 0, _DATE, crc, size, size, len(path), 0) + path.encode("ascii")


def directory(places: Sequence[Place], crcs: Sequence[int]) -> bytes:
    """What stands after the data of all entries, to the end."""
    entries = b"".join(
        _CENTRAL.pack(
            b"PK\x01\x02", _MADE_BY, _VERSION, 0, 0, 0, _DATE, crc, place.size, place.size, len(place.path),
            0, 0, 0, 0, _MODE, place.header,
        )
        + place.path.encode("ascii")
        for place, crc in zip(places, crcs, strict=True)
    )  # fmt: skip
    begins = places[-1].data + places[-1].size
    return entries + _END.pack(b"PK\x05\x06", 0, 0, len(places), len(places), len(entries), begins, 0)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An archive whose manifest was read; its files were not yet.

    Attributes:
        descriptor: the open file, which the caller keeps open and whose position is not used.
        manifest: parsed. manifest_bytes: as they are.
    """

    descriptor: int
    manifest: Manifest
    manifest_bytes: bytes
    layout: Layout

    @property
    def manifest_sha256(self) -> str:
        """Of the manifest's bytes, in hex."""
        return hashlib.sha256(self.manifest_bytes).hexdigest()

    def read(self, sink: Callable[[Place], Sink]) -> None:
        """Go through all of it: each file's bytes to what `sink` gives for it, hashed on the way; then the directory.

        Nothing that was given away counts before this returns.

        Raises:
            Unverified: `bundle_archive_refused`, a byte is not where it has to be; `bundle_file_differs`, a file is
                not the one of the manifest.
            OSError: the descriptor or a sink failed.
        """
        crcs = [zlib.crc32(self.manifest_bytes)]
        for place in self.layout.places[1:]:
            header = _read(self.descriptor, place.header, place.data - place.header)
            crc = int.from_bytes(header[_CRC_AT], "little")
            if header != local_header(place.path, crc=crc, size=place.size):
                raise refused("an entry's header is not the one that belongs there")
            found, digest = self._copy(place, sink(place))
            if digest != self.manifest.files[place.path].sha256:
                raise Unverified(
                    "bundle_file_differs",
                    "A file in the model bundle is not the one of its manifest.",
                    money="Nothing of it was used; trading goes on as it was.",
                    todo="Download it again; if it comes again, do not use this bundle.",
                )
            if found != crc:
                raise refused("an entry's checksum is wrong")
            crcs.append(crc)
        end = directory(self.layout.places, crcs)
        if _read(self.descriptor, self.layout.directory, len(end)) != end:
            raise refused("its directory is not the one that belongs there")

    def _copy(self, place: Place, write: Sink) -> tuple[int, str]:
        digest, crc = hashlib.sha256(), 0
        for chunk in _chunks(self.descriptor, place.data, place.size):
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
            write(memoryview(chunk))
        return crc, digest.hexdigest()


def open_archive(descriptor: int, *, manifest_sha256: str | None) -> Archive:
    """Read the manifest of an archive, and compare the archive's size with what the manifest says.

    Args:
        descriptor: of a regular file; kept open by the caller.
        manifest_sha256: in hex, as signed; None only where somebody looks at a bundle without using it.

    Raises:
        Unverified: `bundle_archive_refused`, or as `parse_manifest`.
        OSError: it cannot be read.
    """
    facts = os.fstat(descriptor)
    size = facts.st_size
    if not stat.S_ISREG(facts.st_mode):
        raise refused("it is no file")
    if size > ARCHIVE_BYTES_MAX:
        raise refused("it is too large")
    begin = _LOCAL.size + len(MANIFEST_NAME)
    header = _read(descriptor, 0, begin)
    length = int.from_bytes(header[_SIZE_AT], "little")
    if not 0 < length <= MANIFEST_BYTES_MAX:
        raise refused("it does not begin with a manifest")
    data = _read(descriptor, begin, length)
    if header != local_header(MANIFEST_NAME, crc=zlib.crc32(data), size=length):
        raise refused("it does not begin with a manifest")
    if manifest_sha256 is not None and hashlib.sha256(data).hexdigest() != manifest_sha256:
        raise Unverified(
            "bundle_manifest_differs",
            "The manifest of the model bundle is not the one that was signed.",
            money="Nothing of it was used; trading goes on as it was.",
            todo="Download it again; if it comes again, do not use this bundle.",
        )
    manifest = parse_manifest(data)
    places = layout(length, manifest.files)
    if size != places.total:
        raise refused("it is longer or shorter than its manifest says")
    return Archive(descriptor=descriptor, manifest=manifest, manifest_bytes=data, layout=places)


def refused(why: str) -> Unverified:
    """The error of an archive that is not as it has to be."""
    return Unverified(
        "bundle_archive_refused",
        f"The archive of the model bundle is not as the format says: {why}.",
        money="Nothing of it was used; trading goes on as it was.",
        todo="Download it again; if it comes again, do not use this bundle.",
    )


def _chunks(descriptor: int, offset: int, size: int) -> Iterator[bytes]:
    end = offset + size
    while offset < end:
        chunk = _read(descriptor, offset, min(CHUNK, end - offset))
        yield chunk
        offset += len(chunk)


def _read(descriptor: int, offset: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.pread(descriptor, size - len(parts), offset + len(parts))
        if not part:
            raise refused("it ends too early")
        parts += part
    return bytes(parts)
