from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.store.hashing import ZERO, RowHasher, canonical
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.schema_hourly import ledger, snapshots

EXACT = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
KEYS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | EXACT | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
POSTING = {
    "seq": 1,
    "run_id": "r",
    "hour_ts_utc": 3600,
    "txn_id": "t",
    "line": 0,
    "kind": "buy",
    "account": "cash",
    "asset": "USDT",
    "amount": -5,
}


@given(VALUES)
def test_canonical_bytes_equal_rfc_8785(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_keep_all_their_digits(value):
    assert canonical([value]) == f"[{value}]".encode()


@pytest.mark.parametrize("value", [1.0, [1.5], {"a": [0.1]}, {1: 2}, {"é": 1}, b"x", datetime(2024, 1, 1, tzinfo=UTC)])
def test_what_has_no_one_way_to_be_written_is_refused(value):
    with pytest.raises(TypeError):
        canonical(value)


@given(TEXT, EXACT)
def test_row_hash_is_sha256_of_the_rule_in_the_docs(account, amount):
    row = POSTING | {"account": account, "amount": amount}
    body = rfc8785.dumps({"table": "ledger", "prev": ZERO, "row": row})
    assert RowHasher(ledger).hash_row(ZERO, row) == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("column", sorted(POSTING))
def test_each_column_changes_the_hash(column):
    value = POSTING[column]
    changed = POSTING | {column: value + 1 if isinstance(value, int) else value + "x"}
    hasher = RowHasher(ledger)
    assert hasher.hash_row(ZERO, POSTING) != hasher.hash_row(ZERO, changed)


def test_the_hash_before_changes_the_hash():
    hasher = RowHasher(ledger)
    assert hasher.hash_row(ZERO, POSTING) != hasher.hash_row("1" + ZERO[1:], POSTING)


def test_bytes_enter_as_their_own_hash():
    row = {"seq": 1, "run_id": "r", "hour_ts_utc": 3600, "state": b"abc"}
    told = row | {"state": hashlib.sha256(b"abc").hexdigest()}
    body = rfc8785.dumps({"table": "snapshots", "prev": ZERO, "row": told})
    assert RowHasher(snapshots).hash_row(ZERO, row) == hashlib.sha256(body).hexdigest()


def test_every_column_but_the_hashes_is_hashed():
    for table in EVIDENCE:
        assert set(RowHasher(table).columns) == {c.name for c in table.c} - {"prev_hash", "row_hash"}
