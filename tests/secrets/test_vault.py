from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring.backends.fail
import keyring.backends.null
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.errors import InitError, KeyringError, KeyringLocked, NoKeyringError, PasswordSetError

from mooring.errors import Denied, Invalid, MooringError, Unknown
from mooring.secrets.vault import KeyringVault, MemoryVault, service_of

CANARY = "Zk3vW9qXcanaryR7tLm2Ys8"


class Chest:
    """A backend in memory that can be told to fail, to hang, or to forget."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}
        self.writes = 0
        self.threads: set[str] = set()
        self.before: Callable[[str], Any] = lambda name: None

    def get_password(self, service: str, username: str) -> str | None:
        self.threads.add(threading.current_thread().name)
        self.before("get")
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.before("set")
        self.writes += 1
        self.items[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.before("delete")
        del self.items[service, username]


def vault_over(chest: Any, seconds: float = 20) -> KeyringVault:
    return KeyringVault(backend=lambda: chest, timeout_seconds=seconds)


def refused(work: Callable[[], object]) -> MooringError:
    with pytest.raises(MooringError) as caught:
        work()
    assert caught.value.todo
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("make", [lambda: vault_over(Chest()), MemoryVault], ids=["keyring", "memory"])
def test_a_document_is_kept_replaced_and_removed(make: Callable[[], Any]) -> None:
    vault = make()
    assert vault.get("control-api") is None
    vault.put("control-api", {"token": CANARY})
    vault.put("other", {"token": "x"})
    assert vault.get("control-api") == {"token": CANARY}
    vault.put("control-api", {"token": "new"})
    assert vault.get("control-api") == {"token": "new"}
    assert vault.delete("control-api") is True
    assert vault.delete("control-api") is False
    assert vault.get("other") == {"token": "x"}


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=4))
def test_whatever_text_a_document_holds_it_reads_back_the_same(document: dict[str, str]) -> None:
    vault = vault_over(Chest())
    vault.put("item", document)
    assert vault.get("item") == document


def test_the_keychain_is_asked_in_a_thread_of_its_own() -> None:
    chest = Chest()
    vault_over(chest).get("item")
    assert chest.threads == {"keychain"}


def test_an_unchanged_document_is_not_written_again() -> None:
    chest = Chest()
    vault = vault_over(chest)
    vault.put("item", {"b": "1", "a": "2"})
    vault.put("item", {"a": "2", "b": "1"})
    assert chest.writes == 1


@pytest.mark.parametrize("make", [lambda: vault_over(Chest()), MemoryVault], ids=["keyring", "memory"])
def test_a_document_too_large_is_refused_before_the_keychain_is_touched(make: Callable[[], Any]) -> None:
    vault = make()
    with pytest.raises(Invalid) as caught:
        vault.put("item", {"token": "x" * 3000})
    assert caught.value.code == "document_too_large"
    assert vault.get("item") is None


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


class KeychainDenied(Exception): ...  # noqa: N818 -- keyring's own name


class PromptDismissedException(Exception): ...  # noqa: N818 -- secretstorage's own name


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoKeyringError(CANARY), "no_keychain"),
        (KeyringLocked(CANARY), "keychain_locked"),
        (InitError(CANARY), "no_keychain"),
        (caused(InitError(CANARY), PromptDismissedException(CANARY)), "keychain_locked"),
        (caused(KeyringError(CANARY), Exception(-25308, CANARY)), "keychain_locked"),
        (caused(PasswordSetError(CANARY), Exception(-25308, CANARY)), "keychain_locked"),
        (caused(KeyringLocked(CANARY), KeychainDenied(-128, CANARY)), "keychain_denied"),
        (caused(KeyringError(CANARY), Exception(-25293, CANARY)), "keychain_denied"),
        (caused(KeyringError(CANARY), Exception(CANARY)), "keychain_denied"),
        (ConnectionResetError(CANARY), "no_keychain"),
    ],
)
def test_each_failure_of_the_keychain_is_denied_by_its_own_name_and_without_its_text(
    error: Exception, code: str
) -> None:
    def fail(_name: str) -> None:
        raise error

    chest = Chest()
    chest.before = fail
    vault = vault_over(chest)
    for work in (
        lambda: vault.get("item"),
        lambda: vault.put("item", {"token": CANARY}),
        lambda: vault.delete("item"),
        vault.probe,
    ):
        said = refused(work)
        assert isinstance(said, Denied)
        assert said.code == code


def test_a_prompt_nobody_answers_ends_by_time_out_and_a_second_call_does_not_pile_up() -> None:
    chest, answered = Chest(), threading.Event()
    chest.before = lambda name: answered.wait(60)
    vault = vault_over(chest, seconds=0.05)
    try:
        first = refused(lambda: vault.get("item"))
        second = refused(lambda: vault.put("item", {"token": CANARY}))
        assert [type(first), type(second)] == [Denied, Denied]
        assert [first.code, second.code] == ["keychain_timeout", "keychain_timeout"]
        assert sum(thread.name == "keychain" for thread in threading.enumerate()) == 1
    finally:
        answered.set()
    for thread in threading.enumerate():
        if thread.name == "keychain":
            thread.join(10)
    chest.before = lambda name: None
    assert vault_over(chest).get("item") is None


def test_a_write_without_an_answer_is_unknown() -> None:
    chest, answered = Chest(), threading.Event()
    chest.before = lambda name: answered.wait(60) if name == "set" else None
    try:
        error = refused(lambda: vault_over(chest, seconds=0.05).put("item", {"token": CANARY}))
        assert isinstance(error, Unknown)
        assert error.code == "keychain_timeout"
    finally:
        answered.set()


def test_an_item_that_reads_back_differently_is_unknown() -> None:
    chest = Chest()
    chest.set_password = lambda service, username, password: None  # type: ignore[method-assign]
    error = refused(lambda: vault_over(chest).put("item", {"token": CANARY}))
    assert isinstance(error, Unknown)
    assert error.code == "keychain_item_differs"


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        "[]",
        "null",
        '{"version": 2, "values": {}}',
        '{"version": 1}',
        '{"version": 1, "values": {"a": 1}}',
        "[" * 2000,
    ],
)
def test_an_item_that_mooring_did_not_write_is_denied_without_its_text(text: str) -> None:
    chest = Chest()
    chest.items["dev.mooring", "item"] = text
    error = refused(lambda: vault_over(chest).get("item"))
    assert error.code == "keychain_item_damaged"
    assert text not in str(error) or text in ("[]", "null")


@pytest.mark.parametrize("backend", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring])
def test_backends_that_keep_nothing_safely_are_refused(backend: type) -> None:
    error = refused(lambda: vault_over(backend()).get("item"))
    assert isinstance(error, Denied)
    assert error.code == "keychain_backend_refused"


def test_a_plaintext_backend_is_refused() -> None:
    plaintext = type("PlaintextKeyring", (Chest,), {"__module__": "keyrings.alt.file"})()
    assert refused(lambda: vault_over(plaintext).put("item", {"a": CANARY})).code == "keychain_backend_refused"
    assert plaintext.writes == 0


def test_no_representation_shows_a_document() -> None:
    memory, kept = MemoryVault(), vault_over(Chest())
    for vault in (memory, kept):
        vault.put("item", {"token": CANARY})
        assert CANARY not in repr(vault)


def test_importing_the_vault_does_not_import_keyring() -> None:
    code = "import sys, mooring.secrets.vault, mooring.secrets.redaction; sys.exit('keyring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_the_usual_home_has_the_plain_name_and_every_other_one_its_own(tmp_path: Path) -> None:
    usual, one, two = tmp_path / "usual", tmp_path / "one", tmp_path / "two"
    assert service_of(usual, usual) == "dev.mooring"
    names = {service_of(home, usual) for home in (usual, one, two)}
    assert len(names) == 3
    assert all(re.fullmatch(r"dev\.mooring(\.[0-9a-f]{12})?", name) for name in names)
    assert service_of(one, usual) == service_of(one, two)


def test_errors_name_the_service_of_their_home() -> None:
    chest = Chest()
    chest.items["dev.mooring.0123", "item"] = "nothing of ours"
    vault = KeyringVault(backend=lambda: chest, service="dev.mooring.0123")
    assert "dev.mooring.0123" in refused(lambda: vault.get("item")).what
    chest.before = lambda name: (_ for _ in ()).throw(KeyringError("failed"))
    assert "dev.mooring.0123" in refused(lambda: vault.get("item")).todo
    assert "dev.mooring.0123" in vault.where
