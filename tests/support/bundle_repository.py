"""A repository of bundles in memory, with all keys at hand: it publishes what is right, and whatever a test wants wrong.

    repository = BundleRepository(now)
    offer = repository.add_bundle("stable", "trend", 1, data, custom)
    repository.publish()                        # signs what changed, snapshot and timestamp
    client.refresh(repository)                  # it is a Fetcher
    repository.write(folder)                    # as plain files: folder/metadata, folder/targets
    with repository.served() as url: ...        # over HTTP on loopback

Keys come from names, so the same steps give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from mooring.bundles.trust import pack

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
KEYS = {
    "root": ("root-1", "root-2", "root-3"),
    "targets": ("targets-1", "targets-2", "targets-3"),
    "snapshot": ("snapshot-1",),
    "timestamp": ("timestamp-1",),
    "models-stable": ("trainer", "reviewer"),
    "models-canary": ("canary",),
}
THRESHOLDS = {"root": 2, "targets": 2, "models-stable": 2}
DAYS = {"root": 365, "targets": 180, "snapshot": 30, "timestamp": 7, "models-stable": 90, "models-canary": 30}
CHANNELS = {"stable": "models-stable", "canary": "models-canary"}


def signer_of(name: str) -> CryptoSigner:
    """A key that is always the same for the same name."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def signed_json(signed: dict[str, Any], names: tuple[str, ...]) -> bytes:
    """Any payload, however wrong, rightly signed by these keys."""
    content = encode_canonical(signed).encode()
    signatures = [signer_of(name).sign(content).to_dict() for name in names]
    return json.dumps({"signatures": signatures, "signed": signed}).encode()


@dataclass
class BundleRepository:
    """See the module. What is in `roles` may be changed before `sign`; what is in `files`, after.

    Attributes:
        now: the time of signing.
        files: what a server would have, by `metadata/...` and `targets/...` (with hashes, unquoted).
        roles: the payloads, by role.
        keys: names of the keys that sign each role.
        asked: every file that was fetched, in order.
        absent: names of files that are answered with 404.
    """

    now: datetime = NOW
    sideloaded: bool = False
    days: dict[str, int] = field(default_factory=lambda: dict(DAYS))
    keys: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(KEYS))
    files: dict[str, bytes] = field(default_factory=dict)
    roles: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        root = Root(version=1, consistent_snapshot=True)
        self.roles = {"root": root, "targets": Targets(version=1)}
        for role in ("root", "targets", "snapshot", "timestamp"):
            self.give_keys(role, *self.keys[role], threshold=THRESHOLDS.get(role, 1))
        self.roles["targets"].delegations = Delegations({}, {})
        for channel, role in CHANNELS.items():
            self.delegate("targets", role, [f"bundles/{channel}/*"], threshold=THRESHOLDS.get(role, 1))
        self.roles["snapshot"] = Snapshot(version=1, meta={})
        self.roles["timestamp"] = Timestamp(version=1, snapshot_meta=MetaFile(1))
        for role in ("root", "targets", *CHANNELS.values()):
            self.sign(role)
        self.roles["snapshot"].version = self.roles["timestamp"].version = 0
        self.publish()

    @property
    def root(self) -> bytes:
        """The first root, to begin trusting with."""
        return self.files["metadata/1.root.json"]

    def give_keys(self, role: str, *names: str, threshold: int = 1) -> None:
        """Let a top-level role be signed by these keys and no others. The root has to be renewed after that."""
        self.keys[role] = names
        root = self.roles["root"]
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        for name in names:
            root.add_key(signer_of(name).public_key, role)
        root.roles[role].threshold = threshold

    def delegate(
        self, parent: str, role: str, paths: list[str], *, threshold: int = 1, terminating: bool = True
    ) -> None:
        """Delegate to a role, made if it is not there. The parent has to be renewed after that."""
        delegations = self.roles[parent].delegations or Delegations({}, {})
        self.roles[parent].delegations = delegations
        delegations.roles[role] = DelegatedRole(role, [], threshold, terminating, paths)
        for name in self.keys.setdefault(role, (f"key of {role}",)):
            self.roles[parent].add_key(signer_of(name).public_key, role)
        self.roles.setdefault(role, Targets(version=1))

    def renew(self, role: str, *, by: tuple[str, ...] = ()) -> None:
        """Sign the next version of a role."""
        self.roles[role].version += 1
        self.sign(role, by=by)

    def rotate(self, role: str, *names: str, threshold: int = 1) -> None:
        """Give a top-level role other keys, by a new root that the old and the new keys of root sign."""
        before = self.keys["root"]
        self.give_keys(role, *names, threshold=threshold)
        self.renew("root", by=tuple(dict.fromkeys((*before, *self.keys["root"]))))
        if role != "root":
            self.renew(role)

    def sign(self, role: str, *, by: tuple[str, ...] = (), signed_at: datetime | None = None) -> None:
        """Sign a role as it is, by its own keys or by some, and have it in `files`."""
        signed = self.roles[role]
        signed.expires = self.now + timedelta(days=self.days.get(role, 30))
        time = signed_at or self.now
        signed.unrecognized_fields["signed_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.put(role, self.signed_bytes(role, by=by))

    def signed_bytes(self, role: str, *, by: tuple[str, ...] = ()) -> bytes:
        """A role as it is, signed."""
        metadata = Metadata(self.roles[role])
        for name in by or self.keys[role]:
            metadata.sign(signer_of(name), append=True)
        return metadata.to_bytes(JSONSerializer(compact=True))

    def put(self, role: str, data: bytes) -> None:
        """Have these bytes under a role's name."""
        version = "" if role == "timestamp" else f"{self.roles[role].version}."
        self.files[f"metadata/{version}{quote(role, '')}.json"] = data

    def publish(self) -> None:
        """A new snapshot of the roles as they are, and a timestamp of it."""
        snapshot = self.roles["snapshot"]
        listed = [role for role in self.roles if role not in {"root", "snapshot", "timestamp"}]
        snapshot.meta = {f"{role}.json": MetaFile(self.roles[role].version) for role in listed}
        self.renew("snapshot")
        self.stamp()

    def stamp(self, *, signed_at: datetime | None = None) -> None:
        """A new timestamp of the snapshot as it is."""
        timestamp = self.roles["timestamp"]
        timestamp.version += 1
        timestamp.snapshot_meta = MetaFile(self.roles["snapshot"].version)
        self.sign("timestamp", signed_at=signed_at)

    def add_target(self, role: str, name: str, data: bytes, custom: Mapping[str, Any] | None = None) -> TargetFile:
        """Have a file signed by a role, whose next version this is."""
        target = TargetFile.from_data(name, data, ["sha256"])
        if custom is not None:
            target.unrecognized_fields["custom"] = dict(custom)
        self.roles[role].targets[name] = target
        folder, slash, last = name.rpartition("/")
        self.files[f"targets/{folder}{slash}{target.hashes['sha256']}.{last}"] = data
        self.renew(role)
        return target

    def add_bundle(
        self, channel: str, bundle_id: str, seq: int, data: bytes, custom: Mapping[str, Any] | None = None
    ) -> str:
        """Offer a bundle, and publish; gives the target's name. `custom` is completed by what every bundle says."""
        told = {"bundle_id": bundle_id, "channel": channel, "seq": seq, **(custom or {})}
        name = f"bundles/{channel}/{bundle_id}-{seq}.zip"
        self.add_target(CHANNELS[channel], name, data, told)
        self.publish()
        return name

    def revoke(self, revocations: Mapping[str, Any]) -> bytes:
        """Sign `revocations.json`, and publish; gives its bytes."""
        data = json.dumps(revocations, sort_keys=True, separators=(",", ":")).encode()
        self.add_target("targets", "revocations.json", data)
        self.publish()
        return data

    def fetch(self, place: str, name: str, *, most: int, seconds: float) -> Iterator[bytes]:
        """As a Fetcher. It sends what there is, however long: caps are for others to keep."""
        path = f"{place}/{name}"
        self.asked.append(path)
        if path not in self.files or path in self.absent:
            raise DownloadHTTPError(f"{name} is not there", 404)
        data = self.files[path]
        for start in range(0, max(1, len(data)), 65_536):
            yield data[start : start + 65_536]

    def write(self, folder: Path) -> None:
        """Everything as plain files, as a static server has them."""
        for path, data in self.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def packed(self) -> bytes:
        """Everything as one STORED zip, to be sideloaded."""
        made = io.BytesIO()
        pack(self.files, made)
        return made.getvalue()

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its address on loopback, as long as this lasts."""
        files, asked = self.files, self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                path = path if path.startswith("metadata/") else unquote(path)
                asked.append(path)
                data = files.get(path)
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_args: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
