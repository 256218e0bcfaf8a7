"""Scenarios that are run once, within a keyring session, and tell facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.program import short_home
from tests.support.keyring_session import keyring_session, why_not

NO_MONEY = " This is a look-alike: no real money."
LONGEST_SECONDS = 400


def scenario(name: str) -> Iterator[dict[str, Any]]:
    """The facts of a scenario, which is run once."""
    if why_not():
        pytest.skip(why_not())
    with short_home() as home, keyring_session() as session:
        done = session.run(f"from tests.acceptance.{name} import main; main({str(home)!r})", timeout=LONGEST_SECONDS)
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)


def refused(fact: dict[str, Any]) -> str:
    """The code of a refusal by a gate."""
    assert fact["status"] == 3, fact
    error: dict[str, str] = json.loads(fact["out"])["error"]
    assert error["money"]
    assert error["todo"]
    return error["code"]
