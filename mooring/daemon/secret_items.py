"""Which secrets a home has, told without asking the keychain for any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mooring.daemon.credentials import KeyStore
from mooring.daemon.instance import holder
from mooring.daemon.own_secrets import VAULT_ITEM
from mooring.daemon.present import time_text
from mooring.daemon.vaults import vault_of
from mooring.home import Home
from mooring.hosts import REST_URL
from mooring.runtime.market.clock import SystemClock
from mooring.settings import load_settings

_LOOK_ALIKE: Final = "http://127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class SecretItem:
    """One secret, without its value.

    Attributes:
        item: its name there. what: what it is. version and stored_at are 0 where they are not known.
    """

    item: str
    what: str
    where: str
    ends: str = ""
    version: int = 0
    stored_at: int = 0

    def facts(self) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "item": self.item,
            "what": self.what,
            "where": self.where,
            "version": self.version or None,
            "ends": self.ends or None,
            "stored_at": time_text(self.stored_at) if self.stored_at else None,
        }


def secret_items(home: Home, environ: Mapping[str, str]) -> list[SecretItem]:
    """The secrets of a home.

    Raises:
        Invalid: settings. Denied: a note of which version counts is damaged, or a mounted file is not safe.
    """
    vault = vault_of(home, load_settings(home.root, environ))
    found: list[SecretItem] = []
    for url, what in ((REST_URL, "an API key of Kraken"), (_LOOK_ALIKE, "the key of a look-alike")):
        keys = KeyStore(vault, home, url, SystemClock().now)
        if vault.read_only:
            key = keys.find()
            if key is not None:
                found.append(SecretItem(item=keys.item, what=what, where=keys.where, ends=key.ends))
        elif (kept := keys.kept()) is not None:
            found.append(
                SecretItem(
                    item=f"{keys.item}/v{kept.version}",
                    what=what,
                    where=keys.where,
                    ends=kept.label,
                    version=kept.version,
                    stored_at=kept.stored_at,
                )
            )
    if holder(home) is not None:
        where = "the daemon's memory" if vault.read_only else vault.where
        found.append(SecretItem(item=VAULT_ITEM, what="the running daemon's own token", where=where))
    return found
