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
ROWS_A_SECOND_MIN: Final = 200_000


def run() -> Iterator[Result]:
    """Check a database of some weeks of 25 symbols, again and again."""
    with tempfile.TemporaryDirectory(prefix="mooring-bench-") as folder:
        path = Path(folder) / "m.db"
        market = big_market()
        record(path, market, HOURS)
        report = verify(path)
        assert report.ok, report.breaks
        note = f"{report.rows:,} rows, {len(market.instruments)} symbols, {HOURS} hours, {market.note}"
        for name, work in (("every hash and chain", _walk), ("everything", verify)):
            taken = seconds(lambda work=work: work(path), runs=RUNS)  # type: ignore[misc]
            yield Result(name=name, value=report.rows / taken, unit="rows/s", target=ROWS_A_SECOND_MIN, note=note)


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
