"""The archive: one sequence of bytes for given contents. What other readers of ZIP files forgive is refused, case by case."""

from __future__ import annotations

import errno
import io
import os
import shutil
import socket
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.bundles.format import unpack as unpacking
from mooring.bundles.format.archive import directory, layout, local_header, open_archive
from mooring.bundles.format.manifest import FileEntry
from mooring.bundles.format.unpack import Caps, unpack
from mooring.errors import Unverified
from tests.property.fuzz_bundles.mutate_archive import Entry, entries_of, written
from tests.property.fuzz_bundles.verdicts import Original, judge_archive, originals

GLOBAL = b"models/global.onnx"


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Original, Path]]:
    with originals() as (goods, folder):
        yield goods[0], folder


def test_the_writer_of_the_tests_writes_what_the_builder_writes(made: tuple[Original, Path]) -> None:
    original, folder = made
    assert written(entries_of(original)) == original.archive
    assert judge_archive(original.archive, original.custom, folder)


def one(entries: list[Entry], name: bytes = GLOBAL) -> Entry:
    return next(entry for entry in entries if entry.name == name)


def doubled(entries: list[Entry]) -> None:
    entries.append(Entry(GLOBAL, one(entries).data))


def renamed(name: bytes) -> Callable[[list[Entry]], None]:
    return lambda entries: setattr(one(entries), "name", name)


def lying(
    *, local: dict[str, int] | None = None, central: dict[str, int] | None = None
) -> Callable[[list[Entry]], None]:
    def change(entries: list[Entry]) -> None:
        one(entries).local, one(entries).central = local or {}, central or {}

    return change


def packed(entries: list[Entry]) -> None:
    entry = one(entries)
    packer = zlib.compressobj(wbits=-15)
    data = packer.compress(entry.data) + packer.flush()
    facts = {"method": 8, "size": len(entry.data), "packed": len(data), "crc": zlib.crc32(entry.data)}
    entry.data, entry.local, entry.central = data, facts, facts


def extra(entries: list[Entry]) -> None:
    one(entries).extra = one(entries).central_extra = struct.pack("<HH", 0xCAFE, 0)


def descriptor(entries: list[Entry]) -> None:
    entry = one(entries)
    entry.after = b"PK\7\x08" + struct.pack("<III", zlib.crc32(entry.data), len(entry.data), len(entry.data))
    entry.local, entry.central = {"flags": 8, "crc": 0, "size": 0, "packed": 0}, {"flags": 8}


def overlapping(entries: list[Entry]) -> None:
    """A second directory entry for the bytes of the first, as in files that unpack to more than they are."""
    one(entries, b"models/ensemble.onnx").central["offset"] = sum(
        30 + len(entry.name) + len(entry.data) for entry in entries[: entries.index(one(entries))]
    )


CASES: list[tuple[str, Callable[[list[Entry]], object]]] = [
    ("a name twice", doubled),
    ("a file more", lambda entries: entries.append(Entry(b"more", b"x"))),
    ("a folder's entry", lambda entries: entries.insert(7, Entry(b"models/", b""))),
    ("a file less", lambda entries: entries.remove(one(entries))),
    ("another order", lambda entries: entries.reverse()),
    ("upwards", renamed(b"../global.onnx")),
    ("absolute", renamed(b"/models/global.onnx")),
    ("backslash", renamed(b"models\\global.onnx")),
    ("upper case", renamed(b"Models/Global.onnx")),
    ("another name in the directory", lambda entries: setattr(one(entries), "central_name", b"models/glabal.onnx")),
    ("link", lying(central={"external": 0o120777 << 16})),
    ("folder", lying(central={"external": 0o040755 << 16 | 0x10})),
    ("device", lying(central={"external": 0o020666 << 16})),
    ("executable", lying(central={"external": 0o100755 << 16})),
    ("encrypted", lying(local={"flags": 1}, central={"flags": 1})),
    ("utf-8 flag", lying(local={"flags": 0x800}, central={"flags": 0x800})),
    ("flag in the local header only", lying(local={"flags": 2})),
    ("time", lying(local={"time": 1}, central={"time": 1})),
    ("version", lying(local={"version": 45}, central={"version": 45})),
    ("local size", lying(local={"size": 1})),
    ("central size", lying(central={"size": 1})),
    ("zip64 size", lying(local={"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF})),
    ("local checksum", lying(local={"crc": 1})),
    ("central checksum", lying(central={"crc": 1})),
    ("both checksums", lying(local={"crc": 1}, central={"crc": 1})),
    ("central offset", lying(central={"offset": 0})),
    ("another disk", lying(central={"disk": 1})),
    ("compressed", packed),
    ("extra field", extra),
    ("comment of an entry", lambda entries: setattr(one(entries), "comment", b"x")),
    ("data descriptor", descriptor),
    ("overlap", overlapping),
    ("gap", lambda entries: setattr(one(entries), "before", b"\0")),
    ("gap after the last", lambda entries: setattr(entries[-1], "after", b"\0")),
]


@pytest.mark.parametrize(("name", "change"), CASES, ids=[name for name, _change in CASES])
def test_what_other_readers_forgive_is_refused(
    made: tuple[Original, Path], name: str, change: Callable[[list[Entry]], object]
) -> None:
    original, folder = made
    entries = entries_of(original)
    change(entries)
    with pytest.raises(Unverified) as caught:
        judge_archive(written(entries), original.custom, folder)
    assert caught.value.code == "bundle_archive_refused", name


@pytest.mark.parametrize("noise", [b"\0", b"PK\3\4", b"#!/bin/sh\n"])
def test_nothing_stands_before_or_after_the_archive(made: tuple[Original, Path], noise: bytes) -> None:
    original, folder = made
    entries = entries_of(original)
    for data in (
        noise + original.archive,
        original.archive + noise,
        written(entries, comment=noise),
        original.archive + original.archive,
    ):
        with pytest.raises(Unverified):
            judge_archive(data, original.custom, folder)


def test_another_content_under_right_headers_is_refused_by_its_hash(made: tuple[Original, Path]) -> None:
    original, folder = made
    entries = entries_of(original)
    entry = one(entries)
    entry.data = entry.data[:-1] + bytes([entry.data[-1] ^ 1])
    with pytest.raises(Unverified) as caught:
        judge_archive(written(entries), original.custom, folder)
    assert caught.value.code == "bundle_file_differs"


def test_a_manifest_that_was_not_signed_is_not_even_parsed(made: tuple[Original, Path]) -> None:
    original, folder = made
    entries = entries_of(original)
    entries[0].data = b"{" * len(entries[0].data)
    with pytest.raises(Unverified) as caught:
        judge_archive(written(entries), original.custom, folder)
    assert caught.value.code == "bundle_manifest_differs"
    for missing in ({}, {"manifest_sha256": None}, {"manifest_sha256": 1}):
        with pytest.raises(Unverified):
            judge_archive(original.archive, missing, folder)


def test_a_length_that_a_header_claims_is_not_believed(
    made: tuple[Original, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No memory is taken for it, and nothing of it is read."""
    original, _folder = made
    asked: list[int] = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: asked.append(size) or real(file, size, at))
    for size in (0xFFFFFFF0, (1 << 20) + 1, 0):
        (tmp_path / "x").write_bytes(local_header("manifest.json", crc=0, size=size) + original.archive)
        with (tmp_path / "x").open("rb") as file, pytest.raises(Unverified, match="begin with a manifest"):
            open_archive(file.fileno(), manifest_sha256=None)
    assert asked == [43, 43, 43]


@pytest.mark.parametrize("length", [0, 1, 42, 43, 44, 1000])
def test_an_archive_that_ends_too_early_is_refused(made: tuple[Original, Path], tmp_path: Path, length: int) -> None:
    (tmp_path / "x").write_bytes(made[0].archive[:length])
    with (tmp_path / "x").open("rb") as file, pytest.raises(Unverified, match="ends too early"):
        open_archive(file.fileno(), manifest_sha256=None)


def test_what_is_no_file_is_refused() -> None:
    left, right = socket.socketpair()
    with left, right, pytest.raises(Unverified):
        open_archive(left.fileno(), manifest_sha256=None)


names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}(/[a-z0-9][a-z0-9._-]{0,8}){0,3}", fullmatch=True)


@settings(max_examples=40)
@given(st.binary(max_size=200), st.dictionaries(names, st.binary(max_size=100), max_size=8))
def test_any_contents_make_an_archive_that_others_read_the_same(manifest: bytes, files: dict[str, bytes]) -> None:
    entries = {path: FileEntry(size=len(data), sha256="0" * 64) for path, data in files.items()}
    placed = layout(len(manifest), entries)
    held = {**files, "manifest.json": manifest} if "manifest.json" not in files else None
    if held is None:
        return
    crcs = [zlib.crc32(held[place.path]) for place in placed.places]
    data = b"".join(
        local_header(place.path, crc=crc, size=place.size) + held[place.path]
        for place, crc in zip(placed.places, crcs, strict=True)
    ) + directory(placed.places, crcs)
    assert len(data) == placed.total
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == held


def into(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def test_a_disk_that_fails_at_any_write_or_sync_ends_it_with_what_the_disk_said(
    made: tuple[Original, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, _folder = made
    (tmp_path / "bundle.zip").write_bytes(original.archive)
    real = {"write": os.write, "sync": unpacking.sync, "open": os.open, "mkdir": os.mkdir}
    calls = 0

    def failing(name: str, at: int) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == at:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real[name](*given, **named)  # type: ignore[operator]

        return call

    reached = dict.fromkeys(("write", "sync", "mkdir"), 0)
    with (tmp_path / "bundle.zip").open("rb") as file:
        for name in reached:
            for at in range(1, 40):
                calls = 0
                slot = into(tmp_path / "slot")
                with monkeypatch.context() as patch:
                    patch.setattr(unpacking if name == "sync" else os, name, failing(name, at))
                    try:
                        unpack(file.fileno(), offer_custom=original.custom, into=slot, caps=Caps(free_bytes=0))
                    except OSError as error:
                        reached[name] += 1
                        assert error.errno == errno.ENOSPC  # noqa: PT017 -- not every round fails
                    else:
                        break
    assert reached == {"write": 11, "sync": 15, "mkdir": 3}  # 11 files; they and 4 folders; 3 folders
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.zip", "slot"]


def test_short_writes_and_an_odd_umask_change_nothing(
    made: tuple[Original, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, _folder = made
    (tmp_path / "bundle.zip").write_bytes(original.archive)
    real, slot = os.write, into(tmp_path / "slot")
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:37]))
    before = os.umask(0o277)
    try:
        with (tmp_path / "bundle.zip").open("rb") as file:
            unpack(file.fileno(), offer_custom=original.custom, into=slot, caps=Caps(free_bytes=0))
    finally:
        os.umask(before)
    for path, data in original.files.items():
        assert (slot / path).read_bytes() == data
        assert stat.S_IMODE((slot / path).stat().st_mode) == 0o400
    assert stat.S_IMODE((slot / "models").stat().st_mode) == 0o700
