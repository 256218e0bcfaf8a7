"""From a training run to the canary channel in one go: build, sign with the keys at hand, publish.

Early bundles need one key. Whatever else waits in the publisher's folder, signed or not, is left alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mooring import durable
from mooring.bundles.format.build import build_bundle
from mooring.bundles.publisher import drafts, publishing, reading, requests, staging
from mooring.bundles.publisher.roles import channel_role
from mooring.bundles.publisher.workshop import Workshop

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

CHANNEL: Final = "canary"
ROLE: Final = channel_role(CHANNEL)
VALID: Final = timedelta(days=30)


class CanaryPublisher:
    """What a continuous training publishes through.

    Args:
        folder: the publisher's. signers: keys of the channel, of snapshot and of timestamp.
        now: the time, in whole seconds, UTC.
    """

    def __init__(self, folder: Path, signers: Sequence[CryptoSigner], now: Callable[[], datetime]) -> None:
        self._workshop = Workshop.open(folder)
        self._signers = tuple(signers)
        self._now = now

    def publish(self, run: Path) -> str:
        """Publish the run under the next number; what the bundle is called then.

        A request is written down after its signatures, so one that an earlier call left behind is finished first.

        Raises:
            Invalid, Denied, Unverified: a gate is missed, a key is missing, or something that a builder or publisher
                refuses. Conflict: another command works there, or a request for the channel waits already.
            OSError: the disk refuses.
        """
        workshop, now = self._workshop, self._now()
        self._finish(now)
        bundle_id = reading.bundle_id_of(run)
        seq = drafts.last_seq(workshop.published(), CHANNEL, bundle_id) + 1
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=run.parent) as scratch:
            out = Path(scratch) / "bundle.zip"
            built = build_bundle(
                run, channel=CHANNEL, seq=seq, created_at=now, valid_until=now + VALID, out=out, unattended=True
            )
            bundle = drafts.BundleFile(sha256=built.sha256, size=built.size, custom=built.custom)
            with workshop.held():
                asked = drafts.with_bundle(workshop.published(), bundle, now)
                staging.require_free(workshop, [asked])
                self._sign(asked)
                staging.stage_file(workshop, out, bundle)
                staging.stage(workshop, [asked])
        self._publish(now)
        return f"{bundle_id}@{seq}"

    def _finish(self, now: datetime) -> None:
        """Publish what waits for the channel with all of its signatures: only a crash or a failure left it so."""
        came = staging.responses(self._workshop)
        left = [request for request in staging.pending(self._workshop) if request.role == ROLE]
        if left and not any(publishing.missing_of(request, came) for request in left):
            self._publish(now)

    def _publish(self, now: datetime) -> None:
        # What waits for other channels is published by whoever decides that, also where it is signed.
        publishing.publish(self._workshop, self._signers, now, only={ROLE})

    def _sign(self, asked: requests.Request) -> None:
        """Write down the signatures of a request that is not there yet.

        Raises:
            Denied: `signatures_missing`; nothing was written.
        """
        wanted = {keyid for need in asked.needs for keyid in need.keys}
        signers = [signer for signer in self._signers if signer.public_key.keyid in wanted]
        made = [requests.sign(asked, signer) for signer in signers]
        lacking = publishing.missing_of(asked, made)
        if lacking:
            raise publishing.missing({asked.role: lacking})
        for response in made:
            durable.replace_file(self._workshop.requests / response.name, response.to_bytes())
