"""The API key of Kraken in the keychain: one document a version, read when the account is taken up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mooring.daemon.notes import JsonNote
from mooring.errors import Denied, Invalid, Unknown
from mooring.home import Home
from mooring.hosts import is_local
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.secrets.redaction import MIN_KNOWN
from mooring.secrets.vault import Vault
from mooring.secrets.versions import Kept, Versions

ITEM: Final = "kraken"
LOOK_ALIKE_ITEM: Final = "kraken-look-alike"
NEXT_STEP: Final = "Connect one with: mooring onboard kraken"
ENDS: Final = 4


@dataclass(frozen=True, kw_only=True)
class KrakenKey:
    """A key as the keychain has it. No part of it is in any text made of this object.

    Attributes:
        api: for signing. secret: the private key as Kraken showed it.
        ends: the last four characters of the public part, for a person to know it by.
    """

    api: ApiKey = field(repr=False)
    secret: str = field(repr=False)
    ends: str

    @property
    def known(self) -> tuple[str, ...]:
        """Texts that must never be written down, for the Redactor of the logs."""
        return tuple(text for text in (self.api.key, self.secret) if len(text) >= MIN_KNOWN)


def item_of(rest_url: str) -> str:
    """The keychain item of a venue's key: a key of Kraken's never meets a look-alike, nor the other way round."""
    return LOOK_ALIKE_ITEM if is_local(rest_url) else ITEM


def is_key(item: str) -> bool:
    """Whether an item of the keychain, as `kraken/v3`, is a key for a venue."""
    return item.partition("/v")[0] in {ITEM, LOOK_ALIKE_ITEM}


def label_of(home: Home, item: str) -> str | None:
    """What the note of a home says its key ends in, where this item, as `kraken/v3`, is that key.

    None where it is not; empty where that was not written down.

    Raises:
        Invalid: the note cannot be read, or is damaged.
    """
    name, _, version = item.partition("/v")
    said = _note(home, name).load() if is_key(item) else None
    if said and said.get("version") and str(said["version"]) == version:
        return str(said.get("label", ""))
    return None


def ends_in(document: Mapping[str, str], label: str) -> bool:
    """Whether a document is a key that ends so."""
    return bool(label) and document.get("key", "")[-ENDS:] == label


def _note(home: Home, name: str) -> JsonNote:
    return JsonNote(home.data_dir / f"{name}-key.json")


class KeyStore:
    """The key of one home for the venue at an address. Calls block, perhaps on a prompt of the keychain.

    Args:
        home: its data directory has the note of which version counts, `NAME-key.json`, without anything secret.
        now: UTC unix seconds.
    """

    def __init__(self, vault: Vault, home: Home, rest_url: str, now: Callable[[], int]) -> None:
        self.item = item_of(rest_url)
        self._versions = Versions(vault, self.item, _note(home, self.item), now)

    @property
    def where(self) -> str:
        """Where the key is kept, in words."""
        return self._versions.where

    @property
    def read_only(self) -> bool:
        """Whether somebody else puts the key there."""
        return self._versions.read_only

    def kept(self) -> Kept | None:
        """What is known of the key without asking the keychain; None where there is none, or where it is read-only."""
        return self._versions.kept()

    def load(self) -> KrakenKey:
        """The key.

        Raises:
            Denied: there is none (`no_kraken_key`), it is damaged, or the keychain refuses.
        """
        found = self.find()
        if found is None:
            raise Denied(
                "no_kraken_key", "Mooring has no API key of Kraken.", money="No order was sent.", todo=NEXT_STEP
            )
        return found

    def require_vault(self) -> None:
        """See that the keychain answers, before anybody is asked for a key.

        Raises:
            Denied: it does not.
        """
        self._versions.require_vault()

    def find(self) -> KrakenKey | None:
        """As `load`, or None where there is none."""
        document = self._versions.read()
        if document is None:
            return None
        try:
            # Who writes a file by hand takes the names that the simulator prints.
            key = document["key"] if "key" in document else document["api_key"]
            secret = document["secret"] if "secret" in document else document["api_secret"]
            api = ApiKey.of(key, secret)
        except (KeyError, Invalid):
            # Without the cause: nothing of what stands there belongs into an error.
            raise Denied(
                "kraken_key_damaged",
                f"The item {self.item} of {self.where} holds no API key of Kraken.",
                money="No order was sent.",
                todo="Remove it with: mooring onboard kraken --remove; then connect the key again.",
            ) from None
        return KrakenKey(api=api, secret=secret.strip(), ends=api.key[-ENDS:])

    def store(self, key: str, secret: str) -> KrakenKey:
        """Keep a key in the place of any other, read it back, and give back what was read.

        Raises:
            Invalid: it is no key of Kraken; nothing was stored.
            Denied: the keychain refuses, or is read-only; a former key is still in force.
            Unknown: it reads back differently, or the keychain did not answer; a former key is still in force.
        """
        wanted = ApiKey.of(key, secret)
        self._versions.replace({"key": key.strip(), "secret": secret.strip()}, wanted.key[-ENDS:])
        found = self.load()
        if found.api != wanted:
            raise Unknown(
                "keychain_item_differs",
                f"The keychain item {self.item} reads back differently from what was written.",
                money="No order was sent.",
                todo="Look at the item in the keychain, remove it and try again.",
            )
        return found

    def remove(self) -> bool:
        """Forget the key; False where there was none. At Kraken it stays valid.

        Raises:
            Denied, Unknown: as `Vault.delete`.
        """
        return self._versions.remove()

    def tidy(self) -> int:
        """Delete what a crash while replacing left in the keychain; how many items that were."""
        return self._versions.tidy()
