"""Builders for tests of whole runs: plans, engines over recorded bars, and what a store says of them."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mooring.runtime.domain.bars import Bars
from mooring.runtime.domain.ids import content_hash
from mooring.runtime.engine.engine import Engine
from mooring.runtime.engine.run import Plan, open_run
from mooring.runtime.market.clock import Clock, ManualClock, MarketClock
from mooring.runtime.market.feed import ReplayFeed
from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.research.simulate import make_loop, simulate
from mooring.runtime.store.hashing import HASH_COLUMNS
from mooring.runtime.store.schema import EVIDENCE, IN_MANIFEST
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import core

NOW = 1_800_000_000
WAIT_S = 120.0  # only ever waited out by a test that fails
TREASURY = TreasuryParams(monthly_costs=20 * core.MONEY, protect=1, minimum_transfer=core.MONEY)
BY_HAND = frozenset({"run_events", "control_actions", "controls", "alert_acks"})


class Told:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.hours: list[Any] = []
        self.rows: list[Any] = []
        self.seen: list[Any] = []
        self.alerts: list[tuple[str, str]] = []

    def hour_done(self, done: Any) -> None:
        self.hours.append(done)

    def told(self, rows: Any) -> None:
        self.rows.extend(rows)

    def status_changed(self, status: Any) -> None:
        self.seen.append(status)

    def alert(self, severity: str, code: str, text: str) -> None:
        self.alerts.append((severity, code))


def plan(
    symbols: int = 3, *, mode: str = "paper", market: str = "bars-1", cash: int | None = None, **over: Any
) -> Plan:
    """A plan whose machine trades often; `over` goes to `core.machine` and into the hash of the settings."""
    listed = tuple(core.universe(symbols))
    made = core.machine(listed, **({"cash": cash} if cash else {}), **{**core.BUSY, **over})
    return Plan(
        mode=mode,
        code_version="test",
        settings_hash=content_hash(sorted(f"{name}={value}" for name, value in over.items())),
        settings_text="{}",
        bounds="{}",
        treasury=TREASURY,
        lock_hash="0" * 64,
        market=market,
        market_hash=content_hash(market),
        seed=0,
        instruments=listed,
        machine=made,
    )


def market_clock(bars: Bars) -> MarketClock:
    """Time that waits for nothing."""
    return MarketClock(ManualClock(NOW), start_ts=int(bars.ts[0]), speed=0)


def make_engine(
    store: Store,
    bars: Bars,
    wanted: Plan | None = None,
    *,
    flatten: bool = False,
    told: Any = None,
    feed: Any = None,
    clock: Clock | None = None,
) -> Engine:
    """An engine of the plan's run, over bars that close as soon as they are waited for."""
    wall = ManualClock(NOW) if clock is None else clock
    run = open_run(wanted or plan(bars.present.shape[1]), store, now=wall.now())
    return Engine(
        run=run,
        store=store,
        feed=feed or ReplayFeed(bars, market_clock(bars)),
        clock=wall,
        listener=told or Told(),
        flatten_on_kill=flatten,
    )


@contextmanager
def stopping(made: Engine) -> Iterator[Engine]:
    """An engine that is stopped at the end."""
    try:
        yield made
    finally:
        made.stop()


def ahead(made: Engine, hours: int) -> None:
    """Do so many hours by hand: the clock of the feed is moved to each close, as waiting would."""
    for _ in range(hours):
        assert made._feed.wait_closed(threading.Event())
        made.scan()


def run_out(made: Engine) -> Engine:
    """Do every hour there is, in the engine's own thread."""
    with stopping(made):
        made.start()
        assert made.wait_finished(WAIT_S)
    return made


def outcome(store: Store, made: Engine) -> dict[str, Any]:
    """All that two runs of the same must have in common; `heads` only where both raised the same alerts.

    A cycle's row names the manifest before it, which covers the alerts: an alert more, and every later hash is another.
    """
    seen = made.status
    heads = store.reader().heads()
    postings = [
        {str(name): value for name, value in row.items() if name not in HASH_COLUMNS}
        for row in store.reader().scan("ledger", seen.run_id)
    ]
    return {
        "hours": seen.hours,
        "decision_hash": seen.decision_hash,
        "state_hash": seen.state_hash,
        "ledger": content_hash(postings),
        "heads": {name: heads[name] for name in (*IN_MANIFEST, "manifests")},
        "counts": {name: head.count for name, head in heads.items() if name not in BY_HAND},
    }


def undisturbed(path: Path, bars: Bars, wanted: Plan | None = None) -> dict[str, Any]:
    """The outcome of a run that nothing interrupts, in a store of its own."""
    with Store.open(path) as store:
        return outcome(store, run_out(make_engine(store, bars, wanted)))


def simulated(bars: Bars, wanted: Plan | None = None) -> tuple[Any, Any]:
    """(world, progress) of a backtest over the same bars."""
    machine = (wanted or plan(bars.present.shape[1])).machine
    return simulate(machine, make_loop(machine.hour), bars)


def assert_sound(path: Path, store: Store) -> None:
    """Every hash holds, nothing is doubled, and every fill belongs to one order."""
    report = verify(path)
    assert report.ok, report.breaks
    with closing(sqlite3.connect(path)) as connection:
        for table, column in (("order_intents", "client_order_id"), ("fills", "fill_id"), ("fills", "client_order_id")):
            total, distinct = connection.execute(f"SELECT count(*), count(DISTINCT {column}) FROM {table}").fetchone()
            assert total == distinct, (table, column)
        query = (
            "SELECT count(*) FROM (SELECT client_order_id FROM order_events WHERE status IN "
            "('FILLED', 'CANCELLED', 'EXPIRED', 'REJECTED') GROUP BY client_order_id HAVING count(*) > 1)"
        )
        assert connection.execute(query).fetchone() == (0,)


def spoil(path: Path, *statements: str) -> None:
    """Run SQL past the triggers and rules, each statement changing something."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for sql in statements:
            assert connection.execute(sql).rowcount > 0, sql
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copied(path: Path, folder: Path) -> Path:
    """A closed store's file, copied."""
    return Path(shutil.copy(path, folder))


def rows(store: Store, table: str, made: Engine) -> list[dict[str, Any]]:
    """All rows of a table of this run, oldest first."""
    return list(store.reader().scan(table, made.status.run_id))


ALL_TABLES = tuple(str(table.name) for table in EVIDENCE)
