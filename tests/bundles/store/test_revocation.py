"""What a publisher took back."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as hs

from mooring.bundles.store.revocation import BYTES_MAX, NONE, Revocations, read_revocations
from mooring.errors import Unverified
from tests.bundles.store.slot_kit import slot_of

ONE = slot_of(1)


def _of(*entries: dict[str, str], **least: int) -> Revocations:
    return read_revocations(orjson.dumps({"revoked": list(entries), "min_seq": least}))


def _entry(severity: str, reason: str = "it looked ahead") -> dict[str, str]:
    return {"manifest_sha256": ONE.manifest_sha256, "severity": severity, "reason": reason}


def test_none_is_none() -> None:
    assert read_revocations(None) == NONE
    assert NONE.unfit((ONE,)) == {}


def test_a_blocked_bundle_must_not_decide_and_the_reason_is_said() -> None:
    assert _of(_entry("block")).unfit((ONE, slot_of(2))) == {ONE.name: "it looked ahead"}


def test_a_warning_changes_nothing_and_an_unknown_severity_is_strict() -> None:
    assert _of(_entry("warn")).unfit((ONE,)) == {}
    assert _of(_entry("urgent")).unfit((ONE,)) == {ONE.name: "it looked ahead"}


def test_a_later_milder_word_does_not_undo_an_earlier_one() -> None:
    assert _of(_entry("block"), _entry("warn")).unfit((ONE,)) != {}
    assert _of(_entry("warn"), _entry("block")).unfit((ONE,)) != {}


def test_every_number_below_the_least_is_taken_back() -> None:
    assert set(_of(core=3).unfit((slot_of(2), slot_of(3), slot_of(1, "other")))) == {slot_of(2).name}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"revoked": {}}',
        b'{"revoked": [{}]}',
        b'{"revoked": [{"manifest_sha256": "short"}]}',
        b'{"min_seq": {"core": -1}}',
        b'{"min_seq": {"core": true}}',
        b'{"min_seq": {"Core": 1}}',
        b" " * (BYTES_MAX + 1),
    ],
)
def test_a_signed_list_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(Unverified) as refused:
        read_revocations(data)
    assert refused.value.code == "revocations_unreadable"


@given(hs.binary(max_size=100))
def test_no_bytes_make_it_raise_anything_else(data: bytes) -> None:
    with pytest.raises(Unverified):
        read_revocations(b"\xff" + data)
