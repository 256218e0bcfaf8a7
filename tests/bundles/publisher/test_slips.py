"""Requests that somebody bent on their way, and slips that no client would ever forgive."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mooring.bundles.publisher import drafts, keys, publishing, staging, verifying, words
from mooring.bundles.publisher.keys import new_signer
from mooring.bundles.publisher.reading import look
from mooring.bundles.publisher.requests import Request, load_request
from mooring.bundles.trust import Limits
from mooring.errors import Denied, Invalid
from tests.support.publishing import Publisher

CUSTOM: dict[str, Any] = {"bundle_id": "core", "channel": "stable", "seq": 1, "manifest_sha256": "c" * 64}


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "workshop").begin()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "made.zip"
    path.write_bytes(b"a bundle")
    return path


def asked(publisher: Publisher, role: str) -> Request:
    request = drafts.renewed(publisher.workshop.published(), role, publisher.now + timedelta(days=1))
    staging.stage(publisher.workshop, [request])
    return request


def bent(publisher: Publisher, request: Request, change: Callable[[dict[str, Any]], object]) -> Path:
    path = publisher.workshop.requests / f"{request.name}.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    return path


def keys_of(facts: dict[str, Any]) -> dict[str, Any]:
    signed = facts["signed"]
    found: dict[str, Any] = signed["keys"] if "keys" in signed else signed["delegations"]["keys"]
    return found


def swap(facts: dict[str, Any]) -> None:
    """Another key under the same id, which clients would take."""
    keys = keys_of(facts)
    keys[min(keys)]["keyval"]["public"] = new_signer("thief").public_key.keyval["public"]


def no_paths(facts: dict[str, Any]) -> None:
    for role in facts["signed"]["delegations"]["roles"]:
        del role["paths"]
        role["path_hash_prefixes"] = [""]


def succinct(facts: dict[str, Any]) -> None:
    delegations = facts["signed"]["delegations"]
    del delegations["roles"]
    keyid = min(delegations["keys"])
    delegations["succinct_roles"] = {"keyids": [keyid], "threshold": 1, "bit_length": 1, "name_prefix": "x"}


def set_to(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(facts: dict[str, Any]) -> None:
        facts[name] = value

    return change


@pytest.mark.parametrize(
    ("role", "change"),
    [
        ("root", swap),
        ("targets", swap),
        ("root", lambda facts: facts["signed"].update(consistent_snapshot=False)),
        ("targets", no_paths),
        ("targets", succinct),
        ("models-stable", set_to("role", "models-\x1b[2Jstable")),
        ("models-stable", set_to("role", "models-x/../../../home/me/x")),
        ("models-stable", set_to("needs", [{"threshold": 1, "keys": {"a" * 64: "\x1b[2J"}}])),
        ("models-stable", set_to("needs", [{"threshold": 1, "keys": {"../x": "../x"[:8]}}])),
    ],
    ids=["root key", "delegated key", "in place", "no paths", "succinct", "control", "path", "name", "id"],
)
def test_what_would_not_be_told_to_who_signs_it_is_not_signed(
    publisher: Publisher, role: str, change: Callable[[dict[str, Any]], object]
) -> None:
    request = asked(publisher, role)
    assert load_request(publisher.workshop.requests / f"{request.name}.json").role == role
    with pytest.raises(Invalid) as caught:
        load_request(bent(publisher, request, change))
    assert caught.value.code == "signing_request_unusable"
    assert caught.value.what.removeprefix("/").isprintable()


def test_only_the_version_just_before_counts_as_known(publisher: Publisher, archive: Path) -> None:
    first = publisher.workshop.published().metadata("models-stable")
    publisher.release(archive, CUSTOM)
    publisher.release(archive, CUSTOM | {"seq": 2})
    request = publisher.offer(archive, CUSTOM | {"seq": 3})
    path = bent(publisher, request, set_to("previous", first.to_dict()))
    lines = words.describe(load_request(path), publisher.keys["models-stable"][0].public_key)
    assert "Your key has not signed a former version that could be compared: all of it is listed." in lines


def test_a_list_of_revocations_that_is_not_in_the_request_is_not_passed_over(publisher: Publisher) -> None:
    request = drafts.with_revocation(
        publisher.workshop.published(), None, {"revoked": [{"manifest_sha256": "a" * 64, "severity": "block", "reason": "x"}]}, publisher.now
    )  # fmt: skip
    staging.stage(publisher.workshop, [request])
    path = bent(publisher, request, set_to("files", {}))
    lines = words.describe(load_request(path), publisher.keys["targets"][0].public_key)
    assert "  What it says is not in this request. Do not sign what you cannot read." in lines


@pytest.mark.parametrize(
    "change",
    [
        {"min_seq": {"Core 1": 1}},
        {"min_seq": {"core": 2**53}},
        {"revoked": [{"manifest_sha256": "A" * 64, "severity": "block", "reason": "x"}]},
        {"revoked": [{"manifest_sha256": f"{n:064x}", "severity": "block", "reason": "x"} for n in range(10_001)]},
    ],
    ids=["no id", "beyond numbers", "no hash", "too many"],
)
def test_what_no_client_could_read_or_take_back_is_never_listed(
    publisher: Publisher, archive: Path, change: dict[str, Any]
) -> None:
    publisher.release(archive, CUSTOM)
    with pytest.raises(Invalid) as caught:
        drafts.with_revocation(publisher.workshop.published(), None, change, publisher.now)
    assert caught.value.code == "bad_revocation"


@pytest.mark.parametrize(("bundle_id", "below"), [("core", 3), ("core", 10**9), ("kern", 1)])
def test_no_more_is_taken_back_by_number_than_there_is(
    publisher: Publisher, archive: Path, bundle_id: str, below: int
) -> None:
    publisher.release(archive, CUSTOM)
    with pytest.raises(Invalid) as caught:
        drafts.check_below(publisher.workshop.published(), bundle_id, below)
    assert caught.value.code == "bad_revocation"


def test_all_that_is_published_can_be_taken_back(publisher: Publisher, archive: Path) -> None:
    publisher.release(archive, CUSTOM)
    drafts.check_below(publisher.workshop.published(), "core", 2)
    publisher.revoke({"min_seq": {"core": 2}})
    assert json.loads(publisher.revocations() or "")["min_seq"] == {"core": 2}


def test_a_clock_behind_the_last_timestamp_publishes_nothing_until_its_keys_change(publisher: Publisher) -> None:
    publishing.renew_timestamp(publisher.workshop, publisher.online, publisher.now + timedelta(hours=23))
    publisher.pass_time(days=400)
    publishing.renew_timestamp(publisher.workshop, publisher.online, publisher.now)
    publisher.pass_time(days=-399)
    with pytest.raises(Denied) as caught:
        publishing.renew_timestamp(publisher.workshop, publisher.online, publisher.now)
    assert caught.value.code == "publisher_clock_behind"
    publisher.rotate("timestamp", [new_signer("fresh")], publisher.keys["timestamp"])
    publishing.renew_timestamp(publisher.workshop, publisher.online, publisher.now)


def test_more_than_clients_read_is_not_published(publisher: Publisher, archive: Path) -> None:
    public = {path: path.read_bytes() for path in publisher.workshop.metadata.iterdir()}
    publisher.offer(archive, CUSTOM | {"notes": "x" * Limits().targets})
    publisher.sign_all()
    with pytest.raises(Denied) as caught:
        publisher.publish()
    assert caught.value.code == "metadata_too_long"
    assert {path: path.read_bytes() for path in publisher.workshop.metadata.iterdir()} == public


def test_one_bundle_that_is_denied_leaves_the_others_told(
    publisher: Publisher, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.release(archive, CUSTOM)

    def too_slow(*_arguments: Any) -> None:
        raise Denied("bundle_too_slow", "The bundle's models take too long.", money="None.", todo="None.")

    assert verifying.look is look
    monkeypatch.setattr(verifying, "look", too_slow)
    seen = verifying.verify_repository(str(publisher.folder), None, publisher.now)
    assert [bundle.problem for bundle in seen.bundles] == ["The bundle's models take too long."]


def test_more_files_than_are_looked_at_are_not_taken_for_none(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "FOLDER_FILES_MOST", 3)
    with pytest.raises(Invalid) as caught:
        publishing.renew_timestamp(publisher.workshop, publisher.online, publisher.now)
    assert caught.value.code == "publisher_folder_unusable"


def test_no_passphrase_is_a_wrong_one_and_not_a_key_without_any(tmp_path: Path) -> None:
    keys.save_private(tmp_path / "trainer.key", new_signer("trainer"), "six random words are enough")
    with pytest.raises(Denied) as caught:
        keys.load_private(tmp_path / "trainer.key", "")
    assert caught.value.code == "wrong_passphrase"
