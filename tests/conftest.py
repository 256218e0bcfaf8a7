"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The directory of recorded market data; tests that ask for it are skipped where there is none."""
    stated = os.environ.get("MOORING_TEST_DATA")
    path = Path(stated) if stated else Path(__file__).resolve().parents[1] / "../shared/data"
    if not (path / "binance").is_dir():
        pytest.skip("no recorded market data; MOORING_TEST_DATA names its directory")
    return path.resolve()
