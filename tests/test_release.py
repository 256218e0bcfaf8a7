"""What has to be moved on together for a release."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

from mooring import RELEASED, __version__
from mooring.bundles.trust import BUILT_AT

PROJECT = Path(__file__).resolve().parents[1]


def test_a_version_comes_with_the_day_of_its_own_release() -> None:
    version, day = RELEASED
    assert version == __version__, "move RELEASED on with the version"
    assert tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"] == __version__
    assert datetime.fromisoformat(day).replace(tzinfo=UTC) <= datetime.now(UTC)


def test_no_clock_is_believed_that_says_less_than_the_day_of_the_release() -> None:
    assert BUILT_AT.date().isoformat() == RELEASED[1]
