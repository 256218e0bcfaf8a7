"""What the tests of Kraken's client share: recorded answers, read as the client reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mooring.runtime.venues.kraken.numbers import parse_json


@pytest.fixture(scope="session")
def recorded(market_data: Path) -> Callable[[str], Any]:
    """A recording by its path below the data directory."""

    def read(path: str) -> Any:
        return parse_json((market_data / path).read_bytes())

    return read
