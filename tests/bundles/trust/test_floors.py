"""Floors: never down, by keys, and bounded."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import Metadata

from mooring.bundles.trust.floors import ENTRIES_MAX, Floors, key_of, time_key
from mooring.bundles.trust.policy import parse_time, write_time
from tests.support.bundle_repository import BundleRepository

times = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(lambda one: one.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001
floors = st.builds(
    Floors,
    root=st.integers(0, 2**63 - 1),
    versions=st.dictionaries(st.text(max_size=8), st.integers(0, 2**63 - 1), max_size=6),
    times=st.dictionaries(st.text(max_size=8), times, max_size=3),
)


@given(one=floors, other=floors)
def test_raising_never_lowers_and_its_order_does_not_matter(one, other):
    both = one.raised(other)
    assert both == other.raised(one)
    assert both.raised(one) == both
    for part in (one, other):
        assert both.root >= part.root
        assert all(both.versions[key] >= version for key, version in part.versions.items())
        assert all(both.times[key] >= time for key, time in part.times.items())


@given(one=floors)
def test_what_is_stored_loads_again(one):
    assert Floors.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        {"root": 1, "versions": {}},
        {"root": -1, "versions": {}, "times": {}},
        {"root": True, "versions": {}, "times": {}},
        {"root": 1, "versions": [], "times": {}},
        {"root": 1, "versions": {"a": 2**63}, "times": {}},
        {"root": 1, "versions": {"a": "1"}, "times": {}},
        {"root": 1, "versions": {}, "times": {"a": "yesterday"}},
    ],
)
def test_what_is_no_floors_is_refused(raw):
    with pytest.raises(ValueError, match=r"no |time data"):
        Floors.from_json(raw)


def test_with_too_many_of_them_those_in_force_stay():
    old = Floors(versions={f"old {number}": 1 for number in range(ENTRIES_MAX)})
    new = Floors(versions={f"new {number}": 2 for number in range(40)})
    both = old.raised(new)
    assert len(both.versions) == ENTRIES_MAX
    assert both.versions.items() >= new.versions.items()


def test_which_keys_a_floor_depends_on():
    def keys(source):
        root = Metadata.from_bytes(source.files[f"metadata/{source.roles['root'].version}.root.json"]).signed
        targets = source.roles["targets"]
        delegators = {"models-stable": targets}
        found = {
            role: key_of(role, source.roles[role], root, delegators.get(role, root))
            for role in ("timestamp", "snapshot", "targets", "models-stable")
        }
        return found | {"time": time_key(root)}

    changed = {}
    for role in ("timestamp", "snapshot", "targets"):
        source = BundleRepository()
        before = keys(source)
        source.rotate(role, f"fresh {role}")
        after = keys(source)
        changed[role] = {name for name in before if before[name] != after[name]}
    assert changed == {
        "timestamp": {"timestamp", "snapshot", "time"},
        "snapshot": {"snapshot", "targets", "models-stable"},
        "targets": {"targets"},
    }


@given(time=times)
def test_a_time_has_one_spelling(time):
    text = write_time(time)
    assert parse_time(text) == time
    assert text.endswith("Z")
    for other in (text[:-1] + "+00:00", text.replace("T", " "), text[:-1], " " + text):
        with pytest.raises(ValueError, match="time"):
            parse_time(other)
    assert parse_time(write_time(time + timedelta(seconds=1))) > time
