"""What a key that lies on a server can say, and one person with two names for one key."""

from __future__ import annotations

import io
import socket
from dataclasses import dataclass

import pytest
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import MetaFile

from mooring.bundles.trust import Limits
from mooring.bundles.trust.http_fetcher import _Watch
from mooring.errors import Retry, Unverified
from tests.bundles.trust.rig import Machine
from tests.support.bundle_repository import BundleRepository, signer_of

STABLE = "models-stable"


@pytest.fixture
def source():
    return BundleRepository()


@pytest.fixture
def machine(tmp_path, source):
    return Machine(tmp_path, source.root)


def allow(source, *keys):
    """Let stable be signed by these keys, and publish it signed by the trainer alone."""
    delegations = source.roles["targets"].delegations
    delegations.roles[STABLE].keyids = [key.keyid for key in keys]
    delegations.keys.update({key.keyid: key for key in keys})
    source.renew("targets")
    source.publish()


def renamed(name, keyid, change=str):
    key = signer_of(name).public_key
    return SSlibKey(keyid, key.keytype, key.scheme, {"public": change(key.keyval["public"])})


@pytest.mark.parametrize("change", [str, str.upper, lambda text: f" {text}"], ids=["same", "capitals", "blank"])
@pytest.mark.parametrize("others", [(), ("reviewer",)], ids=["alone", "beside another"])
def test_one_key_under_two_names_is_one_key_however_it_is_spelled(machine, source, change, others):
    allow(source, signer_of("trainer").public_key, renamed("trainer", "ff" * 32, change),
          *(signer_of(name).public_key for name in others))  # fmt: skip
    with pytest.raises(Unverified) as refused:
        machine.client().refresh(source)
    assert refused.value.code in {"bundle_policy_refused", "bundle_metadata_unusable"}


@dataclass
class Flood:
    """A repository that sends as much of a snapshot as it is asked for, and counts what was taken of it."""

    inner: BundleRepository
    sideloaded: bool = False
    taken: int = 0

    def fetch(self, place, name, *, most, seconds):
        if not name.endswith("snapshot.json"):
            yield from self.inner.fetch(place, name, most=most, seconds=seconds)
            return
        for _ in range(64):
            self.taken += 1_000_000
            yield bytes(1_000_000)


def test_a_length_that_a_timestamp_states_does_not_raise_our_limit(machine, source):
    timestamp = source.roles["timestamp"]
    timestamp.version += 1
    timestamp.snapshot_meta = MetaFile(source.roles["snapshot"].version, length=10**12)
    source.sign("timestamp")
    flood = Flood(source)
    with pytest.raises(Retry) as refused:
        machine.client().refresh(flood)
    assert refused.value.code == "bundle_answer_too_long"
    assert flood.taken <= Limits().snapshot + 1_000_000


@pytest.mark.parametrize("kind", ["shake_128", "shake_256", "no-such-hash", ""])
def test_a_hash_of_a_kind_without_a_length_is_refused_and_no_failure_of_ours(machine, source, kind):
    timestamp = source.roles["timestamp"]
    timestamp.version += 1
    timestamp.snapshot_meta = MetaFile(source.roles["snapshot"].version, hashes={kind: "00"})
    source.sign("timestamp")
    with pytest.raises(Unverified):
        machine.client().refresh(source)


@pytest.mark.parametrize("kind", ["shake_128", "no-such-hash"])
def test_an_offer_with_a_hash_without_a_length_is_refused_and_no_failure_of_ours(machine, source, kind):
    name = source.add_bundle("stable", "core", 1, b"bundle")
    target = source.roles[STABLE].targets[name]
    target.hashes = {**target.hashes, kind: "00"}
    source.renew(STABLE)
    source.publish()
    client = machine.client()
    client.refresh(source)
    (offer,) = client.offers("stable")
    with pytest.raises(Unverified) as refused:
        client.download(offer, source, io.BytesIO())
    assert refused.value.code == "bundle_policy_refused"


def test_a_connection_that_is_there_only_after_the_deadline_is_cut_at_once():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        watch = _Watch()

        class Stream:
            @staticmethod
            def get_extra_info(_name):
                return ours

        with watch.cutting_after(0.001) as cut:
            assert cut.wait(30)
            watch.trace("connection.connect_tcp.complete", {"return_value": Stream})
            theirs.settimeout(30)
            assert theirs.recv(1) == b""
