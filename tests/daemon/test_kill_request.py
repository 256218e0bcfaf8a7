"""The note of a kill in the home: whole, the person's own, and whatever is wrong with it, it counts as pressed."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from mooring import durable
from mooring.daemon import kill_request
from mooring.daemon.kill_request import FILE, UNREADABLE
from mooring.home import Home


@pytest.fixture
def place(tmp_path: Path) -> Home:
    home = Home(root=tmp_path / "home")
    home.prepare()
    return home


def test_it_is_there_whole_private_and_alone(place: Home) -> None:
    assert not kill_request.is_asked(place)
    assert kill_request.read(place) is None
    kill_request.leave(place, actor="cli", reason="enough ✋", now=1_700_000_000)
    found = kill_request.read(place)
    assert found is not None
    assert (found.at, found.actor, found.reason) == (1_700_000_000, "cli", "enough ✋")
    assert stat.S_IMODE((place.run_dir / FILE).stat().st_mode) == 0o600
    assert [one.name for one in place.run_dir.iterdir()] == [FILE]
    kill_request.remove(place)
    kill_request.remove(place)
    assert not kill_request.is_asked(place)


def test_pressing_twice_is_pressing_once_and_the_first_is_kept(place: Home) -> None:
    kill_request.leave(place, actor="cli", reason="first", now=1)
    kill_request.leave(place, actor="menubar", reason="second", now=2)
    found = kill_request.read(place)
    assert found is not None
    assert (found.at, found.reason) == (1, "first")


@pytest.mark.parametrize("reason", ["x" * 5000, "🛑" * 5000, "two\nlines\x1b[2J", "\udcff"])
def test_a_reason_of_any_kind_can_be_read_again(place: Home, reason: str) -> None:
    kill_request.leave(place, actor="cli", reason=reason, now=1)
    found = kill_request.read(place)
    assert found is not None
    assert found.at == 1
    assert len(found.reason) == min(len(reason), 500)
    assert "\n" not in found.reason
    found.reason.encode()


def test_nothing_is_written_through_a_link_into_a_strangers_directory_or_beside_a_home(
    place: Home, tmp_path: Path
) -> None:
    elsewhere = Home(root=tmp_path / "other")
    elsewhere.root.mkdir()
    with pytest.raises(OSError, match="No such file"):
        kill_request.leave(elsewhere, actor="cli", reason="", now=1)
    elsewhere.run_dir.symlink_to(place.run_dir)
    with pytest.raises(PermissionError):
        kill_request.leave(elsewhere, actor="cli", reason="", now=1)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (place.run_dir / f"{FILE}.{os.getpid()}.new").symlink_to(victim)
    kill_request.leave(place, actor="cli", reason="", now=1)
    assert victim.read_text() == "mine"
    assert not (place.run_dir / FILE).is_symlink()


SAID = {"at": 1, "actor": "cli", "reason": ""}


def as_link(path: Path) -> None:
    path.symlink_to("/dev/null")


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def cut(path: Path) -> None:
    path.write_text(json.dumps(SAID)[:9])


def empty(path: Path) -> None:
    path.touch()


def huge(path: Path) -> None:
    path.write_text(json.dumps(SAID) + " " * 10_000)


def deep(path: Path) -> None:
    path.write_text("[" * 8000)


def another_actor(path: Path) -> None:
    path.write_text(json.dumps(SAID | {"actor": "root"}))


def another_time(path: Path) -> None:
    path.write_text(json.dumps(SAID | {"at": True}))


def release(path: Path) -> None:
    path.write_text(json.dumps({"active": False}))


def control_signs(path: Path) -> None:
    path.write_text(json.dumps(SAID | {"reason": "\x1b[2J"}))


@pytest.mark.parametrize(
    "make",
    [as_link, as_pipe, cut, empty, huge, deep, another_actor, another_time, release, control_signs, Path.mkdir],
    ids=lambda make: make.__name__,
)
def test_what_cannot_be_believed_counts_as_pressed(place: Home, make) -> None:  # type: ignore[no-untyped-def]
    make(place.run_dir / FILE)
    assert kill_request.is_asked(place)
    found = kill_request.read(place)
    assert found is not None
    assert (found.at, found.reason) == (None, UNREADABLE)


def test_a_look_that_fails_counts_as_pressed(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> os.stat_result:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "lstat", broken)
    assert kill_request.is_asked(place)


def test_a_full_disk_that_takes_no_byte_of_it_keeps_its_name_which_is_enough(
    place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = durable.sync

    def full(descriptor: int) -> None:
        if os.fstat(descriptor).st_size and stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(durable, "sync", full)
    kill_request.leave(place, actor="cli", reason="enough", now=1)
    assert [one.name for one in place.run_dir.iterdir()] == [FILE]
    found = kill_request.read(place)
    assert found is not None
    assert found.reason == UNREADABLE


def test_one_that_could_not_be_written_leaves_nothing_behind(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mooring.durable.sync", full)
    with pytest.raises(OSError, match="No space"):
        kill_request.leave(place, actor="cli", reason="", now=1)
    assert list(place.run_dir.iterdir()) == []
