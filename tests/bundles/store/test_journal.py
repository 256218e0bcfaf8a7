"""The journal: whatever happens to its two copies, what is read is something that was written, or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as hs

from mooring.bundles.format.features import EDGES_MAX
from mooring.bundles.format.fields import FEATURES_MAX
from mooring.bundles.store import probation
from mooring.bundles.store.coding import BYTES_MAX, body_of, slot_bytes, slot_from, state_of
from mooring.bundles.store.journal import Journal
from mooring.bundles.store.state import State, Trial
from tests.bundles.store.slot_kit import TERMS, accepted, slot_of, tried

TRIED = tried(accepted(1, 2), 3)


def _written(folder: Path, *states: State) -> Journal:
    journal = Journal(folder)
    for state in states:
        journal.write(state)
    return journal


def test_nothing_was_ever_written(tmp_path: Path) -> None:
    found = Journal(tmp_path).read()
    assert (found.state, found.fresh, found.damaged) == (None, True, ())


def test_another_process_goes_on_where_one_was(tmp_path: Path) -> None:
    _written(tmp_path, accepted(1), accepted(1, 2))
    _written(tmp_path, TRIED)
    assert Journal(tmp_path).read().state == TRIED


@pytest.mark.parametrize("copy", ["a", "b"])
def test_a_torn_copy_leaves_the_other_and_is_whole_after_the_next_write(tmp_path: Path, copy: str) -> None:
    journal = _written(tmp_path, accepted(1), TRIED)
    whole = (tmp_path / copy).read_bytes()
    (tmp_path / copy).write_bytes(whole[: len(whole) // 2])
    found = journal.read()
    assert (found.damaged, found.state) == ((copy,), TRIED)
    journal.write(accepted(1, 2))
    assert journal.read().damaged == ()


def test_both_torn_is_not_the_same_as_never_written(tmp_path: Path) -> None:
    _written(tmp_path, TRIED)
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"\0" * 4096)
    found = Journal(tmp_path).read()
    assert (found.state, found.fresh, found.damaged) == (None, False, ("a", "b"))


def test_a_whole_copy_of_another_version_is_no_record(tmp_path: Path) -> None:
    journal = _written(tmp_path, TRIED)
    journal._copies.write({"format": "mooring-slots/2"})
    found = Journal(tmp_path).read()
    assert (found.state, found.fresh, found.damaged) == (None, False, ("newest",))


WHOLE = orjson.dumps(body_of(TRIED))
FIELDS = hs.sampled_from(sorted(body_of(TRIED)))
VALUES = hs.none() | hs.booleans() | hs.integers() | hs.text(max_size=9) | hs.lists(hs.integers(), max_size=3)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(field=FIELDS, value=VALUES, inner=hs.none() | hs.sampled_from(["seq", "name", "min_bars", "repository"]))
def test_no_field_of_another_kind_is_believed(field: str, value: object, inner: str | None) -> None:
    body = orjson.loads(WHOLE)
    if inner is not None and isinstance(body[field], dict):
        body[field][inner] = value
    else:
        body[field] = value
    try:
        state = state_of(body)
    except ValueError:
        return
    assert state_of(body_of(state)) == state, "whatever is believed is a whole record"


@settings(max_examples=200, deadline=None)
@given(hs.binary(max_size=200) | hs.text().map(str.encode))
def test_no_bytes_make_it_raise_anything_else(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        slot_from(data)


@given(hs.dictionaries(hs.text(max_size=10), VALUES, max_size=5))
def test_no_plain_data_make_it_raise_anything_else(body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        state_of(body)


def test_a_slot_reads_back() -> None:
    assert slot_from(slot_bytes(slot_of(4))) == slot_of(4)


def test_the_record_of_any_bundle_of_the_format_reads_back() -> None:
    """Its bounds are those of the format, which is not loaded where no bundle is."""
    number = "9" * 18
    terms = replace(TERMS, psi_max=f"{number}.{number}", min_bars=10_000, p99_us=10_000_000)
    trial = Trial(counts=((probation.COUNT_MAX,) * (EDGES_MAX + 1),) * FEATURES_MAX)
    state = replace(TRIED, terms=terms, trial=trial)
    assert state_of(body_of(state)) == state
    assert len(orjson.dumps(body_of(state))) < BYTES_MAX - 65_536, "with sixty-four floors, too"


def test_what_could_not_be_read_back_is_not_written_over_what_can(tmp_path: Path) -> None:
    journal = _written(tmp_path, TRIED)
    assert TRIED.terms is not None
    with pytest.raises(OSError, match="read back"):
        journal.write(replace(TRIED, terms=replace(TRIED.terms, psi_max="none")))
    assert journal.read().state == TRIED
