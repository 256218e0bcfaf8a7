"""What any TUF client must refuse and must recover from, over our in-memory repository: roots, rollbacks, expiry, mixes, trees."""

from __future__ import annotations

import io
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuf.api.metadata import Metadata

from mooring.bundles.trust import Policy
from mooring.errors import MooringError, Retry, Unverified
from tests.bundles.trust.rig import Machine, downloaded
from tests.support.bundle_repository import NOW, BundleRepository, signer_of

DATA = b"weights" * 1000


@pytest.fixture
def source():
    return BundleRepository()


@pytest.fixture
def machine(tmp_path, source):
    return Machine(tmp_path, source.root)


def refused(machine, source, **how):
    with pytest.raises(MooringError) as error:
        machine.client().refresh(source, **how)
    return error.value.code


def versions(machine):
    return {role: Metadata.from_bytes(data).signed.version for role, data in machine.client().trusted().items()}


def test_roots_are_walked_one_by_one_and_kept(machine, source):
    for name in ("a", "b", "c"):
        source.rotate("timestamp", name)
    source.publish()
    machine.client().refresh(source)
    assert versions(machine)["root"] == 4
    source.asked.clear()
    source.absent |= {f"metadata/{number}.root.json" for number in (2, 3, 4)}  # they are stored
    machine.client().refresh(source)
    assert [one for one in source.asked if "root" in one] == ["metadata/5.root.json"]


def test_a_root_that_the_old_keys_did_not_sign_is_refused_and_so_is_one_that_the_new_ones_did_not(machine, source):
    source.give_keys("root", "x", "y", "z", threshold=2)
    source.renew("root", by=("x", "y"))
    assert refused(machine, source) == "bundle_signatures_missing"
    source.put("root", source.signed_bytes("root", by=("root-1", "root-2")))
    assert refused(machine, source) == "bundle_signatures_missing"
    source.put("root", source.signed_bytes("root", by=("root-1", "root-3", "x", "z")))
    machine.client().refresh(source)
    assert versions(machine)["root"] == 2


def test_one_signature_of_two_is_not_enough(machine, source):
    source.roles["targets"].version += 1
    source.sign("targets", by=("targets-2",))
    source.publish()
    assert refused(machine, source) == "bundle_signatures_missing"


def test_the_same_signature_twice_is_one(machine, source):
    source.roles["targets"].version += 1
    source.sign("targets", by=("targets-2", "targets-2"))
    source.publish()
    assert refused(machine, source) == "bundle_signatures_missing"


def test_a_root_that_leaves_a_number_out_is_refused(machine, source):
    source.roles["root"].version = 3
    source.sign("root")
    source.files["metadata/2.root.json"] = source.files["metadata/3.root.json"]
    assert refused(machine, source) == "bundle_rollback_refused"


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "models-stable"])
def test_an_older_version_of_any_role_is_refused(machine, source, role):
    source.add_bundle("stable", "trend", 1, DATA)
    old = dict(source.files)
    source.add_bundle("stable", "trend", 2, DATA)
    source.renew("targets")
    source.publish()
    machine.client().refresh(source)
    if role == "timestamp":
        source.files["metadata/timestamp.json"] = old["metadata/timestamp.json"]
    elif role == "snapshot":
        source.roles["snapshot"].version = 1
        source.sign("snapshot")
        source.stamp()
    else:
        source.roles[role].version = 1
        source.sign(role)
        source.publish()
    assert refused(machine, source) == "bundle_rollback_refused"


def test_a_role_that_vanishes_from_the_snapshot_is_noticed(machine, source):
    machine.client().refresh(source)
    del source.roles["models-canary"]
    source.publish()
    assert refused(machine, source) == "bundle_metadata_unusable"


@pytest.mark.parametrize(("role", "days"), [("timestamp", 7), ("snapshot", 30), ("targets", 180), ("root", 365)])
def test_what_has_expired_is_refused_from_the_second_on(tmp_path, role, days):
    source = BundleRepository(days=dict.fromkeys(("timestamp", "snapshot", "targets", "root"), 1000) | {role: days})
    machine = Machine(tmp_path, source.root)
    machine.now = NOW + timedelta(days=days, seconds=-1)
    machine.client().refresh(source)
    machine.now = NOW + timedelta(days=days)
    assert refused(machine, source) == "bundle_metadata_expired"


def test_an_expired_channel_is_refused_alone(machine, source):
    source.add_bundle("stable", "trend", 1, DATA)
    source.now = machine.now = NOW + timedelta(days=40)
    source.publish()
    fresh = machine.client().refresh(source)
    assert {role: error.code for role, error in fresh.refused.items()} == {"models-canary": "bundle_metadata_expired"}
    assert len(machine.client().offers("stable")) == 1
    with pytest.raises(Unverified):
        machine.client().offers("canary")


def test_files_of_two_states_do_not_go_together(machine, source):
    machine.client().refresh(source)
    source.add_bundle("stable", "trend", 1, DATA)
    other = BundleRepository(now=NOW - timedelta(days=1))
    other.add_bundle("stable", "else", 1, DATA)
    source.files["metadata/2.snapshot.json"] = other.files["metadata/1.snapshot.json"]
    assert refused(machine, source) == "bundle_rollback_refused"


@pytest.mark.parametrize(
    ("role", "recovered"),
    [("timestamp", ("timestamp",)), ("snapshot", ("snapshot", "timestamp")), ("targets", ("snapshot",))],
)
def test_new_keys_recover_from_a_version_that_a_thief_raised(machine, source, role, recovered):
    source.roles[role].version = 99_999
    source.sign(role)
    if role == "targets":
        source.publish()
    elif role == "snapshot":
        source.stamp()
    machine.client().refresh(source)
    assert versions(machine)[role] == 99_999
    source.roles[role].version = 1
    for one in recovered:
        source.rotate(one, f"fresh {one}")
    if role == "targets":
        source.sign("targets")
    source.publish()
    machine.client().refresh(source)
    assert versions(machine)[role] < 99_999


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_without_new_keys_the_raised_version_stays_the_floor(machine, source, role):
    source.roles[role].version = 99_999
    source.sign(role)
    source.publish() if role == "targets" else source.stamp()
    machine.client().refresh(source)
    source.roles[role].version = 1
    source.sign(role)
    source.publish()
    assert refused(machine, source) == "bundle_rollback_refused"


def test_a_file_of_another_length_or_content_is_refused_and_the_right_one_comes_later(machine, source):
    name = source.add_bundle("stable", "trend", 1, DATA)
    client = machine.client()
    client.refresh(source)
    (offer,) = client.offers("stable")
    path = f"targets/bundles/stable/{offer.sha256}.{name.rpartition('/')[2]}"
    for wrong in (DATA[:-1], DATA + b"x", DATA[:-1] + b"x", b""):
        source.files[path] = wrong
        with pytest.raises((Unverified, Retry)) as error:
            downloaded(client, offer, source)
        assert error.value.code in {"bundle_bytes_differ", "bundle_answer_too_long"}
    source.files[path] = DATA
    assert downloaded(client, offer, source) == DATA


def test_what_was_verified_before_a_failure_is_not_fetched_again(machine, source):
    machine.client().refresh(source)
    source.rotate("timestamp", "another")
    source.publish()
    source.absent.add(f"metadata/{source.roles['targets'].version}.targets.json")
    source.renew("targets")
    source.publish()
    source.absent.add(f"metadata/{source.roles['targets'].version}.targets.json")
    assert refused(machine, source) == "bundle_repository_refused"
    assert versions(machine)["root"] == 2
    assert versions(machine)["snapshot"] == source.roles["snapshot"].version
    source.absent.clear()
    source.asked.clear()
    machine.client().refresh(source)
    assert not {"metadata/2.root.json", f"metadata/{source.roles['snapshot'].version}.snapshot.json"} & set(
        source.asked
    )


def test_without_consistent_snapshots_names_have_neither_number_nor_hash(tmp_path):
    source = BundleRepository()
    source.roles["root"].consistent_snapshot = False
    source.sign("root")
    source.add_target("targets", "a/file", b"data")
    source.publish()
    plain = {"metadata/timestamp.json", "metadata/1.root.json"}
    for path, data in dict(source.files).items():
        if path not in plain and path.startswith("metadata/"):
            source.files[f"metadata/{path[9:].split('.', 1)[1]}"] = source.files.pop(path)
        elif path.startswith("targets/"):
            source.files["targets/a/file"] = data
    machine = Machine(tmp_path, source.files["metadata/1.root.json"], policy=Policy())
    machine.client().refresh(source, names=["a/file"])
    offer = machine.client().offer("a/file")
    assert downloaded(machine.client(), offer, source) == b"data"


def test_a_delegation_tree_is_walked_in_order_and_ends_where_it_has_to(tmp_path):
    source = BundleRepository()
    for parent, role, terminating in [
        ("targets", "a", False),
        ("targets", "b", False),
        ("a", "c", True),
        ("a", "d", False),
    ]:
        source.delegate(parent, role, ["x/*"], terminating=terminating)
    source.add_target("c", "x/of-c", b"c")
    source.add_target("b", "x/of-b", b"b")  # behind c, which ends the search
    for role in ("d", "a", "targets"):
        source.renew(role)
    source.publish()
    machine = Machine(tmp_path, source.root, policy=Policy())
    machine.client().refresh(source, names=["x/of-b"])
    assert [one.split(".")[1] for one in source.asked if one[9:].split(".")[-2] in "abcd"] == ["a", "c"]
    assert machine.client().offer("x/of-b") is None
    assert machine.client().offer("x/of-c").role == "c"


def test_a_cycle_of_delegations_ends(tmp_path):
    source = BundleRepository()
    for parent, role in [("targets", "a"), ("a", "b"), ("b", "a")]:
        source.delegate(parent, role, ["*"], terminating=False)
    for role in ("b", "a", "targets"):
        source.renew(role)
    source.publish()
    machine = Machine(tmp_path, source.root, policy=Policy())
    machine.client().refresh(source, names=["nowhere"])
    assert machine.client().offer("nowhere") is None


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.sampled_from(["bundle", "canary", "targets", "stamp", "rotate", "old", "lost"]), max_size=8))
def test_whatever_is_published_and_lost_on_the_way_versions_never_go_down(steps):
    with tempfile.TemporaryDirectory() as folder:
        source = BundleRepository()
        machine = Machine(Path(folder), source.root)
        past, seen = [dict(source.files)], {}
        for number, step in enumerate(steps, 2):
            current = dict(source.files)
            if step in {"bundle", "canary"}:
                source.add_bundle("stable" if step == "bundle" else "canary", "trend", number, b"x" * number)
            elif step == "targets":
                source.renew("targets")
                source.publish()
            elif step == "stamp":
                source.stamp()
            elif step == "rotate":
                source.rotate("targets", f"t{number}", threshold=1)
                source.publish()
            past.append(dict(source.files))
            if step == "old":
                source.files.clear()
                source.files.update(past[len(past) // 2])
            elif step == "lost":
                source.files.pop("metadata/timestamp.json", None)
            with suppress(MooringError):
                machine.client().refresh(source)
            source.files.clear()
            source.files.update(past[-1] if step not in {"old", "lost"} else current)
            found = versions(machine)
            assert all(found[role] >= version for role, version in seen.items())
            seen = found


def test_keys_of_other_kinds_are_no_keys_of_ours(machine, source):
    source.keys["timestamp"] = ("somebody",)
    source.stamp()
    assert signer_of("somebody").public_key.keyid not in source.roles["root"].keys
    assert refused(machine, source) == "bundle_signatures_missing"


def test_a_target_is_written_only_as_far_as_it_is_fetched(machine, source):
    source.add_bundle("stable", "trend", 1, DATA * 100)
    client = machine.client()
    client.refresh(source)
    (offer,) = client.offers("stable")
    into = io.BytesIO(b"")
    client.download(offer, source, into)
    assert into.tell() == offer.length
