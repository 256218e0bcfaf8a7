"""Mutations of an archive: its bytes, each field of each header, and its entries; none of them is a bundle any more."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.property.fuzz_bundles.verdicts import Mutant, Original, judge_archive, pick

LOCAL: Final = "version flags method time date crc packed size".split()
CENTRAL: Final = "made_by version flags method time date crc packed size disk internal external offset".split()
WIDE: Final = frozenset("crc packed size external offset".split())


@dataclass
class Entry:
    """One entry as a lenient writer would write it; every field can be set to a lie."""

    name: bytes
    data: bytes
    local: dict[str, int] = field(default_factory=dict)
    central: dict[str, int] = field(default_factory=dict)
    central_name: bytes | None = None
    before: bytes = b""
    after: bytes = b""
    extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""


def written(
    entries: list[Entry], *, comment: bytes = b"", lie: dict[str, int] | None = None, tail: bytes = b""
) -> bytes:
    """A ZIP file of entries, with the lies that they hold; `lie`: about the end of the directory."""
    body, directory = b"", b""
    for entry in entries:
        body += entry.before
        facts = {
            "made_by": (3 << 8) | 20, "version": 20, "flags": 0, "method": 0, "time": 0, "date": 33,
            "crc": zlib.crc32(entry.data), "packed": len(entry.data), "size": len(entry.data), "disk": 0, "internal": 0,
            "external": 0o100400 << 16, "offset": len(body),
        }  # fmt: skip
        local = facts | entry.local
        body += struct.pack(
            "<4sHHHHHIIIHH", b"PK\3\4", *(local[key] for key in LOCAL), len(entry.name), len(entry.extra)
        )
        body += entry.name + entry.extra + entry.data + entry.after
        central, name = facts | entry.central, entry.name if entry.central_name is None else entry.central_name
        head = [central[key] for key in CENTRAL]
        lengths = len(name), len(entry.central_extra), len(entry.comment)
        directory += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", *head[:9], *lengths, *head[9:])
        directory += name + entry.central_extra + entry.comment
    said = {"disk": 0, "start": 0, "here": len(entries), "all": len(entries), "bytes": len(directory), "at": len(body)}
    said |= lie or {}
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", *said.values(), len(comment))
    return body + directory + end + comment + tail


def entries_of(original: Original) -> list[Entry]:
    """The entries of a good bundle."""
    files = [(b"manifest.json", original.manifest_bytes)]
    files += [(path.encode(), original.files[path]) for path in sorted(original.files)]
    return [Entry(name, data) for name, data in files]


def archive_mutant(original: Original, chance: random.Random, folder: Path) -> Mutant | None:
    """One mutation of an archive's bytes or structure; None where it came out as it was."""
    name, make = pick(chance, KINDS.items())
    data = make(original, chance)
    if data == original.archive:
        return None
    return Mutant(name=f"archive {name}", judge=lambda: judge_archive(data, original.custom, folder))


def _flip(original: Original, chance: random.Random) -> bytes:
    data = bytearray(original.archive)
    for _time in range(chance.choice((1, 1, 1, 2, 8))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _splice(original: Original, chance: random.Random) -> bytes:
    data, noise = original.archive, chance.randbytes(chance.choice((1, 4, 64)))
    begin = chance.choice((0, len(data), chance.randrange(len(data))))
    end = min(len(data), begin + chance.choice((0, 1, len(noise), 300)))
    return data[:begin] + chance.choice((noise, b"", data[begin:end] * 2)) + data[end:]


def _cut(original: Original, chance: random.Random) -> bytes:
    return original.archive[: chance.randrange(len(original.archive))]


def _lie(entry: Entry, chance: random.Random, *, central: bool) -> None:
    key = pick(chance, CENTRAL if central else LOCAL)
    wide = 32 if key in WIDE else 16
    value = chance.choice((0, 1, 8, 9, 0x800, (1 << wide) - 1, chance.randrange(1 << wide)))
    (entry.central if central else entry.local)[key] = value


def _field(original: Original, chance: random.Random) -> bytes:
    entries = entries_of(original)
    entry = pick(chance, entries)
    sides = chance.choice(((True,), (False,), (True, False)))
    for central in sides:
        _lie(entry, chance, central=central)
    if len(sides) > 1 and chance.random() < 0.5:  # the same lie twice, as a writer of such files would tell it
        entry.central |= {key: value for key, value in entry.local.items() if key in CENTRAL}
    return written(entries)


def _end(original: Original, chance: random.Random) -> bytes:
    key = chance.choice(("disk", "start", "here", "all", "bytes", "at"))
    lie = {key: chance.choice((0, 1, 0xFFFF, chance.randrange(1 << 16)))}
    return written(entries_of(original), lie=lie)


def _names(original: Original, chance: random.Random) -> bytes:
    entries = entries_of(original)
    entry = pick(chance, entries)
    name = entry.name
    other = chance.choice((
        name.upper(), b"../" + name, b"/" + name, b"./" + name, name + b"/", name.replace(b"/", b"\\"), b"", name + b"\0",
        name.replace(b"e", "é".encode()), b"C:" + name, name.replace(b"/", b"//"), b"a/" * 70 + name, pick(chance, entries).name,
        b"models/../" + name, name + b".", b".hidden", b"con", name + b" ", bytes(reversed(name)),
    ))  # fmt: skip
    which = chance.randrange(3)
    if which != 0:
        entry.name = other
    if which != 1:
        entry.central_name = other if which == 0 else None
    return written(entries)


def _more(original: Original, chance: random.Random) -> bytes:
    entries = entries_of(original)
    at = chance.randrange(len(entries) + 1)
    name = chance.choice(
        (b"more", b"models/more.onnx", b"manifest.json", b"models/", b"../more", pick(chance, entries).name)
    )
    entries.insert(at, Entry(name, chance.randbytes(chance.choice((0, 5, 50)))))
    return written(entries)


def _fewer(original: Original, chance: random.Random) -> bytes:
    entries = entries_of(original)
    entries.remove(pick(chance, entries))
    return written(entries)


def _order(original: Original, chance: random.Random) -> bytes:
    entries = entries_of(original)
    chance.shuffle(entries)
    return written(entries)


def _contents(original: Original, chance: random.Random) -> bytes:
    """Another content under a header that is right for it, or two contents swapped."""
    entries = entries_of(original)
    one, two = pick(chance, entries), pick(chance, entries)
    if chance.random() < 0.5:
        one.data, two.data = two.data, one.data
    else:
        data = bytearray(one.data)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        one.data = bytes(data)
    return written(entries)


def _packed(original: Original, chance: random.Random) -> bytes:
    entries = entries_of(original)
    entry = pick(chance, entries)
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(entry.data) + packer.flush()
    facts = {"method": 8, "crc": zlib.crc32(entry.data), "size": len(entry.data), "packed": len(packed)}
    entries[entries.index(entry)] = replace(entry, data=packed, local=dict(facts), central=dict(facts))
    return written(entries)


def _gaps(original: Original, chance: random.Random) -> bytes:
    entries = entries_of(original)
    entry, noise = pick(chance, entries), chance.randbytes(chance.choice((1, 16)))
    where = chance.choice(("before", "after", "extra", "central_extra", "comment", "both", "descriptor", "zip64"))
    if where == "both":
        entry.extra = entry.central_extra = struct.pack("<HH", 0xCAFE, len(noise)) + noise
    elif where == "descriptor":
        entry.after = b"PK\7\x08" + struct.pack("<III", zlib.crc32(entry.data), len(entry.data), len(entry.data))
        hidden = {"flags": 8, "crc": 0, "packed": 0, "size": 0}
        entry.local, entry.central = hidden, {"flags": 8}
    elif where == "zip64":
        entry.extra = struct.pack("<HHQQ", 1, 16, len(entry.data), len(entry.data))
        entry.local = {"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}
    else:
        setattr(entry, where, noise)
    return written(entries)


def _around(original: Original, chance: random.Random) -> bytes:
    noise = chance.randbytes(chance.choice((1, 22, 100)))
    whole = original.archive
    return chance.choice((
        noise + whole, whole + noise, whole + whole, written(entries_of(original), comment=noise),
        written(entries_of(original), tail=b"\0" * len(noise)), written([Entry(b"x", noise)]) + whole,
    ))  # fmt: skip


def _overlap(original: Original, chance: random.Random) -> bytes:
    """Two entries of the directory that lead to the same bytes."""
    entries = entries_of(original)
    one, two = chance.sample(range(len(entries)), 2)
    offset = sum(30 + len(entry.name) + len(entry.data) for entry in entries[:two])
    entries[one].central["offset"] = offset
    return written(entries)


def _link(original: Original, chance: random.Random) -> bytes:
    entries = entries_of(original)
    entry = pick(chance, entries)
    kind = chance.choice((0o120777, 0o040755, 0o010600, 0o100755, 0o104755, 0o020600, 0))
    entry.central["external"] = kind << 16 | chance.choice((0, 0x10))
    if chance.random() < 0.5:
        entry.data = b"/etc/passwd"
    return written(entries)


KINDS: Final[dict[str, Callable[[Original, random.Random], Any]]] = {
    "bits": _flip, "splice": _splice, "cut": _cut, "header field": _field, "end": _end, "names": _names, "more": _more,
    "fewer": _fewer, "order": _order, "contents": _contents, "packed": _packed, "gaps": _gaps, "around": _around,
    "overlap": _overlap, "link": _link,
}  # fmt: skip
