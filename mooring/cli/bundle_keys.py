"""Signing keys on the command line: where they are, and how a passphrase gets to them without being seen."""

from __future__ import annotations

import getpass
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mooring.errors import Invalid
from mooring.home import Home

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

KEYCHAIN: Final = "keychain:"
NAMED_FILE: Final = "MOORING_BUNDLE_PASSPHRASE_FILE"
PASSPHRASES_BYTES: Final = 16 * 1024
KeyOption = Annotated[
    list[str] | None,
    typer.Option("--key", help="A signing key's file, or keychain:NAME; may be repeated.", metavar="KEY"),
]
PassphraseOption = Annotated[
    int | None,
    typer.Option("--passphrase-fd", help="Read passphrases from this file descriptor, one on each line."),
]


class Passphrases:
    """Passphrases in the order in which they are needed: from a descriptor, a private file, or a person."""

    def __init__(self, descriptor: int | None) -> None:
        self._given = _given(descriptor)
        self._last: str | None = None

    def next(self, what: str, *, new: bool = False) -> str:
        """The passphrase for what is named; of a given list, the last one is used for all that follow.

        Raises:
            Invalid: `no_passphrase`.
        """
        if self._given is not None:
            self._last = next(self._given, self._last)
            if not self._last:
                raise _none("what was given for it is empty")
            return self._last
        if not sys.stdin.isatty():
            raise _none("there is no terminal to ask for it")
        said = getpass.getpass(f"Passphrase of {what}: ")
        if new and getpass.getpass("The same once more: ") != said:
            raise _none("the two were not the same")
        return said


def signers_of(names: Sequence[str], home: Home, descriptor: int | None) -> list[CryptoSigner]:
    """Private keys by file or keychain name, each after its passphrase.

    Raises:
        Invalid: `no_passphrase`, `signing_key_unusable`. Denied: `wrong_passphrase`, or what the keychain refuses.
        NotFound: `no_such_signing_key`.
    """
    from mooring.bundles.publisher.keys import kept_private, load_private  # noqa: PLC0415 -- not needed for --help
    from mooring.daemon.signing_keys import keeper_of  # noqa: PLC0415

    passphrases = Passphrases(descriptor)
    return [
        kept_private(keeper_of(home), name.removeprefix(KEYCHAIN))
        if name.startswith(KEYCHAIN)
        else load_private(Path(name), passphrases.next(name))
        for name in names
    ]


def _given(descriptor: int | None) -> Iterator[str] | None:
    named = os.environ.get(NAMED_FILE)
    if descriptor is None and not named:
        return None
    try:
        if descriptor is None:
            descriptor = os.open(str(named), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            facts = os.fstat(descriptor)
            if facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or facts.st_uid != os.geteuid():
                os.close(descriptor)
                raise _none(f"others can read the file that {NAMED_FILE} names")
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(PASSPHRASES_BYTES)
    except OSError:
        raise _none("what it should come from cannot be read") from None
    with suppress(UnicodeDecodeError):
        return iter(data.decode("utf-8").splitlines())
    raise _none("it is no text")


def _none(why: str) -> Invalid:
    return Invalid(
        "no_passphrase",
        f"There is no passphrase for a signing key: {why}.",
        money="Nothing was signed.",
        todo=f"Answer on a terminal, or give --passphrase-fd, or name a file of mode 0600 in {NAMED_FILE}.",
    )
