"""Signing keys of a publisher in the keychain, which only this package hands to anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mooring.daemon.vaults import keychain_of
from mooring.home import Home
from mooring.secrets.vault import Vault

FIELD: Final = "seed"


@dataclass(frozen=True, kw_only=True)
class VaultKeeper:
    """`mooring.bundles.publisher.keys.KeyKeeper` over a vault: an item for each key."""

    vault: Vault

    def get(self, name: str) -> str | None:
        found = self.vault.get(_item(name))
        return None if found is None else found.get(FIELD)

    def put(self, name: str, seed: str) -> None:
        self.vault.put(_item(name), {FIELD: seed})


def keeper_of(home: Home) -> VaultKeeper:
    """The signing keys that the keychain has for one home; it is opened at the first use."""
    return VaultKeeper(vault=keychain_of(home))


def _item(name: str) -> str:
    return f"signing-key-{name}"
