"""A repository in one file: the same updater, the same floors, and no way to bend the file."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.bundles.trust import ZipFetcher
from mooring.errors import Invalid, MooringError, Unverified
from tests.bundles.trust.rig import Machine, downloaded
from tests.support.bundle_repository import BundleRepository

DATA = b"weights" * 30_000


@pytest.fixture(scope="module")
def source():
    made = BundleRepository()
    made.add_bundle("stable", "trend", 1, DATA)
    return made


@pytest.fixture
def opened(tmp_path):
    descriptors = []

    def make(data):
        path = tmp_path / f"{len(descriptors)}.mbundle"
        path.write_bytes(data)
        descriptors.append(os.open(path, os.O_RDONLY))
        return descriptors[-1]

    yield make
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_bundle_is_installed_from_one_file_as_from_a_server(tmp_path, source, opened):
    machine = Machine(tmp_path, source.root)
    fetcher = ZipFetcher(opened(source.packed()))
    machine.client().refresh(fetcher)
    (offer,) = machine.client().offers("stable")
    assert downloaded(machine.client(), offer, fetcher) == DATA


def test_it_is_a_zip_that_other_tools_read(source, opened, tmp_path):
    opened(source.packed())
    with zipfile.ZipFile(tmp_path / "0.mbundle") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(source.files)


def test_an_expired_timestamp_passes_by_a_persons_word_only_and_for_this_file_only(tmp_path, source, opened):
    machine = Machine(tmp_path, source.root)
    machine.now += timedelta(days=10)
    fetcher = ZipFetcher(opened(source.packed()))
    with pytest.raises(Unverified) as refused:
        machine.client().refresh(fetcher)
    assert refused.value.code == "bundle_metadata_expired"
    fresh = machine.client().refresh(fetcher, accept_expired=frozenset({"timestamp"}))
    assert fresh.staleness == timedelta(days=3)
    (offer,) = machine.client().offers("stable")
    assert downloaded(machine.client(), offer, fetcher) == DATA
    with pytest.raises(Unverified) as refused:  # a server's word is not a person's
        downloaded(machine.client(), offer, source)
    assert refused.value.code == "bundle_metadata_expired"


@pytest.mark.parametrize(("days", "role"), [(40, "models-canary"), (200, "targets"), (400, "root")])
def test_what_else_has_expired_never_passes(tmp_path, source, opened, days, role):
    machine = Machine(tmp_path, source.root)
    machine.now += timedelta(days=days)
    fetcher = ZipFetcher(opened(source.packed()))
    both = frozenset({"timestamp", "snapshot"})
    if role == "models-canary":
        fresh = machine.client().refresh(fetcher, accept_expired=both)
        assert fresh.refused[role].code == "bundle_metadata_expired"
        return
    with pytest.raises(Unverified) as refused:
        machine.client().refresh(fetcher, accept_expired=both)
    assert refused.value.code == "bundle_metadata_expired"


def test_no_word_lets_an_expired_root_or_a_servers_expired_timestamp_pass(tmp_path, source, opened):
    client = Machine(tmp_path, source.root).client()
    with pytest.raises(ValueError, match="only a sideloaded"):
        client.refresh(ZipFetcher(opened(source.packed())), accept_expired=frozenset({"root"}))
    with pytest.raises(ValueError, match="only a sideloaded"):
        client.refresh(source, accept_expired=frozenset({"timestamp"}))


def test_an_older_file_is_a_rollback_also_by_a_persons_word(tmp_path, opened):
    source = BundleRepository()
    old = source.packed()
    source.add_bundle("stable", "trend", 2, DATA)
    machine = Machine(tmp_path, source.root)
    machine.client().refresh(source)
    with pytest.raises(Unverified) as refused:
        machine.client().refresh(ZipFetcher(opened(old)), accept_expired=frozenset({"timestamp", "snapshot"}))
    assert refused.value.code == "bundle_rollback_refused"


def zipped(files, **how):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how.get("method", zipfile.ZIP_STORED)) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = how.get("method", zipfile.ZIP_STORED)
            info.extra = how.get("extra", b"")
            info.external_attr = how.get("attributes", 0o100400 << 16)
            archive.writestr(info, data)
        archive.comment = how.get("comment", b"")
    return made.getvalue()


GOOD = [("metadata/timestamp.json", b"{}")]


@pytest.mark.parametrize(
    "data",
    [
        zipped(GOOD, method=zipfile.ZIP_DEFLATED),
        zipped(GOOD, comment=b"hello"),
        zipped(GOOD, extra=b"\x01\x00\x00\x00"),
        zipped(GOOD, attributes=0o120777 << 16),
        b"#!/bin/sh\n" + zipped(GOOD),
        zipped(GOOD) + b"\0",
        zipped([*GOOD, *GOOD[:0], ("metadata/../../x", b"")]),
        zipped([("/metadata/a", b"")]),
        zipped([("targets/a/../b", b"")]),
        zipped([("metadata/a", b""), ("metadata/A", b"")]),
        zipped([("metadata/b", b""), ("metadata/a", b"")]),
        zipped([("metadata/", b"")]),
        zipped([]),
        b"",
        b"PK\x05\x06",
    ],
)
def test_what_is_not_exactly_such_a_file_is_refused(opened, data):
    with pytest.raises(Invalid) as refused:
        ZipFetcher(opened(data))
    assert refused.value.code == "bundle_sideload_unusable"


SMALL = BundleRepository()


def read_all(descriptor, names):
    fetcher = ZipFetcher(descriptor)
    for path in names:
        place, _, name = path.partition("/")
        b"".join(fetcher.fetch(place, name, most=1 << 30, seconds=1))


@settings(max_examples=150, deadline=None)
@given(at=st.integers(min_value=0), bit=st.integers(0, 7), cut=st.booleans())
def test_no_change_of_a_bit_and_no_cut_is_taken_for_the_file(at, bit, cut):
    data = bytearray(SMALL.packed())
    at %= len(data)
    if cut:
        del data[at:]
    else:
        data[at] ^= 1 << bit
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        with pytest.raises(MooringError):
            read_all(file.fileno(), SMALL.files)
