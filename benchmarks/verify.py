"""Checking a database: every hash, and everything that `mooring db check` looks at, in rows a second."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.common import Result, big_market, seconds
from benchmarks.replay import record
from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.locate import Locator
from mooring.runtime.store.place import Place
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.source import Source
from mooring.runtime.store.verify import verify
from mooring.runtime.store.verify_found import Breaks
from mooring.runtime.store.verify_rows import TableWalk

NAME: Final = "verify"
HOURS: Final = 800
RUNS: Final = 5
HASHED_MIN: Final = 200_000
CHECKED_MIN: Final = 100_000  # on one processor; with a second one free, a check keeps up with the hashing alone


def run() -> Iterator[Result]:
    """Check a database of some weeks of 25 symbols, again and again."""
    with tempfile.TemporaryDirectory(prefix="mooring-bench-") as folder:
        path = Path(folder) / "m.db"
        market = big_market()
        record(path, market, HOURS)
        report = verify(path)
        assert report.ok, report.breaks
        note = f"{report.rows:,} rows, {len(market.instruments)} symbols, {HOURS} hours, {market.note}"
        hashed = report.rows / seconds(lambda: _walk(path), runs=RUNS)
        yield Result(name="every hash and chain", value=hashed, unit="rows/s", target=HASHED_MIN, note=note)
        checked = report.rows / seconds(lambda: verify(path), runs=RUNS)
        yield Result(name="everything", value=checked, unit="rows/s", target=CHECKED_MIN, note=note)


def _walk(path: Path) -> None:
    """Read and hash every row of every table."""
    breaks = Breaks(most=1, most_of_a_table=1)
    engine = open_reader(Place.of(path))
    try:
        with engine.connect() as connection:
            source = Source(connection)
            locator = Locator(source)
            for table in EVIDENCE:
                TableWalk(source, table, breaks, None, None, locator.of(table)).run()
    finally:
        engine.dispose()
    assert not breaks.found
