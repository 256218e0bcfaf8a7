"""Signing keys: Ed25519, private parts encrypted in files of mode 0600 or kept by a keychain, public parts as JSON.

A private key's file begins with a line that names the public key, which is no secret: so a folder can be searched for
keys that should not lie there, without anybody's passphrase.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from mooring import durable
from mooring.errors import Conflict, Denied, Invalid, NotFound

# PKCS8 of the library stretches a passphrase by 2048 rounds only, so it has to be long.
PASSPHRASE_LEAST: Final = 16
PASSPHRASE_MOST: Final = 1024
KEY_FILE_MOST: Final = 8 * 1024
FOLDER_FILES_MOST: Final = 10_000
NAME_FIELD: Final = "name"
SHORT: Final = 16
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_KEYID: Final = re.compile(r"[0-9a-f]{64}")
_PREAMBLE: Final = "Mooring signing key"
_UNCHANGED: Final = "Nothing was signed."


class KeyKeeper(Protocol):
    """Where private keys are kept that lie in no file; a keychain, to what constructs this."""

    def get(self, name: str) -> str | None:
        """The private key as base64 of its 32 bytes; None where there is none of this name."""
        ...

    def put(self, name: str, seed: str) -> None:
        """Keep it."""
        ...


def new_signer(name: str) -> CryptoSigner:
    """A new key pair.

    Raises:
        Invalid: `bad_key_name`.
    """
    return _signer(Ed25519PrivateKey.generate(), name)


def name_of(key: Any) -> str:
    """What people call a key: the name it was made with and the beginning of its id."""
    name = key.unrecognized_fields.get(NAME_FIELD, "")
    short = key.keyid[:8]
    return f"{name} ({short})" if isinstance(name, str) and _NAME.fullmatch(name) else short


def is_name_of(keyid: str, name: str) -> bool:
    """Whether `name_of` says this of a key with this id."""
    called, space, short = name.rpartition(" ")
    said = short == f"({keyid[:8]})" and _NAME.fullmatch(called) if space else name == keyid[:8]
    return bool(said) and _KEYID.fullmatch(keyid) is not None


def is_its_id(keyid: str, key: Any) -> bool:
    """Whether an Ed25519 key's id is made of the key: an id says nothing by itself, and clients do not compare."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.keyval["public"]))
    except (ValueError, KeyError, TypeError):
        return False
    made = SSlibKey.from_crypto(public)
    return (keyid, key.keyid) == (made.keyid, made.keyid) and (key.keytype, key.scheme, key.keyval) == (
        made.keytype,
        made.scheme,
        made.keyval,
    )


def check_free(path: Path) -> None:
    """See that no file would be written over.

    Raises:
        Conflict: `signing_key_exists`.
    """
    if path.exists() or path.is_symlink():
        raise _exists(str(path))


def make_folder(folder: Path) -> None:
    """Make the folder that keys are to lie in, 0700, where there is none.

    Raises:
        Invalid: `signing_key_unusable`.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error.strerror or "it cannot be made") from None


def save_private(path: Path, signer: CryptoSigner, passphrase: str) -> None:
    """Write a private key, encrypted, mode 0600, where there is no file yet.

    Raises:
        Invalid: `short_passphrase`; `signing_key_unusable` where the file cannot be written.
        Conflict: `signing_key_exists`.
    """
    if not PASSPHRASE_LEAST <= len(passphrase) <= PASSPHRASE_MOST:
        raise Invalid(
            "short_passphrase",
            f"The passphrase has fewer than {PASSPHRASE_LEAST} or more than {PASSPHRASE_MOST} characters.",
            money="No key was made.",
            todo="Use six or more random words: whoever copies the file can try passphrases as fast as they like.",
        )
    check_free(path)
    data = _private(signer).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode("utf-8"))
    )
    preamble = f"{_PREAMBLE} {signer.public_key.keyid} {signer.public_key.unrecognized_fields[NAME_FIELD]}\n"
    try:
        durable.replace_file(path, preamble.encode("ascii") + data)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be written") from None


def load_private(path: Path, passphrase: str) -> CryptoSigner:
    """A private key from its file.

    Raises:
        Invalid: `signing_key_unusable`: it is not there, no such key, or others could read it.
        Denied: `wrong_passphrase`.
    """
    named = _named(path)
    if named is None:
        raise _unusable(path, "it is no signing key that `mooring bundle keygen` made")
    if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise _unusable(path, "others than you can read or change it (chmod 600 it, and rotate the key)")
    keyid, name, data = named
    try:
        key = load_pem_private_key(data, passphrase.encode("utf-8") or b"\n")  # an empty one would count as none
    except TypeError:
        raise _unusable(path, "it is not encrypted") from None
    except ValueError:
        raise Denied(
            "wrong_passphrase",
            f"The passphrase does not open {path}.",
            money=_UNCHANGED,
            todo="Give the passphrase that this key was made with.",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(path, "it is no Ed25519 key")
    signer = _signer(key, name)
    if signer.public_key.keyid != keyid:
        raise _unusable(path, "its first line names another key")
    return signer


def save_public(path: Path, key: Any) -> None:
    """Write a key's public part as JSON, to be handed to whoever makes the repository.

    Raises:
        Invalid: `signing_key_unusable` where it cannot be written. Conflict: `signing_key_exists`.
    """
    check_free(path)
    try:
        durable.replace_file(path, json.dumps(key.to_dict(), sort_keys=True).encode("ascii") + b"\n", mode=0o644)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be written") from None


def load_public(path: Path) -> SSlibKey:
    """A public key from its file.

    Raises:
        Invalid: `signing_key_unusable`.
    """
    data = _read(path)
    try:
        facts = json.loads(data)
        raw = bytes.fromhex(facts["keyval"]["public"])
        key = _public(Ed25519PublicKey.from_public_bytes(raw), facts[NAME_FIELD])
    except (ValueError, KeyError, TypeError, AttributeError, Invalid):
        key = None
    if key is None or key.to_dict() != facts:
        raise _unusable(path, "it is no public key that `mooring bundle keygen` made")
    return key


def keep_private(keeper: KeyKeeper, signer: CryptoSigner) -> None:
    """Give a private key to a keychain, under its name.

    Raises:
        Conflict: `signing_key_exists`. And what the keeper raises.
    """
    import base64  # noqa: PLC0415 -- only for keys of a keychain

    name = str(signer.public_key.unrecognized_fields[NAME_FIELD])
    if keeper.get(name) is not None:
        raise _exists(f"the keychain's key {name}")
    seed = _private(signer).private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    keeper.put(name, base64.b64encode(seed).decode("ascii"))


def kept_private(keeper: KeyKeeper, name: str) -> CryptoSigner:
    """A private key from a keychain.

    Raises:
        NotFound: `no_such_signing_key`. Invalid: `bad_key_name`. And what the keeper raises.
    """
    import base64  # noqa: PLC0415

    found = keeper.get(_checked(name))
    try:
        seed = None if found is None else base64.b64decode(found, validate=True)
    except ValueError:
        seed = None
    if seed is None or len(seed) != len(bytes(32)):
        raise NotFound(
            "no_such_signing_key",
            f"The keychain has no signing key {name}.",
            money=_UNCHANGED,
            todo="Give the --home that it was made under; one made under another XDG_DATA_HOME is found with the usual "
            "home. Or make one with `mooring bundle keygen --keychain`, on this machine and under this user.",
        )
    return _signer(Ed25519PrivateKey.from_private_bytes(seed), name)


def private_keys_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """(file, key id) of every private key's file in a folder and those below it; links are not followed.

    Raises:
        Invalid: `publisher_folder_unusable`: there are too many files to look at all.
    """
    seen = 0
    for here, _, names in os.walk(folder):
        for name in sorted(names):
            seen += 1
            if seen > FOLDER_FILES_MOST:
                raise Invalid(
                    "publisher_folder_unusable",
                    f"{folder} holds more than {FOLDER_FILES_MOST} files, so no one can say what lies among them.",
                    money="Nothing was changed.",
                    todo="Move away what does not belong there; private keys above all.",
                )
            path = Path(here) / name
            try:
                named = None if path.stat().st_size > KEY_FILE_MOST else _named(path)
            except (OSError, Invalid):
                continue
            if named is not None:
                yield path, named[0]


def _named(path: Path) -> tuple[str, str, bytes] | None:
    """(key id, name, PEM) of a private key's file; None where it is something else."""
    first, _, rest = _read(path).partition(b"\n")
    words = first.decode("utf-8", "replace").removeprefix(_PREAMBLE).split()
    if not first.startswith(_PREAMBLE.encode()) or len(words) != len(("keyid", "name")):
        return None
    keyid, name = words
    return (keyid, name, rest) if _KEYID.fullmatch(keyid) and _NAME.fullmatch(name) else None


def _read(path: Path) -> bytes:
    try:
        data = durable.read_private(path, KEY_FILE_MOST)
    except (OSError, ValueError) as error:
        raise _unusable(path, getattr(error, "strerror", None) or str(error)) from None
    if data is None:
        raise _unusable(path, "it is not there")
    return data


def _signer(key: Ed25519PrivateKey, name: str) -> CryptoSigner:
    return CryptoSigner(key, _public(key.public_key(), name))


def _public(key: Ed25519PublicKey, name: str) -> SSlibKey:
    made = SSlibKey.from_crypto(key)
    return SSlibKey(made.keyid, made.keytype, made.scheme, made.keyval, {NAME_FIELD: _checked(name)})


def _private(signer: CryptoSigner) -> Ed25519PrivateKey:
    key = load_pem_private_key(signer.private_bytes, None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def _checked(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Invalid(
            "bad_key_name",
            "A key's name is made of up to 32 small letters, digits and hyphens.",
            money=_UNCHANGED,
            todo="Name it after who holds it, like trainer or reviewer.",
        )
    return name


def _exists(what: str) -> Conflict:
    return Conflict(
        "signing_key_exists",
        f"There is {what} already, and a signing key is never written over.",
        money="No key was made.",
        todo="Choose another name, or move the former key away if nothing is signed with it any more; "
        "`mooring bundle keygen NAME --public` writes a lost public part again.",
    )


def _unusable(path: Path, why: str) -> Invalid:
    return Invalid(
        "signing_key_unusable",
        f"{path} cannot be used as a signing key: {why}.",
        money=_UNCHANGED,
        todo="Name a key's file that `mooring bundle keygen` made, and that is only yours.",
    )
