"""What a start makes of a record that is lost, or of a step that a crash cut in two."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mooring.bundles.store import state as st
from mooring.bundles.store.books import Books
from mooring.bundles.store.ports import Loaded, NoModel
from mooring.bundles.store.state import Phase
from mooring.errors import Denied, MooringError
from tests.bundles.store.store_rig import World, world


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)


def tear(made: World, *copies: str) -> None:
    for name in copies:
        path = made.root / "state" / name
        path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize("copy", ["a", "b"])
def test_one_torn_copy_changes_nothing(made: World, copy: str) -> None:
    made.commit(1)
    made.commit(2)
    before = made.manager.state
    tear(made, copy)
    begun = made.begin()
    assert isinstance(begun, Loaded)
    assert (begun.slot.seq, made.manager.state) == (2, before)
    assert "record_damaged" in made.kinds


def test_without_a_record_the_newest_that_was_accepted_and_can_be_proved_decides(made: World) -> None:
    made.commit(1)
    made.commit(2)
    tear(made, "a", "b")
    begun = made.begin()
    assert isinstance(begun, Loaded)
    state = made.manager.state
    assert state.active is not None
    assert state.last_good is not None
    assert (begun.slot.seq, state.active.seq, state.last_good.seq) == (2, 2, 1)
    floor = state.floor("core")
    assert floor is not None
    assert floor.seq == 2, "what was accepted is not forgotten"
    made.release(3)
    assert made.manager.update(made.source).state == "armed"
    made.begin()
    assert made.running == "core@2", "what is armed waits for the engine, also over a start"
    made.hour()
    assert made.running == "core@3"


def test_a_record_that_was_deleted_is_as_one_that_is_torn(made: World) -> None:
    made.commit(1)
    shutil.rmtree(made.root / "state")
    begun = made.begin()
    assert isinstance(begun, Loaded)
    assert begun.slot.seq == 1


def test_without_a_record_one_that_was_never_accepted_is_examined_again_and_has_its_trial(made: World) -> None:
    made.release(1)
    made.manager.update(made.source)
    made.hour()
    tear(made, "a", "b")
    assert isinstance(made.begin(), NoModel), "it decides nothing before it was examined again"
    assert made.manager.state.phase is Phase.STAGED
    made.manager.resume()
    made.hour()
    assert (made.running, made.manager.state.phase) == ("core@1", Phase.TRYING)


def test_without_a_record_what_was_refused_stays_refused(made: World) -> None:
    made.commit(1)
    made.commit(2)
    kept = made.root.parent / "kept"
    shutil.copytree(made.root / "slots", kept, symlinks=True)
    made.manager.rollback()
    made.hour()
    for path in kept.iterdir():
        target = made.root / "slots" / path.name
        if not target.exists():
            shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)
    tear(made, "a", "b")
    begun = made.begin()
    assert isinstance(begun, Loaded)
    assert begun.slot.seq == 1


def test_without_a_record_and_with_nothing_that_can_be_proved_nothing_decides(made: World) -> None:
    made.commit(1)
    tear(made, "a", "b")
    for path in (made.root / "slots").rglob("*.onnx"):
        path.chmod(0o600)
        path.write_bytes(b"x")
    assert isinstance(made.begin(), NoModel)


def test_a_crash_between_the_pointer_and_the_refusal_still_refuses(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    with monkeypatch.context() as patch:
        patch.setattr(Books, "settle", lambda _: None)  # the process dies here
        made.hour(faults=1)
    assert made.manager.state.phase is Phase.ROLLED_BACK
    begun = made.begin()
    assert isinstance(begun, Loaded)
    assert (begun.slot.seq, made.manager.state.phase) == (1, Phase.NONE)
    with pytest.raises(Denied) as refused:
        made.manager.update(made.source, wanted="core@2")
    assert refused.value.code == "bundle_rejected"


def test_a_crash_between_the_commit_and_telling_it_tells_it(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made.release(1)
    made.manager.update(made.source)
    made.hour()
    made.hour()
    with monkeypatch.context() as patch:
        patch.setattr(Books, "settle", lambda _: None)
        made.hour()
    assert made.manager.state.untold == st.COMMITTED
    assert "committed" not in made.kinds
    made.begin()
    assert made.kinds.count("committed") == 1
    assert made.manager.state.untold == ""


def test_a_crash_before_the_examination_ended_has_it_done_again(made: World) -> None:
    def dies(folder: Path, manifest_sha256: str) -> None:
        raise KeyboardInterrupt

    made.examiner = dies  # type: ignore[assignment]
    made.begin()
    made.release(1)
    with pytest.raises(KeyboardInterrupt):
        made.manager.update(made.source)
    from mooring.bundles.preflight import examine  # noqa: PLC0415

    made.examiner = examine
    made.begin()
    assert made.manager.state.phase is Phase.STAGED
    made.manager.resume()
    assert made.manager.state.phase is Phase.ARMED


def test_a_slot_that_no_record_names_is_collected(made: World) -> None:
    made.commit(1)
    stray = made.root / "slots" / "9-0123456789abcdef"
    stray.mkdir()
    (stray / "x").write_text("x")
    (made.root / "staging" / "9.part").write_text("x")
    made.begin()
    assert not stray.exists()
    assert list((made.root / "staging").iterdir()) == []


def test_whoever_listens_badly_undoes_nothing(made: World) -> None:
    def fails(_: object) -> None:
        raise MooringError("deaf", "It cannot be told.")

    made.release(1)
    made.told = type("Deaf", (list,), {"append": staticmethod(fails)})()
    made.begin()
    made.manager.update(made.source)
    for _ in range(3):
        made.hour()
    assert made.manager.state.active is not None


def test_a_bundle_whose_limit_is_as_exact_as_the_format_lets_it_be_does_not_cost_the_record(made: World) -> None:
    made.commit(1)
    made.release(2, probation={"psi_max": "9.123456789012345678"})
    assert made.manager.update(made.source).state == "armed"
    made.begin()
    assert made.manager.state.phase is Phase.ARMED
    made.hour()
    assert made.running == "core@2"
    made.begin()
    assert made.running == "core@2"
    assert "record_rebuilt" not in made.kinds
