"""What cannot be proved, for no fault of its own, is never refused for good; what decides goes on where it may."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mooring.bundles import preflight
from mooring.bundles.store.ports import Loaded, NoModel
from mooring.bundles.store.revocation import Heeded
from mooring.bundles.store.state import TRIES, Phase
from mooring.bundles.trust import Repository
from mooring.errors import Invalid, MooringError, NotFound, Retry, Unverified
from tests.bundles.store.store_rig import World, world

FAILURES = (
    NotFound("no_such_repository", "It was taken away."),
    Invalid("repository_unreadable", "What is noted of it cannot be read."),
    Retry("repository_disk", "What is noted of it cannot be read now."),
    OSError(errno.EMFILE, "Too many open files"),
)


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)


def on_trial(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    assert made.running == "core@2"


def test_a_list_that_is_none_keeps_new_ones_away_and_what_decides_goes_on_also_over_a_start(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    with monkeypatch.context() as bad:
        bad.setattr(Repository, "revocations", lambda _: b"[]")
        with pytest.raises(Unverified) as refused:
            made.manager.check(made.source)
        assert refused.value.code == "revocations_unreadable"
        made.begin()
        made.hour()
        assert (made.running, made.manager.state.phase) == ("core@1", Phase.STAGED)
        assert "cannot be read" in made.events("not_tried")[0]["reason"]
    assert made.manager.activate("core@2") is not None
    made.hour()
    with monkeypatch.context() as bad:
        bad.setattr(Repository, "revocations", lambda _: b"[]")
        made.begin()
        assert (made.running, made.manager.state.phase) == ("core@2", Phase.TRYING), "a trial that runs goes on"
    assert made.manager._books.slots.rejections() == []


def test_what_was_taken_back_before_stays_so_under_a_list_that_is_none(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    made.commit(2)
    active = made.manager.state.active
    assert active is not None
    made.publisher.now = made.now
    made.publisher.revoke(
        {"revoked": [{"manifest_sha256": active.manifest_sha256, "severity": "block", "reason": "it looked ahead"}]}
    )
    made.manager.check(made.source)
    monkeypatch.setattr(Repository, "revocations", lambda _: b"[]")
    for copy in (made.root / "state").glob("[ab]"):
        copy.unlink()  # without a record every slot is asked, that of the one that was taken back too
    begun = made.begin()
    assert isinstance(begun, Loaded)
    assert begun.slot.seq == 1


def test_where_no_list_was_ever_read_nothing_decides_until_one_is(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made.commit(1)
    for copy in (made.root / "state").glob("revoked-*"):
        copy.unlink()
    with monkeypatch.context() as bad:
        bad.setattr(Repository, "revocations", lambda _: b"[]")
        assert isinstance(made.begin(), NoModel)
        made.hour()
        assert made.running == ""
        assert len(made.events("unfit")) == 1, "told once"
    made.hour()
    assert made.running == "core@1", "as soon as one is, without another start"


def test_lists_that_come_back_after_none_could_be_read_bring_back_what_decided(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest is none, and the disk refuses the one that was kept: a fault of neither the bundle nor its trial."""

    on_trial(made)
    with monkeypatch.context() as bad:
        bad.setattr(Repository, "revocations", lambda _: b"[]")
        bad.setattr(Heeded, "_last", lambda *_: None)
        assert isinstance(made.begin(), NoModel)
        made.hour()
        assert made.manager.state.phase is Phase.TRYING
    made.hour()
    assert made.running == "core@2"
    assert made.manager._books.unfit == {}


def test_without_a_record_nothing_is_made_of_slots_while_no_list_can_be_read(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    for path in [*(made.root / "state").glob("revoked-*"), *(made.root / "state").glob("[ab]")]:
        path.unlink()
    with monkeypatch.context() as bad:
        bad.setattr(Repository, "revocations", lambda _: b"[]")
        assert isinstance(made.begin(), NoModel)
        made.hour()
        assert [path.name[:2] for path in (made.root / "slots").glob("*/")] == ["1-"], "it is not tidied away"
    made.manager.check(made.source)
    made.monotonic += 120
    made.manager.tidy()
    made.hour()
    assert made.running == "core@1"


@pytest.mark.parametrize("failure", FAILURES, ids=lambda error: type(error).__name__)
def test_a_trial_whose_repository_cannot_be_looked_at_waits_and_goes_on_where_it_was(
    made: World, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    on_trial(made)

    def fails(_: str) -> Repository:
        raise failure

    with monkeypatch.context() as bad:
        bad.setattr(made, "repository", fails)
        made.manager = made.make()
        made.manager.start()
        for _ in range(TRIES + 1):
            made.hour()
        assert (made.running, made.manager.state.phase) == ("", Phase.TRYING)
        assert len(made.events("unfit")) == 2, "told once for each of the two"
    made.manager._trust = made.manager._prover._trust = made.repository
    made.hour()
    assert (made.running, made.manager.running.trial.bars) == ("core@2", 2)
    assert made.manager._books.slots.rejections() == []


def test_a_trial_whose_files_rotted_ends_and_the_bundle_may_come_anew(made: World) -> None:
    on_trial(made)
    (slot,) = (made.root / "slots").glob("2-*/")
    file = slot / "models" / "global.onnx"
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    begun = made.begin()
    assert isinstance(begun, Loaded)
    assert (begun.slot.seq, made.manager.state.phase) == (1, Phase.NONE)
    assert "not as it was" in made.events("unfit")[-1]["reason"]
    assert made.manager._books.slots.rejections() == []
    assert made.manager.update(made.source).state == "armed"


def test_an_examination_that_cannot_read_the_bundle_is_no_refusal(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert preflight._told(OSError(errno.EIO, "Input/output error")) == {
        "code": preflight.NOT_READ,
        "what": "It could not be read (Input/output error).",
    }
    from mooring.bundles.store import examining  # noqa: PLC0415

    made.examiner = lambda *_: examining._answer(
        b'{"ok": false, "code": "bundle_not_read", "what": "x"}', 0, hung=False, seconds=1
    )
    made.begin()
    made.release(1)
    with pytest.raises(MooringError) as told:
        made.manager.update(made.source)
    assert (told.value.code, made.manager.state.phase) == ("bundle_not_examined", Phase.STAGED)
