"""A publisher dies by SIGKILL at each change of a file: clients accept what is there, and the next call finishes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mooring.bundles.publisher import drafts, staging
from mooring.bundles.publisher.keys import new_signer
from mooring.bundles.publisher.verifying import FolderFetcher
from mooring.bundles.trust import Repository
from tests.support import dying
from tests.support.publishing import Publisher

ROOT = Path(__file__).parents[2]
MOST = 120
REVOKED = {"revoked": [{"manifest_sha256": "a" * 64, "severity": "block", "reason": "wrong"}], "min_seq": {}}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if why := dying.why_not():
        pytest.skip(why)
    return dying.build(tmp_path_factory.mktemp("library"))


def custom(seq: int) -> dict[str, Any]:
    return {
        "bundle_id": "core",
        "channel": "stable",
        "seq": seq,
        "version": "1",
        "manifest_sha256": "c" * 64,
        "unpacked_size": 1,
        "requires": {},
        "released_at": "2026-11-01T12:00:00Z",
        "notes": "",
        "evaluation": {},
    }


def bundle(folder: Path, seq: int) -> Path:
    path = folder / f"{seq}.zip"
    path.write_bytes(f"bundle {seq}".encode() * 100)
    return path


def client(folder: Path, publisher: Publisher) -> Repository:
    folder.parent.mkdir(exist_ok=True)
    return Repository(folder, publisher.root, clock=lambda: publisher.now, built_at=publisher.now)


def victims(library: Path, tmp_path: Path, publisher: Publisher, *, torn: bool) -> Iterator[Publisher]:
    """Publishers as they were left, in the order of their deaths."""
    (tmp_path / "keys").mkdir()
    for number, signer in enumerate(publisher.online):
        (tmp_path / "keys" / str(number)).write_bytes(signer.private_bytes)
    places = [tmp_path / "places" / str(number) for number in range(MOST)]
    for place in places:
        shutil.copytree(publisher.folder, place)
    command = [sys.executable, "-m", "tests.faults.publishes", str(int(torn)), str(tmp_path / "keys")]
    environ = os.environ | {"LD_PRELOAD": str(library)}
    done = subprocess.run(
        [*command, publisher.now.isoformat(), *map(str, places)],
        cwd=ROOT, env=environ, timeout=200, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ends = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("end ")]
    assert ends[-1] == "0", "there were more changes than places"
    assert set(ends[:-1]) == {"-9"}
    for place in places[: len(ends) - 1]:
        yield Publisher(place, keys=publisher.keys, now=publisher.now)


@pytest.mark.parametrize(
    ("change", "torn"),
    [("release", False), ("release", True), ("targets keys", False), ("timestamp keys", False)],
    ids=["release", "release, a write half done", "keys of targets", "keys of timestamp"],
)
def test_killed_at_any_change_of_a_publication_clients_go_on_and_the_next_call_finishes_it(
    library: Path, tmp_path: Path, change: str, torn: bool
) -> None:
    publisher = Publisher(tmp_path / "first").begin()
    publisher.release(bundle(tmp_path, 1), custom(1))
    client(tmp_path / "known", publisher).refresh(FolderFetcher(folder=publisher.workshop.public))
    publisher.pass_time(hours=1)
    publisher.offer(bundle(tmp_path, 2), custom(2))
    published = publisher.workshop.published()
    if change == "release":
        staging.stage(publisher.workshop, [drafts.with_revocation(published, None, REVOKED, publisher.now)])
    else:
        role, fresh = change.split(maxsplit=1)[0], new_signer("fresh")
        gone = publisher.keys[role][0].public_key.keyid
        staging.stage(
            publisher.workshop, drafts.rotated(published, role, [fresh.public_key], [gone], None, publisher.now)
        )
        publisher.keys[role].append(fresh)
    publisher.sign_all()

    seen: list[int] = []
    for number, left in enumerate(victims(library, tmp_path, publisher, torn=torn)):
        fetcher = FolderFetcher(folder=left.workshop.public)
        shutil.copytree(tmp_path / "known", tmp_path / "clients" / str(number))
        for name in (str(number), f"{number}-new")[: 2 if number % 3 == 0 else 1]:
            repository = client(tmp_path / "clients" / name, left)
            fresh_state = repository.refresh(fetcher)
            assert not fresh_state.refused
            offers = repository.offers("stable")
            for offer in offers:
                with (tmp_path / "downloaded").open("wb") as file:
                    repository.download(offer, fetcher, file)
        seen.append(len(offers))
        if number % 3 == 0:
            left.publish()
            repository.refresh(fetcher)
            assert len(repository.offers("stable")) == 2
            assert (repository.revocations() is not None) == (change == "release")
            assert not [path for path in left.workshop.requests.iterdir() if path.suffix in {".json", ".sig"}]
            assert not list(left.workshop.staged.iterdir())
            assert (left.workshop.metadata / "2.root.json").exists() == (change != "release")
    assert seen == sorted(seen)
    assert set(seen) == {1, 2}
    assert len(seen) > 30, len(seen)


def test_killed_at_any_change_of_the_first_publication_there_is_nothing_or_all_of_it(
    library: Path, tmp_path: Path
) -> None:
    publisher = Publisher(tmp_path / "first").stage_first()
    whole = []
    for number, left in enumerate(victims(library, tmp_path, publisher, torn=False)):
        whole.append((left.workshop.metadata / "1.root.json").exists())
        if not whole[-1]:
            left.publish()
        client(tmp_path / "clients" / str(number), left).refresh(FolderFetcher(folder=left.workshop.public))
        assert left.workshop.published().root is not None
    assert whole == sorted(whole)
    assert set(whole) == {False, True}
