from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table

from mooring.runtime.store.hashing import ZERO, RowHasher, canonical, root_of, with_root
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
    "account_id": "a",
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


COLUMNS = ["account", "account_id", "amount", "asset", "hour_ts_utc", "kind", "line", "run_id", "seq", "txn_id"]
PARENT = "2" * 64


def by_the_docs(table, columns, prev, parent, values):
    """The rule of docs/evidence.md, by another implementation of canonical JSON."""
    digits = hashlib.sha256(rfc8785.dumps(columns)).hexdigest()[:8]
    return hashlib.sha256(rfc8785.dumps([f"{table}:{digits}", prev, parent, *values])).hexdigest()


@given(TEXT, EXACT)
def test_row_hash_is_sha256_of_the_rule_in_the_docs(account, amount):
    row = POSTING | {"account": account, "amount": amount}
    expected = by_the_docs("ledger", COLUMNS, ZERO, PARENT, [row[name] for name in COLUMNS])
    hasher = RowHasher(ledger)
    assert hasher.hash_row(ZERO, PARENT, row) == expected
    assert hasher.hash_rows([("stored", ZERO, PARENT, *(row[name] for name in hasher.columns))]) == [expected]


@pytest.mark.parametrize("column", sorted(POSTING))
def test_each_column_changes_the_hash(column):
    value = POSTING[column]
    changed = POSTING | {column: value + 1 if isinstance(value, int) else value + "x"}
    hasher = RowHasher(ledger)
    assert hasher.hash_row(ZERO, ZERO, POSTING) != hasher.hash_row(ZERO, ZERO, changed)


def test_the_hash_before_and_the_parent_change_the_hash_and_are_not_the_same():
    hasher = RowHasher(ledger)
    pairs = [(ZERO, ZERO), (PARENT, ZERO), (ZERO, PARENT)]
    assert len({hasher.hash_row(prev, parent, POSTING) for prev, parent in pairs}) == 3


def test_the_same_values_in_another_table_or_under_other_names_have_another_hash():
    tables = [
        Table(name, MetaData(), *(Column(column, Integer) for column in columns))
        for name, columns in (("a", ("seq", "x")), ("b", ("seq", "x")), ("a", ("seq", "y")), ("a", ("seq", "x", "z")))
    ]
    row = {"seq": 1, "x": 2, "y": 2, "z": None}
    assert len({RowHasher(table).hash_row(ZERO, ZERO, row) for table in tables}) == 4


def test_bytes_enter_as_their_own_hash():
    row = {"seq": 1, "run_id": "r", "account_id": "a", "hour_ts_utc": 3600, "state": b"abc"}
    values = ["a", 3600, "r", 1, hashlib.sha256(b"abc").hexdigest()]
    expected = by_the_docs("snapshots", sorted(row), ZERO, PARENT, values)
    hasher = RowHasher(snapshots)
    assert hasher.hash_row(ZERO, PARENT, row) == expected
    assert hasher.hash_rows([("stored", ZERO, PARENT, *(row[name] for name in hasher.columns))]) == [expected]


def test_every_column_but_the_hashes_is_hashed():
    for table in EVIDENCE:
        assert set(RowHasher(table).columns) == {c.name for c in table.c} - {"prev_hash", "parent_hash", "row_hash"}


MANIFEST = {
    "seq": 7,
    "prev_hash": ZERO,
    "parent_hash": ZERO,
    "row_hash": ZERO,
    "run_id": "r",
    "account_id": "a",
    "hour_ts_utc": 3600,
    "decision_hash": "d",
    "state_hash": "s",
    "blob_hash": None,
    "heads": "{}",
    "previous_root": ZERO,
    "root": ZERO,
}


def test_root_is_sha256_of_the_rule_in_the_docs():
    said = ("account_id", "blob_hash", "decision_hash", "heads", "hour_ts_utc", "previous_root", "run_id", "state_hash")
    expected = hashlib.sha256(rfc8785.dumps({name: MANIFEST[name] for name in said})).hexdigest()
    assert root_of(MANIFEST) == expected
    assert with_root(MANIFEST) == MANIFEST | {"root": expected}


@pytest.mark.parametrize("column", sorted(MANIFEST))
def test_the_root_is_of_all_a_manifest_says_and_of_nothing_that_a_forger_of_chains_may_choose(column):
    value = MANIFEST[column]
    changed = MANIFEST | {column: value + 1 if isinstance(value, int) else (value or "") + "x"}
    same = root_of(changed) == root_of(MANIFEST)
    assert same == (column in {"seq", "prev_hash", "parent_hash", "row_hash", "root"})
