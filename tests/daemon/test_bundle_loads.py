"""A bundle that ends the process while it loads or is asked: given up after three, the next good one is asked, or none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring.bundles.store.journal import Journal
from mooring.bundles.store.loads import Loads
from mooring.bundles.store.ports import NoModel
from mooring.bundles.store.state import TRIES, Slot
from mooring.daemon.bundle_health import examined
from mooring.errors import Conflict, Denied
from mooring.home import Home
from tests.bundles.store.slot_kit import accepted, slot_of
from tests.bundles.store.store_rig import World, world
from tests.daemon.test_bundle_runtime import SECONDS, Decides, Makes, active, asked, loaded, take_up_once_loaded


def killed(folder: Path, slot: Slot, times: int = TRIES) -> None:
    for _ in range(times):
        Loads(folder).around(slot, counted=True).__enter__()


@pytest.fixture
def makes() -> Iterator[Makes]:
    made = Makes()
    yield made
    for event in made.hangs.values():
        event.set()


def decides(loads: Loads) -> Decides:
    return Decides(load=lambda slot: loads.around(slot, counted=True))


@pytest.mark.parametrize("left", [2, None])
def test_what_ended_three_processes_is_not_loaded_and_the_next_good_one_is_asked_or_none(
    tmp_path: Path, makes: Makes, left: int | None
) -> None:
    killed(tmp_path, slot_of(3))
    deciding = decides(Loads(tmp_path))
    deciding.found = loaded(3)
    deciding.instead = NoModel(reason="None is left.") if left is None else loaded(left)
    made = active(deciding, makes)
    assert made.take_up() is (left is not None)
    assert asked(made) == (None if left is None else slot_of(left).reference)
    (why,) = deciding.failures
    assert why.startswith("3: Mooring ended 3 times in a row while it was being loaded.")
    made.close()


def test_a_load_is_on_the_disk_while_it_lasts_and_an_end_in_order_takes_it_back(tmp_path: Path, makes: Makes) -> None:
    loads = Loads(tmp_path)
    deciding = decides(loads)
    made = active(deciding, makes, turn_seconds=0.0)
    makes.hangs[1] = threading.Event()
    deciding.found = loaded(1)
    made.take_up()
    assert makes.begun.wait(SECONDS)
    assert (tmp_path / "loading").is_file()
    makes.hangs[1].set()
    assert take_up_once_loaded(made)
    assert not (tmp_path / "loading").exists()
    makes.begun.clear()
    makes.hangs[2] = threading.Event()
    deciding.found = loaded(2)
    made.take_up()
    assert makes.begun.wait(SECONDS)
    assert (tmp_path / "loading").is_file()
    made.close()
    loads.close()
    assert not (tmp_path / "loading").exists()


def given_up(made: World, slot: Slot) -> None:
    """As the runtime finds it at a start."""
    killed(made.root / "state", slot)
    found = made.begin()
    assert not isinstance(found, NoModel)
    with pytest.raises(Denied) as refused, made.manager.running.load(found.slot):
        pass
    made.manager.running.failed(found, refused.value.what)
    made.hour()


def test_a_person_has_it_loaded_again_and_nobody_else_does(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.commit(1)
    made.commit(2)
    slot = made.manager.state.active
    assert slot is not None
    given_up(made, slot)
    assert made.running == "core@1"
    assert "activate core@2 --again" in made.events("unfit")[-1]["reason"]
    with pytest.raises(Denied) as refused:
        made.manager.activate("core@2")
    assert refused.value.code == "bundle_given_up"
    outcome = made.manager.activate("core@2", again=True)
    assert outcome is not None
    assert outcome.state == "loads_again"
    made.hour()
    assert made.running == "core@2"
    with made.manager.running.load(slot):
        pass
    with pytest.raises(Conflict):
        made.manager.activate("core@2", again=True)


def test_no_update_by_itself_begins_all_over_with_it_and_a_persons_does(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.commit(1)
    slot = made.manager.state.active
    assert slot is not None
    given_up(made, slot)
    assert made.manager.update(made.source).state == "up_to_date"
    assert [(one.standing, one.why) for one in made.manager.offered] == [
        ("rejected", "Mooring ended whenever it was loaded or asked.")
    ]
    with pytest.raises(Denied) as refused:
        made.manager.update(made.source, wanted="core@1")
    assert refused.value.code == "bundle_rejected"
    assert made.manager.update(made.source, wanted="core@1", again=True).state == "armed"
    made.hour()
    assert made.running == "core@1"
    with made.manager.running.load(slot):
        pass


def test_no_word_brings_back_what_its_publisher_took_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the disk kept that from the record."""
    made = world(tmp_path)
    made.commit(1)
    made.commit(2)
    slot = made.manager.state.active
    assert slot is not None
    made.publisher.now = made.now
    made.publisher.revoke(
        {"revoked": [{"manifest_sha256": slot.manifest_sha256, "severity": "block", "reason": "bad"}]}
    )

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as bad:
        bad.setattr(Journal, "write", full)
        with pytest.raises(Exception, match="No space"):
            made.manager.check(made.source)
    assert made.manager.state.active == slot
    with pytest.raises(Denied) as refused:
        made.manager.activate("core@2", again=True)
    assert (refused.value.code, "bad" in refused.value.what) == ("bundle_given_up", True)


def test_where_none_is_left_that_is_said_and_the_doctor_says_it_too(home: Home, tmp_path: Path) -> None:
    made = world(tmp_path)
    made.commit(1)
    slot = made.manager.state.active
    assert slot is not None
    given_up(made, slot)
    now = made.manager.running.now
    assert isinstance(now, NoModel)
    assert "Mooring ended 3 times in a row" in now.reason
    assert made.events("no_model")[-1]["reason"] == now.reason

    state = home.root / "bundles" / "state"
    state.mkdir(parents=True)
    Journal(state).write(accepted(1))
    assert examined(home).detail == f"{slot_of(1).reference} decides."
    killed(state, slot_of(1))
    found = examined(home)
    assert (found.state, "--again" in (found.fix or "")) == ("warn", True)


def test_a_trial_is_counted_by_its_tries_and_not_twice(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    found = made.manager.running.at_safe_point()
    assert found is not None
    assert not isinstance(found, NoModel)
    with made.manager.running.load(found.slot):
        assert b'"begun":{}' in (made.root / "state" / "loading").read_bytes()
    active_slot = made.manager.state.active
    assert active_slot is not None
    with made.manager.running.load(active_slot):
        assert active_slot.name.encode() in (made.root / "state" / "loading").read_bytes()
