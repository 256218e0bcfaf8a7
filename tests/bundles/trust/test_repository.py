"""What a machine makes of a repository: offers, downloads, revocations, generations, proofs."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from mooring.bundles.trust.http_fetcher import HttpFetcher
from mooring.errors import Invalid, Retry, Unverified
from tests.bundles.trust.rig import Machine, downloaded
from tests.support.bundle_repository import NOW, BundleRepository

DATA = b"a bundle" * 100_000


@pytest.fixture
def source():
    return BundleRepository()


@pytest.fixture
def machine(tmp_path, source):
    return Machine(tmp_path, source.root)


def test_what_is_published_is_offered_and_downloaded_byte_for_byte(machine, source):
    name = source.add_bundle("stable", "trend", 1, DATA, {"version": "2026-12"})
    client = machine.client()
    assert client.offers("stable") == []
    fresh = client.refresh(source)
    (offer,) = client.offers("stable")
    assert (offer.name, offer.length, offer.role) == (name, len(DATA), "models-stable")
    assert offer.custom == {"bundle_id": "trend", "channel": "stable", "seq": 1, "version": "2026-12"}
    assert offer.generation == fresh.generation
    assert fresh.expires["timestamp"] == NOW + timedelta(days=7)
    assert (fresh.staleness, dict(fresh.refused)) == (timedelta(0), {})
    assert client.offers("canary") == []
    assert downloaded(client, offer, source) == DATA


def test_over_http_it_is_the_same(machine, source):
    source.add_bundle("canary", "trend", 7, DATA)
    client = machine.client()
    told = []
    with source.served() as url, HttpFetcher(url) as fetcher:
        client.refresh(fetcher)
        (offer,) = client.offers("canary")
        into = io.BytesIO()
        client.download(offer, fetcher, into, lambda done, total: told.append((done, total)))
    assert into.getvalue() == DATA
    assert told[-1] == (len(DATA), len(DATA))
    assert told == sorted(told)


def test_a_restart_offers_what_was_stored_without_asking(machine, source):
    source.add_bundle("stable", "trend", 1, DATA)
    fresh = machine.client().refresh(source)
    source.asked.clear()
    later = machine.client()
    assert [offer.generation for offer in later.offers("stable")] == [fresh.generation]
    machine.now += timedelta(days=10)
    assert later.stored().staleness == timedelta(days=3)
    assert source.asked == []


def test_revocations_come_with_the_metadata_and_are_kept(machine, source):
    client = machine.client()
    client.refresh(source)
    assert client.revocations() is None
    data = source.revoke({"revoked": [], "min_seq": {"trend": 3}})
    client.refresh(source)
    assert machine.client().revocations() == data


def test_what_was_activated_is_proved_long_after_it_expired(machine, source):
    name = source.add_bundle("stable", "trend", 1, DATA)
    fresh = machine.client().refresh(source)
    machine.client().keep(fresh.generation)
    for seq in range(2, 5):
        source.add_bundle("stable", "trend", seq, DATA)
        machine.client().refresh(source)
    machine.now += timedelta(days=500)
    offer = machine.client().authorised(name, generation=fresh.generation, as_of=NOW)
    assert offer.custom["seq"] == 1
    with pytest.raises(Unverified) as refused:
        machine.client().authorised(name, generation=fresh.generation, as_of=machine.now)
    assert refused.value.code == "bundle_metadata_expired"


def test_a_repository_that_cannot_be_reached_is_asked_again_later(machine, source):
    source.absent.add("metadata/timestamp.json")
    with pytest.raises(Retry) as refused:
        machine.client().refresh(source)
    assert refused.value.code == "bundle_repository_refused"


def test_bytes_that_are_no_root_are_refused_at_once(tmp_path):
    with pytest.raises(Invalid) as refused:
        Machine(tmp_path, b"{}").client()
    assert refused.value.code == "bundle_bad_root"
