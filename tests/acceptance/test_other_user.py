"""Another user of the same machine learns nothing but that a daemon is there and whether it is well."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.other_user_scenario import NOBODY
from tests.acceptance.program import short_home
from tests.support.keyring_session import keyring_session, why_not

pytestmark = [pytest.mark.keyring, pytest.mark.xdist_group("service")]


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, Any]]:
    if why_not():
        pytest.skip(why_not())
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with short_home() as place, keyring_session() as session:
        # Where anybody may pass, so that only the home's own modes stand between.
        place.chmod(0o755)
        home = place / "home"
        code = f"from tests.acceptance.other_user_scenario import main; main({str(home)!r})"
        done = session.run(code, timeout=120)
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)


def test_files_socket_and_keychain_are_closed_to_another_user(found: dict[str, Any]) -> None:
    assert found["uid"] == NOBODY
    assert {"data", "logs", "run"} <= {*found["owner sees"]}
    closed = ("home", "control.json", "database", "log", "socket", "keychain's bus", "environ", "memory")
    assert {name: found[name] for name in closed} == dict.fromkeys(closed, "PermissionError")
    assert found["daemon"] == "daemon_not_yours", "it is not said to be off"


def test_the_port_says_whether_it_is_well_and_nothing_more(found: dict[str, Any]) -> None:
    assert found["healthz"] == {"status": 200, "body": {"status": "ok"}}
    assert found["hello"]["status"] == 200
    assert set(found["hello"]["body"]) == {"hmac"}
    for name in ("status", "guessed"):
        assert found[name]["status"] == 401
        assert found[name]["body"]["code"] == "unauthorized"
        assert set(found[name]["body"]) == {"type", "title", "status", "detail", "money", "todo", "code"}


def test_arguments_and_answers_hold_no_token(found: dict[str, Any]) -> None:
    assert "mooring" in found["cmdline"]
    assert found["token seen"] is False
