"""The API key of Kraken in the keychain: one document, read when the daemon starts and when a command asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mooring.errors import Denied, Invalid, Unknown
from mooring.hosts import REST_URL, is_local
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.secrets.redaction import MIN_KNOWN
from mooring.secrets.vault import Vault

ITEM: Final = "kraken"
LOOK_ALIKE_ITEM: Final = "kraken-look-alike"
NEXT_STEP: Final = "Connect one with: mooring onboard kraken"


@dataclass(frozen=True, kw_only=True)
class KrakenKey:
    """A key as the keychain has it. Neither part is in any text made of this object.

    Attributes:
        api: for signing.
        ends: the last four characters of the public part, for a person to know it by.
        known: texts that must never be written down, for the Redactor of the logs.
    """

    api: ApiKey = field(repr=False)
    ends: str
    known: tuple[str, ...] = field(repr=False)


def item_of(rest_url: str) -> str:
    """The keychain item of a venue's key: a key of Kraken's never meets a look-alike, nor the other way round."""
    return LOOK_ALIKE_ITEM if is_local(rest_url) else ITEM


def load_key(vault: Vault, rest_url: str = REST_URL) -> KrakenKey:
    """The key of this installation for the venue at an address. Blocks, perhaps on a prompt of the keychain.

    Raises:
        Denied: there is none (`no_kraken_key`), it is damaged, or the keychain refuses.
    """
    found = find_key(vault, rest_url)
    if found is None:
        raise Denied(
            "no_kraken_key",
            "Mooring has no API key of Kraken.",
            money="No order was sent.",
            todo=NEXT_STEP,
        )
    return found


def find_key(vault: Vault, rest_url: str = REST_URL) -> KrakenKey | None:
    """As `load_key`, or None where there is none."""
    item = item_of(rest_url)
    document = vault.get(item)
    if document is None:
        return None
    try:
        key, secret = document["key"], document["secret"]
        api = ApiKey.of(key, secret)
    except (KeyError, Invalid):
        # Without the cause: nothing of what stands there belongs into an error.
        raise Denied(
            "kraken_key_damaged",
            f"The keychain item {item} holds no API key of Kraken.",
            money="No order was sent.",
            todo="Remove it with: mooring onboard kraken --remove; then connect the key again.",
        ) from None
    known = tuple(text for text in (api.key, secret.strip()) if len(text) >= MIN_KNOWN)
    return KrakenKey(api=api, ends=api.key[-4:], known=known)


def store_key(vault: Vault, key: str, secret: str, rest_url: str = REST_URL) -> KrakenKey:
    """Keep a key in the place of any other, read it back, and give back what was read.

    Raises:
        Invalid: it is no key of Kraken; nothing was stored.
        Denied: the keychain refuses.
        Unknown: it reads back differently, or the keychain did not answer.
    """
    wanted = ApiKey.of(key, secret)
    vault.put(item_of(rest_url), {"key": key.strip(), "secret": secret.strip()})
    found = load_key(vault, rest_url)
    if found.api != wanted:
        raise Unknown(
            "keychain_item_differs",
            f"The keychain item {item_of(rest_url)} reads back differently from what was written.",
            money="No order was sent.",
            todo="Look at the item in the keychain, remove it and try again.",
        )
    return found


def remove_key(vault: Vault, rest_url: str = REST_URL) -> bool:
    """Forget the key; False where there was none. At Kraken it stays valid.

    Raises:
        Denied, Unknown: as `Vault.delete`.
    """
    return vault.delete(item_of(rest_url))
