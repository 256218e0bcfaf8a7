"""The publisher's own folder, and what is published of it.

publisher.json            what this folder is
lock                      one command at a time
requests/                 what is to be signed, and the signatures that came back; never public
staged/                   bundles whose signatures are still being collected
public/metadata/          what a static host serves: signed metadata
public/targets/           and signed files
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from mooring import durable
from mooring.bundles.publisher.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from mooring.errors import Conflict, Invalid, MooringError, Unverified

FORMAT: Final = "mooring-publisher/1"
METADATA_MOST: Final = 16 * 1024 * 1024
ROOTS_MOST: Final = 10_000
PRIVATE: Final = 0o700
_UNPUBLISHED: Final = "Nothing was published; what is public is as it was."


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a client finds: verified metadata of every role; None where nothing has been published yet."""

    root: Metadata[Root] | None = None
    timestamp: Metadata[Timestamp] | None = None
    snapshot: Metadata[Snapshot] | None = None
    targets: Metadata[Targets] | None = None
    delegated: Mapping[str, Metadata[Targets]] = field(default_factory=dict)

    def signed(self, role: str) -> Any:
        """The signed part of a role; None where there is none."""
        found = self.metadata(role)
        return None if found is None else found.signed

    def metadata(self, role: str) -> Any:
        """The metadata of a role; None where there is none."""
        top = {ROOT: self.root, TIMESTAMP: self.timestamp, SNAPSHOT: self.snapshot, TARGETS: self.targets}
        return top[role] if role in top else self.delegated.get(role)


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Paths of one publisher's folder."""

    folder: Path

    @property
    def requests(self) -> Path:
        return self.folder / "requests"

    @property
    def staged(self) -> Path:
        return self.folder / "staged"

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def metadata(self) -> Path:
        return self.public / "metadata"

    @property
    def targets(self) -> Path:
        return self.public / "targets"

    @classmethod
    def make(cls, folder: Path) -> Workshop:
        """A new folder, 0700.

        Raises:
            Conflict: `publisher_folder_taken`. Invalid: `publisher_folder_unusable`.
        """
        made = cls(folder=folder)
        try:
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            if any(entry.name not in {"requests", "staged", "public", "lock"} for entry in folder.iterdir()):
                raise Conflict(
                    "publisher_folder_taken",
                    f"{folder} is not empty, so no repository is begun in it.",
                    money="Nothing was changed.",
                    todo="Name a new folder; a repository that is there is changed with `mooring bundle rotate`.",
                )
            folder.chmod(PRIVATE)
            for below in (made.requests, made.staged, made.metadata, made.targets):
                below.mkdir(mode=0o755, parents=True, exist_ok=True)
            text = json.dumps({"format": FORMAT}) + "\n"
            durable.replace_file(folder / "publisher.json", text.encode("ascii"))
        except OSError as error:
            raise _unusable(folder, error.strerror or "it cannot be written") from None
        return made

    @classmethod
    def open(cls, folder: Path) -> Workshop:
        """A folder that `make` made.

        Raises:
            Invalid: `publisher_folder_unusable`.
        """
        try:
            data = durable.read_private(folder / "publisher.json", METADATA_MOST)
            known = data is not None and json.loads(data) == {"format": FORMAT}
        except (OSError, ValueError):
            known = False
        if not known:
            there = folder.is_dir()
            raise _unusable(
                folder, "it is no publisher's folder of this version" if there else "there is no such folder"
            )
        return cls(folder=folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Only this command works in the folder.

        Raises:
            Conflict: `publisher_busy`. Invalid: `publisher_folder_unusable`.
        """
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unusable(self.folder, error.strerror or "it cannot be locked") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Conflict(
                    "publisher_busy",
                    f"Another command works in {self.folder}.",
                    money="Nothing was changed.",
                    todo="Wait until it has ended, then run this one again.",
                ) from None
            yield
        finally:
            os.close(descriptor)

    def published(self, next_root: Metadata[Root] | None = None) -> Published:
        """What is public, every signature checked; whether it has expired is not asked.

        Args:
            next_root: the root that is about to be published, where its publication may have begun.

        Raises:
            Unverified: `repository_damaged`: what is public does not hold together.
            Conflict: `publication_unfinished`: it will, once `publish` has written the root that is still to come.
        """
        try:
            return self._published(next_root)
        except (RepositoryError, OSError, ValueError, KeyError) as error:
            if next_root is None and self._unfinished():
                raise Conflict(
                    "publication_unfinished",
                    "A publication that changes keys was begun and has not ended: its root is not public yet.",
                    money="Nothing was changed; until it ends, clients refuse what they find and keep what they have.",
                    todo="Give the same `mooring bundle publish` again: it finishes what was begun.",
                ) from None
            raise Unverified(
                "repository_damaged",
                f"What is in {self.public} does not hold together: {error}.",
                money=_UNPUBLISHED,
                todo="Put back the copy that the static host serves, then run the command again.",
            ) from None

    def _unfinished(self) -> bool:
        """Whether what is public holds together with a root that waits, signed, for its publication."""
        from mooring.bundles.publisher.requests import with_signatures  # noqa: PLC0415 -- these look at folders, too
        from mooring.bundles.publisher.staging import pending, responses  # noqa: PLC0415

        try:
            came = responses(self)
            for request in pending(self):
                if request.role == ROOT:
                    root = with_signatures(request, came)
                    root.signed.verify_delegate(ROOT, root.signed_bytes, root.signatures)
                    return self._published(root).root is not None
        except (RepositoryError, OSError, ValueError, KeyError, MooringError):
            return False
        return False

    def _published(self, next_root: Metadata[Root] | None) -> Published:
        root = self._root()
        if root is None:
            return Published()
        data = durable.read_private(self.metadata / "timestamp.json", METADATA_MOST)
        if data is None:
            raise ValueError("timestamp.json is missing")
        timestamp = Metadata[Timestamp].from_bytes(data)
        roots = [root] if next_root is None else [root, next_root]
        _verified_by_one(roots, TIMESTAMP, timestamp)
        meta = timestamp.signed.snapshot_meta
        data = self._read(f"{meta.version}.{SNAPSHOT}.json")
        meta.verify_length_and_hashes(data)
        snapshot = Metadata[Snapshot].from_bytes(data)
        _verified_by_one(roots, SNAPSHOT, snapshot)
        targets = self._targets(snapshot, TARGETS)
        _verified_by_one(roots, TARGETS, targets)
        delegated = {}
        assert targets.signed.delegations is not None
        for name in targets.signed.delegations.roles or {}:
            delegated[name] = self._targets(snapshot, name)
            targets.signed.verify_delegate(name, delegated[name].signed_bytes, delegated[name].signatures)
        return Published(root=root, timestamp=timestamp, snapshot=snapshot, targets=targets, delegated=delegated)

    def _root(self) -> Metadata[Root] | None:
        """The newest root; each is signed as the one before it asks."""
        newest: Metadata[Root] | None = None
        for version in range(1, ROOTS_MOST):
            data = durable.read_private(self.metadata / f"{version}.{ROOT}.json", METADATA_MOST)
            if data is None:
                return newest
            root = Metadata[Root].from_bytes(data)
            if root.signed.version != version:
                raise ValueError(f"{version}.root.json holds version {root.signed.version}")
            for delegator in [root] if newest is None else [newest, root]:
                delegator.signed.verify_delegate(ROOT, root.signed_bytes, root.signatures)
            newest = root
        raise ValueError(f"there are {ROOTS_MOST} roots or more")

    def _targets(self, snapshot: Metadata[Snapshot], role: str) -> Metadata[Targets]:
        meta = snapshot.signed.meta[f"{role}.json"]
        data = self._read(f"{meta.version}.{role}.json")
        meta.verify_length_and_hashes(data)
        targets = Metadata[Targets].from_bytes(data)
        if targets.signed.version != meta.version:
            raise ValueError(f"{meta.version}.{role}.json holds version {targets.signed.version}")
        return targets

    def _read(self, name: str) -> bytes:
        data = durable.read_private(self.metadata / name, METADATA_MOST)
        if data is None:
            raise ValueError(f"{name} is missing")
        return data


def _verified_by_one(roots: list[Metadata[Root]], role: str, metadata: Metadata[Any]) -> None:
    results = [root.signed.get_verification_result(role, metadata.signed_bytes, metadata.signatures) for root in roots]
    if not any(results):
        raise ValueError(f"{role}.json has {len(results[0].signed)} of {results[0].threshold} signatures")


def _unusable(folder: Path, why: str) -> Invalid:
    return Invalid(
        "publisher_folder_unusable",
        f"{folder} cannot be used: {why}.",
        money="Nothing was changed.",
        todo="Name a folder that `mooring bundle init` made, and that is yours to write.",
    )
