"""Fixtures of who runs whole daemons in its own process; a conftest takes them by their names."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mooring.home import Home
from tests.daemon.daemons import short_home

__all__ = ["home", "levels_of_uvicorn", "other_home"]


@pytest.fixture(autouse=True)
def levels_of_uvicorn() -> Iterator[None]:
    """A server sets the level of uvicorn's loggers for the whole process; the next test starts as a process does."""
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    yield
    for logger in loggers:
        logger.setLevel(logging.NOTSET)


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


@pytest.fixture
def other_home() -> Iterator[Home]:
    with short_home() as made:
        yield made
