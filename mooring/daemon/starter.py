"""The demo's repository: every role's keys in one home, so that a whole life of bundles can be shown on one machine.

What a real publisher spreads over people and places lies here in one folder of the demo's home, under a passphrase that
stands in this file. It proves nothing to anybody, and no home but the demo's own knows its root.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from mooring import durable
from mooring.bundles.format.build import build_bundle
from mooring.bundles.publisher import drafts, keys, publishing, sideload, staging
from mooring.bundles.publisher.requests import sign, with_signatures
from mooring.bundles.publisher.roles import RULES, STABLE, rule_of
from mooring.bundles.publisher.workshop import Workshop
from mooring.bundles.trust import BUILT_AT
from mooring.daemon import starter_models
from mooring.home import PRIVATE, Home

NAME: Final = "starter"
CHANNEL: Final = STABLE
VALID: Final = timedelta(days=3650)
DEMO_WORDS: Final = "this passphrase of the demo protects nothing"
FIRST_TIMESTAMP: Final = "first-timestamp.json"


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version that can be published.

    Attributes:
        lean: what makes its answers others. faulty, bars: as `starter_models.write_run` has faulty and trial_bars.
    """

    text: str
    lean: float = 0.0
    faulty: bool = False
    bars: int = 6


class StarterRepository:
    """The repository of one demo's home.

    Args:
        folder: where keys and repository are, or will be.
        symbols: the demo's universe, which its bundles are for.
        now: the time to sign with.
    """

    def __init__(self, folder: Path, symbols: Sequence[str], now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._symbols = tuple(symbols)
        self._now = now
        self._signers: dict[str, list[CryptoSigner]] = {}

    @classmethod
    def of(cls, home: Home, symbols: Sequence[str], now: Callable[[], datetime]) -> StarterRepository:
        """Of a demo's home."""
        return cls(home.root / NAME, symbols, now)

    @property
    def public(self) -> Path:
        """What is served."""
        return self._workshop.public

    @property
    def root(self) -> bytes:
        """The root to begin with."""
        return (self._workshop.metadata / "1.root.json").read_bytes()

    @property
    def newest(self) -> int:
        """The highest number that was published; 0 where none was."""
        return drafts.last_seq(self._workshop.published(), CHANNEL, starter_models.BUNDLE_ID)

    def begin(self) -> None:
        """Make keys and repository, as far as they are not there yet, and renew what ends; errors as `publish`."""
        made = self._folder / "publisher"
        self._find_keys()
        if (made / "public" / "metadata" / "1.root.json").exists():
            self._renew()
            return
        asked = {
            rule.name: drafts.RoleKeys(
                keys=[signer.public_key for signer in self._signers[rule.name]], threshold=rule.threshold
            )
            for rule in RULES
        }
        workshop = Workshop.make(made) if not (made / "publisher.json").exists() else Workshop.open(made)
        if not staging.pending(workshop):
            staging.stage(workshop, drafts.first(asked, self._now()))
        self.sign_all()
        self.publish()
        durable.replace_file(self._folder / FIRST_TIMESTAMP, (workshop.metadata / "timestamp.json").read_bytes())

    def offer(self, version: Version) -> int:
        """Build a version and ask for its signatures; its number."""
        now = self._now()
        seq = self.newest + 1
        with tempfile.TemporaryDirectory(prefix="mooring-", dir=self._folder) as scratch:
            run, out = Path(scratch) / "run", Path(scratch) / "bundle.zip"
            starter_models.write_run(
                run,
                version=version.text,
                symbols=self._symbols,
                lean=version.lean,
                faulty=version.faulty,
                trial_bars=version.bars,
            )
            # The same bundle in every home: hours name the bundle that decided, and are compared across homes.
            built = build_bundle(
                run, channel=CHANNEL, seq=seq, created_at=BUILT_AT, valid_until=BUILT_AT + VALID, out=out
            )
            bundle = drafts.BundleFile(sha256=built.sha256, size=built.size, custom=built.custom)
            workshop = self._workshop
            request = drafts.with_bundle(workshop.published(), bundle, now)
            staging.stage_file(workshop, out, bundle)
            staging.stage(workshop, [request])
        return seq

    def sign_all(self, holders: int | None = None) -> None:
        """Sign what waits with every key that is asked, or with the first so many of each role."""
        workshop = self._workshop
        for request in staging.pending(workshop):
            asked = {keyid for need in request.needs for keyid in need.keys}
            for signers in self._signers.values():
                for signer in signers[:holders]:
                    if signer.public_key.keyid in asked:
                        response = sign(request, signer)
                        durable.replace_file(workshop.requests / response.name, response.to_bytes())

    def publish(self) -> publishing.Done:
        """Publish what is signed; errors as `publishing.publish`."""
        return publishing.publish(self._workshop, self._online, self._now())

    def release(self, version: Version) -> int:
        """Build, sign and publish a version; its number."""
        seq = self.offer(version)
        self.sign_all()
        self.publish()
        return seq

    def revoke(self, seq: int, reason: str) -> None:
        """Take a version back."""
        workshop = self._workshop
        published = workshop.published()
        manifest = drafts.manifest_of(published, CHANNEL, starter_models.BUNDLE_ID, seq)
        change: Mapping[str, Any] = {"revoked": [{"manifest_sha256": manifest, "severity": "block", "reason": reason}]}
        former = staging.revocations_of(workshop, published)
        staging.stage(workshop, [drafts.with_revocation(published, former, change, self._now())])
        self.sign_all()
        self.publish()

    def pack(self, seq: int, out: Path) -> None:
        """A version and all metadata in one file."""
        sideload.pack(self._workshop, f"bundles/{CHANNEL}/{starter_models.BUNDLE_ID}-{seq}.zip", out)

    def drop(self) -> None:
        """Give up what waits for signatures."""
        for path in (*self._workshop.requests.iterdir(), *self._workshop.staged.iterdir()):
            path.unlink()

    def renew_snapshot(self) -> None:
        """Have timestamp and snapshot signed anew: above versions that somebody else with these keys made."""
        publishing.renew_timestamp(self._workshop, self._online, self._now(), snapshot=True)

    @contextmanager
    def forced(self) -> Iterator[None]:
        """Within it, what waits is public although too few signed it: what the holder of the online keys could do."""
        workshop, now = self._workshop, self._now()
        published, came = workshop.published(), staging.responses(workshop)
        assert published.snapshot is not None
        assert published.timestamp is not None
        meta = dict(published.snapshot.signed.meta)
        files: dict[str, bytes] = {}
        for request in staging.pending(workshop):
            part = with_signatures(request, came)
            files[f"{part.signed.version}.{request.role}.json"] = part.to_bytes()
            meta[f"{request.role}.json"] = _meta(part)
        version = published.snapshot.signed.version + 1
        snapshot = self._signed(Snapshot(version=version, meta=meta), "snapshot", now)
        files[f"{version}.snapshot.json"] = snapshot.to_bytes()
        stamp = Timestamp(version=published.timestamp.signed.version + 1, snapshot_meta=_meta(snapshot))
        former = (workshop.metadata / "timestamp.json").read_bytes()
        try:
            for name, data in files.items():
                durable.replace_file(workshop.metadata / name, data)
            durable.replace_file(workshop.metadata / "timestamp.json", self._signed(stamp, "timestamp", now).to_bytes())
            yield
        finally:
            durable.replace_file(workshop.metadata / "timestamp.json", former)
            for name in files:
                (workshop.metadata / name).unlink(missing_ok=True)

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Within it, the first timestamp of all is public once more."""
        place = self._workshop.metadata / "timestamp.json"
        former = place.read_bytes()
        try:
            durable.replace_file(place, (self._folder / FIRST_TIMESTAMP).read_bytes())
            yield
        finally:
            durable.replace_file(place, former)

    def _signed(self, signed: Any, role: str, now: datetime) -> Metadata[Any]:
        metadata = Metadata(drafts.dated(signed, rule_of(role), now))
        for signer in self._signers[role]:
            metadata.sign(signer, append=True)
        return metadata

    @property
    def _online(self) -> list[CryptoSigner]:
        return [*self._signers["snapshot"], *self._signers["timestamp"]]

    @property
    def _workshop(self) -> Workshop:
        return Workshop.open(self._folder / "publisher")

    def _renew(self) -> None:
        """Have what ends within half of its time signed anew, where the demo was not started for long."""
        workshop, now = self._workshop, self._now()
        published = workshop.published()
        if not staging.pending(workshop):
            for rule in RULES:
                ends = published.signed(rule.name).expires
                if not rule.online and ends - now < timedelta(days=rule.days) / 2:
                    staging.stage(workshop, [drafts.renewed(published, rule.name, now)])
        self.sign_all()
        self.publish()

    def _find_keys(self) -> None:
        folder = self._folder / "keys"
        for each in (self._folder, folder):
            each.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for rule in RULES:
            self._signers[rule.name] = []
            for number in range(rule.threshold + rule.spare):
                path = folder / f"{rule.name}-{number}.key"
                if path.exists():
                    signer = keys.load_private(path, DEMO_WORDS)
                else:
                    signer = keys.new_signer(path.stem)
                    keys.save_private(path, signer, DEMO_WORDS)
                self._signers[rule.name].append(signer)


def _meta(metadata: Metadata[Any]) -> MetaFile:
    return MetaFile.from_data(metadata.signed.version, metadata.to_bytes(), ["sha256"])
