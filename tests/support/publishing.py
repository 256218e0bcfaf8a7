"""A publisher with all keys of all roles at hand: repositories in a folder, made and changed as the commands do it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from mooring import durable
from mooring.bundles.publisher import drafts, publishing, staging
from mooring.bundles.publisher.keys import new_signer
from mooring.bundles.publisher.requests import Request, sign
from mooring.bundles.publisher.workshop import Workshop

START = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
COUNTS = {"root": 3, "targets": 3, "models-stable": 2, "models-canary": 1, "snapshot": 1, "timestamp": 1}


def new_keys() -> dict[str, list[CryptoSigner]]:
    """Keys of every role, as many as it has at least."""
    return {role: [new_signer(f"{role}-{n}") for n in range(count)] for role, count in COUNTS.items()}


@dataclass
class Publisher:
    """A repository at `folder`, and every key of it."""

    folder: Path
    keys: dict[str, list[CryptoSigner]] = field(default_factory=new_keys)
    now: datetime = START

    @property
    def workshop(self) -> Workshop:
        return Workshop.open(self.folder)

    @property
    def online(self) -> list[CryptoSigner]:
        return [*self.keys["snapshot"], *self.keys["timestamp"]]

    @property
    def root(self) -> bytes:
        """What a client is given: the first root."""
        return (self.workshop.metadata / "1.root.json").read_bytes()

    def begin(self) -> Publisher:
        """Make the folder and publish the first, empty state."""
        self.stage_first().publish()
        return self

    def stage_first(self) -> Publisher:
        """Make the folder and sign the first, empty state."""
        asked = {
            role: drafts.RoleKeys(keys=[s.public_key for s in signers], threshold=min(2, len(signers)))
            for role, signers in self.keys.items()
        }
        staging.stage(Workshop.make(self.folder), drafts.first(asked, self.now))
        self.sign_all()
        return self

    def pass_time(self, **of: float) -> None:
        self.now += timedelta(**of)

    def sign_all(self, only: Sequence[CryptoSigner] | None = None) -> None:
        """Sign every request with each key that is asked, or those of `only`."""
        for request in staging.pending(self.workshop):
            asked = {keyid for need in request.needs for keyid in need.keys}
            for signer in [s for signers in self.keys.values() for s in signers] if only is None else only:
                if signer.public_key.keyid in asked:
                    self.sign(request, signer)

    def sign(self, request: Request, signer: CryptoSigner) -> None:
        response = sign(request, signer)
        durable.replace_file(self.workshop.requests / response.name, response.to_bytes())

    def publish(self, **how: Any) -> publishing.Done:
        return publishing.publish(self.workshop, self.online, self.now, **how)

    def bundle(self, source: Path, custom: dict[str, Any]) -> drafts.BundleFile:
        data = source.read_bytes()
        return drafts.BundleFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), custom=custom)

    def offer(self, source: Path, custom: dict[str, Any]) -> Request:
        """Stage a bundle and the request for it."""
        bundle = self.bundle(source, custom)
        request = drafts.with_bundle(self.workshop.published(), bundle, self.now)
        staging.stage_file(self.workshop, source, bundle)
        staging.stage(self.workshop, [request])
        return request

    def release(self, source: Path, custom: dict[str, Any]) -> publishing.Done:
        """Stage, sign and publish a bundle in one go."""
        self.offer(source, custom)
        self.sign_all()
        return self.publish()

    def revocations(self) -> str | None:
        return staging.revocations_of(self.workshop, self.workshop.published())

    def revoke(self, change: dict[str, Any]) -> publishing.Done:
        request = drafts.with_revocation(self.workshop.published(), self.revocations(), change, self.now)
        staging.stage(self.workshop, [request])
        self.sign_all()
        return self.publish()

    def rotate(self, role: str, add: Sequence[CryptoSigner], remove: Sequence[CryptoSigner], **how: Any) -> None:
        """Stage a change of keys, sign it with the old and the new ones, and publish it."""
        requests = drafts.rotated(
            self.workshop.published(),
            role,
            [s.public_key for s in add],
            [s.public_key.keyid for s in remove],
            None,
            self.now,
        )
        staging.stage(self.workshop, requests)
        self.keys[role] = [*self.keys[role], *add]
        self.sign_all()
        self.publish(**how)
        self.keys[role] = [s for s in self.keys[role] if s not in remove]
