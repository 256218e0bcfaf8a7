"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from mooring.runtime.store.place import Place
from tests.support import postgres as pg

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("mooring", deadline=None)
hypothesis.settings.load_profile("mooring")

LONG = ("acceptance", "faults", "property", "research")  # folders


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: tests of whole programs wait for much of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The directory of recorded market data; tests that ask for it are skipped where there is none."""
    stated = os.environ.get("MOORING_TEST_DATA")
    path = Path(stated) if stated else Path(__file__).resolve().parents[1] / "../shared/data"
    if not (path / "binance").is_dir():
        pytest.skip("no recorded market data; MOORING_TEST_DATA names its directory")
    return path.resolve()


@pytest.fixture(scope="session")
def postgres() -> Iterator[pg.Server]:
    """A running PostgreSQL server; tests that ask for it are skipped where none can be started."""
    if why := pg.why_not():
        pytest.skip(why)
    with pg.postgres_server() as server:
        yield server


@pytest.fixture
def pg_place(postgres: pg.Server) -> Iterator[Place]:
    """An empty database of the server, for one test."""
    name = postgres.database()
    yield postgres.place(name)
    postgres.drop(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that asks for the server carries the mark, so that `-m "not postgres"` leaves them all out.

    Files of few and long tests come first, so that no process is left with one at the end while the others have nothing
    to do; before all others the built application, which takes a minute to make.
    """
    items.sort(key=lambda item: (item.get_closest_marker("frozen") is None, not set(LONG) & set(item.path.parts)))
    for item in items:
        if "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.postgres)
