"""A keychain whose prompt nobody answers, and a process that is to end: it is not waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mooring.errors import Denied, Unknown
from mooring.secrets.vault import KeyringVault
from tests.secrets.test_vault import Chest

FOR_EVER = 3600.0


class Prompting(Chest):
    """Each call waits for a person."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answered = threading.Semaphore(0), threading.Event()
        self.before = self._prompt

    def _prompt(self, _: str) -> None:
        self.asked.release()
        self.answered.wait()


@pytest.fixture
def chest() -> Iterator[Prompting]:
    made = Prompting()
    yield made
    made.answered.set()


@pytest.fixture
def vault(chest: Prompting) -> KeyringVault:
    return KeyringVault(backend=lambda: chest, timeout_seconds=FOR_EVER)


@pytest.mark.parametrize(("writes", "kind"), [(False, Denied), (True, Unknown)])
def test_a_call_under_way_gives_up_and_one_that_waits_for_its_turn_too(chest, vault, writes, kind):
    with ThreadPoolExecutor() as pool:
        first = pool.submit((lambda: vault.put("a", {"b": "c"})) if writes else (lambda: vault.get("a")))
        assert chest.asked.acquire(timeout=30)
        second = pool.submit(vault.get, "a")
        vault.hurry(0.05)
        with pytest.raises(kind) as caught:
            first.result(30)
        assert caught.value.code == "keychain_timeout"
        with pytest.raises(Denied) as waited:
            second.result(30)
        assert waited.value.code == "keychain_timeout"


def test_a_later_call_has_little_time_and_the_next_one_has_its_turn_once_the_prompt_was_answered(chest, vault):
    vault.hurry(0.01)
    with pytest.raises(Denied) as caught:
        vault.get("a")
    assert caught.value.code == "keychain_timeout"
    with pytest.raises(Denied, match="earlier call"):
        vault.get("a")
    chest.answered.set()
    vault.hurry(FOR_EVER)  # never longer than before
    while True:
        try:
            assert vault.get("a") is None
            break
        except Denied:
            continue


def test_what_answers_in_time_is_not_disturbed(chest, vault):
    chest.answered.set()
    vault.hurry(FOR_EVER)
    vault.put("a", {"b": "c"})
    assert vault.get("a") == {"b": "c"}
    assert vault.delete("a")


def test_a_call_that_is_hurried_before_it_has_its_turn_has_as_little_time(chest, vault, monkeypatch):
    take = vault._take_turn

    def hurried():
        vault.hurry(0.01)
        return take()

    monkeypatch.setattr(vault, "_take_turn", hurried)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(vault.get, "a")
        try:
            with pytest.raises(Denied):
                asked.result(30)
        finally:
            chest.answered.set()


def test_a_call_that_gets_no_thread_leaves_the_keychain_to_the_next_one(chest, vault, monkeypatch):
    chest.answered.set()
    vault.hurry(30)

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        with pytest.raises(RuntimeError):
            vault.get("a")
    assert vault.get("a") is None
