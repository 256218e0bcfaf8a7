"""The bytes of targets: where they are, and whether they are the ones that were signed."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile

from mooring.bundles.trust.policy import PolicyError
from mooring.bundles.trust.updater import GuardedUpdater

_BLAKE: Final = "blake2b-256"  # TUF's name of one that hashlib knows by another


class Hashes:
    """All hashes that a target states, over bytes as they come.

    Raises:
        PolicyError: one of them is of an unknown kind.
    """

    def __init__(self, target: TargetFile) -> None:
        self._target = target
        self._digests = {name: _digest(name) for name in target.hashes}

    def update(self, part: bytes) -> None:
        """The next bytes."""
        for digest in self._digests.values():
            digest.update(part)

    def check(self, length: int) -> None:
        """Raises: LengthOrHashMismatchError, the bytes are others than those that were signed."""
        if length != self._target.length:
            raise LengthOrHashMismatchError(f"{length} bytes came, and {self._target.length} were signed")
        if any(digest.hexdigest() != self._target.hashes[name] for name, digest in self._digests.items()):
            raise LengthOrHashMismatchError("the hash is another")


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
        return hashlib.new(name)
    except ValueError:
        raise PolicyError("a target states a hash of an unknown kind") from None
