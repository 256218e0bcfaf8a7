"""Rows changed past the triggers, with every hash made to fit again: a recomputation finds them and names the field."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.store.hashing import HASH_COLUMNS
from mooring.runtime.store.verify import verify
from tests.support import core, forge, pasts, runs

pytestmark = pytest.mark.sampled

BARS = core.random_bars(61, 60, 2)
HOURLY = (
    "bars cycles features signals decisions risk_states order_intents order_events fills lots trades ledger campaigns "
    "positions equity treasury manifests"
).split()
# What people and the market gave is no outcome of anything: a recomputation takes it as it stands.
INPUTS = {
    "bars": {"open", "high", "low", "close", "volume"},
    "cycles": {"kill", "paused", "rebase", "catch_up", "blocked"},
    "treasury": {"monthly_costs", "protect", "minimum_transfer"},
    # Made of the rows themselves by the store; the check of the chains proves them.
    "manifests": {"heads", "previous_root", "root"},
    "runs": {"created_at", "code_version", "lock_hash", "bundle"},
    "accounts": {"venue"},
    "settings_versions": {"at", "actor", "note"},
    "risk_profiles": {"at"},
}
FLAGS = {"kill", "paused", "cancel_all", "rebase", "flatten", "catch_up", "blocked", "halted", "estimated"}
BEFORE = ("runs", "accounts", "assets", "instruments", "settings_versions", "risk_profiles")
FIELDS = [
    (table, column)
    for table in (*BEFORE, *HOURLY)
    for column in (str(column.name) for column in forge.TABLES[table].c)
    if column not in HASH_COLUMNS | {"seq"} | INPUTS.get(table, set())
]


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A database of two runs on one account, with a kill in it, closed."""
    path = tmp_path_factory.mktemp("past") / "m.db"
    for over in ({}, {"strategy": {"cooldown_bars": 2}}):
        with pasts.Store.open(path) as store:
            made = pasts.engine(store, BARS, **over)
            pasts.ahead(made, 18)
            made.kill("test")
            pasts.ahead(made, 1)
            made.release()
            pasts.ahead(made, 6)
    return path


def middle(path, table):
    """seq of a row in the middle of a table, and what is in the row."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        row = connection.execute(f"SELECT * FROM {table} WHERE seq = ?", (count // 2 + 1,)).fetchone()
    return dict(row)


def change(row, table, column):
    """SQL that changes one field of a row to something of the same kind."""
    if isinstance(row[column], int):
        value = str(1 - row[column] if column in FLAGS else row[column] + 7)
    elif row[column] is None:
        value = "'x'"
    else:
        value = "'" + row[column].replace("'", "''")[:-1] + ("8" if row[column][-1:] == "9" else "9") + "'"
    return f"UPDATE {table} SET {column} = {value} WHERE seq = {row['seq']}"


def test_a_forger_who_changes_nothing_leaves_a_database_that_holds_and_recomputes(past, tmp_path):
    path = runs.copied(past, tmp_path)
    row = middle(path, "signals")
    forge.forge(path, f"UPDATE signals SET reason = '{row['reason']}' WHERE seq = {row['seq']}")
    report = verify(path)
    assert report.ok, report.breaks
    assert report.head == verify(past).head
    assert all(found.agrees for found in pasts.replayed(path))


@pytest.mark.parametrize(("table", "column"), FIELDS, ids=[f"{table}.{column}" for table, column in FIELDS])
def test_a_changed_field_whose_hashes_all_fit_again_is_found(past, tmp_path, table, column):
    path = runs.copied(past, tmp_path)
    row = middle(path, table)
    forge.forge(path, change(row, table, column))
    found = [one for run in pasts.replayed(path) for one in run.differences]
    assert found
    if table in {*BEFORE, "bars"}:
        return  # a bar that is elsewhere changes what follows from it; what makes a run what it is, is in its id
    # A row that names another run or hour is lost where it was, and strange where it is now.
    moved = column in {"run_id", "hour_ts_utc", "account_id"}
    named = [one for one in found if one.table == table and (moved or one.field == column)]
    assert named, [str(one) for one in found]
    if not moved:
        assert (named[0].recomputed, named[0].seq) == (row[column], row["seq"])
        assert named[0].recorded != row[column]
