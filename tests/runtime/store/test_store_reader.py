from __future__ import annotations

import sqlite3
import threading

import pytest

from mooring.errors import Invalid, NotFound, Unverified
from mooring.runtime.store.connect import raw_reader
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS


@pytest.fixture
def reader(finished_run):
    opened = Reader.open(finished_run)
    yield opened
    opened.close()


def test_pages_go_back_through_everything_once(reader):
    seen, before = [], None
    while True:
        page = reader.page("signals", limit=7, before_seq=before)
        seen += [row["seq"] for row in page.items]
        before = page.next_before
        if before is None:
            break
    assert seen == list(range(HOURS * 9, 0, -1))


def test_page_can_be_filtered_by_text_and_number(reader):
    page = reader.page("prices", filters={"symbol": "ETH-USDT", "hour_ts_utc": str(book.hour_ts_utc(2))})
    assert [(row["symbol"], row["open"]) for row in page.items] == [("ETH-USDT", 1003)]


def test_orders_carry_their_last_status(reader):
    newest = reader.page("orders", limit=1).items[0]
    assert (newest["client_order_id"], newest["status"], newest["filled_quantity"]) == ("exit-5", "FILLED", 5)
    assert reader.page("orders", filters={"status": "OPEN"}).items == []


def test_alerts_carry_who_acknowledged_them(reader):
    newest = reader.page("alerts", limit=1).items[0]
    assert (newest["acknowledged_at"], newest["acknowledged_by"]) == (book.hour_ts_utc(5), "cli")
    assert reader.open_alerts() == []


def test_audit_is_the_list_of_control_actions(reader):
    assert [row["action"] for row in reader.page("audit").items] == ["start"]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("secrets", {}),
        ("chain_heads", {}),
        ("ledger", {"limit": 0}),
        ("ledger", {"limit": 501}),
        ("ledger", {"filters": {"nope": "1"}}),
        ("snapshots", {"filters": {"state": "x"}}),
        ("ledger", {"filters": {"amount": "much"}}),
        ("ledger", {"filters": {"amount": str(2**63)}}),
        ("ledger", {"before_seq": 0}),
        ("ledger", {"before_seq": 2**63}),
        ("audit", {"account_id": "nobody"}),
    ],
)
def test_page_refuses_what_it_does_not_know(reader, kind, arguments):
    with pytest.raises(Invalid):
        reader.page(kind, **arguments)


def test_page_of_an_account_has_the_rows_of_its_runs_and_no_others(reader):
    account = reader.latest_run()["account_id"]
    assert reader.page("ledger", account_id=account) == reader.page("ledger")
    assert reader.page("ledger", account_id=account).items
    assert reader.page("ledger", account_id="nobody").items == []


def test_bytes_are_left_out_of_pages(reader):
    assert "state" not in reader.page("snapshots", limit=1).items[0]


def test_hour_gives_all_its_rows_in_order(reader):
    rows = reader.hour(book.RUN, book.hour_ts_utc(3))
    assert {table: len(found) for table, found in rows.items()} == {
        "bars": 3, "cycles": 1, "features": 3, "model_outputs": 3, "signals": 9, "decisions": 3, "risk_states": 1,
        "order_intents": 2, "order_events": 10, "fills": 2, "venue_fills": 2, "lots": 1, "trades": 1, "ledger": 10,
        "movements": 2, "reconciles": 1, "campaigns": 1, "positions": 1, "equity": 1, "treasury": 1, "alerts": 1, "snapshots": 1, "manifests": 1,
    }  # fmt: skip
    life = ["INTENT", "SUBMITTING", "OPEN", "PARTIAL", "FILLED"]
    assert [row["status"] for row in rows["order_events"]] == [*life, *life]


def test_balances_are_the_sums_of_the_postings(reader):
    # Six buys for 5000 and five sales for 5100, each with a fee of 13; five lots are left.
    assert reader.balances(book.RUN) == {
        ("cash", "USDT"): book.CASH - 6 * 5013 + 5 * 5087,
        ("fees", "USDT"): 11 * 13,
        ("position", "BTC"): 5,
        ("principal", "USDT"): -book.CASH,
        ("trading", "BTC"): -5,
        ("trading", "USDT"): 6 * 5000 - 5 * 5100,
    }


def test_counts_are_of_the_table_or_of_a_run(reader):
    counts = [reader.count("fills"), reader.count("fills", run_id=book.RUN), reader.count("fills", run_id="x")]
    assert counts == [11, 11, 0]


def test_find_gives_the_newest_match(reader):
    assert reader.find("fills", fill_id="fill-order-2")["client_order_id"] == "order-2"
    assert reader.find("fills", client_order_id="exit-5", side="sell")["fill_id"] == "fill-exit-5"
    assert reader.find("fills", fill_id="fill-99") is None


def test_runs_are_found(reader):
    assert reader.run(book.RUN)["starting_cash"] == 10**12
    assert reader.run("other") is None
    assert reader.latest_run()["run_id"] == book.RUN


def test_latest_state_comes_with_its_manifest(reader):
    state = reader.latest_state(book.RUN)
    assert (state.hour_ts_utc, state.cycles, state.state) == (book.hour_ts_utc(5), 6, book.state_bytes(5))
    assert state.manifest_hash == reader.heads()["manifests"].head
    assert reader.latest_state("other") is None


def test_changed_state_is_not_handed_out(run_copy, spoil):
    spoil(run_copy, ("UPDATE state_latest SET state = ?", (b"else",)))
    with Store.open(run_copy) as store, pytest.raises(Unverified) as caught:
        store.reader().latest_state(book.RUN)
    assert caught.value.code == "state_changed"


def test_control_state_is_off_before_it_is_written_and_then_what_was_written(tmp_path):
    row = ControlRow(
        kill_active=True, kill_reason="test", kill_since=7, paused=True, pause_reason="p", pause_since=8, updated_at=9
    )
    with Store.open(tmp_path / "m.db") as store:
        assert store.reader().control_state() == ControlRow()
        store.commit(Batch(control=row))
        assert store.reader().control_state() == row
        store.commit(Batch(control=ControlRow(updated_at=10)))
        assert store.reader().control_state() == ControlRow(updated_at=10)


def test_intent_without_a_final_event_is_unresolved(store):
    rows = [row for row in book.hour(0).rows if not (row[0] == "order_events" and row[1]["status"] == "FILLED")]
    store.commit(Batch(rows=rows, hour=book.hour(0).hour))
    (intent,) = store.reader().unresolved_intents(book.RUN)
    assert (intent["client_order_id"], intent["status"], intent["filled_quantity"]) == ("order-0", "PARTIAL", 2)
    assert store.reader().unresolved_intents("other") == []


def test_unacknowledged_alert_is_open(store):
    rows = [row for row in book.hour(0).rows if row[0] != "alert_acks"]
    store.commit(Batch(rows=rows, hour=book.hour(0).hour))
    assert [row["alert_id"] for row in store.reader().open_alerts(book.RUN)] == ["alert-0"]
    assert store.reader().open_alerts("other") == []


def test_reader_in_the_middle_of_a_read_does_not_block_the_writer(store, tmp_path):
    connection = raw_reader(tmp_path / "mooring.db")
    try:
        connection.execute("BEGIN")
        before = connection.execute("SELECT count(*) FROM cycles").fetchone()
        store.commit(book.hour(0))
        assert connection.execute("SELECT count(*) FROM cycles").fetchone() == before == (0,)
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT count(*) FROM cycles").fetchone() == (1,)
    finally:
        connection.close()


def test_writer_in_the_middle_of_a_write_does_not_block_readers(tmp_path):
    gate, inside, active = threading.Event(), threading.Event(), []

    def fault(point):
        if active and point == "before-commit":
            inside.set()
            gate.wait(60)

    with Store.open(tmp_path / "m.db", fault=fault) as store:
        store.commit(book.begin())
        active.append(True)
        thread = threading.Thread(target=store.commit, args=(book.hour(0),))
        thread.start()
        assert inside.wait(60)
        assert store.reader().count("cycles") == 0
        gate.set()
        thread.join()
        assert store.reader().count("cycles") == 1


def test_reader_cannot_write(finished_run):
    connection = raw_reader(finished_run)
    try:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("UPDATE controls SET kill_active = 0")
    finally:
        connection.close()


def test_reader_of_nothing_says_where_it_looked(tmp_path):
    with pytest.raises(NotFound, match=r"m\.db"):
        Reader.open(tmp_path / "m.db")
