"""What PostgreSQL refuses by itself, whichever program asks; and the rules of the books in both databases."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, contextmanager

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from mooring.runtime.store import checks
from mooring.runtime.store.place import Place
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.schema_hourly import STATUSES
from mooring.runtime.store.triggers_forward import may_follow
from tests.runtime.store.conftest import HOURS

pytestmark = pytest.mark.sampled

TABLES = [str(t.name) for t in EVIDENCE]
REFUSED = (sqlite3.IntegrityError, psycopg.errors.RaiseException)
ZERO = "0" * 64


@pytest.fixture(scope="module")
def plain(postgres, finished_on_server):
    """Another program's connection to a finished run; each statement is refused, so one copy serves all tests."""
    name = postgres.database(template=finished_on_server)
    with postgres.owner(name) as connection:
        yield connection
    postgres.drop(name)


@contextmanager
def refused(words):
    with pytest.raises(psycopg.errors.RaiseException, match=words):
        yield


@pytest.mark.parametrize("table", TABLES)
def test_update_is_refused(plain, table):
    with refused(f"{table} is append-only, update refused"):
        plain.execute(f"UPDATE {table} SET row_hash = row_hash")


@pytest.mark.parametrize("table", TABLES)
def test_delete_is_refused(plain, table):
    with refused(f"{table} is append-only, delete refused"):
        plain.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("table", TABLES)
def test_truncate_is_refused(plain, table):
    with refused("is append-only, truncate refused"):
        plain.execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", TABLES)
def test_row_that_is_not_the_next_is_refused(plain, table):
    with refused(f"{table} is append-only, seq is not the next"):
        plain.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE seq = 1 ON CONFLICT DO NOTHING")


def next_row(plain, table, **changed):
    """(columns, values) of the row after the last, made of the last one's values."""
    cursor = plain.execute(f"SELECT * FROM {table} ORDER BY seq DESC LIMIT 1")
    row = dict(zip([column.name for column in cursor.description], cursor.fetchone(), strict=True))
    row |= {"seq": row["seq"] + 1, "prev_hash": row["row_hash"]} | changed
    marks = ", ".join(["%s"] * len(row))
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values())


@pytest.mark.parametrize("table", TABLES)
def test_row_that_does_not_follow_the_last_is_refused(plain, table):
    with refused(f"{table} does not follow the last row"):
        plain.execute(*next_row(plain, table, prev_hash="f" * 64))


def test_upsert_is_refused(plain):
    with refused("append-only"):
        plain.execute(
            "INSERT INTO ledger SELECT * FROM ledger WHERE seq = 1 ON CONFLICT (seq) DO UPDATE SET amount = 1"
        )


def test_row_that_is_copied_in_is_held_to_the_rules_too(plain):
    with refused("seq is not the next"), plain.cursor() as cursor, cursor.copy("COPY alerts FROM STDIN") as copy:
        copy.write_row([1, ZERO, ZERO, ZERO, "run-1", "paper", 5, "a", "info", "c", "t"])


def test_merge_is_held_to_the_rules_too(plain):
    with refused("append-only"):
        plain.execute(
            "MERGE INTO alerts a USING (SELECT 1 AS seq) s ON a.seq = s.seq WHEN MATCHED THEN UPDATE SET code = 'x'"
        )


def test_rules_hold_where_another_servers_changes_are_replayed(postgres, pg_copy):
    with postgres.admin(pg_copy) as connection:
        connection.execute("SET session_replication_role = replica")
        with refused("update refused"):
            connection.execute("UPDATE ledger SET amount = amount")
        with refused("does not follow"):
            connection.execute(*next_row(connection, "ledger", prev_hash="f" * 64))


def test_rules_look_at_our_tables_wherever_the_caller_looks(postgres, pg_copy):
    """A table of the caller's own by the same name would say that any row is the next."""
    with postgres.owner(pg_copy) as connection:
        connection.execute("CREATE TEMP TABLE ledger (LIKE mooring.ledger)")
        connection.execute("SET search_path = pg_temp, mooring")
        query, values = next_row(connection, "mooring.ledger", prev_hash=ZERO, seq=1)
        with refused("seq is not the next"):
            connection.execute(query, values)


class Both:
    """The same SQL on either database, as any program would send it."""

    def __init__(self, connection, mark):
        self._connection = connection
        self._mark = mark

    def execute(self, sql, values=()):
        return self._connection.execute(re.sub(r"\?", self._mark, sql), values)

    def one(self, sql, values=()):
        return self.execute(sql, values).fetchone()


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request, run_copy):
    if request.param == "sqlite":
        with closing(sqlite3.connect(run_copy, isolation_level=None)) as connection:
            yield Both(connection, "?")
        return
    place: Place = request.getfixturevalue("pg_copy")
    with request.getfixturevalue("postgres").owner(place) as connection:
        yield Both(connection, "%s")


def add(books, table, **changed):
    """Insert a row after the last, made of the last one's values."""
    names = [d[0] for d in books.execute(f"SELECT * FROM {table} LIMIT 1").description]
    last = books.one(f"SELECT * FROM {table} ORDER BY seq DESC LIMIT 1")
    row = dict(zip(names, last, strict=True))
    row |= {"seq": row["seq"] + 1, "prev_hash": row["row_hash"], "row_hash": f"{row['seq'] + 1:064}"} | changed
    marks = ", ".join("?" * len(row))
    books.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    return row


@pytest.mark.parametrize(
    ("status", "filled"), [("OPEN", 5), ("FILLED", 5), ("CANCELLED", 5), ("WITHHELD", 5), ("FILLED", 6)]
)
def test_event_after_the_end_of_an_order_is_refused(books, status, filled):
    with pytest.raises(REFUSED, match="an order only moves forward"):
        add(books, "order_events", client_order_id="order-0", status=status, filled_quantity=filled)


def test_order_moves_forward_step_by_step_and_never_back(books):
    """A new order, by the rules of the books: what the writer refuses the database refuses as well."""
    add(books, "order_intents", client_order_id="new", parent_id=None)
    steps = [("INTENT", 0), ("SUBMITTING", 0), ("UNKNOWN", 0), ("OPEN", 0), ("PARTIAL", 2), ("PARTIAL", 3)]
    backward = {
        "INTENT": [("INTENT", 0)],
        "SUBMITTING": [("INTENT", 0), ("WITHHELD", 0)],
        "UNKNOWN": [("SUBMITTING", 0), ("UNKNOWN", 0)],
        "OPEN": [("UNKNOWN", 0), ("OPEN", 1), ("WITHHELD", 0)],
        "PARTIAL": [("OPEN", 9), ("PARTIAL", 2), ("PARTIAL", 1), ("FILLED", 1), ("CANCELLED", 0)],
    }
    for status, filled in steps:
        add(books, "order_events", client_order_id="new", status=status, filled_quantity=filled)
        for back, less in backward[status]:
            with pytest.raises(REFUSED, match="an order only moves forward"):
                add(books, "order_events", client_order_id="new", status=back, filled_quantity=less)
    add(books, "order_events", client_order_id="new", status="CANCELLED", filled_quantity=3)


@pytest.fixture(scope="module")
def memory():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


STEP = st.tuples(st.sampled_from(STATUSES), st.integers(0, 3))


@given(STEP, STEP)
def test_rule_of_the_database_is_the_rule_of_the_writer(memory, before, now):
    values = {"s1": before[0], "f1": before[1], "s2": now[0], "f2": now[1]}
    rows = "(SELECT :s1 AS status, :f1 AS filled_quantity) b, (SELECT :s2 AS status, :f2 AS filled_quantity) n"
    found = memory.execute(text(f"SELECT {may_follow('b', 'n')} FROM {rows}"), values).scalar()
    assert bool(found) == checks._forward(*before, *now)


MOVE = "UPDATE chain_heads SET count = ?, head = ? WHERE table_name = 'ledger'"


def post(books, *amounts, txn="new", asset="USDT"):
    for line, amount in enumerate(amounts):
        row = add(books, "ledger", txn_id=txn, line=line, amount=amount, asset=asset)
    return row["seq"], row["row_hash"]


def test_end_of_the_ledger_moves_past_postings_that_balance(books):
    books.execute(MOVE, post(books, 500, -300, -200))


@pytest.mark.parametrize("amounts", [(1,), (500, -499), (2**62, 2**62)], ids=str)
def test_end_of_the_ledger_does_not_move_past_postings_that_do_not_balance(books, amounts):
    before = books.one("SELECT count FROM chain_heads WHERE table_name = 'ledger'")
    end = post(books, *amounts)
    with pytest.raises((*REFUSED, sqlite3.OperationalError), match=r"do not sum to zero|integer overflow"):
        books.execute(MOVE, end)
    assert books.one("SELECT count FROM chain_heads WHERE table_name = 'ledger'") == before


def test_one_transaction_does_not_pay_for_another(books):
    post(books, 5, txn="one")
    end = post(books, -5, txn="two")
    with pytest.raises(REFUSED, match="do not sum to zero"):
        books.execute(MOVE, end)


def test_one_asset_of_a_transaction_does_not_pay_for_another(books):
    add(books, "ledger", txn_id="both", line=0, amount=5, asset="USDT")
    row = add(books, "ledger", txn_id="both", line=1, amount=-5, asset="BTC")
    with pytest.raises(REFUSED, match="do not sum to zero"):
        books.execute(MOVE, (row["seq"], row["row_hash"]))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE chain_heads SET table_name = 'aside' WHERE table_name = 'ledger'",
        "DELETE FROM chain_heads WHERE table_name = 'ledger'",
        "DELETE FROM chain_heads",
    ],
)
def test_noted_end_of_the_ledger_cannot_be_put_aside(books, sql):
    with pytest.raises(REFUSED, match="chain_heads"):
        books.execute(sql)
    assert books.one("SELECT count(*) FROM chain_heads") == (len(TABLES),)
    assert books.one("SELECT count FROM chain_heads WHERE table_name = 'manifests'") == (HOURS,)
