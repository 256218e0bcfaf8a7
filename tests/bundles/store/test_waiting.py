"""What waits to be tried is asked its age again, and only that: what was tried or accepted in time is not."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mooring.bundles.store.state import Phase
from mooring.bundles.store.work import Source
from mooring.errors import Denied, Unverified
from tests.bundles.store.store_rig import World, world
from tests.support.bundle_models import VALID_UNTIL

CANARY_DAYS = 30


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)


def canary(made: World) -> Source:
    return replace(made.source, channel="canary")


def test_one_whose_own_time_ran_out_while_it_waited_is_not_tried_and_that_is_told(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.now = VALID_UNTIL + timedelta(minutes=1)
    made.hour()
    assert (made.running, made.manager.state.phase, made.manager.state.wanted) == ("core@1", Phase.STAGED, False)
    (told,) = made.events("not_tried")
    assert "valid until 2027-02-19" in told["reason"]
    assert "mooring bundle check" in told["reason"]
    made.hour()
    assert len(made.events("not_tried")) == 1
    assert made.manager._books.slots.rejections() == [], "it is too old, and not refused for anything that it did"
    with pytest.raises(Denied) as refused:
        made.manager.activate("core@2")
    assert refused.value.code == "bundle_expired"


@pytest.mark.parametrize("armed", [True, False])
def test_one_whose_channel_expired_waits_until_its_repository_was_asked_again(made: World, *, armed: bool) -> None:
    made.release(1, channel="canary")
    made.manager.update(canary(made), activate=armed)
    made.now += timedelta(days=CANARY_DAYS, hours=2)
    made.hour()
    assert made.running == ""
    assert len(made.events("not_tried")) == armed
    with pytest.raises(Unverified) as refused:
        made.manager.activate("core@1")
    assert (refused.value.code, made.manager.state.phase) == ("bundle_metadata_expired", Phase.STAGED)
    assert "models-canary expired on" in refused.value.what
    made.release(2, channel="canary")
    made.manager.check(canary(made))
    outcome = made.manager.activate("core@1")
    assert outcome is not None
    assert outcome.state == "armed"
    made.hour()
    assert made.running == "core@1"


def test_a_trial_that_began_in_time_goes_on_and_the_way_back_is_open_however_old_all_is(made: World) -> None:
    made.commit(1)
    made.commit(2)
    made.release(3)
    made.manager.update(made.source)
    made.hour()
    made.now += timedelta(days=500)
    made.begin()
    assert (made.running, made.manager.state.phase) == ("core@3", Phase.TRYING)
    made.manager.rollback()
    made.hour()
    assert made.running == "core@2"
    made.manager.rollback()
    made.hour()
    assert made.running == "core@1"


def test_a_disk_that_cannot_be_read_then_has_it_tried_an_hour_later(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)

    def refused(*_: object) -> None:
        raise OSError(errno.EIO, "the disk")

    with monkeypatch.context() as bad:
        bad.setattr("mooring.bundles.store.reading.read_manifest", refused)
        made.hour()
    assert (made.running, made.manager.state.phase) == ("core@1", Phase.ARMED)
    made.hour()
    assert made.running == "core@2"


def test_what_a_person_asks_of_every_bundle_by_now_is_asked_of_one_that_waited(made: World) -> None:
    from mooring.bundles.format.manifest import Gate  # noqa: PLC0415

    made.release(1)
    made.manager.update(made.source)
    made.manager._bringer._reader._minimum = lambda: [Gate(metric="net_return.min", op=">", limit="0")]  # type: ignore[attr-defined]
    made.hour()
    assert (made.running, made.manager.state.phase) == ("", Phase.STAGED)
