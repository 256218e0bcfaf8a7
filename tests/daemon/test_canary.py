"""A run that passes becomes a bundle of the canary channel that clients take; nothing else in the folder is touched."""

from __future__ import annotations

import pytest

from mooring.bundles.publisher import staging
from mooring.daemon.canary import CanaryPublisher
from mooring.errors import Conflict, Denied
from tests.support import bundle_models
from tests.support.publishing import Publisher


@pytest.fixture
def made(tmp_path):
    return Publisher(tmp_path / "publisher").begin()


@pytest.fixture
def run(tmp_path):
    (tmp_path / "runs").mkdir()
    return bundle_models.write_run(tmp_path / "runs" / "one")


def canary(made, *roles):
    return CanaryPublisher(made.folder, [key for role in roles for key in made.keys[role]], lambda: made.now)


ALL = ("models-canary", "snapshot", "timestamp")


def listed(made, channel):
    return sorted(made.workshop.published().signed(f"models-{channel}").targets)


def test_a_run_is_public_under_the_next_number_of_the_canary_channel(made, run):
    publisher = canary(made, *ALL)
    names = []
    for _ in range(2):
        made.pass_time(hours=1)
        names.append(publisher.publish(run))
    bundle_id = names[0].partition("@")[0]
    assert names == [f"{bundle_id}@1", f"{bundle_id}@2"]
    assert listed(made, "canary") == [f"bundles/canary/{bundle_id}-{seq}.zip" for seq in (1, 2)]
    assert listed(made, "stable") == []
    assert staging.pending(made.workshop) == []
    assert [path.name for path in run.parent.iterdir()] == ["one"]  # no scratch is left


def test_without_the_channel_s_key_nothing_becomes_public(made, run):
    with pytest.raises(Denied) as caught:
        canary(made, "models-stable", "snapshot", "timestamp").publish(run)
    assert caught.value.code == "signatures_missing"
    assert listed(made, "canary") == []
    assert [
        *made.workshop.requests.iterdir(),
        *made.workshop.staged.iterdir(),
    ] == []  # and nothing is in the next's way


def test_a_publication_that_failed_is_finished_by_the_next_call(made, run, monkeypatch):
    made.pass_time(hours=1)
    with pytest.raises(Denied) as caught:
        canary(made, "models-canary", "snapshot").publish(run)
    assert caught.value.code == "online_key_missing"
    assert listed(made, "canary") == []
    bundle_id, _, seq = canary(made, *ALL).publish(run).partition("@")
    assert seq == "2"
    assert listed(made, "canary") == [f"bundles/canary/{bundle_id}-{number}.zip" for number in (1, 2)]


def test_a_crash_between_signature_and_request_is_in_nobody_s_way(made, run, monkeypatch):
    made.pass_time(hours=1)
    with monkeypatch.context() as patch:
        patch.setattr(staging, "stage", raising)
        with pytest.raises(OSError, match="power"):
            canary(made, *ALL).publish(run)
    made.pass_time(hours=1)
    assert canary(made, *ALL).publish(run).endswith("@1")
    assert len(listed(made, "canary")) == 1
    assert [*made.workshop.requests.iterdir(), *made.workshop.staged.iterdir()] == []


def raising(*_):
    raise OSError("the power went")


def test_a_release_of_another_channel_that_is_signed_is_not_made_public_with_it(made, run):
    made.pass_time(hours=1)
    built = made.folder.parent / "release.zip"
    built.write_bytes(b"a release that waits for its day")
    made.offer(built, {"bundle_id": "core", "seq": 1, "channel": "stable"})
    made.sign_all()
    canary(made, *ALL).publish(run)
    assert listed(made, "stable") == []
    assert len(listed(made, "canary")) == 1
    made.publish()
    assert listed(made, "stable") == ["bundles/stable/core-1.zip"]


def test_a_request_that_waits_is_neither_signed_nor_published_with_it(made, run, tmp_path):
    made.pass_time(hours=1)
    built = made.folder.parent / "waiting.zip"
    built.write_bytes(b"a bundle of somebody else")
    made.offer(built, {"bundle_id": "other", "seq": 1, "channel": "canary"})
    before = listed(made, "canary")
    with pytest.raises(Conflict) as caught:
        canary(made, *ALL).publish(run)
    assert caught.value.code == "request_pending"
    assert listed(made, "canary") == before
    assert len(staging.pending(made.workshop)) == 1
