"""What is asked of rightly signed metadata: enough keys where one could undo what two are asked for, and a shape."""

from __future__ import annotations

import pytest

from mooring.errors import Invalid, Unverified
from tests.bundles.trust.rig import Machine
from tests.support.bundle_repository import BundleRepository


@pytest.fixture
def source():
    return BundleRepository()


@pytest.fixture
def machine(tmp_path, source):
    return Machine(tmp_path, source.root)


def refused(machine, source):
    with pytest.raises(Unverified) as error:
        machine.client().refresh(source)
    return error.value.code


@pytest.mark.parametrize("role", ["root", "targets"])
def test_a_top_role_that_one_key_could_sign_is_refused_as_it_could_name_both_keys_of_stable(machine, source, role):
    source.roles["root"].roles[role].threshold = 1
    source.renew("root")
    source.publish()
    assert refused(machine, source) == "bundle_policy_refused"


def test_a_root_that_one_key_could_sign_is_none_to_begin_with(tmp_path, source):
    source.roles["root"].roles["root"].threshold = 1
    with pytest.raises(Invalid) as error:
        Machine(tmp_path, source.signed_bytes("root")).client()
    assert error.value.code == "bundle_bad_root"


def nested(depth):
    made = []
    for _ in range(depth):
        made = [made]
    return made


def deep(source, role, depth):
    source.roles[role].unrecognized_fields["deep"] = nested(depth)
    source.roles[role].unrecognized_fields["text"] = '"[[\\' * 40  # brackets of a text are no nesting
    if role not in {"timestamp", "snapshot"}:
        source.renew(role)
    source.publish()


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
@pytest.mark.parametrize("depth", [40, 450])
def test_metadata_that_nest_deeply_are_refused_whoever_signed_them(machine, source, role, depth):
    """Read back from a deeper stack they might not be readable any more."""
    deep(source, role, depth)
    assert refused(machine, source) == "bundle_metadata_unusable"


def test_of_a_channel_that_nests_deeply_the_channel_alone_is_refused(machine, source):
    deep(source, "models-canary", 40)
    assert machine.client().refresh(source).refused["models-canary"].code == "bundle_metadata_unusable"


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "models-stable", "root"])
def test_metadata_that_nest_as_much_as_anything_could_need_are_taken(machine, source, role):
    deep(source, role, 20)
    assert not machine.client().refresh(source).refused
