"""Publications as a client sees them, with real keys and a real folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from mooring import durable
from mooring.bundles.publisher import drafts, staging
from mooring.bundles.publisher.keys import new_signer
from mooring.bundles.publisher.publishing import renew_timestamp
from mooring.bundles.publisher.verifying import verify_repository
from mooring.errors import Conflict, Denied, Unverified
from tests.support.publishing import Publisher


def custom(seq: int, bundle_id: str = "core", channel: str = "stable") -> dict[str, Any]:
    return {"bundle_id": bundle_id, "channel": channel, "seq": seq, "version": f"2026-{seq}", "notes": "quiet month"}


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "workshop").begin()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "made.zip"
    path.write_bytes(b"a bundle")
    return path


class FolderFetcher(FetcherInterface):
    """Files of a folder, as a static host serves them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def _fetch(self, url: str) -> Any:
        path = self.folder / url.removeprefix("http://repo/")
        if not path.is_file():
            raise DownloadHTTPError("none", 404)
        yield path.read_bytes()


def seen(publisher: Publisher, state: Path, name: str | None = None) -> bytes | None:
    """What the stock client makes of it, its time being the publisher's; the bytes of a target, if one is named."""
    state.mkdir(exist_ok=True)
    updater = Updater(
        str(state),
        "http://repo/metadata/",
        target_dir=str(state),
        target_base_url="http://repo/targets/",
        fetcher=FolderFetcher(publisher.workshop.public),
        config=UpdaterConfig(),
        bootstrap=publisher.root,
    )
    updater._trusted_set.reference_time = publisher.now
    updater.refresh()
    if name is None:
        return None
    info = updater.get_targetinfo(name)
    return None if info is None else Path(updater.download_target(info, str(state / "file"))).read_bytes()


def test_a_bundle_that_was_signed_and_published_reaches_a_client(
    publisher: Publisher, archive: Path, tmp_path: Path
) -> None:
    done = publisher.release(archive, custom(1))
    assert done.added == ["bundles/stable/core-1.zip"]
    assert done.versions == {"models-stable": 2, "snapshot": 2, "timestamp": 2}
    assert seen(publisher, tmp_path / "client", "bundles/stable/core-1.zip") == b"a bundle"
    assert not list(publisher.workshop.requests.iterdir())
    assert not list(publisher.workshop.staged.iterdir())


def test_nothing_unsigned_is_in_what_is_public(publisher: Publisher, archive: Path) -> None:
    before = {path: path.read_bytes() for path in publisher.workshop.public.rglob("*") if path.is_file()}
    publisher.offer(archive, custom(1))
    assert {path: path.read_bytes() for path in publisher.workshop.public.rglob("*") if path.is_file()} == before


def test_one_signature_of_two_publishes_nothing_and_names_who_lacks(publisher: Publisher, archive: Path) -> None:
    publisher.offer(archive, custom(1))
    publisher.sign_all(publisher.keys["models-stable"][:1])
    with pytest.raises(Denied, match="models-stable version 2: 1 of 2, 1 of models-stable-1") as caught:
        publisher.publish()
    assert caught.value.code == "signatures_missing"
    publisher.sign_all(publisher.keys["models-stable"][1:])
    assert publisher.publish().versions["models-stable"] == 2


def test_a_key_of_another_role_is_refused_when_it_signs(publisher: Publisher, archive: Path) -> None:
    request = publisher.offer(archive, custom(1))
    with pytest.raises(Denied) as caught:
        publisher.sign(request, publisher.keys["models-canary"][0])
    assert caught.value.code == "key_not_asked"


def test_a_number_that_was_published_is_not_published_again(publisher: Publisher, archive: Path) -> None:
    publisher.release(archive, custom(3))
    for seq in (2, 3):
        with pytest.raises(Denied) as caught:
            publisher.offer(archive, custom(seq))
        assert caught.value.code == "bundle_seq_not_above"
    publisher.release(archive, custom(1, bundle_id="other"))
    publisher.release(archive, custom(1, channel="canary"))


def test_only_the_newest_bundles_of_an_id_stay_listed(publisher: Publisher, archive: Path) -> None:
    publisher.release(archive, custom(1, bundle_id="other"))
    for seq in range(1, drafts.KEPT_BUNDLES + 3):
        publisher.release(archive, custom(seq))
    names = publisher.workshop.published().signed("models-stable").targets
    assert len(names) == drafts.KEPT_BUNDLES + 1
    assert "bundles/stable/core-2.zip" not in names
    assert "bundles/stable/core-3.zip" in names
    assert "bundles/stable/other-1.zip" in names


def test_the_canary_is_not_kept_waiting_by_a_stable_bundle_under_review(publisher: Publisher, archive: Path) -> None:
    publisher.offer(archive, custom(1))
    publisher.offer(archive, custom(1, channel="canary"))
    publisher.sign_all(publisher.keys["models-canary"])
    done = publisher.publish()
    assert done.added == ["bundles/canary/core-1.zip"]
    assert "models-stable" in done.waiting
    assert [request.role for request in staging.pending(publisher.workshop)] == ["models-stable"]


def test_two_changes_of_one_role_at_once_are_refused(publisher: Publisher, archive: Path) -> None:
    publisher.offer(archive, custom(1))
    with pytest.raises(Conflict) as caught:
        publisher.offer(archive, custom(2))
    assert caught.value.code == "request_pending"


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, archive: Path) -> None:
    first = Publisher(tmp_path / "one").begin()
    second = Publisher(tmp_path / "two", keys=first.keys).begin()
    for publisher in (first, second):
        publisher.release(archive, custom(1))
    files = [
        {path.relative_to(one.folder).as_posix(): path.read_bytes() for path in one.workshop.public.rglob("*.*")}
        for one in (first, second)
    ]
    assert files[0] == files[1]
    assert "public/targets/bundles/stable" in {str(Path(name).parent) for name in files[0]}


def test_what_is_signed_says_when_and_holds_as_long_as_its_role(publisher: Publisher) -> None:
    published = publisher.workshop.published()
    days = {
        role: (published.signed(role).expires - publisher.now).days
        for role in ("root", "targets", "models-stable", "models-canary", "snapshot", "timestamp")
    }
    assert days == {
        "root": 365,
        "targets": 180,
        "models-stable": 90,
        "models-canary": 30,
        "snapshot": 30,
        "timestamp": 7,
    }
    for role in days:
        assert published.signed(role).unrecognized_fields["signed_at"] == "2026-11-01T12:00:00Z"


def test_revocations_only_grow(publisher: Publisher, tmp_path: Path) -> None:
    publisher.revoke({"revoked": [{"manifest_sha256": "a" * 64, "severity": "warn", "reason": "slow"}]})
    publisher.revoke(
        {
            "revoked": [
                {"manifest_sha256": "a" * 64, "severity": "block", "reason": "wrong"},
                {"manifest_sha256": "b" * 64, "severity": "block", "reason": "stolen"},
            ],
            "min_seq": {"core": 3},
        }
    )
    publisher.revoke(
        {
            "revoked": [{"manifest_sha256": "a" * 64, "severity": "warn", "reason": "mild"}],
            "min_seq": {"core": 2, "other": 1},
        }
    )
    found = seen(publisher, tmp_path / "client", "revocations.json")
    assert found is not None
    assert json.loads(found) == {
        "revoked": [
            {"manifest_sha256": "a" * 64, "severity": "block", "reason": "wrong"},
            {"manifest_sha256": "b" * 64, "severity": "block", "reason": "stolen"},
        ],
        "min_seq": {"core": 3, "other": 1},
    }


def test_a_list_of_revocations_without_what_was_in_it_is_not_published_though_it_is_signed(
    publisher: Publisher,
) -> None:
    publisher.revoke({"revoked": [{"manifest_sha256": "a" * 64, "severity": "block", "reason": "wrong"}]})
    request = drafts.with_revocation(publisher.workshop.published(), None, {"min_seq": {"core": 2}}, publisher.now)
    staging.stage(publisher.workshop, [request])
    publisher.sign_all()
    with pytest.raises(Denied) as caught:
        publisher.publish()
    assert caught.value.code == "revocations_shortened"


@pytest.mark.parametrize("role", ["root", "targets", "models-stable", "models-canary", "snapshot", "timestamp"])
def test_a_client_follows_a_change_of_any_roles_keys(
    publisher: Publisher, archive: Path, tmp_path: Path, role: str
) -> None:
    seen(publisher, tmp_path / "client")
    publisher.pass_time(hours=1)
    publisher.rotate(role, [new_signer("fresh")], [publisher.keys[role][0]])
    publisher.release(archive, custom(1))
    for state in ("client", "fresh"):
        assert seen(publisher, tmp_path / state, "bundles/stable/core-1.zip") == b"a bundle"


def test_keys_that_are_lost_are_replaced_once_the_person_says_so(publisher: Publisher, tmp_path: Path) -> None:
    seen(publisher, tmp_path / "client")
    fresh = new_signer("fresh")
    lost = publisher.keys["timestamp"].pop()
    requests = drafts.rotated(
        publisher.workshop.published(),
        "timestamp",
        [fresh.public_key],
        [lost.public_key.keyid],
        None,
        publisher.now,
    )
    staging.stage(publisher.workshop, requests)
    publisher.sign_all()
    publisher.keys["timestamp"] = [fresh]
    with pytest.raises(Denied) as caught:
        publisher.publish()
    assert caught.value.code == "online_key_missing"
    publisher.publish(old_keys_lost=True)
    seen(publisher, tmp_path / "client")


def test_a_publication_that_died_before_its_root_says_what_finishes_it(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh, lost = new_signer("fresh"), publisher.keys["timestamp"].pop()
    asked = drafts.rotated(
        publisher.workshop.published(), "timestamp", [fresh.public_key], [lost.public_key.keyid], None, publisher.now
    )
    staging.stage(publisher.workshop, asked)
    publisher.sign_all()
    publisher.keys["timestamp"] = [fresh]
    write = durable.replace_file

    def dies(path: Path, data: bytes, **how: Any) -> None:
        if path.name == "2.root.json":
            raise KeyboardInterrupt
        write(path, data, **how)

    monkeypatch.setattr(durable, "replace_file", dies)
    with pytest.raises(KeyboardInterrupt):
        publisher.publish(old_keys_lost=True)
    monkeypatch.setattr(durable, "replace_file", write)
    commands: list[Callable[[], object]] = [
        publisher.workshop.published,
        lambda: renew_timestamp(publisher.workshop, publisher.online, publisher.now),
        lambda: verify_repository(str(publisher.folder), None, publisher.now),
    ]
    for command in commands:
        with pytest.raises(Conflict) as caught:
            command()
        assert caught.value.code == "publication_unfinished"
        assert "bundle publish" in caught.value.todo
    publisher.publish(old_keys_lost=True)
    assert verify_repository(str(publisher.folder), None, publisher.now).good


def test_a_damaged_folder_with_a_signed_root_that_waits_is_still_damaged(publisher: Publisher) -> None:
    asked = drafts.rotated(
        publisher.workshop.published(), "timestamp", [new_signer("more").public_key], [], None, publisher.now
    )
    staging.stage(publisher.workshop, asked)
    publisher.sign_all()
    (publisher.workshop.metadata / "1.snapshot.json").unlink()
    with pytest.raises(Unverified) as caught:
        publisher.workshop.published()
    assert caught.value.code == "repository_damaged"


def test_the_timestamp_is_renewed_alone_until_the_snapshot_ends_soon(publisher: Publisher, tmp_path: Path) -> None:
    publisher.pass_time(days=6)
    assert renew_timestamp(publisher.workshop, publisher.keys["timestamp"], publisher.now).versions == {
        "snapshot": 1,
        "timestamp": 2,
    }
    publisher.pass_time(days=12)
    with pytest.raises(Denied) as caught:
        renew_timestamp(publisher.workshop, publisher.keys["timestamp"], publisher.now)
    assert caught.value.code == "online_key_missing"
    assert renew_timestamp(publisher.workshop, publisher.online, publisher.now).versions == {
        "snapshot": 2,
        "timestamp": 3,
    }
    seen(publisher, tmp_path / "client")
    assert publisher.workshop.published().signed("timestamp").expires == publisher.now + timedelta(days=7)


def test_a_threshold_is_never_lowered(publisher: Publisher) -> None:
    published = publisher.workshop.published()
    for threshold in (0, 1):
        with pytest.raises(Denied) as caught:
            drafts.rotated(published, "models-stable", [], [], threshold, publisher.now)
        assert caught.value.code == "threshold_lowered"


def test_a_key_for_two_roles_is_refused(publisher: Publisher) -> None:
    with pytest.raises(Denied) as caught:
        drafts.rotated(
            publisher.workshop.published(), "root", [publisher.keys["timestamp"][0].public_key], [], None, publisher.now
        )
    assert caught.value.code == "key_in_two_roles"
