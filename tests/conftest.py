"""What all tests share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from mooring.runtime.store.place import Place
from tests.support import postgres as pg

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("mooring", deadline=None)
hypothesis.settings.load_profile("mooring")

LONG = frozenset({"acceptance", "faults", "property", "research"})  # folders


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: tests of whole programs wait for much of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    """Each process begins to collect at another file: what one of them has rewritten for its assertions, the others read."""
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is None or not all(Path(stated).is_dir() for stated in config.args):
        return
    files = [str(file) for stated in config.args for file in sorted(Path(stated).rglob("test_*.py"))]
    first = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    config.args = files[first:] + files[:first]


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test that asks for the server carries the mark, so that `-m "not postgres"` leaves them all out.

    Files of few and long tests are spread over the first two thirds: many of them wait, so that others should be at work
    beside them, and no process is to be left with one at the end. Before all others comes the built application, which
    takes a minute to make. Of tests that are marked as sampled each TESTS_EACH-th is taken.
    """
    items.sort(key=lambda item: item.path.parts)  # wherever this process began: all have to come to the same order
    _sample(config, items)
    places: dict[Path, float] = {}
    for long in (True, False):
        files = [path for path in dict.fromkeys(item.path for item in items) if bool(LONG & set(path.parts)) is long]
        places |= {path: (number + 1) / len(files) * (2 / 3 if long else 1) for number, path in enumerate(files)}
    items.sort(key=lambda item: (item.get_closest_marker("frozen") is None, places[item.path]))
    for item in items:
        if "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.postgres)


def _sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out all but each TESTS_EACH-th case of every sampled test; all are there where it is not set."""
    each = int(os.environ.get("TESTS_EACH", "1"))
    seen: Counter[str] = Counter()
    left: list[pytest.Item] = []
    for item in items:
        if item.get_closest_marker("sampled") is not None:
            test = item.nodeid.partition("[")[0]
            if seen[test] % each:
                left.append(item)
            seen[test] += 1
    if left:
        config.hook.pytest_deselected(items=left)
        gone = set(left)
        items[:] = [item for item in items if item not in gone]
