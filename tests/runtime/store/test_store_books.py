"""The rules of the books, each broken by somebody who then makes every hash again: only that rule is found broken."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mooring.runtime.store.columns import metadata
from mooring.runtime.store.schema_views import VIEWS
from mooring.runtime.store.verify import verify
from mooring.runtime.store.verify_books import validations
from tests.support.forge import forge, spoil

pytestmark = pytest.mark.sampled

SOLD = "(SELECT max(seq) FROM trades)"  # the last row of those that say what was sold
LAST_HOUR = "(SELECT max(hour_ts_utc) FROM equity)"
# An hour in the middle, of a fill.
HOUR = "(SELECT hour_ts_utc FROM fills WHERE seq = 2)"
LAST_EVENT = "(SELECT max(seq) FROM order_events WHERE status = 'FILLED')"
UNMOVED = f"hour_ts_utc = {HOUR}"
POSTED = "INSERT INTO ledger SELECT"
HASHES = "max(prev_hash), max(parent_hash), max(row_hash)"
LAST = "e.seq = (SELECT max(seq) FROM equity)"
# Of a live account one hour may be open; the one after that never is.
LATER = f"{LAST_HOUR} + 7200"
AFTER = f"(SELECT run_id FROM equity e WHERE {LAST}), (SELECT account_id FROM equity e WHERE {LAST}), {LATER}"
QUOTE = f"(SELECT quote FROM accounts a JOIN equity e ON e.account_id = a.account_id WHERE {LAST})"
BOOKED = "(SELECT txn_id FROM ledger WHERE account = 'cash' AND kind = 'fill' ORDER BY seq LIMIT 1)"

# Rule, what is done, and the table and column that are then named. Nothing of it breaks a rule of the tables.
CASES = {
    "money out of nothing": (
        "01_postings_balance",
        ["UPDATE ledger SET amount = amount + 7 WHERE account = 'trading' AND seq = (SELECT max(seq) FROM ledger)"],
        ("ledger", "amount"),
    ),
    "cash that was never posted": (
        "02_cash_equals_postings",
        [f"UPDATE equity SET cash = cash + 7, equity = equity + 7 WHERE {UNMOVED}"],
        ("equity", "cash"),
    ),
    "cash that was posted after the last hour": (
        "02_cash_equals_postings",
        [
            f"{POSTED} max(seq) + {line}, {HASHES}, {AFTER}, 'x', {line}, 'x', '{account}', {QUOTE}, {amount} FROM ledger"
            for line, account, amount in ((1, "cash", 5), (2, "trading", -5))
        ],
        ("ledger", "hour_ts_utc"),
    ),
    "a trade after the last hour": (
        "09_results_equal_trades",
        [f"UPDATE trades SET hour_ts_utc = {LATER} WHERE seq = {SOLD}"],
        ("trades", "hour_ts_utc"),
    ),
    "a fill after the last hour": (
        "09_results_equal_trades",
        [f"UPDATE fills SET hour_ts_utc = {LATER} WHERE seq = 2"],
        ("fills", "hour_ts_utc"),
    ),
    "a position that was never posted": (
        "03_positions_equal_postings",
        ["UPDATE positions SET quantity = quantity + 1 WHERE seq = 1"],
        ("positions", "quantity"),
    ),
    "lots that are not the position": (
        "04_lots_equal_positions",
        [
            f"UPDATE positions SET cost = cost + 1 WHERE hour_ts_utc = {LAST_HOUR}",
            f"UPDATE equity SET unrealised_pnl = unrealised_pnl - 1 WHERE hour_ts_utc = {LAST_HOUR}",
        ],
        ("positions", "quantity"),
    ),
    "a fill against its order": (
        "05_fills_have_orders",
        [
            "UPDATE order_intents SET side = 'sell' WHERE client_order_id = (SELECT client_order_id FROM fills WHERE seq = 1)"
        ],
        ("fills", "client_order_id"),
    ),
    "more filled than intended": (
        "05_fills_have_orders",
        [
            "UPDATE order_intents SET quantity = 1 WHERE client_order_id = (SELECT client_order_id FROM fills WHERE seq = 1)"
        ],
        ("fills", "quantity"),
    ),
    "filled by no fill": (
        "06_orders_have_intents",
        [f"UPDATE order_events SET filled_quantity = filled_quantity + 1 WHERE seq = {LAST_EVENT}"],
        ("order_events", "filled_quantity"),
    ),
    "an order that went back": (
        "07_orders_move_forward",
        [f"UPDATE order_events SET status = 'SUBMITTING' WHERE seq = {LAST_EVENT}"],
        ("order_events", "status"),
    ),
    "more sold than the lot had": (
        "08_trades_within_lots",
        [f"UPDATE trades SET quantity = quantity + 1 WHERE seq = {SOLD}"],
        ("trades", "quantity"),
    ),
    "a lot that cost more than it did": (
        "08_trades_within_lots",
        [f"UPDATE trades SET cost = cost + 1, proceeds = proceeds + 1 WHERE seq = {SOLD}"],
        ("trades", "quantity"),
    ),
    "a sale of another symbol": (
        "08_trades_within_lots",
        [f"UPDATE trades SET symbol = 'XXX-USD' WHERE seq = {SOLD}"],
        ("trades", "close_fill_id"),
    ),
    "a gain that was never made": (
        "09_results_equal_trades",
        [f"UPDATE equity SET realised_pnl = realised_pnl + 1 WHERE {UNMOVED}"],
        ("equity", "realised_pnl"),
    ),
    "fees that were never paid": (
        "09_results_equal_trades",
        [f"UPDATE equity SET fees_paid = fees_paid - 1 WHERE {UNMOVED}"],
        ("equity", "fees_paid"),
    ),
    "worth more than what is held": (
        "10_equity_adds_up",
        [f"UPDATE equity SET positions_value = positions_value + 1, equity = equity + 1 WHERE {UNMOVED}"],
        ("equity", "positions_value"),
    ),
    "a result that is none": (
        "10_equity_adds_up",
        [f"UPDATE equity SET unrealised_pnl = unrealised_pnl + 1 WHERE {UNMOVED}"],
        ("equity", "unrealised_pnl"),
    ),
    "an hour without its inputs": (
        "11_hours_are_whole",
        [f"DELETE FROM cycles WHERE {UNMOVED}"],
        ("manifests", "hour_ts_utc"),
    ),
    "an hour without its manifest": (
        "11_hours_are_whole",
        [
            f"UPDATE state_latest SET cycles = cycles - 1 WHERE run_id = (SELECT run_id FROM manifests WHERE {UNMOVED})",
            f"DELETE FROM manifests WHERE {UNMOVED}",
        ],
        ("cycles", "hour_ts_utc"),
    ),
    "a fee that was posted otherwise": (
        "13_postings_equal_fills",
        [
            f"UPDATE ledger SET amount = amount + 1 WHERE account = 'fees' AND txn_id = {BOOKED}",
            f"UPDATE ledger SET amount = amount - 1 WHERE account = 'trading' AND asset LIKE 'USD%' AND txn_id = {BOOKED}",
        ],
        ("fills", "notional"),
    ),
    "a posting of no fill": (
        "13_postings_equal_fills",
        ["UPDATE ledger SET kind = 'fill' WHERE kind = 'opening'"],
        ("ledger", "txn_id"),
    ),
    "a fill that the venue never told of": (
        "14_venue_fills_name_fills",
        ["DELETE FROM venue_fills WHERE seq = 2"],
        ("fills", "fill_id"),
    ),
    "a fill of another second": (
        "14_venue_fills_name_fills",
        ["UPDATE venue_fills SET traded_ms = traded_ms + 1000 WHERE seq = 2"],
        ("venue_fills", "traded_ms"),
    ),
}


@pytest.fixture(params=["book", "engine"])
def copy(request, finished_run, lived_through, tmp_path):
    """A sound database: the made-up one, and one that a real engine made."""
    return Path(shutil.copy(finished_run if request.param == "book" else lived_through, tmp_path / "m.db"))


def broken(path):
    """What each rule finds, as anybody can ask for it."""
    with closing(sqlite3.connect(path)) as connection:
        found = {one.name: connection.execute(one.sql).fetchall() for one in validations()}
    return {name: rows for name, rows in found.items() if rows}


def test_a_sound_database_breaks_no_rule(copy):
    assert broken(copy) == {}


@pytest.mark.parametrize("case", CASES)
def test_a_broken_rule_is_named_and_no_other_though_every_hash_was_made_again(copy, case):
    rule, changes, place = CASES[case]
    forge(copy, *changes)
    found = broken(copy)
    assert found.keys() == {rule}
    assert place in {(table, column) for table, _seq, column, _sentence in found[rule]}
    report = verify(copy)
    assert [(b.table, b.seq, b.column, b.what) for b in report.breaks] == [
        (table, seq, column, sentence) for table, seq, column, sentence in found[rule]
    ]
    assert not report.ok
    assert report.breaks[0].key


# What the tables' own rules find too, or the walk along the hashes: these rules are for whoever runs them by hand.
BY_HAND = {
    "a fill of no order": (
        "05_fills_have_orders",
        "UPDATE fills SET client_order_id = 'nobody' WHERE seq = 1",
        ("fills", 1, "client_order_id"),
    ),
    "an event of no order": (
        "06_orders_have_intents",
        "UPDATE order_events SET client_order_id = 'nobody' WHERE seq = 1",
        ("order_events", 1, "client_order_id"),
    ),
    "a lot of no fill": (
        "08_trades_within_lots",
        "UPDATE lots SET lot_id = 'nobody' WHERE seq = (SELECT max(seq) FROM lots)",
        ("lots", None, "lot_id"),
    ),
    "a trade of no fill": (
        "08_trades_within_lots",
        "UPDATE trades SET close_fill_id = 'nobody' WHERE seq = 1",
        ("trades", 1, "close_fill_id"),
    ),
    "a name of no fill": (
        "14_venue_fills_name_fills",
        "UPDATE venue_fills SET fill_id = 'nobody' WHERE seq = 1",
        ("venue_fills", 1, "fill_id"),
    ),
    "a name of a fill in another account": (
        "14_venue_fills_name_fills",
        "UPDATE venue_fills SET account_id = 'other' WHERE seq = 2",
        ("venue_fills", 2, "fill_id"),
    ),
    "a name of a fill in another run": (
        "14_venue_fills_name_fills",
        "UPDATE venue_fills SET run_id = 'other' WHERE seq = 2",
        ("venue_fills", 2, "fill_id"),
    ),
    **{
        f"a chain that is cut, {table}": (
            "12_chains_unbroken",
            f"UPDATE {table} SET prev_hash = row_hash WHERE seq = 2",
            (table, 2, "prev_hash"),
        )
        for table in (
            *("ledger", "fills", "venue_fills", "trades", "lots", "order_intents", "order_events"),
            *("movements", "reconciles", "manifests"),
        )
    },
    "an hour that names another before it": (
        "12_chains_unbroken",
        "UPDATE manifests SET previous_root = root WHERE seq = 3",
        ("manifests", 3, "previous_root"),
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_rules_that_others_check_too_hold_by_themselves(copy, case):
    rule, change, (table, seq, column) = BY_HAND[case]
    spoil(copy, change)
    assert (table, column) in [(row[0], row[2]) for row in broken(copy)[rule] if seq in {None, row[1]}]
    assert table in {found.table for found in verify(copy).breaks}


def test_every_rule_has_a_case():
    assert {rule for rule, *_ in [*CASES.values(), *BY_HAND.values()]} == {one.name for one in validations()}


@pytest.mark.parametrize("one", validations(), ids=lambda one: one.name)
def test_a_rule_says_what_holds_and_names_every_table_it_reads(one):
    assert one.rule.endswith(".")
    assert not one.rule.startswith("--")
    views = dict(VIEWS)
    read = named_in(one.sql, {*metadata.tables, *views})
    behind = {table for view in read & views.keys() for table in named_in(views[view], metadata.tables)}
    assert one.about in one.reads
    assert (read - views.keys()) | behind == one.reads


def named_in(sql, names):
    return set(re.findall(r"\w+", re.sub(r"'[^']*'|--.*", "", sql))) & set(names)


def test_a_sum_that_no_integer_holds_is_a_break_and_no_failure(copy):
    most = 2**63 - 1
    forge(copy, f"UPDATE ledger SET amount = {most} WHERE seq <= 2")
    (*_, found) = [b for b in verify(copy).breaks if b.seq is None]
    assert found.what == "It cannot be read (integer overflow)."
    assert found.table in {"ledger", "equity"}


def test_a_rule_that_many_rows_break_lists_some_of_them(copy):
    forge(copy, "UPDATE equity SET fees_paid = fees_paid + 1", lambda db: _many(db, 150))
    found = [b for b in verify(copy).breaks if b.table == "equity"]
    assert len(found) == 100


def _many(connection, rows):
    """Copies of the last hour's equity, in hours of the same run."""
    columns = [row[1] for row in connection.execute("PRAGMA table_info(equity)")]
    last = dict(connection.execute("SELECT * FROM equity ORDER BY seq DESC LIMIT 1").fetchone())
    for n in range(1, rows + 1):
        row = last | {"seq": last["seq"] + n, "hour_ts_utc": last["hour_ts_utc"] + 3600 * n}
        listed = ", ".join(columns)
        connection.execute(
            f"INSERT INTO equity ({listed}) VALUES ({', '.join('?' * len(columns))})", [row[c] for c in columns]
        )


def test_the_documents_list_every_rule():
    text = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
    assert [f"| `{one.name}` | {one.rule} |" for one in validations()] == re.findall(
        r"^\| `\d\d_.*", text, re.MULTILINE
    )
