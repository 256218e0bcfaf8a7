"""A bundle's whole way, over a real repository with real signatures, archives and models."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mooring.bundles.store.journal import Journal
from mooring.bundles.store.ports import Loaded, NoModel
from mooring.bundles.store.state import Phase, State
from mooring.errors import Conflict, Denied, NotFound, Unverified
from tests.bundles.store.store_rig import World, world


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)


def test_a_home_without_bundles_decides_without_one(made: World) -> None:
    assert isinstance(made.begun, NoModel)
    assert made.manager.update(made.source).state == "up_to_date"


def test_an_update_is_tried_between_two_hours_and_accepted_after_its_trial(made: World) -> None:
    made.release(1)
    assert made.manager.update(made.source).state == "armed"
    assert made.running == "", "not before a safe point"
    found = made.hour()
    assert isinstance(found, Loaded)
    assert made.manager.state.phase is Phase.TRYING
    assert made.hour() is None
    assert made.hour() is None
    state = made.manager.state
    assert (state.phase, state.active, state.last_good) == (Phase.NONE, found.slot, found.slot)
    assert [kind for kind in made.kinds if kind != "no_model"] == [
        "staged", "examined", "armed", "trying", "loaded", "committed",
    ]  # fmt: skip


def test_the_second_one_keeps_the_first_to_go_back_to(made: World) -> None:
    made.commit(1)
    made.commit(2)
    state = made.manager.state
    assert state.last_good is not None
    assert (made.running, state.last_good.seq) == ("core@2", 1)
    outcome = made.manager.rollback()
    assert outcome.bundle.startswith("core@1:")
    made.hour()
    assert made.running == "core@1"
    assert made.manager.update(made.source).state == "up_to_date", "what a person gave up does not come back by itself"


def test_answers_that_are_no_numbers_end_the_trial_and_the_former_one_decides_again(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    made.hour(faults=2)
    assert made.manager.state.phase is Phase.NONE
    made.hour()
    assert made.running == "core@1"
    assert made.events("rolled_back") == [{"reason": "2 answers were not numbers, out of range, or did not come"}]
    assert [one.version for one in made.told if one.kind == "rolled_back"] == ["v2"]
    assert made.manager.update(made.source).state == "up_to_date", "never again by itself"
    with pytest.raises(Denied) as refused:
        made.manager.update(made.source, wanted="core@2")
    assert refused.value.code == "bundle_rejected"
    assert made.manager.update(made.source, wanted="core@2", again=True).state == "armed"


def test_a_channel_whose_metadata_lost_a_signature_on_the_way_is_refused_and_that_is_told(made: World) -> None:
    made.commit(1)
    made.release(2)
    newest = sorted(
        made.publisher.workshop.metadata.glob("*.models-stable.json"), key=lambda path: int(path.name.split(".")[0])
    )
    said = json.loads(newest[-1].read_bytes())
    said["signatures"] = said["signatures"][:1]
    newest[-1].write_text(json.dumps(said))
    with pytest.raises(Unverified) as refused:
        made.manager.update(made.source)
    assert refused.value.code == "bundle_bytes_differ"
    assert made.events("refused")[-1]["code"] == "bundle_bytes_differ"
    made.hour()
    assert made.running == "core@1"


def test_a_revoked_bundle_leaves_for_the_last_good_one_and_without_one_for_none(made: World) -> None:
    made.commit(1)
    made.commit(2)
    active = made.manager.state.active
    assert active is not None
    entry = {"manifest_sha256": active.manifest_sha256, "severity": "block", "reason": "it looked ahead"}
    made.publisher.now = made.now
    made.publisher.revoke({"revoked": [entry]})
    made.manager.check(made.source)
    made.hour()
    assert made.running == "core@1"
    assert made.events("revoked") == [{"reason": "it looked ahead"}]
    made.publisher.revoke({"min_seq": {"core": 3}})
    made.manager.check(made.source)
    assert isinstance(made.hour(), NoModel)
    assert isinstance(made.begin(), NoModel), "a restart brings nothing revoked back"


def test_another_one_waits_for_the_end_of_the_trial(made: World) -> None:
    made.release(1)
    made.manager.update(made.source)
    made.hour()
    made.release(2)
    with pytest.raises(Conflict) as refused:
        made.manager.update(made.source)
    assert refused.value.code == "bundle_on_trial"


def test_a_newer_one_takes_the_place_of_one_that_waits(made: World) -> None:
    made.release(1)
    made.manager.update(made.source)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    assert made.running == "core@2"


def test_what_is_only_staged_waits_for_a_person(made: World) -> None:
    made.release(1)
    assert made.manager.update(made.source, activate=False).state == "staged"
    made.hour()
    made.begin()
    made.manager.resume()
    made.hour()
    assert made.running == ""
    outcome = made.manager.activate("core@1")
    assert outcome is not None
    assert outcome.state == "armed"
    made.hour()
    assert made.running == "core@1"


def test_an_older_one_than_was_accepted_is_never_taken(made: World) -> None:
    made.release(1)
    made.commit(3)
    assert made.manager.update(made.source).state == "up_to_date"
    with pytest.raises(Denied) as refused:
        made.manager.update(made.source, wanted="core@1")
    assert refused.value.code == "bundle_not_newer"
    assert {one.seq: one.standing for one in made.manager.offered} == {3: "installed", 1: "older"}


def test_a_bundle_that_this_version_cannot_run_is_refused_before_it_is_downloaded(made: World) -> None:
    made.release(1, requires={"app": ">=7"})
    with pytest.raises(Denied) as refused:
        made.manager.update(made.source, wanted="core@1")
    assert refused.value.code == "bundle_incompatible"
    assert "staged" not in made.kinds
    assert made.manager.update(made.source).state == "up_to_date"


def test_gates_are_figured_again_from_the_folds(made: World) -> None:
    from mooring.bundles.format.manifest import Gate  # noqa: PLC0415

    made.release(1)
    made.manager._bringer._reader._minimum = lambda: [Gate(metric="net_return.min", op=">", limit="0")]  # type: ignore[attr-defined]
    with pytest.raises(Denied) as refused:
        made.manager.update(made.source)
    assert refused.value.code == "bundle_gates_missed"
    assert made.events("refused")[0]["code"] == "bundle_gates_missed"
    assert made.manager.state.candidate is None


def test_nothing_of_that_name(made: World) -> None:
    with pytest.raises(NotFound):
        made.manager.update(made.source, wanted="core@9")
    assert made.manager.activate("core@9") is None


def test_two_lines_and_none_that_decides_ask_which(made: World) -> None:
    made.release(1)
    made.release(1, bundle_id="other")
    with pytest.raises(Conflict) as refused:
        made.manager.update(made.source)
    assert refused.value.code == "several_bundles"
    made.manager.update(made.source, wanted="other@1")
    made.hour()
    assert made.running == "other@1"


def test_a_changed_slot_decides_nothing_and_the_last_good_one_does(made: World) -> None:
    made.commit(1)
    made.commit(2)
    active = made.manager.state.active
    assert active is not None
    file = made.root / "slots" / active.name / "models" / "global.onnx"
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    begun = made.begin()
    assert isinstance(begun, Loaded)
    assert begun.slot.seq == 1
    assert made.manager.state.active == active, "nothing was given up: only it cannot be proved now"
    made.manager.update(made.source, wanted="core@2")
    made.hour()
    assert made.running == "core@2", "the very same one comes again, and has to come through a trial again"


def test_a_metadata_file_that_was_touched_proves_nothing(made: World) -> None:
    made.commit(1)
    for path in (made.root / "demo" / "tuf").rglob("*.json"):
        path.write_bytes(path.read_bytes() + b" ")
    assert isinstance(made.begin(), NoModel)


def test_a_record_that_names_another_archive_than_was_authorised_proves_nothing(made: World) -> None:
    made.commit(1)
    active = made.manager.state.active
    assert active is not None
    forged = replace(active, sha256="0" * 64)
    made.manager._books.put(State(active=forged, last_good=forged))
    for path in (made.root / "slots").glob("*.json"):
        path.unlink()
    assert isinstance(made.begin(), NoModel)
    assert "not what its repository authorised" in made.events("unfit")[0]["reason"]


def test_a_repository_that_was_taken_away_takes_its_bundles_along(made: World) -> None:
    made.commit(1)

    def gone(name: str) -> None:
        raise NotFound("no_such_repository", f"{name} is gone.")

    made.repository = gone  # type: ignore[method-assign,assignment]
    assert isinstance(made.begin(), NoModel)


def test_three_starts_that_ended_badly_end_the_trial(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    for _ in range(2):
        begun = made.begin()
        assert isinstance(begun, Loaded)
        assert begun.slot.seq == 2
    begun = made.begin()
    assert isinstance(begun, Loaded)
    assert begun.slot.seq == 1
    assert made.manager.state.phase is Phase.NONE
    assert "3 times" in made.events("rolled_back")[0]["reason"]


def test_starts_that_ended_in_order_cost_nothing_and_a_trial_goes_on_where_it_was(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    for _ in range(5):
        made.manager.close()
        made.begin()
    assert made.running == "core@2"
    assert made.manager.running.trial.bars == 1
    made.hour()
    made.hour()
    assert made.manager.state.active is not None
    assert made.manager.state.active.seq == 2


def test_a_start_that_took_no_try_gives_none_back(made: World) -> None:
    """Else starts that load nothing would make of three tries as many as one likes."""
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    made.begin()
    made.manager = made.make()
    made.manager.start(asked=False)
    made.manager.close()
    assert made.manager.state.tries_left == 1
    made.begin()
    made.manager.close()
    made.manager.close()
    assert made.manager.state.tries_left == 1


def test_only_three_slots_are_kept(made: World) -> None:
    for seq in (1, 2, 3):
        made.commit(seq)
    kept = sorted(path.name.split("-")[0] for path in (made.root / "slots").iterdir() if path.is_dir())
    assert kept == ["2", "3"]
    assert [path.name for path in (made.root / "staging").iterdir()] == []


def test_what_the_runtime_cannot_use_is_rolled_back(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    found = made.manager.running.at_safe_point()
    assert isinstance(found, Loaded)
    made.manager.running.failed(found, "the runtime made no models of it")
    made.hour()
    assert made.running == "core@1"


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("full", [False, True])
def test_what_found_too_little_memory_is_not_refused_and_may_come_anew(
    made: World, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    found = made.manager.running.at_safe_point()
    assert isinstance(found, Loaded)
    with monkeypatch.context() as bad:
        if full:
            bad.setattr(Journal, "write", no_room)
        made.manager.running.failed(found, "too little memory", blamed=False)
    made.hour()
    assert (made.running, made.manager.state.phase) == ("core@1", Phase.NONE)
    assert made.events("unfit")[-1]["reason"] == "too little memory"
    assert made.manager._books.slots.rejections() == []
    assert made.manager.update(made.source).state == "armed"
    made.hour()
    assert made.running == "core@2"
