"""Servers for the benchmark of the control API: the real doors over a table with a million rows, or over a stream."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import structlog
from sqlalchemy import Table

from mooring.control_api.app import create_app
from mooring.control_api.auth import Tokens
from mooring.control_api.events import EventHub
from mooring.control_api.facade import Runtime
from mooring.control_api.limits import Limits
from mooring.control_api.server import ControlServer
from mooring.daemon.facade import RuntimeFacade
from mooring.runtime.market.universe import instruments
from mooring.runtime.store.columns import metadata
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store

ROWS: Final = int(os.environ.get("BENCH_ROWS", "1000000"))
TABLES: Final = ("decisions", "order_intents", "order_events", "fills", "ledger", "alerts")
SYMBOLS: Final = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "ADA-USDT")
RUN: Final = "run-1"
ACCOUNT: Final = "paper-1"
BEAT_S: Final = 0.02
SETTLE_S: Final = 2.0
EVENTS: Final = 200


def filled(path: Path) -> Place:
    """A database whose tables hold so many rows, put there without the store's rules: only reading is measured."""
    place = Place(file=path)
    Store.open(place).close()
    connection = sqlite3.connect(path, isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for pragma in ("foreign_keys = OFF", "ignore_check_constraints = ON", "synchronous = OFF", "cache_size = -200000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    _fill(connection, metadata.tables["runs"], 1)
    for name in TABLES:
        _fill(connection, metadata.tables[name], ROWS)
    connection.execute("COMMIT")
    connection.close()
    return place


def _fill(connection: sqlite3.Connection, table: Table, rows: int) -> None:
    names = ", ".join(column.name for column in table.columns)
    values = ", ".join(_value(column.name, column.type.python_type) for column in table.columns)
    numbers = f"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {rows})"
    connection.execute(f"INSERT INTO {table.name} ({names}) {numbers} SELECT {values} FROM t")


def _value(name: str, kind: type) -> str:
    symbols = " ".join(f"WHEN {n} THEN '{symbol}'" for n, symbol in enumerate(SYMBOLS))
    known = {
        "seq": "n",
        "run_id": f"'{RUN}'",
        "account_id": f"'{ACCOUNT}'",
        "hour_ts_utc": "1700000000 / 3600 * 3600 + n * 3600",
        "symbol": f"CASE n % {len(SYMBOLS)} {symbols} END",
        "asset": "'USDT'",
        "row_hash": "printf('%064x', n)",
        "prev_hash": "printf('%064x', n - 1)",
    }
    if name in known:
        return known[name]
    return "100000 + n % 1000" if kind is int else f"'{name[:4]}' || n"


async def serve(what: str, folder: Path, token: str) -> None:
    """Serve until standard input ends; the port is the first line on standard output."""
    made = iter(range(1000))
    hub = EventHub()
    runtime: Any = None
    if what == "lists":
        reader = Reader.open(filled(folder / "mooring.db"))
        listed = instruments(SYMBOLS)
        trader = SimpleNamespace(
            store=SimpleNamespace(reader=lambda: reader), run=SimpleNamespace(instruments=listed, account_id=ACCOUNT)
        )
        runtime = RuntimeFacade(*cast("Any", (trader, None, None, None, None)))
    api = create_app(
        cast("Runtime", runtime), hub, Tokens(token, lambda: f"{next(made):043d}", limit=1), limits=Limits()
    )
    server = ControlServer(api, run_dir=folder / "run", started_at="2026-01-01T00:00:00Z")
    await server.start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    if what == "events":
        await _beat(hub)
    await ended


async def _beat(hub: EventHub) -> None:
    await asyncio.sleep(SETTLE_S)  # all of them listen first
    for _ in range(EVENTS):
        await asyncio.sleep(BEAT_S)
        await asyncio.to_thread(lambda: hub.publish("decision", {"sent": time.monotonic_ns(), "symbol": "BTC-USDT"}))


if __name__ == "__main__":
    # Standard output is for the port alone: a pipe that nobody reads any more would stop the server.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), sys.stdin.readline().strip()))
