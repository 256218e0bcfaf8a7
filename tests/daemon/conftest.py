"""Homes for whole daemons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mooring.home import Home
from tests.daemon.accepted import accepted_bundle
from tests.support.homes import home, levels_of_uvicorn, other_home

__all__ = ["accepted", "home", "levels_of_uvicorn", "other_home"]


@pytest.fixture(scope="session")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One in which a bundle passed its trial, for the tests of the group `accepted`; it is left as it was."""
    with accepted_bundle(tmp_path_factory.mktemp("starter")) as made:
        yield made
