"""What the views say is how things stand now, by the books of a made-up run."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mooring.runtime.store.schema_views import VIEWS
from mooring.runtime.store.types import Batch, ControlRow
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS

LAST = HOURS - 1


def seen(path, view, *columns):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {', '.join(columns)} FROM {view} ORDER BY 1").fetchall()


@pytest.fixture
def more(store, tmp_path):
    """Commit to a store that has two hours, then look at its file."""
    for n in range(2):
        store.commit(book.hour(n))

    def commit(*batches):
        for batch in batches:
            store.commit(batch)
        return tmp_path / "mooring.db"

    return commit


def event(kind):
    return Batch(rows=[("run_events", {"run_id": book.RUN, "at": 1, "kind": kind, "detail": ""})])


def of_hour(table, n, row):
    return Batch(rows=[(table, row | {"run_id": book.RUN, "hour_ts_utc": book.hour_ts_utc(n)})])


def test_a_run_is_as_it_began_or_ended_last_and_has_its_last_hour(finished_run, more):
    assert seen(finished_run, "runs_now", "run_id", "status", "last_hour_ts_utc") == [
        (book.RUN, "started", book.hour_ts_utc(LAST))
    ]
    path = more(event("ended"), event("new_account"))
    assert seen(path, "runs_now", "status") == [("ended",)]
    assert seen(more(event("crash_recovered")), "runs_now", "status") == [("crash_recovered",)]


def test_a_run_without_events_or_hours_is_created(more):
    path = more(Batch(rows=[("runs", book.run_row("run-2"))]))
    assert seen(path, "runs_now", "run_id", "status", "last_hour_ts_utc")[1] == ("run-2", "created", None)


def test_portfolio_and_positions_are_those_of_the_last_hour(finished_run):
    cash = book.CASH - HOURS * 5013 + LAST * 5087
    assert seen(finished_run, "portfolio_now", "account_id", "hour_ts_utc", "cash", "equity") == [
        (book.ACCOUNT, book.hour_ts_utc(LAST), cash, cash + 5050)
    ]
    assert seen(finished_run, "positions_now", "symbol", "hour_ts_utc", "quantity", "cost", "value") == [
        ("BTC-USDT", book.hour_ts_utc(LAST), 5, 5013, 5050)
    ]


def test_each_account_has_its_own_last_hour(more):
    other = {"run_id": "run-2", "account_id": "second"}
    account = {"account_id": "second", "mode": "shadow", "venue": "v", "quote": "USDT", "principal": 5, "opened_at": 1}
    worth = dict(next(row for table, row in book.hour(0).rows if table == "equity"))
    path = more(
        Batch(rows=[("accounts", account), ("runs", book.run_row("run-2") | other)]),
        Batch(rows=[("equity", worth | {"run_id": "run-2", "hour_ts_utc": book.hour_ts_utc(0)})]),
    )
    assert seen(path, "portfolio_now", "account_id", "hour_ts_utc") == [
        (book.ACCOUNT, book.hour_ts_utc(1)),
        ("second", book.hour_ts_utc(0)),
    ]


def test_the_hour_after_the_last_is_open_where_trading_is_live(finished_run, more):
    assert seen(finished_run, "open_hours", "account_id", "hour_ts_utc") == [(book.ACCOUNT, book.hour_ts_utc(HOURS))]
    worth = dict(next(row for table, row in book.hour(0).rows if table == "equity"))
    account = {"venue": "v", "quote": "USDT", "principal": 5, "opened_at": 1}
    for mode in ("paper", "shadow", "live"):
        of = {"run_id": f"run-{mode}", "account_id": f"other-{mode}"}
        hour = {"run_id": f"run-{mode}", "hour_ts_utc": book.hour_ts_utc(7)}
        more(
            Batch(rows=[("accounts", account | {"account_id": f"other-{mode}", "mode": mode})]),
            Batch(rows=[("runs", book.run_row(f"run-{mode}") | of), ("equity", worth | hour)]),
        )
    assert seen(more(), "open_hours", "account_id", "hour_ts_utc") == [
        (book.ACCOUNT, book.hour_ts_utc(2)),
        ("other-live", book.hour_ts_utc(8)),
    ]


def test_an_account_that_holds_nothing_has_no_position_left(more):
    worth = dict(next(row for table, row in book.hour(1).rows if table == "equity"))
    path = more(of_hour("equity", 2, worth))
    assert seen(path, "positions_now", "symbol") == []


def test_orders_stand_as_their_last_event_says(more):
    intent = dict(next(row for table, row in book.hour(2).rows if table == "order_intents"))
    path = more(of_hour("order_intents", 2, intent))
    columns = ("client_order_id", "status", "filled_quantity")
    assert seen(path, "orders_now", *columns) == [
        ("exit-1", "FILLED", 5),
        ("order-0", "FILLED", 5),
        ("order-1", "FILLED", 5),
        ("order-2", None, 0),
    ]
    said = {"client_order_id": "order-2", "status": "PARTIAL", "filled_quantity": 2, "reason": ""}
    assert seen(more(of_hour("order_events", 2, said)), "orders_now", *columns)[3] == ("order-2", "PARTIAL", 2)


def test_a_lot_is_what_is_left_of_it(finished_run, more):
    columns = ("account_id", "lot_id", "symbol", "opened_ts", "quantity", "cost")
    lot = (book.ACCOUNT, f"fill-order-{LAST}", "BTC-USDT", book.hour_ts_utc(LAST), 5, 5013)
    assert seen(finished_run, "lots_now", *columns) == [lot]
    part = dict(next(row for table, row in book.hour(1).rows if table == "trades"))
    part |= {"trade_id": "t", "open_fill_id": "fill-order-1", "quantity": 2, "cost": 2005, "pnl": 5087 - 2005}
    path = more(of_hour("trades", 2, part))
    assert seen(path, "lots_now", "lot_id", "quantity", "cost") == [("fill-order-1", 3, 3008)]


def test_balances_are_the_sums_of_the_postings(finished_run):
    columns = ("account", "asset", "balance", "account_id")
    assert seen(finished_run, "balances_now", *columns) == [
        ("cash", "USDT", book.CASH - HOURS * 5013 + LAST * 5087, book.ACCOUNT),
        ("fees", "USDT", (HOURS + LAST) * 13, book.ACCOUNT),
        ("position", "BTC", 5, book.ACCOUNT),
        ("principal", "USDT", -book.CASH, book.ACCOUNT),
        ("trading", "BTC", -5, book.ACCOUNT),
        ("trading", "USDT", HOURS * 5000 - LAST * 5100, book.ACCOUNT),
    ]


def test_alerts_are_open_until_somebody_acknowledged_them(more):
    alert = {"alert_id": "a", "severity": "critical", "code": "test", "text": "!"}
    path = more(of_hour("alerts", 1, alert))
    assert seen(path, "alerts_open", "alert_id", "severity") == [("a", "critical")]
    path = more(Batch(rows=[("alert_acks", {"alert_id": "a", "at": 1, "actor": "cli"})]))
    assert seen(path, "alerts_open", "alert_id") == []


def test_controls_and_settings_are_those_in_force(more):
    assert seen(more(), "controls_now", "seq", "kill_active", "wanted") == [(1, 0, "running")]
    path = more(Batch(control=ControlRow(kill_active=True, kill_reason="enough", kill_since=2, updated_at=2)))
    assert seen(path, "controls_now", "seq", "kill_active", "kill_reason") == [(2, 1, "enough")]
    settings = dict(next(row for table, row in book.begin().rows if table == "settings_versions"))
    path = more(Batch(rows=[("settings_versions", settings | {"version": 2, "note": "by hand"})]))
    assert seen(path, "settings_now", "version", "note") == [(2, "by hand")]


def test_every_view_is_seen_here():
    told = {
        "runs_now", "portfolio_now", "positions_now", "orders_now", "lots_now", "balances_now", "alerts_open",
        "controls_now", "settings_now", "open_hours",
    }  # fmt: skip
    assert {name for name, _sql in VIEWS} == told
