"""What a person reads before signing, and files that are not what they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mooring.bundles.publisher import drafts, keys, staging, words
from mooring.bundles.publisher.keys import new_signer
from mooring.bundles.publisher.requests import Request, load_request, load_response
from mooring.errors import Conflict, Denied, Invalid, MooringError
from tests.support.publishing import Publisher

CUSTOM: dict[str, Any] = {
    "bundle_id": "core",
    "channel": "stable",
    "seq": 1,
    "version": "2026-11",
    "manifest_sha256": "c" * 64,
    "notes": "Quiet month.\x1b[2J\nSecond line.",
    "evaluation": {"net_return": "+4.1 %"},
}


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "workshop").begin()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "made.zip"
    path.write_bytes(b"a bundle")
    return path


def read(publisher: Publisher, request: Request, role: str = "models-stable") -> list[str]:
    """What the first holder of a role's keys reads, from the file."""
    found = load_request(publisher.workshop.requests / f"{request.name}.json")
    return words.describe(found, publisher.keys[role][0].public_key)


def test_the_words_for_a_bundle_say_its_bytes_its_figures_and_its_notes_without_control_characters(
    publisher: Publisher, archive: Path
) -> None:
    lines = read(publisher, publisher.offer(archive, CUSTOM))
    assert lines[0].startswith("models-stable, version 2: drawn up 2026-11-01T12:00:00Z, holds until 2027-01-30")
    assert any("Adds bundles/stable/core-1.zip: 8 bytes, sha256 " in line for line in lines)
    assert "  core, number 1, version 2026-11, for the channel stable." in lines
    assert f"  Manifest sha256 {'c' * 64}." in lines
    assert "  net_return: +4.1 %" in lines
    assert "  Notes: Quiet month.?[2J" in lines
    assert "  Notes: Second line." in lines


def test_what_was_signed_before_is_not_told_again_but_only_where_this_key_signed_it(
    publisher: Publisher, archive: Path, tmp_path: Path
) -> None:
    publisher.release(archive, CUSTOM)
    request = publisher.offer(archive, CUSTOM | {"seq": 2})
    lines = read(publisher, request)
    assert not any("core-1.zip" in line for line in lines)
    stranger = words.describe(request, new_signer("other").public_key)
    assert any("core-1.zip" in line for line in stranger)
    assert "Your key has not signed a former version that could be compared: all of it is listed." in stranger


def test_a_former_version_that_was_changed_on_the_way_hides_nothing(publisher: Publisher, archive: Path) -> None:
    request = publisher.offer(archive, CUSTOM)
    path = publisher.workshop.requests / f"{request.name}.json"
    facts = json.loads(path.read_text())
    facts["previous"]["signed"]["targets"] = facts["signed"]["targets"]
    path.write_text(json.dumps(facts))
    assert any("Adds bundles/stable/core-1.zip" in line for line in read(publisher, request))


def test_the_words_for_new_keys_name_who_counts_and_who_no_longer_does(publisher: Publisher) -> None:
    fresh = new_signer("second-phone")
    requests = drafts.rotated(
        publisher.workshop.published(), "root", [fresh.public_key], [publisher.keys["root"][2].public_key.keyid], 2, publisher.now
    )  # fmt: skip
    staging.stage(publisher.workshop, requests)
    lines = read(publisher, requests[0], "root")
    assert any(line.startswith("Role root: the key second-phone (") and "from now on" in line for line in lines)
    assert any(line.startswith("Role root: the key root-2 (") and "no longer counts" in line for line in lines)
    assert len(lines) == 3


def test_the_words_for_a_delegation_name_what_it_may_sign(publisher: Publisher) -> None:
    requests = drafts.rotated(
        publisher.workshop.published(), "models-canary", [new_signer("new").public_key], [], None, publisher.now
    )
    staging.stage(publisher.workshop, requests)
    assert [request.role for request in requests] == ["targets", "models-canary"]
    lines = read(publisher, requests[0], "targets")
    assert any(line.startswith("Role models-canary: the key new (") for line in lines)


def test_a_renewal_says_that_nothing_else_changes(publisher: Publisher) -> None:
    publisher.pass_time(days=30)
    request = drafts.renewed(publisher.workshop.published(), "targets", publisher.now)
    staging.stage(publisher.workshop, [request])
    assert read(publisher, request, "targets")[1:] == ["Nothing changes but how long it holds."]
    with pytest.raises(Denied):
        drafts.renewed(publisher.workshop.published(), "timestamp", publisher.now)


def test_the_words_for_revocations_are_those_that_are_signed(publisher: Publisher) -> None:
    change = {
        "revoked": [{"manifest_sha256": "a" * 64, "severity": "block", "reason": "wrong"}],
        "min_seq": {"core": 3},
    }
    request = drafts.with_revocation(publisher.workshop.published(), None, change, publisher.now)
    staging.stage(publisher.workshop, [request])
    lines = read(publisher, request, "targets")
    assert f"  Revokes manifest {'a' * 64} (block): wrong" in lines
    assert "  Revokes every core below number 3." in lines
    path = publisher.workshop.requests / f"{request.name}.json"
    facts = json.loads(path.read_text())
    facts["files"]["revocations.json"] = '{"min_seq":{},"revoked":[]}'
    path.write_text(json.dumps(facts))
    with pytest.raises(Invalid):
        load_request(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda facts: facts.update(role="targets"),
        lambda facts: facts.update(role="root"),
        lambda facts: facts.update(format="mooring-signing-request/2"),
        lambda facts: facts.pop("signed"),
        lambda facts: facts["signed"].update(_type="snapshot"),
        lambda facts: facts["signed"].update(version="2"),
        lambda facts: facts.update(files=[1]),
        lambda facts: facts.update(needs=[{"threshold": "many", "keys": {}}]),
        lambda facts: facts.update(previous="nothing"),
    ],
)
def test_a_request_that_is_not_one_is_refused_before_anything_is_signed(
    publisher: Publisher, archive: Path, damage: Any
) -> None:
    request = publisher.offer(archive, CUSTOM)
    path = publisher.workshop.requests / f"{request.name}.json"
    facts = json.loads(path.read_text())
    damage(facts)
    path.write_text(json.dumps(facts))
    if facts["role"] == "targets":  # a channel's payload under another role would be signed by nobody's key
        assert publisher.keys["targets"][0].public_key.keyid not in load_request(path).needs[0].keys
        return
    with pytest.raises(Invalid) as caught:
        load_request(path)
    assert caught.value.code == "signing_request_unusable"


def test_a_signature_over_something_else_does_not_count(publisher: Publisher, archive: Path) -> None:
    publisher.offer(archive, CUSTOM)
    publisher.sign_all()
    for path in publisher.workshop.requests.glob("*.sig"):
        facts = json.loads(path.read_text())
        facts["sig"] = "0" * 128
        path.write_text(json.dumps(facts))
    with pytest.raises(Denied) as caught:
        publisher.publish()
    assert caught.value.code == "signatures_missing"
    path.write_text("no json")
    with pytest.raises(Invalid):
        load_response(path)


def test_a_request_of_another_time_is_outdated(publisher: Publisher, archive: Path) -> None:
    request = drafts.renewed(publisher.workshop.published(), "models-stable", publisher.now)
    publisher.release(archive, CUSTOM)
    staging.stage(publisher.workshop, [request])
    publisher.sign_all()
    with pytest.raises(Conflict) as caught:
        publisher.publish()
    assert caught.value.code == "request_outdated"


def test_half_of_a_change_that_belongs_together_is_not_published(publisher: Publisher) -> None:
    requests = drafts.rotated(
        publisher.workshop.published(), "models-stable", [new_signer("new").public_key], [], None, publisher.now
    )
    staging.stage(publisher.workshop, requests[:1])
    publisher.sign_all()
    with pytest.raises(Conflict) as caught:
        publisher.publish()
    assert caught.value.code == "request_outdated"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda path: path.chmod(0o644), "signing_key_unusable"),
        (lambda path: path.write_bytes(b"nothing"), "signing_key_unusable"),
        (lambda path: path.unlink(), "signing_key_unusable"),
        (
            lambda path: path.write_bytes(b"Mooring signing key " + b"0" * 64 + path.read_bytes()[84:]),
            "signing_key_unusable",
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:-60]), "wrong_passphrase"),
    ],
)
def test_a_keys_file_that_is_not_as_it_was_made_signs_nothing(tmp_path: Path, damage: Any, code: str) -> None:
    path = tmp_path / "trainer.key"
    signer = new_signer("trainer")
    keys.save_private(path, signer, "six random words are enough")
    assert keys.load_private(path, "six random words are enough").public_key == signer.public_key
    damage(path)
    with pytest.raises(MooringError) as caught:
        keys.load_private(path, "six random words are enough")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "change", [{"name": "Trainer"}, {"keytype": "rsa"}, {"keyval": {"public": "0" * 63}}, {"more": 1}]
)
def test_a_public_key_that_is_not_one_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "trainer.pub"
    signer = new_signer("trainer")
    keys.save_public(path, signer.public_key)
    assert keys.load_public(path) == signer.public_key
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(Invalid):
        keys.load_public(path)
