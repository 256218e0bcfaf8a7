"""Accounts that an engine really recorded, for whatever is read back from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from tests.support import core, runs

MARKET = '{"source":"replay","start":0}'
HOURS = 240
BARS = core.random_bars(8, HOURS, 3)


def record(path: Path, *, market: str = MARKET, hours: int = HOURS) -> None:
    """An account carried by two runs, the second under other settings, each half of the hours."""
    half = hours // 2
    with Store.open(path) as store:
        for first, last, options in ((0, half, {}), (half, hours, {"cooldown_bars": 2})):
            wanted = runs.plan(3, market=market, **options)
            runs.run_out(runs.make_engine(store, core.part_of(BARS, first, last), wanted))


@pytest.fixture(scope="session")
def recorded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an account with many trades; never to be changed."""
    path = tmp_path_factory.mktemp("observe") / "mooring.db"
    record(path)
    return path


@pytest.fixture
def reader(recorded_file: Path) -> Iterator[Reader]:
    opened = Reader.open(recorded_file)
    yield opened
    opened.close()
