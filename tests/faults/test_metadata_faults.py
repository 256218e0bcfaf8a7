"""Metadata of bundles: kill -9 at each change of a file, and a disk that fails at each, leave a whole state and its floors."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mooring.errors import Unverified
from tests.faults import metadata
from tests.support import dying

ROOT = Path(__file__).parents[2]
MOST = 64  # changes of a refresh, about


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if why := dying.why_not():
        pytest.skip(why)
    return dying.build(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A machine that saw the first state."""
    folder = tmp_path_factory.mktemp("first") / "repository"
    source = metadata.published(1)
    metadata.client_at(folder, source).refresh(source)
    return folder


def played(library, tmp_path, first, *command):
    places = [tmp_path / str(number) for number in range(MOST // int(command[-1]) + 2)]
    for place in places:
        if first is not None:
            shutil.copytree(first, place)
    environ = os.environ | {"LD_PRELOAD": str(library)}
    run = [sys.executable, "-m", "tests.faults.metadata", *command, *map(str, places)]
    done = subprocess.run(run, cwd=ROOT, env=environ, timeout=250, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[-1] == ["end", "0"], "there were more changes than places"
    return places, [word for _, word in lines[:-1]]


@pytest.fixture(scope="module")
def states():
    return metadata.published(1), metadata.published(2)


def whole(place, states, *, seen):
    """What a machine offers that may have died: one state or the other, and then the newest; never an older one again."""
    old, new = states
    client = metadata.client_at(place, new)
    offered = [offer.custom["seq"] for offer in client.offers("stable")]
    assert offered in ([1], [1, 2]) if seen else offered in ([], [1, 2])
    if offered:
        assert client.revocations() == b'{"min_seq":{"trend":%d},"revoked":[]}' % offered[-1]
    if offered == [1, 2]:
        with pytest.raises(Unverified) as refused:
            metadata.client_at(place, new).refresh(old)
        assert refused.value.code == "bundle_rollback_refused"
    client.refresh(new)
    assert [offer.custom["seq"] for offer in metadata.client_at(place, new).offers("stable")] == [1, 2]
    metadata.client_at(place, new).keep_only(())
    assert [one.name[:4] for one in (place / "tuf").iterdir()] == ["gen-"]
    return offered


@pytest.mark.parametrize(("torn", "step"), [(0, 1), (1, 4)], ids=["before it", "half done"])
def test_kill_9_at_each_change_leaves_the_old_state_or_the_new_one(library, tmp_path, first, states, torn, step):
    places, ends = played(library, tmp_path, first, "dies", str(torn), str(step))
    assert set(ends) == {"-9"}
    assert len(ends) > 30 // step
    offered = [whole(place, states, seen=True) for place in places[: len(ends)]]
    assert offered == sorted(offered)
    assert offered[0] != offered[-1]


def test_kill_9_at_changes_of_the_first_refresh_leaves_nothing_or_all_of_it(library, tmp_path, states):
    places, ends = played(library, tmp_path, None, "dies", "0", "4")
    assert set(ends) == {"-9"}
    offered = [whole(place, states, seen=False) for place in places[: len(ends)]]
    assert offered == sorted(offered)


@pytest.mark.parametrize(("error", "syncs", "step"), [(errno.ENOSPC, 0, 2), (errno.EIO, 1, 2), (errno.EROFS, 0, 7)])
def test_a_disk_that_fails_at_each_change_is_told_and_costs_nothing_that_was_seen(
    library, tmp_path, first, states, error, syncs, step
):
    places, said = played(library, tmp_path, first, "fails", str(error), str(syncs), str(step))
    assert set(said[:-1]) <= {"bundle_metadata_disk", "came-through"}
    assert said.count("bundle_metadata_disk") > 3
    for place in places[: len(said)]:
        whole(place, states, seen=True)
