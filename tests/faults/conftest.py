"""The end that every interrupted run has to come to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults import broken


@pytest.fixture(scope="session")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return broken.end_of(tmp_path_factory.mktemp("undisturbed") / "mooring.db")
