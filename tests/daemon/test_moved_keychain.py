"""Homes that XDG_DATA_HOME made the one that nobody names: each has its own items, and takes along its own key alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from keyring.errors import KeyringError

from mooring.daemon.credentials import KeyStore
from mooring.daemon.vaults import MovedKeychain, keychain_of
from mooring.errors import MooringError
from mooring.home import Home, usual_home
from mooring.hosts import REST_URL
from mooring.secrets.vault import SERVICE, KeyringVault, Vault, named_service
from tests.secrets.test_vault import Chest
from tests.support.keyring_session import keyring_session, why_not

SECRET = "c2VjcmV0" * 10
ITEM = "kraken/v1"


def key(ends: str) -> str:
    return f"{'K' * 52}{ends}"


@pytest.fixture
def chest() -> Chest:
    return Chest()


@pytest.fixture
def usual(tmp_path: Path) -> Home:
    return made(tmp_path / "usual")


@pytest.fixture
def other(tmp_path: Path) -> Home:
    return made(tmp_path / "other")


def made(folder: Path) -> Home:
    home = Home(root=folder / "Mooring")
    home.prepare()
    return home


def keys(home: Home, vault: Vault) -> KeyStore:
    return KeyStore(vault, home, REST_URL, lambda: 1)


@pytest.fixture
def plain(chest: Chest) -> KeyringVault:
    """As every home that nobody named had it."""
    return KeyringVault(backend=lambda: chest)


@pytest.fixture
def moved(chest: Chest, usual: Home, other: Home) -> Callable[[], MovedKeychain]:
    return lambda: MovedKeychain(other, usual, lambda: chest)


def takes_nothing(name: str) -> None:
    """What a keychain does before each call that can only be read."""
    if name == "set":
        raise KeyringError("read only")


def under(chest: Chest, service: str) -> set[str]:
    return {item for found, item in chest.items if found == service}


def test_a_shell_makes_no_home_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = usual_home()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert usual_home() == before
    assert keychain_of(Home(root=before)).where.endswith(f"({SERVICE})")
    names = {keychain_of(Home(root=tmp_path / each / "Mooring")).where for each in ("data", "more", ".local/share")}
    assert len(names) == 3
    assert not any(name.endswith(f"({SERVICE})") for name in names)


def test_its_key_is_taken_along_once_and_what_replaces_it_leaves_none_behind(
    chest: Chest, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    keys(other, plain).store(key("mine"), SECRET)
    vault = moved()
    found = keys(other, vault).load()
    assert (found.api.key, found.secret) == (key("mine"), SECRET)
    (own,) = {service for service, _ in chest.items} - {SERVICE}
    assert under(chest, own) == under(chest, SERVICE) == {ITEM}
    del chest.items[SERVICE, ITEM]
    assert keys(other, moved()).load().api.key == key("mine"), "its own, from now on"
    chest.items[SERVICE, ITEM] = chest.items[own, ITEM]
    keys(other, moved()).store(key("next"), SECRET)
    assert (under(chest, own), under(chest, SERVICE)) == ({"kraken/v2"}, set())


def test_the_key_of_another_home_is_neither_taken_nor_removed(
    chest: Chest, usual: Home, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    keys(other, plain).store(key("mine"), SECRET)
    keys(usual, plain).store(key("hers"), SECRET)  # under the same name, as it was
    assert keys(other, moved()).find() is None
    keys(other, moved()).remove()
    assert keys(usual, plain).load().api.key == key("hers")


def test_a_key_that_the_usual_home_names_too_stays_there(
    chest: Chest, usual: Home, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    for home in (other, usual):
        keys(home, plain).store(key("both"), SECRET)
    assert keys(other, moved()).find() is not None
    assert keys(other, moved()).remove()
    assert keys(usual, plain).load().api.key == key("both")
    assert keys(other, moved()).find() is None


def test_only_what_its_note_names_is_asked_for_under_the_plain_name(
    chest: Chest, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    for item in ("control-api", ITEM, "signing-key-root"):
        plain.put(item, {"key": key("mine"), "secret": SECRET})
        assert moved().get(item) is None
    (other.data_dir / "kraken-key.json").write_text("{")
    assert moved().get(ITEM) is None


def test_the_token_is_put_and_deleted_without_a_look_at_another_homes(
    chest: Chest, usual: Home, other: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another program made that one, macOS would ask the person, at each end."""
    asked: set[str] = set()
    real = chest.get_password
    monkeypatch.setattr(chest, "get_password", lambda service, item: (asked.add(service), real(service, item))[1])
    for home in (usual, other):
        vault = MovedKeychain(home, usual, lambda: chest)
        vault.put("control-api", {"token": "t"})
        assert vault.get("control-api") == {"token": "t"}
        assert vault.delete("control-api")
    assert asked == {SERVICE, named_service(other.root)}
    asked.clear()
    vault.put("control-api", {"token": "t"})
    assert vault.delete("control-api")
    assert asked == {named_service(other.root)}


def test_where_the_copy_is_refused_the_key_is_known_all_the_same(
    chest: Chest, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    keys(other, plain).store(key("mine"), SECRET)
    chest.before = takes_nothing
    assert keys(other, moved()).load().api.key == key("mine")
    chest.before = lambda _: None
    assert keys(other, moved()).load().api.key == key("mine")
    assert len(chest.items) == 2


def test_a_key_that_was_never_copied_goes_all_the_same_when_it_is_removed(
    chest: Chest, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    keys(other, plain).store(key("mine"), SECRET)
    chest.before = takes_nothing
    vault = moved()
    assert keys(other, vault).find() is not None
    assert keys(other, vault).remove()
    assert not chest.items


def test_a_removal_that_the_keychain_refuses_halfway_is_finished_at_the_next_start(
    chest: Chest, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    keys(other, plain).store(key("mine"), SECRET)
    assert keys(other, moved()).find() is not None
    deleted: list[str] = []

    def refuse(name: str) -> None:
        if name == "delete":
            deleted.append(name)
            if len(deleted) > 1:
                raise KeyringError("no more")

    chest.before = refuse
    with pytest.raises(MooringError):
        keys(other, moved()).remove()
    chest.before = lambda _: None
    keys(other, moved()).tidy()
    assert not chest.items, "under neither name"


def test_where_the_usual_homes_note_cannot_be_read_its_key_is_not_deleted(
    chest: Chest, usual: Home, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    for home in (other, usual):
        keys(home, plain).store(key("both"), SECRET)
    assert keys(other, moved()).find() is not None
    (usual.data_dir / "kraken-key.json").write_text("{")
    assert keys(other, moved()).remove()
    assert under(chest, SERVICE) == {ITEM}


def test_the_usual_home_finds_its_key_under_the_name_that_another_xdg_data_home_gave_it(
    chest: Chest, usual: Home
) -> None:
    named = KeyringVault(backend=lambda: chest, service=named_service(usual.root))
    keys(usual, named).store(key("mine"), SECRET)
    for _ in range(2):
        vault = MovedKeychain(usual, usual, lambda: chest)
        assert keys(usual, vault).load().api.key == key("mine")
    assert under(chest, SERVICE) == {ITEM}
    assert keys(usual, vault).remove()
    assert not chest.items


def test_the_usual_home_neither_uses_nor_deletes_what_another_home_left_under_the_plain_name(
    chest: Chest, usual: Home, other: Home, plain: KeyringVault, moved: Callable[[], MovedKeychain]
) -> None:
    keys(usual, plain).store(key("mine"), SECRET)
    keys(other, plain).store(key("hers"), SECRET)  # over it, as it was
    vault = MovedKeychain(usual, usual, lambda: chest)
    assert keys(usual, vault).find() is None, "it would trade on the other one's account"
    keys(usual, vault).store(key("anew"), SECRET)
    assert keys(usual, vault).load().api.key == key("anew")
    assert keys(other, moved()).load().api.key == key("hers")


def test_an_end_that_is_hurried_waits_for_neither_name(moved: Callable[[], MovedKeychain]) -> None:
    vault = moved()
    vault.hurry(0.0)
    assert (vault._timeout, vault._former._timeout) == (0.0, 0.0)


@pytest.mark.keyring
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "a keyring can be started")
def test_two_homes_that_nobody_names_share_no_key_and_no_token_in_a_real_keyring(tmp_path: Path) -> None:
    code = f"""
import json, os
from mooring.daemon.credentials import KeyStore
from mooring.daemon.own_secrets import VAULT_ITEM
from mooring.daemon.vaults import keychain_of
from mooring.home import Home, resolve_home
from mooring.hosts import REST_URL
from mooring.secrets.vault import KeyringVault

def of(folder):
    os.environ["XDG_DATA_HOME"] = folder
    home = Home(root=resolve_home(None, {{}}))
    home.prepare()
    return home

homes = [of({str(tmp_path / "one")!r}), of({str(tmp_path / "two")!r})]
former, secret = KeyringVault(), {SECRET!r}
for home, key in zip(homes, ({key("mine")!r}, {key("hers")!r})):
    KeyStore(former, home, REST_URL, lambda: 1).store(key, secret)  # the second one over the first, as it was
vaults = [keychain_of(home) for home in homes]
for vault, token in zip(vaults, ("first", "second")):
    vault.put(VAULT_ITEM, {{"token": token}})
found = [KeyStore(vault, home, REST_URL, lambda: 1).find() for vault, home in zip(vaults, homes)]
again = KeyStore(vaults[0], homes[0], REST_URL, lambda: 2).store({key("anew")!r}, secret)
print(json.dumps([
    [vault.get(VAULT_ITEM)["token"] for vault in vaults],
    [one and one.ends for one in found],
    KeyStore(keychain_of(homes[1]), homes[1], REST_URL, lambda: 1).load().ends,
    again.ends,
    former.get(VAULT_ITEM),
]))
"""
    with keyring_session() as session:
        done = session.run(code)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["first", "second"], [None, "hers"], "hers", "anew", None]
