"""The vault against a real Secret Service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.keyring_session import KeyringSession, keyring_session, why_not

pytestmark = [
    pytest.mark.keyring,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "a keyring can be started"),
]

CANARY = "Zk3vW9qXcanaryR7tLm2Ys8"
PRELUDE = """
import json, os, signal, sys
from mooring.errors import MooringError
from mooring.secrets.vault import KeyringVault
vault = KeyringVault(timeout_seconds=20)
def told(work):
    try:
        return work()
    except MooringError as error:
        return {"code": error.code, "money": error.money, "todo": error.todo, "text": str(error)}
"""


@pytest.fixture
def session() -> Iterator[KeyringSession]:
    with keyring_session() as made:
        yield made


def answers(session: KeyringSession, code: str, state: str = "unlocked") -> list:
    done = session.run(PRELUDE + code, state=state)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stderr
    return json.loads(done.stdout)


def test_a_document_is_kept_read_back_in_another_session_and_removed(session: KeyringSession) -> None:
    first = answers(
        session,
        f"""
print(json.dumps([
    vault.get("control-api"),
    vault.put("control-api", {{"token": "{CANARY}", "note": "käse"}}),
    vault.get("control-api"),
    vault.put("control-api", {{"token": "{CANARY}2"}}),
    vault.probe(),
]))""",
    )
    kept = {"token": CANARY, "note": "käse"}
    assert first == [None, None, kept, None, "keyring.backends.SecretService"]
    files = [p for p in session.root.rglob("*") if p.is_file()]
    assert any(p.suffix == ".keyring" for p in files)
    assert not any(CANARY.encode() in p.read_bytes() for p in files)
    second = answers(
        session,
        """
print(json.dumps([
    vault.get("control-api"), vault.delete("control-api"), vault.delete("control-api"), vault.get("control-api"),
]))""",
    )
    assert second == [{"token": CANARY + "2"}, True, False, None]


def test_a_locked_keyring_is_said_to_be_locked_and_nothing_hangs(session: KeyringSession) -> None:
    answers(session, f"""vault.put("control-api", {{"token": "{CANARY}"}}); print("[]")""")
    code = f"""
print(json.dumps([
    told(lambda: vault.get("control-api")),
    told(lambda: vault.put("control-api", {{"token": "{CANARY}3"}})),
    told(lambda: vault.delete("control-api")),
]))"""
    for said in answers(session, code, "locked"):
        assert said["code"] == "keychain_locked"
        assert said["todo"]
        assert CANARY not in said["text"]
    assert answers(session, 'print(json.dumps([vault.get("control-api")]))') == [{"token": CANARY}]


def test_a_keyring_locked_before_its_first_use_is_said_to_be_locked(session: KeyringSession) -> None:
    (said,) = answers(session, 'print(json.dumps([told(lambda: vault.put("control-api", {"a": "b"}))]))', "locked")
    assert said["code"] == "keychain_locked"


def test_a_keyring_locked_while_running_is_said_to_be_locked(session: KeyringSession) -> None:
    code = """
import secretstorage
vault.put("control-api", {"a": "b"})
bus = secretstorage.dbus_init()
secretstorage.get_default_collection(bus).lock()
bus.close()
print(json.dumps([told(lambda: vault.get("control-api"))]))"""
    assert answers(session, code)[0]["code"] == "keychain_locked"


def test_a_keyring_that_dies_while_running_is_no_keychain(session: KeyringSession) -> None:
    code = """
vault.put("control-api", {"a": "b"})
os.kill(int(os.environ["KEYRING_PID"]), signal.SIGKILL)
print(json.dumps([told(lambda: vault.get("control-api"))]))"""
    assert answers(session, code)[0]["code"] == "no_keychain"


def test_a_bus_without_a_keyring_is_no_keychain(session: KeyringSession) -> None:
    (said,) = answers(session, 'print(json.dumps([told(lambda: vault.get("control-api"))]))', "none")
    assert said["code"] == "no_keychain"
    assert "mooring demo" in said["todo"]


def test_keyrings_own_configuration_cannot_swap_the_backend(session: KeyringSession) -> None:
    code = """
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
print(json.dumps([vault.probe()]))"""
    assert answers(session, code) == ["keyring.backends.SecretService"]


def test_no_bus_at_all_is_no_keychain(session: KeyringSession) -> None:
    code = PRELUDE + 'print(json.dumps([told(lambda: vault.get("control-api"))]))'
    environ = session.environ() | {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={session.root}/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path.cwd(),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["code"] == "no_keychain"
