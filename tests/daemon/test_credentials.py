from __future__ import annotations

import pytest

from mooring.daemon.credentials import ITEM, find_key, load_key, remove_key, store_key
from mooring.errors import Denied, Invalid, Unknown
from mooring.secrets.redaction import MARK, Redactor
from mooring.secrets.vault import MemoryVault
from tests.support.kraken_client import KEY, SECRET, api_key


def test_a_key_is_kept_read_back_and_forgotten() -> None:
    vault = MemoryVault()
    assert find_key(vault) is None
    assert store_key(vault, f" {KEY}\n", SECRET).api == api_key()
    assert vault.documents == {ITEM: {"key": KEY, "secret": SECRET}}
    assert load_key(vault).api == api_key()
    assert load_key(vault).ends == KEY[-4:]
    assert remove_key(vault) is True
    assert remove_key(vault) is False
    assert find_key(vault) is None


def test_without_a_key_the_next_step_is_named() -> None:
    with pytest.raises(Denied) as caught:
        load_key(MemoryVault())
    assert caught.value.code == "no_kraken_key"
    assert "mooring onboard kraken" in caught.value.todo


def test_neither_part_is_in_any_text_made_of_it_and_the_redactor_takes_out_both() -> None:
    found = store_key(MemoryVault(), KEY, SECRET)
    assert KEY not in repr(found) + str(found)
    assert SECRET not in repr(found) + str(found)
    assert set(found.known) == {KEY, SECRET}
    assert Redactor(known=found.known).redact(f"a {KEY} b {SECRET}") == f"a {MARK} b {MARK}"


@pytest.mark.parametrize(
    "document", [{}, {"key": KEY}, {"secret": SECRET}, {"key": KEY, "secret": "short"}, {"key": "", "secret": SECRET}]
)
def test_what_is_no_key_is_said_to_be_damaged_and_not_shown(document: dict[str, str]) -> None:
    vault = MemoryVault(documents={ITEM: document})
    with pytest.raises(Denied) as caught:
        load_key(vault)
    assert caught.value.code == "kraken_key_damaged"
    assert "--remove" in caught.value.todo
    assert SECRET not in str(caught.value) + repr(caught.value.__cause__)
    assert remove_key(vault) is True


def test_what_is_no_key_is_not_stored() -> None:
    vault = MemoryVault()
    with pytest.raises(Invalid):
        store_key(vault, KEY, "short")
    assert vault.documents == {}


class ForgetfulVault(MemoryVault):
    """Says that it stored, and gives back what was there before."""

    def put(self, item: str, document) -> None:
        pass


def test_a_key_that_reads_back_differently_is_not_said_to_be_stored() -> None:
    vault = ForgetfulVault(documents={ITEM: {"key": KEY[::-1], "secret": SECRET}})
    with pytest.raises(Unknown) as caught:
        store_key(vault, KEY, SECRET)
    assert caught.value.code == "keychain_item_differs"


def test_a_key_of_a_look_alike_and_one_of_kraken_never_stand_in_for_each_other() -> None:
    vault, local = MemoryVault(), "http://127.0.0.1:8080"
    store_key(vault, KEY, SECRET)
    assert find_key(vault, local) is None
    store_key(vault, KEY[::-1], SECRET, local)
    assert load_key(vault).ends == KEY[-4:]
    assert load_key(vault, local).ends == KEY[::-1][-4:]
    assert remove_key(vault, local) is True
    assert load_key(vault).ends == KEY[-4:]
