"""Homes for whole daemons."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mooring.home import Home
from tests.daemon.accepted import accepted_bundle
from tests.daemon.daemons import short_home


@pytest.fixture(autouse=True)
def _levels_of_uvicorn() -> Iterator[None]:
    """A server sets the level of uvicorn's loggers for the whole process; the next test starts as a process does."""
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    yield
    for logger in loggers:
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One in which a bundle passed its trial, for the tests of the group `accepted`; it is left as it was."""
    with accepted_bundle(tmp_path_factory.mktemp("starter")) as made:
        yield made


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


@pytest.fixture
def other_home() -> Iterator[Home]:
    with short_home() as made:
        yield made
