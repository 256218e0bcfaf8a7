"""The bytes of targets: where they are, and whether they are the ones that were signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import TargetFile

from mooring.bundles.trust.policy import PolicyError
from mooring.bundles.trust.shapes import Offer
from mooring.bundles.trust.updater import GuardedUpdater

_CHUNK: Final = 1 << 20
_BLAKE: Final = "blake2b-256"  # TUF's name of one that hashlib knows by another


class Hashes:
    """Length and all hashes that a target states, over bytes as they come.

    Raises:
        PolicyError: one of them is of an unknown kind.
    """

    def __init__(self, length: int, hashes: Mapping[str, str]) -> None:
        self._length = length
        self._hashes = hashes
        self._digests = {name: _digest(name) for name in hashes}
        self.done = 0

    def update(self, part: bytes) -> None:
        """The next bytes."""
        self.done += len(part)
        for digest in self._digests.values():
            digest.update(part)

    def check(self) -> None:
        """Raises: LengthOrHashMismatchError, the bytes are others than those that were signed."""
        if self.done != self._length:
            raise LengthOrHashMismatchError(f"{self.done} bytes came, and {self._length} were signed")
        if any(digest.hexdigest() != self._hashes[name] for name, digest in self._digests.items()):
            raise LengthOrHashMismatchError("the hash is another")


def holds(path: Path, offer: Offer) -> bool:
    """Whether a file is there already, byte for byte."""
    try:
        with path.open("rb") as file:
            hashes = Hashes(offer.length, offer.hashes)
            while hashes.done <= offer.length and (part := file.read(_CHUNK)):
                hashes.update(part)
            hashes.check()
    except (OSError, RepositoryError):
        return False
    return True


def path_of(updater: GuardedUpdater, target: TargetFile) -> str:
    """Where a target is below `targets/`: with a hash before its name where snapshots are consistent."""
    if not updater.trusted.root.consistent_snapshot:
        return target.path
    folder, slash, name = target.path.rpartition("/")
    return f"{folder}{slash}{next(iter(target.hashes.values()))}.{name}"


def _digest(name: str) -> Any:
    if name == _BLAKE:
        return hashlib.blake2b(digest_size=32)
    try:
        digest = hashlib.new(name)
    except ValueError:
        digest = None
    if digest is None or not digest.digest_size:  # SHAKE has no length of its own, and says so by a TypeError
        raise PolicyError("a target states a hash of an unknown kind")
    return digest
