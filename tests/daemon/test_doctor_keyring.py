"""The doctor with a real Secret Service that is locked: one line fails, with what to do, and the others are said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.keyring_session import KeyringSession, keyring_session, why_not

pytestmark = [
    pytest.mark.keyring,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "a keyring can be started"),
]
CODE = """
import json, sys
from pathlib import Path
from mooring.daemon.examine import examine
from mooring.home import Home
print(json.dumps([vars(line) for line in examine(Home(root=Path({root!r})), {{}})]))
"""


@pytest.fixture
def session() -> Iterator[KeyringSession]:
    with keyring_session() as made:
        yield made


@pytest.mark.parametrize(("state", "said"), [("unlocked", "ok"), ("locked", "fail")])
def test_a_locked_keyring_fails_one_line_and_hides_no_other(
    session: KeyringSession, tmp_path: Path, state: str, said: str
) -> None:
    if state == "locked":  # there has to be something that is locked
        session.run(
            "from mooring.secrets.vault import KeyringVault; KeyringVault().put('control-api', {'token': 'x'})",
            state="unlocked",
        )
    done = session.run(CODE.format(root=str(tmp_path / "home")), state=state)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    lines = {line["name"]: line for line in json.loads(done.stdout)}
    assert (lines["keychain"]["state"], bool(lines["keychain"]["fix"])) == (said, said == "fail")
    assert {line["state"] for name, line in lines.items() if name != "keychain"} <= {"ok", "warn"}
    assert len(lines) > 15
