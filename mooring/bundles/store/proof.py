"""Nothing decides that was not proved a moment before: by stored metadata, by what was revoked, byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from mooring.bundles.store.ports import Loaded, Reader, Trust
from mooring.bundles.store.revocation import Revocations, read_revocations
from mooring.bundles.store.slots import Slots
from mooring.bundles.store.state import Slot
from mooring.errors import Denied, MooringError, Unverified

if TYPE_CHECKING:
    from mooring.bundles.format.manifest import Manifest

log = structlog.get_logger(__name__)


class Prover:
    """Proves installed bundles.

    Args:
        trust: the repository of a name; raises NotFound where a person took it away.
    """

    def __init__(self, slots: Slots, trust: Callable[[str], Trust], reader: Reader) -> None:
        self._slots = slots
        self._trust = trust
        self._reader = reader

    def revocations(self, repository: str) -> Revocations:
        """What a repository's stored metadata says was revoked. Errors as `Trust.revocations`, and Unverified."""
        return read_revocations(self._trust(repository).revocations())

    def proved(self, slot: Slot) -> Loaded:
        """Prove it, and read what a runtime needs of it.

        Raises:
            Unverified: it is not what was authorised. Denied: it was revoked or refused, or does not fit here.
            MooringError, OSError: it cannot be proved now.
        """
        try:
            return self._proved(slot)
        except (MooringError, OSError):
            raise
        except Exception as error:
            # Whatever else may be wrong with what lies there: a start must go on, without it.
            log.exception("bundle_not_proved")
            raise _not_authorised(slot) from error

    def _proved(self, slot: Slot) -> Loaded:
        trust = self._trust(slot.repository)
        as_of = datetime.fromtimestamp(slot.as_of, UTC)
        offer = trust.authorised(slot.target, generation=slot.generation, as_of=as_of)
        stated = (offer.custom["bundle_id"], offer.custom["seq"], offer.custom["manifest_sha256"], offer.sha256)
        if stated != (slot.bundle_id, slot.seq, slot.manifest_sha256, slot.sha256):
            raise _not_authorised(slot)
        why = self.revocations(slot.repository).why_not(slot.bundle_id, slot.seq, slot.manifest_sha256)
        if why:
            raise Denied("bundle_revoked", f"Bundle {slot.reference} was revoked: {why}.")
        folder = self._slots.folder(slot)
        manifest = self._reader.rehash(folder, slot.manifest_sha256)
        if (manifest.bundle_id, manifest.seq) != (slot.bundle_id, slot.seq):
            raise _not_authorised(slot)
        self._reader.require_fit(manifest.requires)
        return Loaded(slot=slot, manifest=manifest, files=self._needed(folder, manifest))

    def _needed(self, folder: Path, manifest: Manifest) -> Mapping[str, bytes]:
        """Hashed once more as they are read: these very bytes are used, not a file that somebody may change."""
        wanted = [manifest.feature_schema.path, manifest.psi_reference, *(model.path for model in manifest.models)]
        return {path: self._reader.read(folder, manifest, path) for path in wanted}


def _not_authorised(slot: Slot) -> Unverified:
    return Unverified(
        "bundle_not_authorised",
        f"Bundle {slot.reference} is not what its repository authorised.",
        money="It decides nothing.",
        todo="Run `mooring doctor`, and update to get it anew.",
    )
