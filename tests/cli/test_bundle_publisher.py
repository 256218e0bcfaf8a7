"""`mooring bundle` as a publisher uses it: keys in files, answers carried back and forth, a host's folder at the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mooring.bundles.publisher import reading
from mooring.bundles.store.examining import ChildExaminer
from mooring.bundles.trust import Repository
from mooring.bundles.trust.packed import ZipFetcher
from tests.support import bundle_models

PASSPHRASE = "six words are enough for this one"
NAMES = {
    "root": ("anna", "ben", "cleo"),
    "targets": ("dora", "emil", "fay"),
    "stable": ("trainer", "reviewer"),
    "canary": ("nightly",),
    "snapshot": ("online",),
    "timestamp": ("online",),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and first state, which the first test that needs them makes; each test has a copy."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def keys(mooring, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every key, and the passphrase where the environment says."""
    folder = tmp_path / "keys"
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    monkeypatch.setenv("MOORING_BUNDLE_PASSPHRASE_FILE", str(secret))
    if not (made / "keys").exists():
        (made / "new").mkdir()
        for name in sorted({name for names in NAMES.values() for name in names}):
            assert mooring("bundle", "keygen", name, "--out", made / "new", "--json").status == 0
        (made / "new").rename(made / "keys")
    return Path(shutil.copytree(made / "keys", folder))


@pytest.fixture
def publisher(mooring, keys: Path, made: Path, tmp_path: Path) -> Path:
    """A publisher's folder whose first state is public."""
    folder = tmp_path / "publisher"
    if (made / "publisher").exists():
        return Path(shutil.copytree(made / "publisher", folder))
    asked = [f"--{role}={keys / name}.pub" for role, names in NAMES.items() for name in names]
    begun = mooring("bundle", "init", folder, *asked, "--json")
    assert begun.status == 0
    for request in begun.answer["requests"]:
        sign(mooring, keys, request["file"], *NAMES[request["role"].removeprefix("models-")][:2])
    assert mooring("bundle", "publish", folder, "--key", keys / "online.key", "--json").status == 0
    shutil.copytree(folder, made / "publisher")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return bundle_models.write_run(tmp_path / "run")


def sign(mooring, keys: Path, request: object, *names: str) -> None:
    for name in names:
        said = mooring("bundle", "sign", request, "--key", keys / f"{name}.key", "--yes", "--json")
        assert said.status == 0, said.err + said.out


def release(mooring, keys: Path, publisher: Path, run: Path, out: Path) -> dict:
    built = mooring("bundle", "build", run, "--repository", publisher, "--out", out, "--json").answer
    sign(mooring, keys, built["request"], "trainer", "reviewer")
    assert mooring("bundle", "publish", publisher, "--key", keys / "online.key").status == 0
    return built


def test_a_release_is_one_path_from_a_run_to_what_clients_see(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path
) -> None:
    first = release(mooring, keys, publisher, run, tmp_path / "one.zip")
    second = release(mooring, keys, publisher, run, tmp_path / "two.zip")
    assert (first["seq"], second["seq"]) == (1, 2)
    seen = mooring("bundle", "verify", publisher, "--json")
    assert seen.status == 0
    assert [(one["name"], one["problem"]) for one in seen.answer["bundles"]] == [
        ("bundles/stable/core-1.zip", ""),
        ("bundles/stable/core-2.zip", ""),
    ]
    assert seen.answer["bundles"][0]["manifest_sha256"] == first["manifest_sha256"]
    shown = mooring("bundle", "verify", publisher)
    assert "timestamp" in shown.out
    assert "trainer" in shown.out
    assert re.search(r" [67] *\n", shown.out)  # seven days are whole for less than a second
    assert "soon" not in shown.out
    assert "stable/core-2 " in shown.out, "a name that was cut off says nothing"


def test_a_keys_file_is_encrypted_only_its_owners_and_never_written_over(mooring, keys: Path) -> None:
    path = keys / "trainer.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    before = path.read_bytes()
    assert mooring("bundle", "keygen", "trainer", "--out", keys, "--json").error["code"] == "signing_key_exists"
    assert path.read_bytes() == before
    public = json.loads((keys / "trainer.pub").read_text())
    assert public["name"] == "trainer"
    assert public["keytype"] == "ed25519"


def test_no_private_key_is_made_whose_public_one_has_no_place(mooring, tmp_path: Path) -> None:
    (tmp_path / "new.pub").write_bytes(b"somebody else's")
    assert mooring("bundle", "keygen", "new", "--out", tmp_path, "--json").error["code"] == "signing_key_exists"
    assert not (tmp_path / "new.key").exists()


def test_the_folder_of_a_new_key_is_made_for_its_owner_alone(mooring, keys: Path, tmp_path: Path) -> None:
    """As the help's own example needs it."""
    made = mooring("bundle", "keygen", "first", "--out", tmp_path / "new" / "keys", "--json")
    assert made.status == 0, made.out
    assert stat.S_IMODE((tmp_path / "new" / "keys").stat().st_mode) == 0o700


def test_the_variable_that_names_the_passphrases_is_no_unknown_setting(mooring, keys: Path, home: Path) -> None:
    assert os.environ["MOORING_BUNDLE_PASSPHRASE_FILE"]
    home.chmod(0o700)
    assert mooring("backtest", "--data", home, "--symbols", "A-B", "--json").error["code"] != "unknown_setting"


def test_a_public_part_that_is_lost_is_written_again(mooring, keys: Path) -> None:
    path = keys / "trainer.pub"
    before = path.read_bytes()
    path.unlink()  # as a crash between the two leaves it
    again = ("bundle", "keygen", "trainer", "--out", keys, "--json")
    taken = mooring(*again).error
    assert taken["code"] == "signing_key_exists"
    assert "--public" in taken["todo"]
    assert mooring(*again, "--public").answer["public"] == str(path)
    assert path.read_bytes() == before
    assert mooring(*again, "--public").error["code"] == "signing_key_exists"
    none = mooring("bundle", "keygen", "nobody", "--out", keys, "--public", "--json")
    assert none.error["code"] == "signing_key_unusable"


def test_a_passphrase_comes_from_a_descriptor_and_a_wrong_one_signs_nothing(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOORING_BUNDLE_PASSPHRASE_FILE")
    built = mooring("bundle", "build", run, "--repository", publisher, "--out", tmp_path / "b.zip", "--json").answer
    wanted = ("bundle", "sign", built["request"], "--key", keys / "trainer.key", "--yes", "--json")
    assert mooring(*wanted).error["code"] == "no_passphrase"
    for text, code in (("a wrong passphrase, long enough", "wrong_passphrase"), ("", "no_passphrase")):
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        assert mooring(*wanted, "--passphrase-fd", reading).error["code"] == code
    reading, writing = os.pipe()
    os.write(writing, PASSPHRASE.encode())
    os.close(writing)
    assert mooring(*wanted, "--passphrase-fd", reading).status == 0


def test_a_passphrase_file_that_others_can_read_is_refused(mooring, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "passphrase").chmod(0o644)
    assert mooring("bundle", "keygen", "other", "--out", keys, "--json").error["code"] == "no_passphrase"
    assert not (keys / "other.key").exists()


def test_a_short_passphrase_makes_no_key(mooring, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("too short")
    assert mooring("bundle", "keygen", "other", "--out", keys, "--json").error["code"] == "short_passphrase"
    assert not list(keys.glob("other.*"))


def test_who_signs_reads_what_it_says_and_has_to_say_yes(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path
) -> None:
    built = mooring("bundle", "build", run, "--repository", publisher, "--out", tmp_path / "b.zip", "--json").answer
    said = mooring("bundle", "sign", built["request"], "--key", keys / "reviewer.key", "--json")
    assert said.error["code"] == "not_confirmed"
    assert f"Adds bundles/stable/core-1.zip: {built['size']} bytes, sha256 {built['sha256']}." in said.err
    assert f"Manifest sha256 {built['manifest_sha256']}." in said.err
    assert not list((publisher / "requests").glob("*.sig"))


def test_a_reviewer_signs_for_the_bundle_that_was_looked_at_and_no_other(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path
) -> None:
    built = mooring("bundle", "build", run, "--repository", publisher, "--out", tmp_path / "b.zip", "--json").answer
    mooring("bundle", "build", run, "--seq", 9, "--out", tmp_path / "other.zip")
    wanted = ("bundle", "sign", built["request"], "--key", keys / "reviewer.key", "--yes", "--json")
    refused = mooring(*wanted, "--bundle", tmp_path / "other.zip")
    assert refused.error["code"] == "bundle_not_asked"
    assert mooring(*wanted, "--bundle", tmp_path / "b.zip").status == 0


@pytest.mark.parametrize("command", ["sign", "publish"])
def test_models_that_fail_are_refused_before_any_key_is_opened(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    built = mooring("bundle", "build", run, "--repository", publisher, "--out", tmp_path / "b.zip", "--json").answer
    monkeypatch.delenv("MOORING_BUNDLE_PASSPHRASE_FILE")  # a key that is opened fails, too
    dies = ChildExaminer((sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"))
    monkeypatch.setattr(reading, "ChildExaminer", lambda: dies)
    what = built["request"] if command == "sign" else publisher
    said = mooring("bundle", command, what, "--key", keys / "trainer.key", "--bundle", tmp_path / "b.zip", "--json")
    assert said.error["code"] == "bundle_examination_failed"
    assert said.error["money"] == "Nothing of it was used, signed or published."


def test_publishing_with_one_signature_of_two_says_whose_is_missing_and_asks_for_no_passphrase(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = mooring("bundle", "build", run, "--repository", publisher, "--out", tmp_path / "b.zip", "--json").answer
    sign(mooring, keys, built["request"], "trainer")
    monkeypatch.delenv("MOORING_BUNDLE_PASSPHRASE_FILE")
    error = mooring("bundle", "publish", publisher, "--key", keys / "online.key", "--json").error
    assert error["code"] == "signatures_missing"
    assert "1 of reviewer" in error["what"]


def test_keys_of_root_and_targets_do_not_lie_beside_the_repository(
    mooring, keys: Path, publisher: Path, tmp_path: Path
) -> None:
    asked = mooring("bundle", "rotate", publisher, "targets", "--json").answer["requests"][0]
    (publisher / "dora.key").write_bytes((keys / "dora.key").read_bytes())
    (publisher / "dora.key").chmod(0o600)
    wanted = ("bundle", "sign", asked["file"], "--key", publisher / "dora.key", "--yes", "--json")
    assert mooring(*wanted).error["code"] == "offline_key_here"
    assert mooring(*wanted, "--keys-here").status == 0
    sign(mooring, keys, asked["file"], "emil")
    done = ("bundle", "publish", publisher, "--key", keys / "online.key", "--json")
    assert mooring(*done).error["code"] == "offline_key_here"
    assert mooring(*done, "--keys-here").answer["versions"]["targets"] == 2


def test_a_private_key_in_what_everybody_gets_stops_every_publication(
    mooring, keys: Path, publisher: Path, tmp_path: Path
) -> None:
    (publisher / "public" / "online.key").write_bytes((keys / "online.key").read_bytes())
    said = mooring("bundle", "timestamp", publisher, "--key", keys / "online.key", "--json")
    assert said.error["code"] == "private_key_public"


def test_a_revocation_is_asked_for_by_number_and_signed_by_targets(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path
) -> None:
    built = release(mooring, keys, publisher, run, tmp_path / "one.zip")
    wanted = ("bundle", "revoke", publisher, "--bundle-id", "core", "--json")
    assert mooring(*wanted).error["code"] == "bad_revocation"
    assert mooring(*wanted, "--seq", 7, "--reason", "none").error["code"] == "bundle_not_published"
    request = mooring(*wanted, "--seq", 1, "--reason", "wrong prices").answer["requests"][0]
    said = mooring("bundle", "sign", request["file"], "--key", keys / "dora.key", "--json")
    assert f"Revokes manifest {built['manifest_sha256']} (block): wrong prices" in said.err
    sign(mooring, keys, request["file"], "dora", "emil")
    assert mooring("bundle", "publish", publisher, "--key", keys / "online.key").status == 0
    listed = json.loads(mooring("bundle", "verify", publisher, "--json").answer["revocations"])
    assert [one["manifest_sha256"] for one in listed["revoked"]] == [built["manifest_sha256"]]


def test_a_changed_byte_in_what_is_public_is_seen(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path
) -> None:
    release(mooring, keys, publisher, run, tmp_path / "one.zip")
    (path,) = (publisher / "public" / "targets").rglob("*.zip")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    seen = mooring("bundle", "verify", publisher, "--json")
    assert seen.status == 6
    assert seen.answer["ok"] is False
    (path,) = (publisher / "public" / "metadata").glob("2.snapshot.json")
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":3'))
    assert mooring("bundle", "verify", publisher, "--json").error["code"] == "repository_damaged"


def test_what_a_bundle_holds_is_shown_after_it_was_checked(mooring, run: Path, tmp_path: Path) -> None:
    built = mooring("bundle", "build", run, "--seq", 3, "--out", tmp_path / "b.zip", "--json").answer
    shown = mooring("bundle", "inspect", tmp_path / "b.zip")
    assert shown.status == 0
    for text in (
        "core number 3",
        built["manifest_sha256"],
        "global",
        "specialist",
        "ensemble",
        "+12.0%",
        "+3.0%",
        "-10.0%",
    ):
        assert text in shown.out
    as_json = mooring("bundle", "inspect", tmp_path / "b.zip", "--json").answer
    assert as_json["manifest"]["seq"] == 3
    (tmp_path / "b.zip").write_bytes(b"PK" + (tmp_path / "b.zip").read_bytes())
    assert mooring("bundle", "inspect", tmp_path / "b.zip").status == 6
    assert mooring("bundle", "inspect", tmp_path / "none.zip", "--json").error["code"] == "bundle_unreadable"
    assert mooring("bundle", "build", tmp_path, "--seq", 1, "--json").error["code"] == "bundle_unreadable"
    assert mooring("bundle", "build", run, "--json").error["code"] == "no_seq"


def test_a_sideload_is_one_file_with_metadata_and_one_bundle_and_the_same_twice(
    mooring, keys: Path, publisher: Path, run: Path, tmp_path: Path
) -> None:
    release(mooring, keys, publisher, run, tmp_path / "one.zip")
    release(mooring, keys, publisher, run, tmp_path / "two.zip")
    for name in ("a.mbundle", "b.mbundle"):
        wanted = ("bundle", "pack-sideload", publisher, "--bundle-id", "core", "--seq", 2, "--out", tmp_path / name)
        assert mooring(*wanted).status == 0
    assert (tmp_path / "a.mbundle").read_bytes() == (tmp_path / "b.mbundle").read_bytes()
    assert mooring(*wanted, "--json").error["code"] == "bundle_exists"
    now = datetime.now(UTC)
    root = (publisher / "public" / "metadata" / "1.root.json").read_bytes()
    client = Repository(tmp_path / "client", root, clock=lambda: now, built_at=now)
    with (tmp_path / "a.mbundle").open("rb") as packed:
        fetcher = ZipFetcher(packed.fileno())
        client.refresh(fetcher)
        newest = client.offers("stable")[-1]
        with (tmp_path / "unpacked").open("wb") as file:
            client.download(newest, fetcher, file)
    assert newest.custom["seq"] == 2
    assert (tmp_path / "unpacked").read_bytes() == (tmp_path / "two.zip").read_bytes()
