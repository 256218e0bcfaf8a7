from __future__ import annotations

from pathlib import Path

import pytest

from mooring.daemon.credentials import ITEM, KeyStore
from mooring.errors import Denied, Invalid, Unknown
from mooring.home import Home
from mooring.hosts import REST_URL
from mooring.secrets.files import FilesVault
from mooring.secrets.redaction import MARK, Redactor
from mooring.secrets.vault import MemoryVault, Vault
from tests.support.kraken_client import KEY, SECRET, api_key

NOW = 1_795_000_000
LOCAL = "http://127.0.0.1:8080"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home")
    made.prepare()
    return made


def store(home: Home, vault: Vault | None = None, url: str = REST_URL) -> KeyStore:
    return KeyStore(MemoryVault() if vault is None else vault, home, url, lambda: NOW)


def test_a_key_is_kept_read_back_and_forgotten(home: Home) -> None:
    vault = MemoryVault()
    keys = store(home, vault)
    assert keys.find() is None
    assert keys.kept() is None
    assert keys.store(f" {KEY}\n", SECRET).api == api_key()
    assert vault.documents == {f"{ITEM}/v1": {"key": KEY, "secret": SECRET}}
    again = store(home, vault)
    assert again.load().api == api_key()
    assert again.load().ends == KEY[-4:]
    kept = again.kept()
    assert kept is not None
    assert (kept.version, kept.label, kept.stored_at) == (1, KEY[-4:], NOW)
    assert again.remove() is True
    assert again.remove() is False
    assert keys.find() is None
    assert vault.documents == {}


def test_the_note_beside_the_keychain_holds_nothing_secret(home: Home) -> None:
    store(home).store(KEY, SECRET)
    (note,) = home.data_dir.iterdir()
    assert note.stat().st_mode & 0o777 == 0o600
    assert KEY.encode() not in note.read_bytes()
    assert SECRET.encode() not in note.read_bytes()


def test_without_a_key_the_next_step_is_named(home: Home) -> None:
    with pytest.raises(Denied) as caught:
        store(home).load()
    assert caught.value.code == "no_kraken_key"
    assert "mooring onboard kraken" in caught.value.todo


def test_neither_part_is_in_any_text_made_of_it_and_the_redactor_takes_out_both(home: Home) -> None:
    found = store(home).store(KEY, SECRET)
    assert KEY not in repr(found) + str(found)
    assert SECRET not in repr(found) + str(found)
    assert set(found.known) == {KEY, SECRET}
    assert Redactor(known=found.known).redact(f"a {KEY} b {SECRET}") == f"a {MARK} b {MARK}"


@pytest.mark.parametrize(
    "document", [{}, {"key": KEY}, {"secret": SECRET}, {"key": KEY, "secret": "short"}, {"key": "", "secret": SECRET}]
)
def test_what_is_no_key_is_said_to_be_damaged_and_not_shown(home: Home, document: dict[str, str]) -> None:
    vault = MemoryVault()
    store(home, vault).store(KEY, SECRET)
    vault.documents[f"{ITEM}/v1"] = document
    with pytest.raises(Denied) as caught:
        store(home, vault).load()
    assert caught.value.code == "kraken_key_damaged"
    assert "--remove" in caught.value.todo
    assert SECRET not in str(caught.value) + repr(caught.value.__cause__)
    assert store(home, vault).remove() is True


def test_what_is_no_key_is_not_stored(home: Home) -> None:
    vault = MemoryVault()
    with pytest.raises(Invalid):
        store(home, vault).store(KEY, "short")
    assert vault.documents == {}


class ForgetfulVault(MemoryVault):
    """Says that it stored, and gives back another key."""

    def get(self, item: str) -> dict[str, str]:
        return {"key": KEY[::-1], "secret": SECRET}


def test_a_key_that_reads_back_differently_is_not_said_to_be_stored(home: Home) -> None:
    with pytest.raises(Unknown) as caught:
        store(home, ForgetfulVault()).store(KEY, SECRET)
    assert caught.value.code == "keychain_item_differs"


def test_a_key_of_a_look_alike_and_one_of_kraken_never_stand_in_for_each_other(home: Home) -> None:
    vault = MemoryVault()
    real, local = store(home, vault), store(home, vault, LOCAL)
    real.store(KEY, SECRET)
    assert local.find() is None
    local.store(KEY[::-1], SECRET)
    assert real.load().ends == KEY[-4:]
    assert local.load().ends == KEY[::-1][-4:]
    assert local.remove() is True
    assert real.load().ends == KEY[-4:]


@pytest.mark.parametrize("names", [("key", "secret"), ("api_key", "api_secret")])
def test_a_key_that_is_mounted_is_read_and_never_changed(home: Home, tmp_path: Path, names: tuple[str, str]) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir(mode=0o700)
    file = mounted / f"{ITEM}.json"
    file.write_text(f'{{"{names[0]}": "{KEY}", "{names[1]}": "{SECRET}"}}')
    file.chmod(0o400)
    before = file.read_bytes()
    keys = store(home, FilesVault(mounted))
    assert keys.load().api == api_key()
    assert keys.kept() is None
    for change in (lambda: keys.store(KEY[::-1], SECRET), keys.remove):
        with pytest.raises(Denied) as caught:
            change()
        assert caught.value.code == "secrets_read_only"
        assert caught.value.todo
    assert file.read_bytes() == before
    assert list(home.data_dir.iterdir()) == []
