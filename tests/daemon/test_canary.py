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
