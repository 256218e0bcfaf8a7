"""A repository in one file: what is in it is taken, whatever else its metadata names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mooring.bundles.publisher.sideload import pack
from mooring.bundles.store.work import Outcome, Source
from mooring.bundles.trust import ZipFetcher
from tests.bundles.store.store_rig import World, world


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)


def sideloaded(made: World, target: str, tmp_path: Path, channel: str = "stable") -> Outcome:
    path = tmp_path / "brought.mbundle"
    pack(made.publisher.workshop, target, path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fetch = ZipFetcher(descriptor)
        return made.manager.update(Source(name="demo", trust=made.repository(), fetch=fetch, channel=channel))
    finally:
        os.close(descriptor)


def test_an_older_bundle_is_taken_from_its_file_though_a_newer_one_is_published(made: World, tmp_path: Path) -> None:
    made.release(1)
    made.release(2)
    said = sideloaded(made, "bundles/stable/core-1.zip", tmp_path)
    assert (said.state, said.bundle.partition(":")[0]) == ("armed", "core@1")


def test_a_file_of_another_channel_is_told_as_that(made: World, tmp_path: Path) -> None:
    made.release(1)
    said = sideloaded(made, "bundles/stable/core-1.zip", tmp_path, channel="canary")
    assert (said.state, said.detail) == ("up_to_date", "The file holds no bundle of canary.")
