"""Attacks on what is stored, on the clock and on what is signed, which TUF's rules alone do not stop."""

from __future__ import annotations

import hashlib
import shutil
from datetime import timedelta

import pytest

from mooring.bundles.trust import Pinned, Repository, checked_root, shipped_root
from mooring.errors import Denied, MooringError, NotFound, Unverified
from tests.bundles.trust.rig import BUILT_AT, Machine, downloaded
from tests.support.bundle_repository import NOW, BundleRepository, signer_of

DATA = b"weights" * 1000


@pytest.fixture
def source():
    made = BundleRepository()
    made.add_bundle("stable", "trend", 1, DATA)
    return made


@pytest.fixture
def machine(tmp_path, source):
    return Machine(tmp_path, source.root)


@pytest.fixture
def replayed(machine, source):
    """A machine that saw two states, and the files of the first."""
    old = dict(source.files)
    machine.client().refresh(source)
    source.add_bundle("stable", "trend", 2, DATA)
    source.renew("targets")
    source.publish()
    machine.client().refresh(source)
    replay = BundleRepository()
    replay.files = old
    return replay


def refused(machine, source, **how):
    with pytest.raises(MooringError) as error:
        machine.client().refresh(source, **how)
    return error.value.code


def generations(machine):
    return sorted((machine.folder / "tuf").glob("gen-*"), key=lambda one: int(one.name[4:]))


def metadata_files(machine):
    return sorted(file for one in generations(machine) for file in one.iterdir())


@pytest.mark.parametrize("damage", ["emptied", "garbage", "removed", "all removed", "folder removed"])
def test_a_replay_is_refused_though_local_metadata_is_gone(machine, source, replayed, damage):
    if damage == "folder removed":
        shutil.rmtree(machine.folder / "tuf")
    for file in metadata_files(machine) if damage != "folder removed" else []:
        if damage == "emptied":
            file.write_bytes(b"")
        elif damage == "garbage":
            file.write_bytes(b'{"signed": {}}')
        elif damage == "all removed" or file.name == "role-4.json":
            file.unlink()
    assert refused(machine, replayed) == "bundle_rollback_refused"
    with pytest.raises(Unverified) as error:
        machine.client().offers("stable")
    assert error.value.code == "bundle_metadata_changed"
    machine.client().refresh(source)
    assert [offer.custom["seq"] for offer in machine.client().offers("stable")] == [1, 2]


def test_one_changed_bit_of_any_stored_file_is_noticed_and_fetched_anew(machine, source, replayed):
    client = machine.client()
    for file in generations(machine)[-1].iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(Unverified) as error:
            client.offers("stable")
        assert error.value.code == "bundle_metadata_changed", file.name
        file.write_bytes(whole)
    assert len(client.offers("stable")) == 2


def test_an_old_generation_in_the_place_of_the_new_one_is_noticed(tmp_path, machine, source):
    machine.client().refresh(source)
    shutil.copytree(generations(machine)[-1], tmp_path / "old")
    old = dict(source.files)
    source.add_bundle("stable", "trend", 2, DATA)
    machine.client().refresh(source)
    (newest,) = generations(machine)
    shutil.rmtree(newest)
    shutil.copytree(tmp_path / "old", newest)
    with pytest.raises(Unverified) as error:
        machine.client().offers("stable")
    assert error.value.code == "bundle_metadata_changed"
    source.files.clear()
    source.files.update(old)
    assert refused(machine, source) == "bundle_rollback_refused"


@pytest.mark.parametrize("copy", ["floors.a", "floors.b"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"cut"])
def test_one_damaged_copy_of_the_floors_costs_nothing(machine, source, replayed, copy, damage):
    file = machine.folder / copy
    file.write_bytes(damage if damage != b"cut" else file.read_bytes()[:-20])
    shutil.rmtree(machine.folder / "tuf")
    assert refused(machine, replayed) == "bundle_rollback_refused"
    machine.client().refresh(source)
    assert (machine.folder / "floors.a").read_bytes() == (machine.folder / "floors.b").read_bytes()


@pytest.mark.parametrize("how", ["damaged", "removed"])
def test_with_both_copies_lost_the_floors_are_those_of_what_is_stored(machine, source, replayed, how):
    for copy in ("floors.a", "floors.b"):
        (machine.folder / copy).write_bytes(b"x") if how == "damaged" else (machine.folder / copy).unlink()
    assert len(machine.client().offers("stable")) == 2
    assert refused(machine, replayed) == "bundle_rollback_refused"
    machine.client().refresh(source)


def test_with_both_copies_and_all_metadata_damaged_a_person_is_asked(machine, source, replayed):
    for file in [machine.folder / "floors.a", machine.folder / "floors.b", *metadata_files(machine)]:
        file.write_bytes(b"")
    assert refused(machine, replayed) == "bundle_floors_lost"
    assert refused(machine, source) == "bundle_floors_lost"


@pytest.mark.parametrize("what", ["tuf", "generation", "file", "record"])
def test_a_link_is_never_followed(tmp_path, machine, source, replayed, what):
    place = {
        "tuf": machine.folder / "tuf",
        "generation": generations(machine)[-1],
        "file": generations(machine)[-1] / "role-3.json",
        "record": machine.folder / "floors.a",
    }[what]
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    if what == "record":
        assert refused(machine, replayed) == "bundle_rollback_refused"
        return
    with pytest.raises(MooringError) as error:
        machine.client().offers("stable")
    assert error.value.code in {"bundle_metadata_changed", "bundle_metadata_disk"}
    if what != "tuf":
        assert refused(machine, replayed) == "bundle_rollback_refused"


def test_a_link_in_the_place_of_a_new_generation_is_replaced_not_written_through(tmp_path, machine, source):
    machine.client().refresh(source)
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "kept").write_bytes(b"kept")
    (machine.folder / "tuf" / "new").symlink_to(tmp_path / "victim")
    source.add_bundle("stable", "trend", 2, DATA)
    machine.client().refresh(source)
    assert [file.name for file in (tmp_path / "victim").iterdir()] == ["kept"]
    assert len(machine.client().offers("stable")) == 2


def test_a_clock_that_is_set_back_is_not_believed(machine, source):
    machine.client().refresh(source)
    old = dict(source.files)
    source.now = machine.now = NOW + timedelta(days=20)
    source.publish()
    machine.client().refresh(source)
    machine.now = NOW - timedelta(days=1000)
    assert machine.client().stored().trusted_time == NOW + timedelta(days=20)
    shutil.rmtree(machine.folder / "tuf")
    source.files.clear()
    source.files.update(old)
    assert refused(machine, source) in {"bundle_rollback_refused", "bundle_metadata_expired"}


def test_metadata_that_expired_is_refused_though_the_clock_was_set_back(machine, source):
    source.now = machine.now = NOW + timedelta(days=20)
    source.stamp()
    machine.client().refresh(source)
    source.now = NOW
    source.renew("snapshot")
    source.days["snapshot"] = 10
    source.renew("snapshot")
    source.now = NOW + timedelta(days=20)
    source.stamp()
    machine.now = NOW - timedelta(days=1000)
    assert refused(machine, source) == "bundle_metadata_expired"


def test_before_anything_was_seen_it_is_at_least_the_day_of_the_build(machine, source):
    machine.now = NOW - timedelta(days=5000)
    built_at = NOW + timedelta(days=8)
    with pytest.raises(Unverified) as error:
        machine.client(built_at=built_at).refresh(source)
    assert error.value.code == "bundle_metadata_expired"
    assert machine.client(built_at=BUILT_AT).refresh(source).trusted_time == NOW


def test_a_clock_that_was_far_ahead_once_leaves_nothing_behind(machine, source):
    machine.client().refresh(source)
    machine.now = NOW + timedelta(days=5000)
    assert refused(machine, source) == "bundle_metadata_expired"
    machine.now = NOW + timedelta(days=1)
    assert machine.client().refresh(source).trusted_time == machine.now


def test_a_signing_time_that_is_far_ahead_is_healed_by_new_keys(machine, source):
    source.days["timestamp"] = 20_000
    source.stamp(signed_at=NOW + timedelta(days=10_000))
    assert refused(machine, source) == "bundle_metadata_expired"  # everything else has expired by then
    source.days["timestamp"] = 7
    source.stamp()
    assert refused(machine, source) == "bundle_metadata_expired"
    source.rotate("timestamp", "healthy")
    source.publish()
    assert machine.client().refresh(source).trusted_time == NOW


@pytest.mark.parametrize(
    "text", ["soon", "2026-12-01T12:00:00+00:00", "2026-12-01T12:00:00.5Z", 5, "2027-12-01T12:00:00Z"]
)
def test_a_signing_time_that_is_none_or_after_expiry_is_refused(machine, source, text):
    timestamp = source.roles["timestamp"]
    timestamp.version += 1
    timestamp.unrecognized_fields["signed_at"] = text
    source.put("timestamp", source.signed_bytes("timestamp"))
    assert refused(machine, source) == "bundle_policy_refused"


def test_a_stable_channel_that_one_key_could_sign_is_refused(machine, source):
    source.roles["targets"].delegations.roles["models-stable"].threshold = 1
    source.renew("targets")
    source.publish()
    assert refused(machine, source) == "bundle_policy_refused"


def test_one_key_under_two_names_is_one_key(machine, source):
    key = signer_of("trainer").public_key
    twin = type(key).from_dict("ab" * 32, key.to_dict())
    role = source.roles["targets"].delegations.roles["models-stable"]
    source.roles["targets"].delegations.keys[twin.keyid] = twin
    role.keyids = [key.keyid, twin.keyid]
    source.renew("targets")
    source.publish()
    assert refused(machine, source) == "bundle_policy_refused"


def test_a_threshold_of_none_is_refused(machine, source):
    source.roles["targets"].delegations.roles["models-canary"].threshold = 0
    source.renew("targets")
    source.publish()
    assert refused(machine, source) == "bundle_metadata_unusable"


def test_who_may_sign_another_channel_or_the_top_offers_nothing_as_stable(machine, source):
    source.add_target("models-canary", "bundles/stable/sneaky-1.zip", DATA, {"seq": 1})
    source.add_target("targets", "bundles/stable/top-1.zip", DATA, {"seq": 1})
    source.publish()
    client = machine.client()
    client.refresh(source)
    assert [offer.custom["bundle_id"] for offer in client.offers("stable")] == ["trend"]
    assert client.offers("canary") == []
    assert client.offer("bundles/stable/top-1.zip") is None
    assert client.offer("bundles/stable/sneaky-1.zip") is None


def test_a_bundle_that_both_the_top_and_stable_list_is_the_tops_and_so_not_offered(machine, source):
    source.add_target("targets", "bundles/stable/trend-1.zip", b"other", {"seq": 1})
    source.publish()
    client = machine.client()
    client.refresh(source)
    assert client.offers("stable") == []


def test_an_offer_that_is_withdrawn_is_not_downloaded(machine, source):
    client = machine.client()
    client.refresh(source)
    (offer,) = client.offers("stable")
    del source.roles["models-stable"].targets[offer.name]
    source.renew("models-stable")
    source.publish()
    client.refresh(source)
    with pytest.raises(Unverified) as error:
        downloaded(client, offer, source)
    assert error.value.code == "bundle_not_offered"


def test_revocations_that_are_held_back_keep_the_state_from_being_complete(machine, source):
    machine.client().refresh(source)
    source.revoke({"revoked": []})
    source.absent = {path for path in source.files if path.endswith("revocations.json")}
    assert refused(machine, source) == "bundle_repository_refused"
    with pytest.raises(Unverified):  # nothing is fetched by a state that is known to be old
        downloaded(machine.client(), machine.client().offers("stable")[0], source)
    source.absent = set()
    machine.client().refresh(source)
    assert machine.client().revocations() == b'{"revoked":[]}'


def test_a_foreign_root_starts_nothing_and_what_a_foreign_repository_signed_is_refused(tmp_path, machine, source):
    foreign = BundleRepository(
        keys={role: tuple(f"foreign {key}" for key in keys) for role, keys in source.keys.items()}
    )
    assert refused(machine, foreign) == "bundle_signatures_missing"
    machine.client().refresh(source)
    taken = Repository(machine.folder, foreign.root, clock=lambda: NOW, built_at=BUILT_AT)
    with pytest.raises(Unverified):
        taken.offers("stable")
    with pytest.raises(Unverified):
        taken.authorised("bundles/stable/trend-1.zip", generation=1, as_of=NOW)


def test_an_older_root_than_was_seen_is_refused(machine, source):
    machine.client().refresh(source)
    old = dict(source.files)
    source.rotate("timestamp", "fresh")
    source.publish()
    machine.client().refresh(source)
    shutil.rmtree(machine.folder / "tuf")
    source.files.clear()
    source.files.update(old)
    assert refused(machine, source) == "bundle_rollback_refused"


def test_what_was_installed_under_a_former_root_is_proved_where_that_was_ours(tmp_path, source):
    machine = Machine(tmp_path, source.root)
    fresh = machine.client().refresh(source)
    machine.client().keep(fresh.generation)
    former = hashlib.sha256(source.root).hexdigest()
    source.rotate("timestamp", "fresh")
    source.rotate("snapshot", "other")
    shipped = source.files["metadata/3.root.json"]
    name = "bundles/stable/trend-1.zip"
    terms = {"clock": lambda: NOW, "built_at": BUILT_AT}
    with pytest.raises(Unverified):
        Repository(machine.folder, shipped, **terms).authorised(name, generation=fresh.generation, as_of=NOW)
    known = Repository(machine.folder, shipped, former=[former], **terms)
    assert known.authorised(name, generation=fresh.generation, as_of=NOW).custom["seq"] == 1


def test_a_shipped_root_counts_only_as_it_was_pinned(source):
    with pytest.raises(NotFound):
        shipped_root("official")
    with pytest.raises(Unverified) as error:
        shipped_root("official", {"official": Pinned(sha256="0" * 64)})
    assert error.value.code == "bundle_shipped_root_changed"
    with pytest.raises(Unverified):
        checked_root(source.root + b" ", hashlib.sha256(source.root).hexdigest())


def test_generations_that_are_kept_stay_and_the_others_go(machine, source):
    first = machine.client().refresh(source).generation
    machine.client().keep(first)
    for seq in range(2, 6):
        source.add_bundle("stable", "trend", seq, DATA)
        machine.client().refresh(source)
    assert [int(one.name[4:]) for one in generations(machine)] == [first, first + 4]
    machine.client().release(first)
    assert [int(one.name[4:]) for one in generations(machine)] == [first + 4]
    with pytest.raises(Unverified) as gone:
        machine.client().keep(first)
    assert gone.value.code == "bundle_metadata_changed"


def test_more_generations_than_may_be_kept_are_refused_in_words(machine, source, monkeypatch):
    first = machine.client().refresh(source).generation
    monkeypatch.setattr("mooring.bundles.trust.book.KEPT_MAX", 0)
    for keeping in (lambda: machine.client().keep(first), lambda: machine.client().keep_only({first})):
        with pytest.raises(Denied) as full:
            keeping()
        assert full.value.code == "bundle_metadata_full"


def test_a_refresh_that_finds_nothing_new_writes_nothing(machine, source):
    machine.client().refresh(source)
    before = {file: file.stat().st_mtime_ns for file in machine.folder.rglob("*")}
    machine.client().refresh(source)
    assert {file: file.stat().st_mtime_ns for file in machine.folder.rglob("*")} == before


def test_everything_that_is_stored_is_private(machine, source):
    machine.client().refresh(source)
    modes = {path.stat().st_mode & 0o777 for path in [machine.folder, *machine.folder.rglob("*")]}
    assert modes == {0o700, 0o600}
