"""A record that cannot be read is no damaged one: nothing is written over it, and what decides goes on."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mooring.bundles.store.state import Phase
from mooring.errors import Halt, Retry
from tests.bundles.store.store_rig import World, world


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)


@contextmanager
def unreadable(monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[None]:
    """No file of these names can be read, for a reason that may pass."""
    from mooring import durable  # noqa: PLC0415

    read = durable.read_private

    def refusing(path: Path, most: int) -> bytes | None:
        if path.name in names:
            raise OSError(errno.EIO, "Input/output error")
        return read(path, most)

    with monkeypatch.context() as bad:
        for module in ("two_copies", "trust.generations"):
            bad.setattr(f"mooring.bundles.{module}.read_private", refusing)
        yield


def bytes_of(made: World) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (made.root / "state").iterdir()}


@pytest.mark.parametrize("names", [("a",), ("b",), ("a", "b")])
def test_what_was_accepted_decides_and_nothing_is_written_until_it_can_be_read(
    made: World, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    made.commit(1)
    made.commit(2)
    made.release(3)
    made.manager.update(made.source)
    made.hour()
    before, slots = bytes_of(made), sorted((made.root / "slots").iterdir())
    with unreadable(monkeypatch, *names):
        made.begin()
        assert made.running == "core@2", "no trial goes on of which nobody knows how it stands"
        assert {one["copy"] for one in made.events("record_unreadable")} == {*names}
        made.hour()
        made.manager.check(made.source)
        with pytest.raises(Halt) as told:
            made.manager.update(made.source)
        assert told.value.code == "bundle_record_unreadable"
        assert "cannot be read: Input/output error" in made.manager.unread
    assert (bytes_of(made), sorted((made.root / "slots").iterdir())) == (before, slots)
    assert "record_rebuilt" not in made.kinds
    made.monotonic += 3600
    made.manager.tidy()
    assert (made.manager.unread, made.kinds.count("record_readable")) == ("", 1)
    made.hour()
    assert (made.running, made.manager.state.phase) == ("core@3", Phase.TRYING), "nothing of it was lost"


def test_going_back_works_in_this_process_where_it_cannot_be_written_down(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    made.commit(2)
    with unreadable(monkeypatch, "a"):
        made.begin()
        with pytest.raises(Halt) as told:
            made.manager.rollback()
        assert told.value.code == "bundle_record_unreadable"
        made.hour()
        assert made.running == "core@1"


def test_where_nothing_of_the_record_is_known_going_back_says_why_not(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    with unreadable(monkeypatch, "a", "b"):
        made.begin()
        with pytest.raises(Halt) as told:
            made.manager.rollback()
        assert told.value.code == "bundle_record_unreadable"


def test_a_lost_record_is_not_made_anew_without_a_slot_that_cannot_be_read(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    made.commit(2)
    shutil.rmtree(made.root / "state")

    def refused(*_: object) -> None:
        raise OSError(errno.EIO, "the disk")

    with monkeypatch.context() as bad:
        bad.setattr("mooring.bundles.store.reading.rehash", refused)
        made.begin()
    assert ("record_rebuilt" in made.kinds, made.manager.unread != "") == (False, True)
    assert len([path for path in (made.root / "slots").iterdir() if path.is_dir()]) == 2
    made.monotonic += 3600
    made.manager.tidy()
    made.hour()
    floor = made.manager.state.floor("core")
    assert floor is not None
    assert (made.running, floor.seq) == ("core@2", 2)


def test_floors_that_cannot_be_read_let_nothing_in_and_are_not_written_over(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    made.release(2)
    before = {name: (made.root / "demo" / name).read_bytes() for name in ("floors.a", "floors.b")}
    with unreadable(monkeypatch, "floors.b"), pytest.raises(Retry) as told:
        made.manager.check(made.source)
    assert told.value.code == "bundle_metadata_disk"
    assert {name: (made.root / "demo" / name).read_bytes() for name in before} == before
    assert made.manager.update(made.source).state == "armed"


@pytest.mark.parametrize("folder", ["slots", "rejected"])
def test_a_folder_that_cannot_be_looked_into_stops_neither_a_start_nor_an_hour(
    made: World, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """What was accepted decides where only what else lies there cannot be told; what may have been refused does not."""
    made.commit(1)
    stat, scandir = Path.stat, os.scandir

    def failing(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.parent.name == folder and path.suffix:
            raise OSError(errno.EIO, "Input/output error")
        return stat(path, follow_symlinks=follow_symlinks)

    def not_listed(path: object) -> object:
        if Path(str(path)).name == folder:
            raise OSError(errno.EIO, "Input/output error")
        return scandir(path)  # type: ignore[call-overload]

    with monkeypatch.context() as bad:
        bad.setattr(Path, "stat", failing)
        bad.setattr(Path, "lstat", lambda path: failing(path, follow_symlinks=False))
        bad.setattr(os, "scandir", not_listed)
        made.begin()
        assert made.running == ("core@1" if folder == "slots" else "")
        made.hour()
    made.hour()
    assert made.running == "core@1"


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES])
def test_slots_that_cannot_be_listed_are_none_that_are_not_there(
    made: World, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Without a record: a start goes on, nothing is made of nothing, and nothing is tidied away."""
    made.commit(1)
    for copy in (made.root / "state").glob("[ab]"):
        copy.unlink()
    scandir = os.scandir

    def not_listed(path: object) -> object:
        if Path(str(path)).name == "slots":
            raise OSError(code, "not now")
        return scandir(path)  # type: ignore[call-overload]

    with monkeypatch.context() as bad:
        bad.setattr(os, "scandir", not_listed)
        made.begin()
        made.hour()
        assert (made.running, "not now" in made.manager.unread) == ("", True)
    made.monotonic += 120
    made.manager.tidy()
    made.hour()
    assert made.running == "core@1"
