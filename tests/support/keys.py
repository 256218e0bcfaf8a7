"""A home that has an API key already."""

from __future__ import annotations

from mooring.daemon.credentials import KeyStore
from mooring.home import Home
from mooring.secrets.vault import MemoryVault, Vault
from tests.support.served import Served


def key_store(vault: Vault, home: Home, it: Served) -> KeyStore:
    """The key of a home for a look-alike."""
    return KeyStore(vault, home, it.overrides["venue.rest_url"], lambda: 1_795_000_000)


def with_key(home: Home, it: Served) -> MemoryVault:
    """A vault in memory with the look-alike's own key."""
    vault = MemoryVault()
    home.prepare()
    key_store(vault, home, it).store(it.key, it.secret)
    return vault
