"""Metadata that was changed on the way, by bits or by meaning: refused in our words, or still what was signed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import MooringError
from tests.bundles.trust.rig import Machine
from tests.support.bundle_repository import BundleRepository, signed_json

DATA = b"weights" * 100


def made() -> BundleRepository:
    source = BundleRepository()
    source.add_bundle("stable", "trend", 1, DATA, {"notes": "first"})
    source.revoke({"revoked": [], "min_seq": {}})
    return source


SOURCE = made()
FILES = sorted(path for path in SOURCE.files if ".root." not in path)
VALUES = st.sampled_from(
    [None, True, -1, 0, 1, 2**64, 10**400, 1.5, "", "x", "2026-12-01T12:00:00Z", [], {}, [[]], {"a": {}}]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in below for place in places(inner, (*path, key)))]


def outcome(files: dict[str, bytes]) -> list[tuple[Any, ...]] | None:
    """What a new machine is offered; None where it refuses."""
    source = BundleRepository()
    source.files = files
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), SOURCE.root)
        try:
            machine.client().refresh(source)
            offers = machine.client().offers("stable")
        except MooringError:
            return None
        return [(one.name, one.sha256, one.custom) for one in offers] + [(machine.client().revocations(),)]


@pytest.fixture(scope="module")
def right():
    return outcome(dict(SOURCE.files))


def test_as_it_is_it_is_taken(right):
    assert len(right) == 2


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_change_of_bytes_changes_nothing_that_is_believed(right, data):
    path = data.draw(st.sampled_from(FILES))
    whole = SOURCE.files[path]
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                whole[:at],
                whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
                whole + b" ",
                b"[" * 100_000,
                b"\xff",
                b"",
            ]
        )
    )
    assert outcome({**SOURCE.files, path: changed}) in (None, right)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_change_of_meaning_changes_nothing_that_is_believed(right, data):
    path = data.draw(st.sampled_from([one for one in FILES if one.startswith("metadata/")]))
    content = json.loads(SOURCE.files[path])
    *way, last = data.draw(st.sampled_from(places(content)[1:]))
    inner = content
    for step in way:
        inner = inner[step]
    if data.draw(st.booleans()):
        inner[last] = data.draw(VALUES)
    else:
        del inner[last]
    assert outcome({**SOURCE.files, path: json.dumps(content).encode()}) in (None, right)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_thief_of_the_channels_keys_can_write_nothing_that_is_no_error_of_ours(data):
    """Rightly signed nonsense: refused, or left out, but nothing unforeseen."""
    source = made()
    signed = source.roles["models-stable"].to_dict()
    *way, last = data.draw(st.sampled_from([one for one in places(signed)[1:] if one[0] != "_type"]))
    inner = signed
    for step in way:
        inner = inner[step]
    inner[last] = data.draw(VALUES.filter(lambda one: not isinstance(one, float)))  # TUF's canonical JSON has none
    name = f"metadata/{source.roles['models-stable'].version}.models-stable.json"
    source.files[name] = signed_json(signed, source.keys["models-stable"])
    outcome(source.files)
