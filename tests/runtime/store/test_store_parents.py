"""Each row names the row it follows from; who names another one is found, however well everything else is forged."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mooring.runtime.store.columns import metadata
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.lineage import PARENTS, parent_sql
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.verify import verify
from tests.support.forge import forge

pytestmark = pytest.mark.sampled

EDGES = [(table, n) for table, edges in PARENTS.items() for n in range(len(edges))]
# What people state by themselves, what market and venue said, and what was raised follows from no other row.
FIRST = {
    "accounts", "assets", "instruments", "settings_versions", "risk_profiles", "bundle_events", "control_actions",
    "controls", "bars", "movements", "reconciles", "alerts",
}  # fmt: skip
# Fallbacks that no hour of an engine needs: without this row, the next edge leads to the parent.
TAKEN_AWAY = {("features", 1): "bars"}


@pytest.fixture
def copy(lived_through, tmp_path):
    return Path(shutil.copy(lived_through, tmp_path / "m.db"))


def ask(path, sql, *values):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def rows_of_edge(path, table, n):
    """Numbers of the rows whose parent this edge leads to, and none before it does."""
    edges = PARENTS[table]
    found = []
    for (seq,) in ask(path, f"SELECT seq FROM {table} ORDER BY seq"):
        leads = []
        for edge in edges:
            rules = [f"p.{theirs} = c.{ours}" for ours, theirs in edge.on]
            rules += ["p.hour_ts_utc < c.hour_ts_utc"] if edge.before else []
            sql = f"SELECT count(*) FROM {edge.table} p, {table} c WHERE c.seq = ? AND {' AND '.join(rules)}"
            leads.append(ask(path, sql, seq)[0][0] > 0)
        if leads[n] and not any(leads[:n]):
            found.append(seq)
    return found


def test_every_table_has_a_parent_or_is_where_things_begin():
    assert {str(table.name) for table in EVIDENCE} - PARENTS.keys() == FIRST


@pytest.mark.parametrize(("table", "n"), EDGES)
def test_each_edge_joins_columns_that_are_there_to_a_table_that_is_written_before(table, n):
    edge = PARENTS[table][n]
    ours, theirs = metadata.tables[table], metadata.tables[edge.table]
    assert all(mine in ours.c and other in theirs.c for mine, other in edge.on)
    order = [str(each.name) for each in EVIDENCE]
    # A manifest comes last of its hour, so only one of an hour before can be a parent; an order may follow from one
    # that was written just before it.
    written = order.index(edge.table) < order.index(table)
    assert written != (edge.before or edge.table == table)


def test_rows_of_the_hour_follow_from_rows_of_the_hour_alone_so_that_the_clock_on_the_wall_changes_no_hash():
    hourly = {str(table.name) for table in EVIDENCE if "hour_ts_utc" in table.c}
    assert {edge.table for table in hourly for edge in PARENTS.get(table, ())} <= hourly


def test_rows_name_the_parents_that_the_rule_says(lived_through):
    for table in PARENTS:
        for seq, named, made in ask(lived_through, f"SELECT c.seq, c.parent_hash, {parent_sql(table)} FROM {table} c"):
            assert named == made, (table, seq)


@pytest.mark.parametrize("wrong", ["zeros", "nothing", "another"])
@pytest.mark.parametrize(("table", "n"), EDGES)
def test_a_row_that_names_another_parent_is_found_though_every_hash_was_made_again(copy, table, n, wrong):
    if (table, n) in TAKEN_AWAY:
        assert rows_of_edge(copy, table, n) == []
        above = TAKEN_AWAY[table, n]
        forge(copy, f"DELETE FROM {above} WHERE seq = (SELECT max(seq) FROM {above})")
    seq = rows_of_edge(copy, table, n)[-1]
    above = PARENTS[table][n].table
    if wrong == "another":
        right = f"(SELECT parent_hash FROM {table} WHERE seq = {seq})"
        ((other,),) = ask(copy, f"SELECT coalesce(max(seq), 0) FROM {above} WHERE row_hash <> {right}")
        # The only row of its table: then one of another table.
        given = f"(SELECT row_hash FROM {above} WHERE seq = {other})" if other else "(SELECT max(row_hash) FROM assets)"
    else:
        given = {"zeros": repr(ZERO), "nothing": repr("ab" * 32)}[wrong]
    forge(copy, wrong_parents={(table, seq): given})
    report = verify(copy)
    assert (table, seq, "parent_hash") in [(b.table, b.seq, b.column) for b in report.breaks]
    if (table, n) not in TAKEN_AWAY:
        assert len(report.breaks) == 1


def test_a_forger_who_leaves_the_parents_right_is_not_accused_of_them(copy):
    forge(copy, "UPDATE signals SET value_micro = value_micro + 1 WHERE seq = 5")
    assert verify(copy).ok


def test_the_documents_name_the_parents_of_each_table_in_their_order():
    text = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
    part = text.partition("### Parents")[2].partition("###")[0]
    told = {}
    for line in part.splitlines():
        if line.startswith("| `"):
            tables, above = line.strip("|").split("|")
            for table in re.findall(r"`(\w+)`", tables):
                told[table] = tuple(name for name in re.findall(r"`(\w+)`", above) if name in metadata.tables)
    assert told == {table: tuple(edge.table for edge in edges) for table, edges in PARENTS.items()}
