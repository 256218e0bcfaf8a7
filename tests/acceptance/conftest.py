"""Homes for the installed program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.program import short_home


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as root:
        yield root


@pytest.fixture
def other_home() -> Iterator[Path]:
    with short_home() as root:
        yield root
