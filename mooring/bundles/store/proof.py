"""Nothing decides that was not proved a moment before: by stored metadata, by what was revoked, byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from mooring.bundles.store.ports import Loaded, Reader, Trust
from mooring.bundles.store.revocation import Heeded, Revocations
from mooring.bundles.store.slots import Slots
from mooring.bundles.store.state import UNTOUCHED, Slot
from mooring.errors import Denied, MooringError, Retry, Unverified

if TYPE_CHECKING:
    from mooring.bundles.format.manifest import Manifest

PASSING: Final = (Retry, OSError)  # the disk, at this moment; nothing is known of the bundle

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
        self._heeded = Heeded(slots.state)

    def revocations(self, repository: str) -> Revocations:
        """What a repository took back, by the newest list that can be read: who decides goes on where a newer cannot.

        Raises:
            Retry: none can be read now.
        """
        return self._heeded.known(repository, lambda: self._trust(repository).revocations())

    def newest_revocations(self, repository: str, trust: Trust) -> Revocations:
        """What its newest list says. Errors as `Trust.revocations`, and Unverified: it is none."""
        return self._heeded.newest(repository, trust.revocations)

    def require_current(self, slot: Slot) -> None:
        """Refuse to begin a trial of what became too old while it waited, or of what is too little by now.

        Only a beginning is judged by the clock: what was tried or accepted in time goes on, and can be gone back to.

        Raises:
            Unverified: what is known of its repository has expired, or nobody knows what it took back.
            Denied: its own time is over, it does not fit, or does less than is asked for now.
            MooringError, OSError: it cannot be told now.
        """
        trust = self._trust(slot.repository)
        stored = trust.stored()
        if stored is None:
            raise _not_authorised(slot)
        self.newest_revocations(slot.repository, trust)
        now = stored.trusted_time
        for role in ("root", "targets", f"models-{slot.channel}"):
            until = stored.expires.get(role)
            if until is None or until <= now:
                raise _out_of_date(slot.repository, role, until)
        try:
            manifest = self._reader.manifest(self._slots.folder(slot), slot.manifest_sha256)
        except Unverified:
            return  # whoever examines or proves what lies there says so, and refuses it
        require_acceptable(self._reader, manifest, now)

    def proved(self, slot: Slot) -> Loaded:
        """Prove it, and read what a runtime needs of it.

        Raises:
            Denied: it was revoked, or does not fit here.
            Unverified: its files or its proof are not what they were, which says nothing against the bundle.
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


def require_acceptable(reader: Reader, manifest: Manifest, now: datetime) -> None:
    """What is asked of every bundle before a trial. Errors as the three have them."""
    reader.require_time(manifest, now)
    reader.require_fit(manifest.requires)
    reader.require_gates(manifest)


def _out_of_date(repository: str, role: str, until: datetime | None) -> Unverified:
    when = "is not there any more" if until is None else f"expired on {until:%Y-%m-%d}"
    return Unverified(
        "bundle_metadata_expired",
        f"What is known of the repository {repository} is out of date: {role} {when}.",
        money=UNTOUCHED,
        todo="Ask it again with `mooring bundle check`, then have the bundle tried with `mooring bundle activate`.",
    )


def _not_authorised(slot: Slot) -> Unverified:
    return Unverified(
        "bundle_not_authorised",
        f"Bundle {slot.reference} is not what its repository authorised.",
        money="It decides nothing.",
        todo="Run `mooring doctor`, and update to get it anew.",
    )
