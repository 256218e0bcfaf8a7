"""Between two closes a live account is written to as things happen: its books hold as of the last close, and only so."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.runtime.store.verify import verify
from mooring.runtime.store.verify_books import validations
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS
from tests.support.forge import forge

OPEN = book.hour_ts_utc(HOURS)
# All that a rule of the books sums up by hours.
SUMMED = ("ledger", "fills", "venue_fills", "lots", "trades", "order_events", "order_intents")


def bought(n):
    """A buy that fills before hour n is done, of an order that follows from another."""
    rows = book.order(f"early-{n}", n, "buy", book.BUY, f"order-{n - 1}")
    lot = {"lot_id": f"fill-early-{n}", "symbol": book.SYMBOLS[0], "quantity": 5, "cost": book.COST}
    rows.append(("lots", lot | {"opened_ts": book.hour_ts_utc(n)}))
    return Batch(rows=[(table, row | {"run_id": book.RUN, "hour_ts_utc": OPEN}) for table, row in rows])


HAPPENED = {
    "sold": lambda: [book.between(HOURS)],
    "bought": lambda: [bought(HOURS)],
    "sold and bought": lambda: [book.between(HOURS), bought(HOURS)],
}


@pytest.fixture(params=HAPPENED)
def begun(request, run_copy):
    """Six hours of a live account, and what happened since."""
    with Store.open(run_copy) as store:
        for batch in HAPPENED[request.param]():
            store.commit(batch)
    return run_copy


def rules_broken(path):
    with closing(sqlite3.connect(path)) as connection:
        return {one.name[:2] for one in validations() if connection.execute(one.sql).fetchall()}


def moved(hours):
    """What moves all that happened in the open hour by so many."""
    by = 3600 * hours
    return [
        lambda db, table=table: db.execute(f"UPDATE {table} SET hour_ts_utc = {OPEN + by} WHERE hour_ts_utc = {OPEN}")
        for table in SUMMED
    ]


def of_lots(path):
    """The rule of lots, where what happened left another quantity than was stated."""
    with closing(sqlite3.connect(path)) as connection:
        ((sold, bought_too),) = connection.execute(
            f"SELECT count(*) FILTER (WHERE side = 'sell'), count(*) FILTER (WHERE side = 'buy') FROM fills "
            f"WHERE hour_ts_utc = {OPEN}"
        )
    return set() if sold == bought_too else {"04"}


def test_what_happened_since_the_last_close_breaks_nothing(begun):
    assert rules_broken(begun) == set()
    assert verify(begun).ok


@pytest.mark.parametrize("mode", ["paper", "shadow"])
def test_in_an_account_that_is_not_live_nothing_happens_between_hours(begun, mode):
    lots = of_lots(begun)
    forge(begun, f"UPDATE accounts SET mode = '{mode}'")
    assert rules_broken(begun) >= {"02", "09", "14"} | lots
    assert not verify(begun).ok


@pytest.mark.parametrize("hours", [1, 2, 24])
def test_only_the_next_hour_is_open(begun, hours):
    lots = of_lots(begun)
    forge(begun, *moved(hours))
    assert rules_broken(begun) >= {"02", "09"} | lots
    assert not verify(begun).ok


@pytest.mark.parametrize("hours", [-1, -3])
def test_an_hour_that_is_done_takes_nothing_more(begun, hours):
    forge(begun, *moved(hours))
    assert rules_broken(begun) >= {"02", "09"}
    assert not verify(begun).ok


def test_rules_that_know_no_hours_hold_between_them_too(begun):
    forge(begun, f"UPDATE fills SET fee = fee + 1 WHERE hour_ts_utc = {OPEN}")
    assert "13" in rules_broken(begun)


def test_a_lot_is_not_hidden_by_a_fill_of_the_open_hour(begun):
    forge(begun, "UPDATE lots SET quantity = quantity + 1 WHERE seq = 6")
    assert "04" in rules_broken(begun)


def test_the_hour_is_done_with_what_happened_before_it(run_copy):
    with Store.open(run_copy) as store:
        store.commit(book.between(HOURS))
        before = store.reader().heads()
        store.commit(book.hour(HOURS, begun=True))
        after = store.reader().heads()
        store.commit(book.between(HOURS + 1))
    assert before["trades"] == after["trades"]
    assert verify(run_copy).ok


def test_rows_of_the_hour_before_stay_wrong_once_the_hour_is_done(run_copy):
    with Store.open(run_copy) as store:
        store.commit(bought(HOURS))
        store.commit(book.hour(HOURS))
    assert rules_broken(run_copy) >= {"02", "03", "04", "09"}


def test_an_account_that_did_no_hour_has_none_open(tmp_path):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        store.commit(book.begin())
        rows = book.order("order-x", 0, "buy", book.BUY, None)
        store.commit(
            Batch(rows=[(table, row | {"run_id": book.RUN, "hour_ts_utc": book.START}) for table, row in rows])
        )
    assert rules_broken(path) >= {"02", "03", "09"}
