"""Refusals: bounded, the newest first, and none is ever forgotten."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mooring.bundles.store import refused
from mooring.bundles.store.refused import Refusals
from mooring.bundles.store.slots import FREE_BYTES_MIN, Slots
from mooring.errors import Denied
from tests.bundles.store.slot_kit import slot_of
from tests.bundles.store.store_rig import world

FEW = 8


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(refused, "WITH_REASON_MAX", FEW)
    monkeypatch.setattr(refused, "FOLDED_AT_ONCE", 3)
    return tmp_path


def add(folder: Path, made: Refusals, seq: int) -> None:
    made.add(slot_of(seq), f"reason {seq}", 1_700_000_000 + seq)
    os.utime(folder / f"{slot_of(seq).manifest_sha256}.json", (1_700_000_000 + seq,) * 2)


def test_the_newest_keep_their_reasons_and_the_others_stay_refused(folder: Path) -> None:
    made = Refusals(folder)
    for seq in range(1, 31):
        add(folder, made, seq)
        assert len(list(folder.glob("*.json"))) <= FEW
    for one in (made, Refusals(folder)):
        assert all(slot_of(seq).manifest_sha256 in one for seq in range(1, 31))
        assert slot_of(31).manifest_sha256 not in one
        shown = [said["seq"] for said in one.newest()]
        assert shown == sorted(shown, reverse=True)
        assert shown[0] == 30


def test_what_is_shown_are_the_newest_by_their_age_and_not_by_their_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused, "SHOWN_MAX", 3)
    made = Refusals(folder)
    for seq in range(1, FEW):
        add(folder, made, seq)
    assert [said["reason"] for said in made.newest()] == ["reason 7", "reason 6", "reason 5"]


def test_one_that_is_kept_by_name_alone_can_be_forgiven(folder: Path) -> None:
    made = Refusals(folder)
    for seq in range(1, 20):
        add(folder, made, seq)
    oldest = slot_of(1).manifest_sha256
    assert not (folder / f"{oldest}.json").exists()
    made.forgive(oldest)
    assert oldest not in made
    assert oldest not in Refusals(folder)
    assert slot_of(2).manifest_sha256 in Refusals(folder)


def test_a_crash_between_name_and_reason_forgets_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Refusals(folder)
    unlink = Path.unlink

    def dies(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as bad:
        bad.setattr(Path, "unlink", dies)
        for seq in range(1, FEW + 1):
            add(folder, made, seq)
        with pytest.raises(KeyboardInterrupt):
            add(folder, made, FEW + 1)
    assert all(slot_of(seq).manifest_sha256 in Refusals(folder) for seq in range(1, FEW + 2))


@pytest.mark.parametrize("how", ["damaged", "unreadable"])
def test_where_nobody_knows_what_was_refused_everything_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    made = Refusals(folder)
    for seq in range(1, 20):
        add(folder, made, seq)
    if how == "damaged":
        for name in ("older.a", "older.b"):
            (folder / name).write_bytes(b"{}")
    else:

        def fails(*_: object) -> bytes:
            raise OSError(errno.EIO, "the disk")

        monkeypatch.setattr("mooring.bundles.two_copies.read_private", fails)
    assert slot_of(99).manifest_sha256 in Refusals(folder)
    assert Refusals(folder).full


def test_where_no_refusal_could_be_kept_nothing_is_brought_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(tmp_path)
    made.release(1)
    monkeypatch.setattr(refused, "OLDER_MAX", 0)
    with pytest.raises(Denied) as told:
        made.manager.update(made.source)
    assert told.value.code == "too_many_refused"


def test_room_for_what_is_received_is_promised_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slots = Slots(tmp_path)
    slots.prepare()
    facts = os.statvfs(tmp_path)
    most = (facts.f_bavail * facts.f_frsize - FREE_BYTES_MIN) * 2 // 3
    first = slots.unnamed(most)
    for asked in (lambda: slots.unnamed(most), lambda: slots.require_room(most)):
        with pytest.raises(Denied) as told:
            asked()
        assert told.value.code == "bundle_no_space"
    first.write(b"x" * 10)
    slots.written(first)
    second = slots.unnamed(most)
    second.close()
    with slots.unnamed(most) as third:
        assert third.tell() == 0
    first.seek(0)
    assert first.read() == b"x" * 10
    first.close()
    slots.unnamed(most).close()


def test_who_tidies_up_just_then_does_not_keep_a_file_from_being_received(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = Slots(tmp_path)
    slots.prepare()
    unlink = Path.unlink

    def tidied_just_before(path: Path, *, missing_ok: bool = False) -> None:
        unlink(path)
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", tidied_just_before)
        file = slots.unnamed(1)
    with file:
        assert file.write(b"all of it") == len(b"all of it")


def test_what_the_record_names_goes_on_where_nobody_knows_what_was_refused_long_ago(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.commit(1)
    for name in ("older.a", "older.b"):
        (made.root / "rejected" / name).write_bytes(b"{}")
    made.begin()
    assert made.running == "core@1"
    for copy in (made.root / "state").glob("[ab]"):
        copy.unlink()
    made.begin()
    assert made.running == "", "what no record names may have been refused"


def test_what_the_record_names_and_was_surely_refused_does_not_decide(tmp_path: Path) -> None:
    """As where the newer copy of a record was lost."""
    made = world(tmp_path)
    made.commit(1)
    slot = made.manager.state.active
    assert slot is not None
    made.manager._books.slots.reject(slot, "a person went back", 0)
    made.begin()
    assert made.running == ""


@pytest.mark.parametrize("at", ["null", '"x"', "true", "1e300", "253402300800", "[]", "-1", None])
def test_a_record_that_is_none_is_shown_as_one_that_cannot_be_read(tmp_path: Path, at: str | None) -> None:
    """And keeps nobody from being shown the others."""
    made, name = Refusals(tmp_path), "0" * 64
    add(tmp_path, made, 1)
    said = "[]" if at is None else f'{{"at":{at},"manifest_sha256":"{name}"}}'
    (tmp_path / f"{name}.json").write_text(said)
    shown = {one["manifest_sha256"]: one["reason"] for one in made.newest()}
    assert shown == {name: "its record cannot be read", slot_of(1).manifest_sha256: "reason 1"}
