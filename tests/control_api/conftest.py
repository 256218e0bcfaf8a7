from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mooring.control_api.limits import Limits
from tests.control_api.api_harness import Running, running
from tests.support.chromium import browser

GENEROUS = Limits(calls_per_minute=100_000, socket_calls_per_minute=100_000, failures_per_minute=100_000)


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A short directory: a Unix socket's path has little room, and pytest's own directories are long."""
    with tempfile.TemporaryDirectory(prefix="mo", dir="/tmp") as directory:
        yield Path(directory) / "run"


@pytest.fixture
def fresh(run_dir: Path) -> Iterator[Running]:
    """A server of the test's own, with the bounds of the contract but more calls a minute than a test makes."""
    with running(run_dir, limits=GENEROUS) as server:
        yield server


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with (
        tempfile.TemporaryDirectory(prefix="mo", dir="/tmp") as directory,
        running(Path(directory) / "run", limits=GENEROUS) as server,
    ):
        yield server


@pytest.fixture
def served(shared: Running) -> Iterator[Running]:
    """The module's server, with a runtime that remembers nothing of the tests before."""
    shared.runtime.forget()
    yield shared
    shared.forget()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A tab of a person who uses this browser for nothing else."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()
